"""A picture of a node at one moment, for people and programs to read."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .leader import Leader
    from .node import Node


class FollowerStatus:
    """What a leader knows of another member.

    Args:
        id, stuck: see below.
        leader: what the leader keeps; it is looked at once, and not kept.

    Attributes:
        id: the member.
        state: "probe" or "replicate" (see `progress.py`).
        match_index: how far its log is known to equal the leader's, durably.
        stuck: whether it makes no progress although entries wait for it (contract R8).
        heard: whether it has answered a round of heartbeats lately: within an election timeout, or two beats of a
            quiescent leader.
        silent_ms: how long ago the last round that it has answered was sent, or, as long as it has answered none, the
            leader was elected.
        no_room: whether it has refused entries because its disk is full (contract D2).
        has_lost: whether it has lost entries that it had acknowledged in this term (contract D6).
        feature_level: the highest that its program supports, as it said last; 0 when it has said nothing in this term.
    """

    __slots__ = ("feature_level", "has_lost", "heard", "id", "match_index", "no_room", "silent_ms", "state", "stuck")

    def __init__(self, id: str, leader: "Leader", stuck: bool) -> None:
        progress = leader.progress[id]
        now = leader.node.now
        self.id = id
        self.state = progress.state
        self.match_index = progress.match_index
        self.stuck = stuck
        self.heard = leader.hears(id, now)
        self.silent_ms = now - progress.heard_ms
        self.no_room = progress.no_room
        self.feature_level = progress.feature_level
        self.has_lost = progress.has_lost

    def __repr__(self) -> str:
        lost = ", has_lost=True" if self.has_lost else ""
        return f"FollowerStatus({self.id!r}, {self.state!r}, match_index={self.match_index}, stuck={self.stuck}{lost})"


NORMAL = "normal"
DEGRADED = "degraded"


class Status:
    """What a node says of itself.

    Args:
        node: the node; it is looked at once, and not kept.

    Attributes:
        id: the node.
        role: "follower", "pre-candidate", "candidate" or "leader".
        term: the current term.
        leader: the leader of this term, or None when not known.
        first_index: index of the first entry of the log, or of the next one when the log is empty; what lies before it
            was cut off.
        last_index: index of the last entry of the log.
        commit_index: highest index known to be committed *and* on this node's own disk (contract S7).
        applied_index: highest index the state machine has taken.
        configuration: the `Configuration` in force at the node, committed or not; it has no members while the node
            waits to be added.
        learner: whether it has the node as a learner: it receives the log and does not count.
        witness: whether it has the node as a witness: it counts, and has no state machine.
        witness_mode: how a leader uses its witnesses, `NORMAL` or `DEGRADED` (contract M8); None where there are none,
            and unless the node leads.
        disk_full: whether the node's disk has no room for more, so that it takes no commands (contract D2).
        feature_level: the level in force, as far as the node knows (contract M10).
        supported_level: the highest that its program supports, or that its `Config` allows.
        upgrade_waits_for: the members that keep the level below what the leader supports, because their programs
            support less or they are not heard, in order; empty unless the node leads.
        transfer: the member that the node is handing leadership to, or None.
        followers: a tuple of `FollowerStatus`, empty unless the node leads.
    """

    __slots__ = (
        "applied_index",
        "commit_index",
        "configuration",
        "disk_full",
        "feature_level",
        "first_index",
        "followers",
        "id",
        "last_index",
        "leader",
        "learner",
        "role",
        "supported_level",
        "term",
        "transfer",
        "upgrade_waits_for",
        "witness",
        "witness_mode",
    )

    def __init__(self, node: "Node") -> None:
        log = node.log
        leading = node.leading
        self.id = node.id
        self.role = node.role.name
        self.term = node.term
        self.leader = node.role.leader
        self.first_index = log.base_index + 1
        self.last_index = log.last_index
        self.commit_index = log.settled_index
        self.applied_index = log.applied_index
        self.configuration = node.configuration
        self.learner = node.id in node.configuration.learners
        self.witness = node.id in node.configuration.witnesses
        self.witness_mode: "str | None" = None
        if leading is not None and node.configuration.witnesses:
            self.witness_mode = DEGRADED if leading.witness_mode.degraded else NORMAL
        self.disk_full = node.room.is_full
        self.feature_level = node.features.level
        self.supported_level = node.config.feature_level
        self.upgrade_waits_for = () if leading is None else leading.reconfiguration.upgrade.waits_for(node.now)
        self.transfer = None if node.transfer is None else node.transfer.target
        self.followers = () if leading is None else leading.follower_statuses()

    def __repr__(self) -> str:
        return (
            f"Status({self.id!r}, {self.role!r}, term={self.term}, leader={self.leader!r}, "
            f"last_index={self.last_index}, commit_index={self.commit_index}, applied_index={self.applied_index})"
        )
