import pytest

from raft.errors import CommittedEntryConflict, NotLeader
from raft.messages import (
    Append,
    AppendAccepted,
    AppendRejected,
    Heartbeat,
    HeartbeatEcho,
    HigherTerm,
    PreVoteReply,
    PreVoteRequest,
    TimeoutNow,
    VoteReply,
    VoteRequest,
    WrongIncarnation,
)
from tests.raft.member import ELECTION_TIMEOUT_MS, Member, entries, only, terms


def follower(term=2, log=(1, 1, 2), **settings):
    """A follower of b."""
    member = Member("a", term=term, log=log, **settings)
    member.hear(Heartbeat("b", term, 1))
    return member


def test_a_new_node_is_a_follower_that_knows_nothing():
    status = Member("a").node.status()

    assert (status.role, status.term, status.leader, status.last_index, status.commit_index) == (
        "follower",
        0,
        None,
        0,
        0,
    )
    assert status.followers == ()


# Appends


def test_entries_that_fit_are_taken_over_and_acknowledged():
    member = follower()

    sent = member.hear(Append("b", 2, 3, 2, 0, entries(2, 2, first=4)))

    assert sent == [("b", AppendAccepted("a", 2, 5, 1))]
    assert terms(member.node.log) == [1, 1, 2, 2, 2]


def test_the_first_entries_of_all_are_taken_over():
    member = Member("a")

    sent = member.hear(Append("b", 1, 0, 0, 0, entries(1, 1)))

    assert sent == [("b", AppendAccepted("a", 1, 2))]


@pytest.mark.parametrize(
    ("prev_index", "prev_term", "hint"),
    [
        pytest.param(9, 6, (8, 6), id="behind the end: the last entry"),
        pytest.param(9, 4, (6, 4), id="behind the end: skip what is newer than the leader's"),
        pytest.param(7, 5, (6, 4), id="a whole term back"),
        pytest.param(5, 3, (3, 1), id="two whole terms back"),
        pytest.param(4, 5, (4, 4), id="an older term here"),
    ],
)
@pytest.mark.contract("R4")
def test_entries_that_do_not_fit_are_rejected_with_a_hint(prev_index, prev_term, hint):
    member = follower(term=7, log=(1, 1, 1, 4, 4, 4, 6, 6))

    sent = member.hear(Append("b", 7, prev_index, prev_term, 0, entries(7, first=prev_index + 1)))

    assert sent == [("b", AppendRejected("a", 7, prev_index, *hint, 1))]
    assert terms(member.node.log) == [1, 1, 1, 4, 4, 4, 6, 6]


def test_the_hint_is_zero_when_nothing_here_can_match():
    member = follower(term=7, log=(4, 4))

    sent = member.hear(Append("b", 7, 2, 3, 0, ()))

    assert sent == [("b", AppendRejected("a", 7, 2, 0, 0, 1))]


@pytest.mark.contract("R2")
@pytest.mark.parametrize("commit", [4, 5, 99])
def test_a_follower_acknowledges_and_commits_no_more_than_the_append_verified(commit):
    # P11, P12. Entries 4 and 5 are here, but this append says nothing about them.
    member = follower(log=(1, 1, 2, 2, 2))

    sent = member.hear(Append("b", 2, 2, 1, commit, entries(2, first=3)))

    assert sent == [("b", AppendAccepted("a", 2, 3, 1))]
    assert member.node.log.commit_index == 3


@pytest.mark.contract("R2")
def test_an_append_without_entries_verifies_its_previous_entry_only():
    member = follower(log=(1, 1, 2, 2, 2))

    sent = member.hear(Append("b", 2, 2, 1, 5, ()))

    assert sent == [("b", AppendAccepted("a", 2, 2, 1))]
    assert member.node.log.commit_index == 2


@pytest.mark.contract("R2")
def test_the_commit_index_never_goes_back():
    member = follower()
    member.hear(Append("b", 2, 3, 2, 3, ()))

    member.hear(Append("b", 2, 1, 1, 1, ()))

    assert member.node.log.commit_index == 3


@pytest.mark.contract("E11")
def test_an_acknowledgement_waits_for_the_disk_and_an_echo_does_not():
    # Arrange
    member = follower()
    member.stalled = True

    # Act
    acknowledged = member.hear(Append("b", 2, 3, 2, 0, entries(2, first=4)))
    echoed = member.hear(Heartbeat("b", 2, 2))

    # Assert
    assert acknowledged == []
    assert echoed == [("b", HeartbeatEcho("a", 2, 2, 0))]
    assert member.complete() == [("b", AppendAccepted("a", 2, 4, 1))]


@pytest.mark.contract("E11")
def test_an_acknowledgement_of_entries_that_are_still_being_written_waits_for_that_write():
    member = follower()
    member.stalled = True
    append = Append("b", 2, 3, 2, 0, entries(2, first=4))
    member.hear(append)

    assert member.hear(append) == []
    assert only(AppendAccepted, member.complete()) != []


def test_an_acknowledgement_of_entries_that_are_durable_already_goes_at_once():
    member = follower()

    assert member.hear(Append("b", 2, 1, 1, 0, entries(1, first=2))) == [("b", AppendAccepted("a", 2, 2, 1))]


@pytest.mark.contract("E11")
def test_an_echo_in_a_durable_term_does_not_wait_for_a_vote_in_that_term():
    # Arrange: the term is durable, the vote in it is still being written, and the candidate has won without it.
    member = Member("a", term=2, log=(1,))
    member.stalled = True
    member.hear(VoteRequest("b", 2, 1, 1))
    assert member.writes != []

    # Act
    sent = member.hear(Heartbeat("b", 2, 1))

    # Assert
    assert sent == [("b", HeartbeatEcho("a", 2, 1, 0))]


def test_an_echo_in_a_new_term_waits_until_the_term_is_durable():
    member = follower()
    member.stalled = True

    assert member.hear(Heartbeat("c", 3, 1)) == []
    assert member.complete() == [("c", HeartbeatEcho("a", 3, 1, 0))]


def test_held_answers_die_with_their_term():
    member = follower()
    member.stalled = True
    member.hear(Append("b", 2, 3, 2, 0, entries(2, first=4)))

    member.hear(Heartbeat("c", 3, 1))

    assert member.complete() == [("c", HeartbeatEcho("a", 3, 1, 0))]


def test_a_stalled_disk_does_not_pile_up_answers():
    # Ten minutes in which a leader beats and repeats itself, while this node's disk completes nothing.
    member = follower()
    member.stalled = True
    sent = member.hear(Heartbeat("c", 3, 1))
    for round in range(2, 6_000):
        sent += member.hear(Heartbeat("c", 3, round), Append("c", 3, 3, 2, 0, entries(3, first=4)))
    assert only(AppendAccepted, sent) == []

    answers = member.complete()

    assert len(answers) < 600, f"{len(answers)} answers were held in memory"


@pytest.mark.contract("S7")
def test_an_echo_reports_as_committed_only_what_is_on_the_own_disk():
    member = follower()
    member.stalled = True
    member.hear(Append("b", 2, 3, 2, 4, entries(2, first=4)))
    assert member.node.log.commit_index == 4

    assert member.hear(Heartbeat("b", 2, 2)) == [("b", HeartbeatEcho("a", 2, 2, 3))]
    assert member.node.status().commit_index == 3
    assert [entry.index for entry in member.applied] == [1, 2, 3]

    member.complete()
    assert member.hear(Heartbeat("b", 2, 3)) == [("b", HeartbeatEcho("a", 2, 3, 4))]
    assert [entry.index for entry in member.applied] == [1, 2, 3, 4]


@pytest.mark.contract("R1")
def test_a_previous_entry_that_contradicts_a_committed_one_stops_the_node():
    member = follower()
    member.hear(Append("b", 2, 3, 2, 3, ()))

    with pytest.raises(CommittedEntryConflict) as conflict:
        member.hear(Append("b", 2, 2, 2, 3, ()))

    assert (conflict.value.index, conflict.value.own_term, conflict.value.sent_term) == (2, 1, 2)


@pytest.mark.contract("R1")
def test_an_entry_that_contradicts_a_committed_one_stops_the_node():
    member = follower()
    member.hear(Append("b", 2, 3, 2, 3, ()))

    with pytest.raises(CommittedEntryConflict) as conflict:
        member.hear(Append("b", 2, 1, 1, 3, entries(2, first=2)))

    assert (conflict.value.index, conflict.value.own_term, conflict.value.sent_term) == (2, 1, 2)


# Terms


def test_a_leader_of_an_older_term_is_told_of_the_newer_one():
    member = follower(term=4)

    assert member.hear(Append("c", 3, 3, 2, 0, ())) == [("c", HigherTerm("a", 4))]
    assert member.hear(Heartbeat("c", 3, 1)) == [("c", HigherTerm("a", 4))]
    assert member.node.role.leader == "b"


@pytest.mark.parametrize(
    "late",
    [AppendAccepted("c", 1, 3), AppendRejected("c", 1, 3, 0, 0), HeartbeatEcho("c", 1, 1, 0), VoteReply("c", 1, True)],
    ids=repr,
)
def test_a_late_answer_of_an_older_term_is_not_answered(late):
    assert follower().hear(late) == []


@pytest.mark.parametrize(
    "message", [Append("c", 5, 3, 2, 0, ()), Heartbeat("c", 5, 1)], ids=lambda message: type(message).__name__
)
def test_a_leader_of_a_higher_term_is_followed_at_once(message):
    member = follower()

    member.hear(message)

    status = member.node.status()
    assert (status.role, status.term, status.leader) == ("follower", 5, "c")
    assert member.node.vote is None


@pytest.mark.parametrize(
    "message",
    [AppendAccepted("c", 5, 3), HeartbeatEcho("c", 5, 1, 0), VoteReply("c", 5, False), HigherTerm("c", 5)],
    ids=lambda message: type(message).__name__,
)
def test_a_higher_term_is_adopted_whoever_tells_of_it(message):
    member = follower()

    member.hear(message)

    status = member.node.status()
    assert (status.role, status.term, status.leader) == ("follower", 5, None)


@pytest.mark.contract("S1")
@pytest.mark.parametrize(
    "message", [Append("c", 2, 3, 2, 3, entries(2, first=4)), Heartbeat("c", 2, 9)], ids=lambda m: type(m).__name__
)
def test_a_second_leader_of_the_term_is_not_believed(message):
    member = follower()

    assert member.hear(message) == []

    assert member.node.dropped == {"second leader": 1}
    assert member.node.status().leader == "b"
    assert member.node.log.last_index == 3


# The election timer (contract E7)


@pytest.mark.contract("E7")
@pytest.mark.parametrize(
    "message",
    [
        pytest.param(Append("b", 2, 3, 2, 0, ()), id="an append of the leader"),
        pytest.param(Append("b", 2, 9, 2, 0, ()), id="an append of the leader that does not fit"),
        pytest.param(Heartbeat("b", 2, 2), id="a heartbeat of the leader"),
    ],
)
def test_a_sign_of_life_from_the_leader_restarts_the_timer(message):
    member = follower()
    deadline = member.node.deadline
    member.now += 500

    member.hear(message)

    assert member.node.deadline == deadline + 500


@pytest.mark.contract("E7")
def test_a_vote_that_is_granted_restarts_the_timer():
    member = Member("a", term=2, log=(1, 1, 2))
    deadline = member.node.deadline
    member.now += 500

    member.hear(VoteRequest("b", 3, 3, 2))

    assert member.node.deadline == deadline + 500


@pytest.mark.contract("E7")
@pytest.mark.parametrize(
    "message",
    [
        pytest.param(VoteRequest("b", 3, 1, 1), id="a vote refused for its log"),
        pytest.param(VoteRequest("b", 2, 3, 2), id="a vote refused because c has it"),
        pytest.param(PreVoteRequest("b", 3, 77, 3, 2), id="a pre-vote granted"),
        pytest.param(PreVoteRequest("b", 3, 77, 0, 0), id="a pre-vote refused"),
        pytest.param(Append("b", 1, 3, 2, 0, ()), id="an append of an older term"),
        pytest.param(Heartbeat("b", 1, 1), id="a heartbeat of an older term"),
        pytest.param(HigherTerm("b", 9), id="a higher term"),
        pytest.param(VoteReply("b", 2, True), id="a vote reply"),
        pytest.param(PreVoteReply("b", 2, 77, True), id="a pre-vote reply"),
        pytest.param(HeartbeatEcho("b", 2, 1, 0), id="an echo"),
        pytest.param(Heartbeat("b", 2, 0), id="a malformed heartbeat"),
        pytest.param(HeartbeatEcho("z", 2, 1, 0), id="a stranger's echo"),
        pytest.param(TimeoutNow("b", 2, 3), id="an order to campaign from who does not lead"),
        pytest.param(WrongIncarnation("z", 2, 7), id="a refusal of its incarnation"),
    ],
)
def test_nothing_else_restarts_the_timer(message):
    member = Member("a", term=2, vote="c", log=(1, 1, 2))
    deadline = member.node.deadline
    member.now += 500

    member.hear(message)

    assert member.node.deadline == deadline


@pytest.mark.contract("E7")
def test_a_second_leader_of_the_term_does_not_restart_the_timer():
    member = follower()
    deadline = member.node.deadline
    member.now += 500

    member.hear(Heartbeat("c", 2, 1), Append("c", 2, 3, 2, 0, ()))

    assert member.node.deadline == deadline


def test_the_timer_runs_out_after_one_to_two_election_timeouts():
    deadlines = [Member("a", seed=seed).node.deadline for seed in range(300)]

    assert all(ELECTION_TIMEOUT_MS <= deadline < 2 * ELECTION_TIMEOUT_MS for deadline in deadlines)
    assert min(deadlines) < 1050
    assert max(deadlines) > 1950


def test_a_follower_that_hears_nobody_asks_for_pre_votes():
    member = follower()

    before = member.wait(member.node.deadline - member.now - 1)
    after = member.wait(1)

    assert before == []
    assert member.role == "pre-candidate"
    assert [(receiver, type(message)) for receiver, message in after] == [("b", PreVoteRequest), ("c", PreVoteRequest)]


def test_a_learner_never_campaigns():
    member = Member("l", voters="abc", learners="l", log=(1,), term=1)

    assert member.node.deadline is None
    assert member.wait(10**6) == []
    assert member.role == "follower"


def test_a_learner_votes_when_it_is_asked():
    # P9. It may have been promoted without having heard of it.
    member = Member("l", voters="abc", learners="l", log=(1,), term=1)

    assert member.hear(VoteRequest("b", 2, 1, 1)) == [("b", VoteReply("l", 2, True))]


def test_a_follower_refuses_proposals_and_names_its_leader():
    member = follower()

    with pytest.raises(NotLeader) as refusal:
        member.propose(b"x")

    assert refusal.value.leader == "b"
    assert "propose to b" in str(refusal.value)


def test_of_held_echoes_the_newest_round_is_kept():
    member = follower()
    member.stalled = True
    member.hear(Heartbeat("c", 3, 5), Heartbeat("c", 3, 4))

    assert only(HeartbeatEcho, member.complete()) == [HeartbeatEcho("a", 3, 5, 0)]


@pytest.mark.contract("E6")
def test_a_pre_vote_granted_but_still_held_is_taken_back_when_a_leader_is_heard():
    # Arrange: a adopts term 3 while its disk stalls, and would help b; the answer waits for the disk.
    member = Member("a", term=2)
    member.stalled = True
    member.hear(HigherTerm("b", 3), PreVoteRequest("b", 4, 77, 0, 0))

    # Act: c turns out to lead term 3.
    member.hear(Heartbeat("c", 3, 1))

    # Assert
    assert only(PreVoteReply, member.complete()) == []
