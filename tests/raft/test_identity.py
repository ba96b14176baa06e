"""Who speaks: each id is bound to one incarnation of its storage, and each cluster has an id (contract M6, M9)."""

import pytest

from raft.changes import LEARNER, REMOVED, VOTER, Change
from raft.entries import CONFIGURATION, Entry
from raft.errors import InvalidChange
from raft.membership import Configuration
from raft.messages import (
    Append,
    AppendAccepted,
    Heartbeat,
    HeartbeatEcho,
    HigherTerm,
    PreVoteReply,
    PreVoteRequest,
    ReadRequest,
    SnapshotReceived,
    TimeoutNow,
    VoteReply,
    VoteRequest,
    WrongIncarnation,
)
from raft.node import Node
from raft.observer import Refused
from raft.ready import Restored
from tests.raft.cluster import Cluster
from tests.raft.member import ELECTION_TIMEOUT_MS, Member, entries, picture, signed

OWN, OF_B, OF_C, OTHER = 1, 2, 3, 99


def candidate(**arguments):
    """A candidate of term 1 whose storage has an incarnation."""
    member = Member("a", incarnation=OWN, **arguments)
    asked = member.time_out()
    member.hear(signed(PreVoteReply("b", 0, asked[0][1].campaign, True), incarnation=OF_B))
    assert member.role == "candidate"
    return member


def leader(**arguments):
    """A leader that b has elected; c has not spoken yet."""
    member = candidate(**arguments)
    member.hear(signed(VoteReply("b", 1, True), incarnation=OF_B))
    assert member.role == "leader"
    return member


def bound(**incarnations):
    return Configuration(("a", "b", "c"), incarnations=incarnations, cluster=77)


# Binding


@pytest.mark.contract("M6")
def test_the_first_leader_binds_those_that_it_was_elected_by():
    member = leader()

    assert member.node.configuration.incarnations == {"a": OWN, "b": OF_B}
    assert member.node.log.entry(2).kind == CONFIGURATION
    assert member.node.log.commit_index == 0, "it is in force all the same"


@pytest.mark.contract("M6")
def test_whoever_speaks_later_is_bound_before_what_it_says_counts():
    member = leader()

    member.hear(signed(AppendAccepted("c", 1, 2), incarnation=OF_C))
    member.hear(signed(AppendAccepted("c", 1, 2), incarnation=OTHER))

    assert member.node.configuration.incarnations == {"a": OWN, "b": OF_B, "c": OF_C}
    assert member.node.log.last_index == 3
    assert member.node.dropped == {"wrong incarnation": 1}


@pytest.mark.contract("M6")
def test_who_is_bound_is_not_bound_again():
    member = leader()
    last_index = member.node.log.last_index

    for _ in range(3):
        member.hear(signed(HeartbeatEcho("b", 1, 1, 0), incarnation=OF_B))

    assert member.node.log.last_index == last_index


@pytest.mark.contract("M6")
def test_a_later_leader_of_a_bound_cluster_binds_nobody_anew():
    member = candidate(configuration=bound(a=OWN, b=OF_B, c=OF_C))

    member.hear(signed(VoteReply("b", 1, True), incarnation=OF_B))

    assert (member.role, member.node.log.last_index) == ("leader", 1)


def test_storages_without_an_incarnation_make_a_cluster_without_bindings():
    member = Member("a")
    member.lead()

    assert member.node.log.last_index == 1
    assert all((message.incarnation, message.cluster) == (0, 0) for _, message in member.sent)


@pytest.mark.contract("M6")
def test_every_message_says_who_speaks():
    member = leader()
    member.hear(signed(AppendAccepted("b", 1, 2), incarnation=OF_B))
    member.sent.clear()

    member.propose(b"x")
    member.wait(100)

    assert member.sent != []
    cluster = member.node.configuration.cluster
    assert {(message.incarnation, message.cluster) for _, message in member.sent} == {(OWN, cluster)}


# Strange incarnations (contract M6)

SAID_BY_B = [
    PreVoteRequest("b", 9, 7, 9, 8),
    PreVoteReply("b", 9, 7, False),
    VoteRequest("b", 9, 9, 8, transfer=True),
    VoteReply("b", 9, True),
    Append("b", 1, 1, 1, 1, ()),
    AppendAccepted("b", 1, 2),
    Heartbeat("b", 1, 1),
    HeartbeatEcho("b", 1, 1, 0),
    HigherTerm("b", 9),
    SnapshotReceived("b", 1, 1, 0, 1),
    ReadRequest("b", 1, 7, 1),
    TimeoutNow("b", 9, 0),
]


def bound_follower():
    return Member("a", term=1, log=(1,), configuration=bound(a=OWN, b=OF_B), incarnation=OWN)


def bound_candidate():
    return candidate(log=(1,), term=1, configuration=bound(a=OWN, b=OF_B))


@pytest.mark.contract("M6")
@pytest.mark.parametrize("begin", [bound_follower, bound_candidate, leader], ids=lambda begin: begin.__name__)
@pytest.mark.parametrize("incarnation", [OTHER, 0])
@pytest.mark.parametrize("message", SAID_BY_B, ids=lambda message: type(message).__name__)
def test_what_another_incarnation_says_changes_nothing_and_is_answered_so(begin, incarnation, message):
    member = begin()
    said = signed(type(message)(*[getattr(message, field) for field in message.FIELDS]), incarnation=incarnation)
    before = picture(member.node)

    sent = member.hear(said)

    assert [(to, type(answer), answer.bound) for to, answer in sent] == [("b", WrongIncarnation, OF_B)]
    assert picture(member.node) == before
    assert member.node.dropped == {"wrong incarnation": 1}


@pytest.mark.contract("M6", "R5")
@pytest.mark.parametrize("begin", [bound_follower, bound_candidate, leader], ids=lambda begin: begin.__name__)
def test_a_leader_of_a_later_term_than_all_of_the_log_may_be_bound_by_what_is_still_missing(begin):
    for message in (Heartbeat("b", 9, 1), Append("b", 9, 1, 1, 1, ())):
        member = begin()

        member.hear(signed(message, incarnation=OTHER, cluster=member.node.configuration.cluster))

        assert (member.node.term, member.role, member.node.role.leader) == (9, "follower", "b")
        assert member.node.dropped == {}


@pytest.mark.contract("M6")
@pytest.mark.parametrize("begin", [bound_follower, bound_candidate, leader], ids=lambda begin: begin.__name__)
@pytest.mark.parametrize("cluster", [0, 123])
def test_whom_empty_disks_have_elected_is_not_believed_in_a_later_term_either(begin, cluster):
    for message in (Heartbeat("b", 9, 1), Append("b", 9, 0, 0, 1, entries(9))):
        member = begin()
        before = picture(member.node)

        member.hear(signed(message, incarnation=OTHER, cluster=cluster))

        assert picture(member.node) == before


@pytest.mark.contract("M6")
def test_refusals_are_not_refused_in_turn():
    member = bound_follower()

    assert member.hear(signed(WrongIncarnation("b", 1, OWN + 5), incarnation=OTHER)) == []
    assert member.node.dropped == {"wrong incarnation": 1}


@pytest.mark.contract("M6")
def test_a_vote_of_another_incarnation_never_elects():
    member = bound_candidate()

    member.hear(signed(VoteReply("b", 2, True), incarnation=OTHER))
    assert member.role == "candidate"

    member.hear(signed(VoteReply("b", 2, True), incarnation=OF_B))
    assert member.role == "leader"


@pytest.mark.contract("M6")
def test_an_acknowledgement_of_another_incarnation_never_commits():
    member = leader()

    member.hear(signed(AppendAccepted("b", 1, 2), incarnation=OTHER))
    assert member.node.log.commit_index == 0

    member.hear(signed(AppendAccepted("b", 1, 2), incarnation=OF_B))
    assert member.node.log.commit_index == 2


@pytest.mark.contract("M6")
def test_who_is_refused_tells_its_observers():
    member = Member("a", incarnation=OTHER)

    member.hear(WrongIncarnation("b", 1, OWN))

    told = [(event.node, event.by, event.bound) for event in member.events if isinstance(event, Refused)]
    assert told == [("a", "b", OWN)]
    assert repr(Refused("a", "b", 255)) == "Refused('a', 'b', ff)"


def test_who_is_refused_by_mistake_tells_nobody():
    member = Member("a", incarnation=OWN)

    member.hear(WrongIncarnation("b", 1, OWN))

    assert [event for event in member.events if isinstance(event, Refused)] == []


@pytest.mark.contract("M6")
def test_who_is_not_the_incarnation_that_its_own_log_speaks_of_never_campaigns():
    right = Member("a", configuration=bound(a=OWN), incarnation=OWN)
    wrong = Member("a", configuration=bound(a=OWN), incarnation=OTHER)
    without = Member("a", configuration=bound(a=OWN))

    assert right.node.deadline is not None
    assert wrong.node.deadline is None
    assert without.node.deadline is None


# Clusters of another id (contract M9)


@pytest.mark.contract("M6")
def test_the_first_leader_gives_the_cluster_an_id_and_each_cluster_another():
    ids = {leader(seed=seed).node.configuration.cluster for seed in range(1, 50)}

    assert len(ids) == 49
    assert all(0 < id < 1 << 64 for id in ids)


def test_the_id_of_a_cluster_counts_once_it_is_committed():
    member = leader()
    cluster = member.node.configuration.cluster
    assert member.node.identity.cluster == 0

    member.hear(signed(AppendAccepted("b", 1, 2), incarnation=OF_B))

    assert member.node.identity.cluster == cluster
    before = picture(member.node)
    assert member.hear(signed(HigherTerm("b", 9), incarnation=OF_B, cluster=cluster + 1)) == []
    assert picture(member.node) == before
    assert member.node.dropped == {"another cluster": 1}


def test_an_id_that_is_taken_back_was_never_the_clusters():
    member = Member("a", incarnation=OWN)
    ours = Configuration(("a", "b", "c"), incarnations={"a": OWN}, cluster=55)
    member.hear(Append("b", 1, 0, 0, 1, (*entries(1), Entry(2, 1, CONFIGURATION, ours.encode()))))
    assert member.node.log.commit_index == 1
    assert (member.node.configuration.cluster, member.node.identity.cluster) == (55, 0)

    member.hear(Append("c", 2, 1, 1, 1, entries(2, first=2)))

    assert (member.node.configuration.cluster, member.node.identity.cluster) == (0, 0)


# Whole clusters


def bound_cluster(**arguments):
    cluster = Cluster(bound=True, **arguments)
    cluster.elect("a")
    cluster.commit("a", b"x")
    cluster.run(500)
    assert set(cluster.nodes["a"].configuration.incarnations) == {"a", "b", "c"}
    return cluster


@pytest.mark.contract("M6")
def test_every_member_of_a_static_bootstrap_is_bound_and_restarts_change_nothing():
    cluster = bound_cluster()
    incarnations = {id: cluster.disks[id].incarnation for id in "abc"}

    for id in "abc":
        cluster.restart(id)
    cluster.run_until_leader()
    cluster.run(500)

    assert all(cluster.nodes[id].configuration.incarnations == incarnations for id in "abc")
    assert all(cluster.nodes[id].dropped.get("wrong incarnation") is None for id in "abc")
    assert len({cluster.nodes[id].identity.cluster for id in "abc"} - {0}) == 1


@pytest.mark.contract("M6")
def test_who_returns_with_an_empty_disk_counts_for_nothing():
    cluster = bound_cluster()
    cluster.wipe("b")
    cluster.crash("c")

    cluster.propose("a", b"y")
    cluster.run(500)
    assert cluster.nodes["a"].log.commit_index < cluster.nodes["a"].log.last_index, "a alone is no majority"
    cluster.run(10 * ELECTION_TIMEOUT_MS)

    assert cluster.leader is None, "nor do its echoes keep a leader in office"
    assert cluster.nodes["a"].dropped["wrong incarnation"] > 0
    told = [message for _, to, message in cluster.sent if to == "b" and isinstance(message, WrongIncarnation)]
    assert told != [], "and it is told why"
    assert {node.term for node in cluster.nodes.values()} == {1}


@pytest.mark.contract("M6", "S4")
def test_who_returns_with_an_empty_disk_elects_nobody():
    # P15. y is on a and b; c lacks it. With the vote of b, which has forgotten y, c would lose it.
    cluster = bound_cluster()
    cluster.crash("c")
    cluster.commit("a", b"y")
    cluster.crash("a")
    cluster.wipe("b")
    cluster.start("c")

    cluster.run(20 * ELECTION_TIMEOUT_MS)

    assert cluster.leader is None
    cluster.start("a")
    cluster.run_until_leader()
    cluster.run(500)
    assert cluster.leader == "a"
    assert cluster.commands("c") == [b"x", b"y"]


@pytest.mark.contract("M6")
def test_who_returns_with_an_empty_disk_takes_part_again_once_it_is_removed_and_added():
    cluster = bound_cluster()
    cluster.wipe("b")
    cluster.run(500)
    new = cluster.disks["b"].incarnation
    with pytest.raises(InvalidChange, match="bound to incarnation"):
        cluster.change("a", Change("b", VOTER, incarnation=new))

    cluster.change("a", Change("b", REMOVED))
    cluster.run(500)
    cluster.change("a", Change("b", VOTER, incarnation=new))
    cluster.run(ELECTION_TIMEOUT_MS)
    cluster.crash("c")
    cluster.propose("a", b"y")
    cluster.run(500)

    assert cluster.nodes["a"].configuration.incarnations["b"] == new
    assert cluster.commands("a") == cluster.commands("b") == [b"x", b"y"]


@pytest.mark.contract("M6")
def test_a_join_carries_the_incarnation_and_no_other_may_speak_for_the_id():
    cluster = bound_cluster()
    cluster.join("d")
    cluster.change("a", Change("d", LEARNER, incarnation=12345))
    cluster.run(ELECTION_TIMEOUT_MS)

    assert cluster.nodes["a"].role.match_of("d") == 0
    assert cluster.nodes["a"].dropped["wrong incarnation"] > 0


@pytest.mark.contract("M6")
def test_a_member_that_joins_without_an_incarnation_is_refused():
    # Whoever spoke first would be bound, and that could be a message of the id's last life, still on its way.
    cluster = bound_cluster()
    cluster.join("d")

    for part in (VOTER, LEARNER):
        with pytest.raises(InvalidChange, match="needs the incarnation of its storage"):
            cluster.change("a", Change("d", part))
    cluster.change("a", Change("d", REMOVED))  # changes nothing
    cluster.change("a", Change("d", VOTER, incarnation=cluster.disks["d"].incarnation))
    cluster.run(ELECTION_TIMEOUT_MS)

    assert cluster.nodes["d"].configuration.incarnations["d"] == cluster.disks["d"].incarnation
    assert cluster.nodes["d"].configuration.voters == ("a", "b", "c", "d")


@pytest.mark.contract("M6", "S4")
def test_two_disks_that_came_back_empty_do_not_destroy_the_last_copy():
    cluster = Cluster(bound=True, checked=False)
    cluster.elect("a")
    cluster.commit("a", b"x")
    cluster.run(500)
    cluster.crash("a")
    cluster.wipe("b")
    cluster.wipe("c")
    cluster.run(5000)  # they know nothing, and elect each other
    assert cluster.leader in ("b", "c")
    cluster.restart(cluster.leader)
    cluster.run(5000)

    cluster.start("a")
    cluster.run(3000)

    assert b"x" in [entry.data for entry in cluster.disks["a"].entries]
    assert cluster.nodes["a"].role.leader is None
    assert cluster.nodes["a"].dropped["another cluster"] > 0


def test_the_id_of_the_cluster_is_stored_once_it_is_committed():
    member = leader()
    assert member.node.identity.cluster == 0

    member.hear(signed(AppendAccepted("b", 1, 2), incarnation=OF_B))
    node = member.node
    writes = []
    for command in (b"x", b"y"):
        node.propose(command, member.now)
        writes.append(node.ready().write)

    cluster = node.configuration.cluster
    assert node.identity.cluster == cluster != 0
    assert [write.cluster for write in writes] == [cluster, 0]
    assert repr(writes[0]).endswith(f", None, {cluster:x})")
    again = Node("a", bound(), restored=Restored(1, "a", incarnation=OWN, cluster=cluster))
    assert again.identity.cluster == cluster
