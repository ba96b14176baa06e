"""Quiescence: idle clusters that are silent, and how they wake (contract L4)."""

import pytest

from raft.changes import LEARNER, Change
from raft.messages import Append, Heartbeat, PreVoteReply, PreVoteRequest, ReadRequest
from tests.raft.cluster import Cluster
from tests.raft.member import ELECTION_TIMEOUT_MS, Member, leading

BEAT_MS = 100
K = 5
PAUSE_MS = K * ELECTION_TIMEOUT_MS
QUIET = {"quiescent_timeouts": K}


def quiescent_leader(voters="abc", **arguments):
    """A leader that has just sent its first round with a pause."""
    member = leading(voters, **{**QUIET, **arguments})
    others = member.node.role.progress
    member.echo(others)
    member.wait(BEAT_MS)
    assert last_beat(member).pause_ms == PAUSE_MS
    return member


def last_beat(member):
    return [message for _, message in member.sent if isinstance(message, Heartbeat)][-1]


def beats(cluster):
    return sum(isinstance(message, Heartbeat) for _, _, message in cluster.sent)


def quiescent_follower(**arguments):
    member = Member("a", term=2, log=(1, 1, 2), **{**QUIET, **arguments})
    member.hear(Heartbeat("b", 2, 1, commit=0, pause_ms=PAUSE_MS))
    return member


# The leader falls silent


@pytest.mark.contract("L4")
def test_an_idle_leader_that_everybody_follows_beats_every_k_election_timeouts():
    member = quiescent_leader()

    for _ in range(5):
        assert member.node.deadline == member.now + PAUSE_MS
        member.echo("bc")
        count = len(member.sent)
        member.wait(PAUSE_MS - 1)
        assert len(member.sent) == count
        member.wait(1)
        assert len(member.sent) == count + 2


@pytest.mark.contract("L4")
def test_it_is_off_by_default():
    member = leading()
    for _ in range(30):
        member.echo("bc")
        member.wait(BEAT_MS)

    assert last_beat(member).pause_ms == 0
    assert member.node.deadline == member.now + BEAT_MS


@pytest.mark.contract("L4")
@pytest.mark.parametrize(
    "busy",
    [
        "a follower lacks an entry",
        "a learner is silent",
        "an echo is missing",
        "the own disk",
        "a read",
        "a transfer",
    ],
)
def test_a_leader_that_has_something_to_do_does_not_fall_silent(busy):
    member = leading(learners="l", **QUIET)
    echoing = "bcl"
    if busy == "a follower lacks an entry":
        member.propose(b"x")
        member.acknowledge("bl")
    elif busy == "a learner is silent":
        echoing = "bc"
    elif busy == "an echo is missing":
        echoing = "bl"
    elif busy == "the own disk":
        member.stalled = True
        member.propose(b"x")
        member.acknowledge("bcl")
    elif busy == "a read":
        member.node.reads.add(False, member.now)
    else:
        member.transfer("b")

    for _ in range(9):
        if busy == "a read":
            member.wait(BEAT_MS)
            member.node.reads.add(False, member.now)
        else:
            member.echo(echoing)
            member.wait(BEAT_MS)
        assert last_beat(member).pause_ms == 0


# The leader wakes


@pytest.mark.contract("L4")
@pytest.mark.parametrize("why", ["a proposal", "a read", "a follower's read", "a change", "a transfer", "a pre-vote"])
def test_a_quiescent_leader_wakes_when_there_is_something_to_do(why):
    member = quiescent_leader()
    member.echo("bc")
    member.now += 2000
    round = member.node.role.round

    if why == "a proposal":
        member.propose(b"x")
    elif why == "a read":
        member.read()
    elif why == "a follower's read":
        member.hear(ReadRequest("b", 2, 7, 1))
    elif why == "a change":
        member.change(Change("d", LEARNER))
    elif why == "a transfer":
        member.transfer("b")
    else:
        member.hear(PreVoteRequest("c", 3, 77, 2, 2))

    assert member.node.role.round > round, "it beats at once"
    assert last_beat(member).pause_ms == 0
    assert member.node.deadline <= member.now + BEAT_MS


@pytest.mark.contract("L4")
def test_a_leader_that_wakes_has_an_election_timeout_to_be_heard():
    member = quiescent_leader()
    member.echo("bc")
    member.now += PAUSE_MS - 1
    member.propose(b"x")

    member.wait(BEAT_MS)
    assert member.role == "leader", "the silence was its own"
    for _ in range(12):
        member.wait(BEAT_MS)

    assert member.role == "follower", "nobody has answered for an election timeout"


@pytest.mark.contract("L4", "E5")
def test_check_quorum_is_counted_in_beats():
    member = quiescent_leader()

    member.echo("bc")
    member.time_out()
    assert member.role == "leader"
    for _ in range(3):
        if member.role == "leader":
            member.wait(PAUSE_MS)

    assert member.role == "follower"


@pytest.mark.contract("L2", "L4")
def test_leases_end_while_a_leader_is_silent():
    member = quiescent_leader(lease_promise_ms=ELECTION_TIMEOUT_MS)
    member.echo("bc", ELECTION_TIMEOUT_MS)
    assert member.node.role.lease_holds(member.now)

    member.now += ELECTION_TIMEOUT_MS

    assert not member.node.role.lease_holds(member.now)


# The followers wait


@pytest.mark.contract("L4")
def test_a_follower_of_a_silent_leader_waits_for_two_pauses():
    member = quiescent_follower()

    assert member.node.deadline == member.now + member.node.role.timeout_ms + 2 * PAUSE_MS


@pytest.mark.contract("L4")
@pytest.mark.parametrize("message", [Heartbeat("b", 2, 2), Append("b", 2, 3, 2, 0, ())], ids=repr)
def test_a_follower_whose_leader_speaks_again_waits_no_longer_than_usual(message):
    member = quiescent_follower()
    member.now += 3000

    member.hear(message)

    assert ELECTION_TIMEOUT_MS <= member.node.deadline - member.now < 2 * ELECTION_TIMEOUT_MS


@pytest.mark.contract("L4")
def test_a_late_heartbeat_of_an_older_round_does_not_put_a_follower_to_sleep():
    member = quiescent_follower()
    member.hear(Heartbeat("b", 2, 3))

    member.hear(Heartbeat("b", 2, 2, pause_ms=PAUSE_MS))

    assert member.node.deadline - member.now < 2 * ELECTION_TIMEOUT_MS


@pytest.mark.contract("L4")
def test_a_quiescent_follower_counts_as_hearing_its_leader_once_and_wakes():
    member = quiescent_follower()
    member.now += 3000

    first = member.hear(PreVoteRequest("c", 3, 77, 9, 2))
    assert first == [("c", PreVoteReply("a", 2, 77, False))]
    assert ELECTION_TIMEOUT_MS <= member.node.deadline - member.now < 2 * ELECTION_TIMEOUT_MS
    member.now += 10
    second = member.hear(PreVoteRequest("c", 3, 78, 9, 2))

    assert second == [("c", PreVoteReply("a", 2, 78, True))], "it was not only the asker that missed its leader"


@pytest.mark.contract("L4")
@pytest.mark.parametrize("why", ["a read", "a proposal", "a change", "a transfer"])
def test_a_quiescent_follower_that_is_asked_for_something_waits_no_longer_than_usual(why):
    member = quiescent_follower()
    member.now += 3000

    if why == "a read":
        member.read()
    else:
        with pytest.raises(Exception, match="not the leader"):
            {
                "a proposal": lambda: member.propose(b"x"),
                "a change": lambda: member.change(Change("d", LEARNER)),
                "a transfer": lambda: member.transfer("c"),
            }[why]()

    assert ELECTION_TIMEOUT_MS <= member.node.deadline - member.now < 2 * ELECTION_TIMEOUT_MS


# Whole clusters


def idle_cluster(**settings):
    cluster = Cluster(**{**QUIET, **settings})
    cluster.elect("a")
    cluster.commit("a", b"x")
    cluster.run(2 * PAUSE_MS)
    return cluster


@pytest.mark.contract("L4")
def test_an_idle_cluster_is_silent_and_keeps_its_leader():
    cluster = idle_cluster()
    before = beats(cluster)

    cluster.run(10 * PAUSE_MS)

    assert beats(cluster) - before <= 2 * 11
    assert (cluster.leader, cluster.term) == ("a", 1)


@pytest.mark.contract("L4")
def test_an_idle_cluster_serves_at_once():
    cluster = idle_cluster()
    cluster.run(1234)

    cluster.propose("a", b"y")
    ticket = cluster.read("c")
    cluster.run(300)

    assert cluster.commands("c") == [b"x", b"y"]
    assert len(cluster.answered("c", ticket)) == 1
    assert (cluster.leader, cluster.term) == ("a", 1)


@pytest.mark.contract("L4")
@pytest.mark.parametrize("asked", ["a read", "a proposal", "nothing"])
def test_a_dead_leader_is_noticed_by_whoever_needs_it_and_in_the_end_anyway(asked):
    cluster = idle_cluster()
    cluster.crash("a")
    if asked == "a read":
        cluster.read("b")
    elif asked == "a proposal":
        with pytest.raises(Exception, match="not the leader"):
            cluster.propose("b", b"y")

    took = cluster.run(5 * PAUSE_MS, until=lambda: cluster.leader is not None)

    assert took <= (2 * PAUSE_MS + 4 * ELECTION_TIMEOUT_MS if asked == "nothing" else 6 * ELECTION_TIMEOUT_MS)
    if asked == "nothing":
        assert took > PAUSE_MS


@pytest.mark.contract("L4", "E3")
def test_a_member_that_restarts_into_a_silent_cluster_finds_its_leader():
    cluster = idle_cluster()
    cluster.restart("c")

    cluster.run(3 * ELECTION_TIMEOUT_MS)

    assert cluster.nodes["c"].role.leader == "a"
    assert (cluster.leader, cluster.term) == ("a", 1)
