"""The recovery of a lost quorum (contract M9)."""

import pytest

from raft.config import Config
from raft.entries import CONFIGURATION, NOOP, Entry
from raft.errors import InvalidConfig
from raft.membership import Configuration
from raft.messages import Append, AppendAccepted, Heartbeat, VoteRequest
from raft.node import Node
from raft.ready import Restored
from raft.recovery import found_new_cluster_and_lose_what_others_held
from tests.raft.cluster import Cluster
from tests.raft.member import entries

OLD, NEW = 71, 72
INCARNATIONS = {"a": 11, "b": 12, "c": 13}
CONFIGURATION_BEFORE = Configuration(("a", "b", "c"), incarnations=INCARNATIONS, cluster=OLD)
LOG = entries(1, 1, 2)


def recovered(term=4, log=LOG, base=(0, 0)):
    """What the storage of a holds after the recovery."""
    before = Restored(term, "c", log, base, incarnation=11)
    write = found_new_cluster_and_lose_what_others_held("a", CONFIGURATION_BEFORE, before, NEW)
    return Restored(write.term, write.vote, log + write.entries, base, incarnation=11, cluster=write.cluster)


def start(restored):
    return Node("a", CONFIGURATION_BEFORE, Config(), restored, seed=1)


def effects(node):
    """Carry out what the node asks for; return what it sends and what it applies."""
    sent, applied = [], []
    ready = node.ready()
    while ready is not None:
        sent += ready.messages
        applied += ready.committed
        if ready.committed:
            node.applied(ready.committed[-1].index)
        if ready.write is not None:
            node.persisted(ready.write.number, node.now)
        node.check()
        ready = node.ready()
    return sent, applied


def leading():
    node = start(recovered())
    node.tick(node.deadline)
    effects(node)
    return node


@pytest.mark.contract("M9")
def test_the_survivor_elects_itself_and_commits_its_whole_log():
    node = start(recovered())

    node.tick(node.deadline)
    _, applied = effects(node)

    assert node.role.name == "leader"
    assert node.term > 4
    assert applied[: len(LOG)] == list(LOG)
    assert node.log.commit_index == node.log.last_index
    assert node.configuration.voters == ("a",)
    assert node.identity.cluster == NEW


@pytest.mark.contract("M9")
def test_what_was_done_stands_in_the_log():
    entry = recovered().entries[-1]

    assert (entry.index, entry.term, entry.kind) == (4, 5, CONFIGURATION)
    assert Configuration.decode(entry.data) == Configuration(("a",), incarnations={"a": 11}, cluster=NEW)


@pytest.mark.contract("M9")
@pytest.mark.parametrize(
    "message",
    [
        Heartbeat("b", 9, 1),
        Append("b", 9, 0, 0, 0, ()),
        VoteRequest("b", 9, 99, 8),
        AppendAccepted("b", 9, 3),
    ],
    ids=lambda message: type(message).__name__,
)
def test_members_of_the_old_cluster_are_refused(message):
    node = leading()
    message.incarnation = 12
    message.cluster = OLD

    node.step(message, node.now)

    assert node.role.name == "leader"
    assert node.dropped == {"another cluster": 1}
    assert effects(node)[0] == []


@pytest.mark.contract("M9")
def test_the_messages_of_the_new_cluster_are_refused_by_members_of_the_old_one():
    old = Node("b", CONFIGURATION_BEFORE, Config(), Restored(4, None, LOG, incarnation=12), seed=2)
    message = Heartbeat("a", 9, 1)
    message.incarnation = 11
    message.cluster = NEW

    old.step(message, 0)

    assert old.term == 4
    assert old.dropped == {"another cluster": 1}


@pytest.mark.contract("M9")
@pytest.mark.parametrize("cluster", [OLD, 0])
@pytest.mark.parametrize(
    "message",
    [VoteRequest("b", 9, 9, 9), Append("b", 9, 4, 5, 1, ()), Heartbeat("b", 9, 1)],
    ids=lambda message: type(message).__name__,
)
def test_members_of_the_old_cluster_are_refused_after_restarts_on_either_side(message, cluster):
    """A member that has just started does not know yet what is committed; the survivor does, from its disk."""
    node = start(recovered())
    message = type(message)(*[getattr(message, field) for field in message.FIELDS])
    message.incarnation = 12
    message.cluster = cluster

    node.step(message, node.now)

    assert node.identity.cluster == NEW
    assert (node.term, node.role.name, node.role.leader) == (5, "follower", None)
    assert node.dropped == {"another cluster": 1}
    assert effects(node)[0] == []


@pytest.mark.contract("M9")
def test_what_the_new_cluster_acknowledges_outlives_the_return_of_the_old_one():
    cluster = Cluster(bound=True, checked=False)
    cluster.elect("a")
    cluster.commit("a", b"x")
    cluster.run(500)
    for member in "abc":
        cluster.crash(member)
    disk = cluster.disks["a"]
    before = Restored(disk.term, disk.vote, tuple(disk.entries), incarnation=disk.incarnation, cluster=disk.cluster)
    disk.writes.append(found_new_cluster_and_lose_what_others_held("a", cluster.configuration, before, NEW))
    disk.land()
    cluster.start("a")
    cluster.run(4000)
    cluster.commit("a", b"y")

    cluster.start("b")
    cluster.start("c")
    cluster.run(5000)
    cluster.restart("a")
    cluster.run(5000)

    assert cluster.role("a") == "leader"
    assert cluster.commands("a") == [b"x", b"y"]
    assert cluster.nodes["a"].dropped["another cluster"] > 0


@pytest.mark.contract("M6", "M9")
def test_a_survivor_restored_from_a_copy_leads_as_its_new_incarnation():
    before = Restored(4, "c", LOG, incarnation=999)
    write = found_new_cluster_and_lose_what_others_held("a", CONFIGURATION_BEFORE, before, NEW)
    node = start(Restored(write.term, write.vote, LOG + write.entries, incarnation=999, cluster=NEW))

    node.tick(node.deadline)
    effects(node)

    assert node.role.name == "leader"
    assert node.configuration.incarnations["a"] == 999


@pytest.mark.contract("C1", "M9")
def test_log_time_goes_on_where_it_was():
    write = found_new_cluster_and_lose_what_others_held(
        "a", CONFIGURATION_BEFORE, Restored(1, None, (Entry(1, 1, NOOP, b"", 500),), incarnation=11), NEW
    )

    assert write.entries[0].stamp_ms == 500


@pytest.mark.contract("M9")
def test_an_empty_member_takes_part_in_the_new_cluster():
    joiner = Node("b", None, Config(), Restored(incarnation=99), seed=3)
    restored = recovered()
    message = Append("a", 5, 0, 0, 4, restored.entries)
    message.incarnation = 11
    message.cluster = NEW

    joiner.step(message, 0)
    effects(joiner)

    assert joiner.identity.cluster == NEW
    assert joiner.log.commit_index == 4


@pytest.mark.parametrize(
    ("survivor", "cluster", "field"),
    [
        ("z", NEW, "survivor"),
        ("a", OLD, "cluster"),
        ("a", 0, "cluster"),
        ("a", 1 << 64, "cluster"),
        ("a", "7", "cluster"),
    ],
)
def test_a_recovery_that_cannot_be_is_refused(survivor, cluster, field):
    with pytest.raises(InvalidConfig) as refusal:
        found_new_cluster_and_lose_what_others_held(survivor, CONFIGURATION_BEFORE, Restored(4, None, LOG), cluster)

    assert refusal.value.field == field


def test_a_witness_cannot_survive_alone():
    configuration = Configuration(("a", "b", "w"), witnesses=("w",))

    with pytest.raises(InvalidConfig, match="no witness"):
        found_new_cluster_and_lose_what_others_held("w", configuration, Restored(4, None, LOG), NEW)
