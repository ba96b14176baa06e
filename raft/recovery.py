"""The last resort after a majority of the voters is lost for good (contract M9).

Raft cannot go on then, and must not: what the lost members had acknowledged may be nowhere else. Whoever decides to
live with that makes one survivor the only member of a *new* cluster. Everything in its log counts as committed from
then on; what it did not hold is lost. The new cluster has an id of its own, so that members of the old one that turn up
after all are refused. They can rejoin with an empty disk only.

Where no survivor will do, a new cluster begins with a backup, in the same way: its id is new, and so are the
incarnations of all its members.
"""

from .entries import CONFIGURATION, Entry
from .errors import InvalidConfig, ProgramTooOld
from .features import FEATURE_LEVEL
from .log import Log
from .membership import LARGEST_INCARNATION, Configuration
from .ready import Restored, Write
from .snapshot import Snapshot

SKIPPED = 100_000_000
"""How many indexes and terms a restored cluster leaves out, for what the lost one has done since the backup was made.

Sessions are named by indexes, and whoever fences by a term or an index must never see it go back.
"""


def found_new_cluster_and_lose_what_others_held(
    survivor: str, configuration: Configuration, restored: Restored, cluster: int, supported_level: int = FEATURE_LEVEL
) -> Write:
    """Return the write by which a survivor becomes the only member of a new cluster.

    The survivor must be down. Its storage carries out the write, which adds a configuration entry of a new term to the
    log: there stands what was done. When the node starts again it elects itself, and others can be added.

    Args:
        survivor: id of the member; best the one with the longest log of the highest term.
        configuration: as for `Node`.
        restored: what its storage holds.
        cluster: the id of the new cluster, 1 to 2**64 - 1, drawn at random.
        supported_level: the highest feature level that the survivor's program supports.

    Raises:
        InvalidConfig: when the survivor is no full member, or the id is out of its bounds or that of the old cluster.
        InvalidRestore: when what storage holds contradicts itself.
        ProgramTooOld: when it is of a feature level that the survivor's program does not support.
    """
    log = Log.restored(restored, configuration)
    old = log.configurations.newest
    if old.feature_level > supported_level:
        raise ProgramTooOld(old.feature_level, supported_level)
    if survivor not in old.members or survivor in old.witnesses:
        raise InvalidConfig("survivor", survivor, "a member that is no witness")
    _check_cluster(cluster, old)
    # What is restored from a copy speaks as another incarnation than the old configuration has bound (contract M6).
    bound = dict(old.incarnations)
    if restored.incarnation:
        bound[survivor] = restored.incarnation
    new = old.replaced(voters=(survivor,), outgoing=(), learners=(), incarnations=bound, cluster=cluster)
    term = restored.term + 1
    entry = Entry(log.last_index + 1, term, CONFIGURATION, new.encode(), log.last_stamp_ms)
    return Write(1, term, None, (entry,), restored.base, cluster=cluster)


def found_new_cluster_with_a_backup(
    backup: Snapshot,
    incarnations: "dict[str, int]",
    addresses: "dict[str, str]",
    cluster: int,
    supported_level: int = FEATURE_LEVEL,
) -> Snapshot:
    """Return the snapshot that every member of a new cluster begins with; its content is that of the backup.

    The content may be such as only programs of the backup's feature level understand: the new cluster begins with it.

    Args:
        backup: what the backup is of.
        incarnations: a dict from the id of each member, all of them voters, to the incarnation of its directory.
        addresses: as for `Configuration`.
        cluster: the id of the new cluster, 1 to 2**64 - 1, drawn at random.
        supported_level: the highest feature level that the program of the new members supports.

    Raises:
        InvalidConfig: when the members are none, or the id is out of its bounds or that of the old cluster.
        ProgramTooOld: when the backup is of a feature level that their program does not support.
    """
    old = backup.configuration
    _check_cluster(cluster, old)
    if old.feature_level > supported_level:
        raise ProgramTooOld(old.feature_level, supported_level)
    new = Configuration(
        tuple(sorted(incarnations)),
        addresses=addresses,
        incarnations=incarnations,
        cluster=cluster,
        feature_level=old.feature_level,
    )
    return Snapshot(backup.index + SKIPPED, backup.term + SKIPPED, backup.stamp_ms, new)


def _check_cluster(cluster: int, old: Configuration) -> None:
    if type(cluster) is not int or not 1 <= cluster <= LARGEST_INCARNATION or cluster == old.cluster:
        raise InvalidConfig("cluster", cluster, "a number from 1 to 2**64 - 1 that is not the old cluster's")
