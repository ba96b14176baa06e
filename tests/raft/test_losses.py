"""What a leader does when a follower has lost entries that it had acknowledged, and what it never takes for that."""

import pytest

from raft.entries import CONFIGURATION
from raft.membership import Configuration
from raft.messages import Append, AppendAccepted, AppendRejected, Heartbeat, HeartbeatEcho, WrongIncarnation
from raft.observer import AcknowledgedLost
from raft.progress import PROBE, REPLICATE, Progress
from tests.raft.member import Member, entries, leading, only, signed

LOSSY = {"may_lose_acknowledged": 1}


def acknowledged(**settings):
    """A leader of term 2 to which b and c have acknowledged everything up to entry 4, in round 1."""
    member = leading(**settings)
    member.propose(b"3", b"4")
    member.acknowledge("bc")
    assert member.node.log.commit_index == 4
    return member


def beat(member):
    """The leader sends a round of heartbeats; return its number."""
    member.wait(100)
    return member.node.role.round


def reports(member):
    return [repr(event) for event in member.events if isinstance(event, AcknowledgedLost)]


def follower_status(member, id):
    return next(status for status in member.node.status().followers if status.id == id)


# What proves a loss


@pytest.mark.contract("D6")
def test_a_refusal_by_whoever_has_heard_a_later_round_proves_a_loss():
    progress = Progress(5, 0)
    progress.accepted(4, 0, leader_round=7)

    assert progress.disproves(4, 8)
    assert progress.disproves(3, 8)
    assert not progress.disproves(4, 7)  # it may have been sent before the acknowledgement, and come behind it
    assert not progress.disproves(4, 0)
    assert not progress.disproves(5, 8)  # nobody has said that it was there


@pytest.mark.contract("D6")
@pytest.mark.parametrize("settings", [{}, LOSSY], ids=["always", "interval"])
def test_a_refusal_that_comes_late_or_twice_is_never_taken_for_a_loss(settings):
    member = acknowledged(**settings)
    beat(member)

    for round in (0, 1, 99):  # one that was never sent proves nothing either
        member.hear(*2 * [AppendRejected("b", 2, 4, 2, 2, round)], AppendRejected("b", 2, 3, 2, 2, round))

    assert reports(member) == []
    assert member.node.role.progress["b"].match_index == 4
    assert member.node.role.progress["b"].state == REPLICATE


def test_a_refusal_of_what_nobody_has_acknowledged_proves_nothing():
    member = acknowledged()
    member.propose(b"5")
    round = beat(member)

    member.hear(AppendRejected("b", 2, 5, 4, 2, round))

    assert reports(member) == []
    assert member.node.role.progress["b"].state == PROBE


def test_an_answer_tells_the_newest_round_that_was_heard_before_it():
    member = Member("a", term=2, log=(1, 2))
    assert only(AppendAccepted, member.hear(Append("b", 2, 2, 2, 0, ()))) == [AppendAccepted("a", 2, 2, 0)]
    member.hear(Heartbeat("b", 2, 7), Heartbeat("b", 2, 5))

    sent = member.hear(Append("b", 2, 2, 2, 0, entries(2, first=3)), Append("b", 2, 9, 2, 0, ()))

    assert only(AppendRejected, sent) == [AppendRejected("a", 2, 9, 3, 2, 7)]
    assert only(AppendAccepted, sent) == [AppendAccepted("a", 2, 3, 7)]


# Where it may happen


@pytest.mark.contract("D6", "R2")
def test_where_it_may_happen_the_follower_is_caught_up_from_its_real_end():
    member = acknowledged(**LOSSY)
    round = beat(member)

    sent = member.hear(AppendRejected("b", 2, 4, 2, 2, round))

    assert reports(member) == ["AcknowledgedLost('a', 'b', 4, 2, False)"]
    assert follower_status(member, "b").has_lost
    (append,) = only(Append, sent)
    assert (append.prev_index, [entry.index for entry in append.entries]) == (2, [3, 4])
    assert [heartbeat.round for heartbeat in only(Heartbeat, sent)] == 2 * [round + 1]

    member.hear(AppendAccepted("b", 2, 4, round + 1))

    assert (follower_status(member, "b").match_index, follower_status(member, "b").state) == (4, REPLICATE)
    assert member.node.log.commit_index == 4
    assert only(Append, member.propose(b"5"))[0].prev_index == 4


@pytest.mark.contract("D6")
def test_an_acknowledgement_of_before_the_loss_counts_for_nothing_after_it():
    member = leading("abcde", **LOSSY)
    member.propose(b"3")
    member.hear(AppendAccepted("b", 2, 3, 1))
    round = beat(member)
    member.hear(AppendRejected("b", 2, 3, 2, 2, round))

    member.hear(AppendAccepted("b", 2, 3, 1), AppendAccepted("b", 2, 3, round), AppendAccepted("c", 2, 3, round))

    assert member.node.log.commit_index == 2, "b has entry 3 no longer, and a and c are no majority of five"
    member.hear(AppendAccepted("b", 2, 3, round + 1))
    assert member.node.log.commit_index == 3


def test_what_is_lost_twice_is_noticed_twice():
    member = acknowledged(**LOSSY)
    for _ in range(2):
        member.hear(AppendRejected("b", 2, 4, 2, 2, beat(member)))
        member.hear(AppendAccepted("b", 2, 4, member.node.role.round))

    assert len(reports(member)) == 2
    assert follower_status(member, "b").match_index == 4


def test_another_entry_in_the_place_of_an_acknowledged_one_is_a_loss_too():
    member = acknowledged(**LOSSY)

    sent = member.hear(AppendRejected("b", 2, 4, 3, 1, beat(member)))

    assert reports(member) == ["AcknowledgedLost('a', 'b', 4, 1, False)"]
    assert only(Append, sent)[0].prev_index == 1


def test_the_commit_index_stays_where_it_is():
    member = acknowledged(**LOSSY)
    round = beat(member)

    member.hear(AppendRejected("b", 2, 4, 2, 2, round), AppendRejected("c", 2, 4, 1, 1, round))

    assert member.node.log.commit_index == 4
    assert [follower_status(member, id).match_index for id in "bc"] == [0, 0]


# Where it must not happen


@pytest.mark.contract("D6", "M6")
def test_where_it_must_not_happen_the_member_is_bound_to_an_incarnation_that_nobody_has():
    member = acknowledged()
    round = beat(member)
    member.echo("bc")

    sent = member.hear(AppendRejected("b", 2, 4, 2, 2, round))

    assert reports(member) == ["AcknowledgedLost('a', 'b', 4, 2, True)"]
    assert follower_status(member, "b").has_lost
    assert member.node.log.entry(5).kind == CONFIGURATION
    bound = Configuration.decode(member.node.log.entry(5).data).incarnations
    assert list(bound) == ["b"] and bound["b"] > 0
    assert [entry.index for entry in only(Append, sent)[0].entries] == [3, 4, 5]
    answers = member.hear(AppendAccepted("b", 2, 5, round + 1))
    assert answers == [("b", WrongIncarnation("a", 2, bound["b"]))], "and told why nobody listens to it"


@pytest.mark.contract("D6")
def test_where_it_must_not_happen_nothing_that_the_member_says_counts_any_more():
    member = acknowledged(lease_promise_ms=1000)
    round = beat(member)
    member.echo("b", promise_ms=1000)
    assert member.node.leading.lease_holds(member.now)

    member.hear(AppendRejected("b", 2, 4, 2, 2, round))

    assert not member.node.leading.lease_holds(member.now), "its promise is worth nothing"
    round = member.node.role.round
    member.hear(AppendAccepted("b", 2, 5, round), HeartbeatEcho("b", 2, round, 4, 1000))
    assert member.node.log.commit_index == 4, "entry 5 is on the leader's disk only"
    assert not member.node.leading.lease_holds(member.now)
    for _ in range(25):
        member.wait(100)
        if member.role == "leader":
            member.hear(HeartbeatEcho("b", 2, member.node.role.round, 4))
    assert member.role != "leader", "nobody else hears it"


@pytest.mark.contract("D6")
def test_the_next_leader_refuses_it_too():
    member = acknowledged()
    member.hear(AppendRejected("b", 2, 4, 2, 2, beat(member)))
    log = [member.node.log.entry(index) for index in range(1, 6)]
    follower = Member("c", term=2, log=(1,))
    follower.hear(Append("a", 2, 1, 1, 4, tuple(log[1:])))

    answers = follower.hear(signed(Append("b", 3, 5, 2, 4, ()), incarnation=0))

    assert only(WrongIncarnation, answers) != []
    assert follower.node.term == 2
