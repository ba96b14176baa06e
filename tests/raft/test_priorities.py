"""Priorities: who leads rather, and that nobody is refused a vote for it (contract E12)."""

import pytest

from raft.messages import HeartbeatEcho, PreVoteReply, PreVoteRequest, TimeoutNow, VoteReply, VoteRequest
from tests.raft.cluster import Cluster
from tests.raft.member import ELECTION_TIMEOUT_MS, Member, leading, only

BEAT_MS = 100
WANTED = {"priorities": {"a": 5, "b": 5, "c": 9}}


def told(member):
    return [to for to, message in member.sent if isinstance(message, TimeoutNow)]


def beat(member, ms, echoing="bc"):
    """Let time pass with a quorum that listens."""
    for _ in range(ms // BEAT_MS):
        member.echo(echoing)
        member.wait(BEAT_MS)


# Timeouts


def timeouts(priorities, id="a", voters="abc"):
    """The first timeouts of a member, for many seeds."""
    return [
        Member(id, voters, seed=seed, parts={"priorities": priorities}).node.deadline
        - Member(id, voters, seed=seed).node.deadline
        for seed in range(1, 100)
    ]


@pytest.mark.contract("E12")
@pytest.mark.parametrize(
    ("priorities", "shift_ms"),
    [
        ({}, 0),
        ({"a": 1000}, 0),
        ({"a": 5, "b": 5, "c": 5}, 0),
        ({"b": 1}, 333),
        ({"b": 1, "c": 1000}, 666),
        ({"a": 4, "b": 5, "c": 6}, 666),
        ({"a": 5, "b": 5, "c": 6}, 333),
    ],
)
def test_who_is_wanted_less_waits_longer_by_less_than_an_election_timeout(priorities, shift_ms):
    assert set(timeouts(priorities)) == {shift_ms}


@pytest.mark.contract("E12")
def test_the_shift_stays_below_an_election_timeout_however_many_are_wanted_more():
    voters = [f"v{number:02}" for number in range(64)]
    priorities = {voter: number for number, voter in enumerate(voters)}

    [shift_ms] = set(timeouts(priorities, "v00", tuple(voters)))

    assert ELECTION_TIMEOUT_MS * 0.9 < shift_ms < ELECTION_TIMEOUT_MS


# Votes


@pytest.mark.contract("E12")
def test_a_priority_is_never_a_reason_to_refuse_a_vote():
    member = Member("c", term=2, log=(1, 2), parts=WANTED)

    assert member.hear(PreVoteRequest("a", 3, 77, 2, 2)) == [("a", PreVoteReply("c", 2, 77, True))]
    assert member.hear(VoteRequest("a", 3, 2, 2)) == [("a", VoteReply("c", 3, True))]


@pytest.mark.contract("E12")
def test_a_candidate_that_is_wanted_more_gives_way_like_any():
    member = Member("c", term=2, log=(1, 2), parts=WANTED)
    member.campaign()

    assert member.hear(VoteRequest("a", 4, 2, 2)) == [("a", VoteReply("c", 4, True))]


# The leader hands over


@pytest.mark.contract("E12")
def test_a_leader_hands_over_to_who_is_wanted_more():
    member = leading(parts=WANTED)

    beat(member, 900)
    assert told(member) == [], "not before an election timeout has passed"
    beat(member, 300)

    assert told(member)[0] == "c"
    assert member.node.transfer.target == "c"


@pytest.mark.contract("E12")
@pytest.mark.parametrize("priorities", [{}, {"a": 9}, {"a": 9, "b": 9, "c": 9}, {"a": 9, "b": 3, "c": 8}])
def test_a_leader_hands_over_to_nobody_who_is_wanted_no_more(priorities):
    member = leading(parts={"priorities": priorities})

    beat(member, 20 * ELECTION_TIMEOUT_MS)

    assert told(member) == []
    assert member.role == "leader"


@pytest.mark.contract("E12")
def test_a_leader_hands_over_to_nobody_who_lags_behind():
    member = leading(parts=WANTED)
    member.propose(b"x")
    member.acknowledge("b")
    assert member.node.log.commit_index == 3

    beat(member, 5 * ELECTION_TIMEOUT_MS)
    assert told(member) == []
    member.propose(b"y")  # is not refused: nothing was begun
    member.acknowledge("bc")
    beat(member, ELECTION_TIMEOUT_MS)

    assert told(member)[0] == "c"


@pytest.mark.contract("E12")
def test_a_leader_hands_over_to_nobody_whom_it_does_not_hear():
    member = leading(parts=WANTED)

    beat(member, 5 * ELECTION_TIMEOUT_MS, echoing="b")

    assert told(member) == []


@pytest.mark.contract("E12", "M8")
def test_a_leader_hands_over_to_no_witness_and_no_learner():
    parts = {"priorities": {"l": 9, "w": 9}, "witnesses": ("w",)}
    member = leading("abw", learners="l", parts=parts)

    beat(member, 5 * ELECTION_TIMEOUT_MS, echoing="blw")

    assert told(member) == []


@pytest.mark.contract("E12")
def test_attempts_that_fail_are_repeated_ever_more_rarely():
    member = leading(parts=WANTED)
    began = []

    for _ in range(200 * ELECTION_TIMEOUT_MS // BEAT_MS):
        before = member.node.transfer
        member.hear(*[HeartbeatEcho(id, 2, member.node.role.round, member.node.log.commit_index) for id in "bc"])
        member.wait(BEAT_MS)
        if before is None and member.node.transfer is not None:
            began.append(member.now)

    pauses = [later - earlier for earlier, later in zip(began, began[1:], strict=False)]
    assert [pause // ELECTION_TIMEOUT_MS for pause in pauses] == [2, 4, 8, 16, 32, 64, 64]
    assert member.role == "leader"


# Whole clusters


@pytest.mark.contract("E12")
def test_who_is_wanted_most_leads_in_the_end_and_stays():
    for seed in range(10):
        cluster = Cluster("abcde", seed=seed, parts={"priorities": {"b": 1, "d": 3, "e": 2}})
        cluster.run_until_leader()
        cluster.run(10 * ELECTION_TIMEOUT_MS)
        assert cluster.leader == "d"
        term = cluster.term
        cluster.run(20 * ELECTION_TIMEOUT_MS)
        assert (cluster.leader, cluster.term) == ("d", term)


@pytest.mark.contract("E12")
def test_who_is_wanted_most_and_has_gone_is_not_missed():
    cluster = Cluster(parts=WANTED)
    cluster.run_until_leader()
    cluster.run(10 * ELECTION_TIMEOUT_MS)
    assert cluster.leader == "c"

    cluster.crash("c")
    took = cluster.run(20 * ELECTION_TIMEOUT_MS, until=lambda: cluster.leader is not None)
    assert took <= 4 * ELECTION_TIMEOUT_MS
    cluster.run(5 * ELECTION_TIMEOUT_MS)
    assert cluster.leader in "ab"
    cluster.start("c")
    cluster.run(10 * ELECTION_TIMEOUT_MS)

    assert cluster.leader == "c"
    assert only(TimeoutNow, [(to, message) for _, to, message in cluster.sent]) != []
