import pytest

from raft.messages import (
    Append,
    AppendAccepted,
    Heartbeat,
    HeartbeatEcho,
    HigherTerm,
    PreVoteReply,
    PreVoteRequest,
    VoteReply,
    VoteRequest,
)
from raft.ready import Write
from tests.raft.member import ELECTION_TIMEOUT_MS, Member, entries, only, picture


def pre_candidate(voters="abc", **arguments):
    """A member that has just asked for pre-votes, and the number of its campaign."""
    member = Member("a", voters=voters, **{"term": 2, "log": (1, 2), **arguments})
    asked = member.time_out()
    return member, asked[0][1].campaign


def candidate(voters="abc", **arguments):
    """A member that has just asked for votes in term 3."""
    member = Member("a", voters=voters, **{"term": 2, "log": (1, 2), **arguments})
    member.campaign()
    return member


# The pre-candidate


def test_a_pre_candidate_asks_every_other_voter_about_the_next_term():
    member = Member("a", voters="abc", learners="l", term=2, log=(1, 2))

    asked = member.time_out()

    campaign = asked[0][1].campaign
    request = PreVoteRequest("a", 3, campaign, 2, 2)
    assert asked == [("b", request), ("c", request)]


@pytest.mark.contract("E3")
def test_asking_for_pre_votes_changes_no_term_no_vote_and_nothing_durable():
    member = Member("a", term=2, vote="b", log=(1, 2))
    member.stalled = True

    member.time_out()
    member.time_out()

    assert (member.node.term, member.node.vote, member.writes) == (2, "b", [])


@pytest.mark.contract("E3")
def test_granting_a_pre_vote_changes_nothing_at_all():
    member = Member("a", term=2, vote="b", log=(1, 2))
    member.stalled = True
    before = picture(member.node)

    sent = member.hear(PreVoteRequest("c", 3, 77, 2, 2))

    assert sent == [("c", PreVoteReply("a", 2, 77, True))]
    assert picture(member.node) == before
    assert member.writes == []


def test_a_majority_of_pre_votes_begins_a_campaign():
    member, campaign = pre_candidate("abcde")

    member.hear(PreVoteReply("b", 2, campaign, True))
    assert member.role == "pre-candidate"

    sent = member.hear(PreVoteReply("c", 2, campaign, True))
    assert (member.role, member.node.term, member.node.vote) == ("candidate", 3, "a")
    assert sent == [(voter, VoteRequest("a", 3, 2, 2)) for voter in "bcde"]


@pytest.mark.contract("E2")
def test_one_voter_grants_one_pre_vote_however_often_it_answers():
    member, campaign = pre_candidate("abcde")

    for _ in range(5):
        member.hear(PreVoteReply("b", 2, campaign, True))

    assert member.role == "pre-candidate"


@pytest.mark.contract("E2")
def test_pre_votes_of_an_earlier_round_of_asking_count_for_nothing():
    member, earlier = pre_candidate()
    member.time_out()

    member.hear(PreVoteReply("b", 2, earlier, True), PreVoteReply("c", 2, earlier, True))

    assert member.role == "pre-candidate"


@pytest.mark.contract("E2")
def test_pre_votes_of_who_is_no_voter_count_for_nothing():
    member, campaign = pre_candidate(learners="lm")

    member.hear(PreVoteReply("l", 2, campaign, True), PreVoteReply("m", 2, campaign, True))
    member.hear(PreVoteReply("z", 2, campaign, True))

    assert member.role == "pre-candidate"


@pytest.mark.contract("E3", "E4")
def test_a_refused_pre_vote_makes_the_asker_adopt_a_higher_term():
    # P3. A node behind in term and ahead in log can win the next time.
    member, campaign = pre_candidate()

    member.hear(PreVoteReply("b", 7, campaign, False))

    assert (member.role, member.node.term, member.node.vote) == ("follower", 7, None)


@pytest.mark.contract("E3")
def test_a_granted_pre_vote_never_raises_the_term():
    member, campaign = pre_candidate()

    member.hear(PreVoteReply("b", 2, campaign, True))

    assert member.node.term == 3, "its own campaign, no more"


@pytest.mark.contract("E3")
@pytest.mark.parametrize("granted", [True, False])
def test_a_late_refusal_that_tells_of_a_higher_term_changes_nothing(granted):
    member, campaign = pre_candidate()
    before = picture(member.node)

    member.hear(PreVoteReply("b", 7, campaign + 1, granted))

    assert picture(member.node) == before


def test_refused_by_a_majority_a_pre_candidate_waits_before_it_asks_again():
    member, campaign = pre_candidate()

    assert member.hear(PreVoteReply("b", 2, campaign, False), PreVoteReply("c", 2, campaign, False)) == []
    assert member.role == "pre-candidate"
    assert ELECTION_TIMEOUT_MS <= member.node.deadline - member.now < 2 * ELECTION_TIMEOUT_MS

    asked = member.time_out()
    assert len(asked) == 2
    assert asked[0][1].campaign != campaign


@pytest.mark.contract("E7")
def test_each_round_of_asking_draws_a_fresh_timeout():
    member, _ = pre_candidate()

    waits = []
    for _ in range(20):
        waits.append(member.node.deadline - member.now)
        member.time_out()

    assert len(set(waits)) > 10


def test_a_pre_candidate_gives_way_to_the_leader_of_its_term():
    member, _ = pre_candidate()

    sent = member.hear(Heartbeat("b", 2, 5))

    assert (member.role, member.node.role.leader) == ("follower", "b")
    assert sent == [("b", HeartbeatEcho("a", 2, 5, 0))]


def test_a_pre_candidate_gives_way_to_a_candidate_it_votes_for():
    member, campaign = pre_candidate()

    member.hear(VoteRequest("b", 3, 2, 2))
    assert (member.role, member.node.vote) == ("follower", "b")

    member.hear(PreVoteReply("b", 2, campaign, True), PreVoteReply("c", 2, campaign, True))
    assert member.role == "follower"


def test_a_pre_candidate_gives_way_to_a_candidate_of_its_own_term_that_it_votes_for():
    member, _ = pre_candidate()

    member.hear(VoteRequest("b", 2, 2, 2))

    assert (member.role, member.node.term, member.node.vote) == ("follower", 2, "b")


def test_two_pre_candidates_grant_each_other():
    member, _ = pre_candidate()

    assert member.hear(PreVoteRequest("b", 3, 77, 2, 2)) == [("b", PreVoteReply("a", 2, 77, True))]
    assert member.role == "pre-candidate"


# The candidate


@pytest.mark.contract("E1")
def test_requests_for_votes_wait_until_term_and_vote_are_durable():
    # Arrange
    member, campaign = pre_candidate()
    member.stalled = True

    # Act
    sent = member.hear(PreVoteReply("b", 2, campaign, True))

    # Assert
    assert sent == []
    assert [(write.term, write.vote, write.entries) for write in member.writes] == [(3, "a", ())]
    assert member.complete() == [("b", VoteRequest("a", 3, 2, 2)), ("c", VoteRequest("a", 3, 2, 2))]


@pytest.mark.contract("E1")
def test_requests_for_votes_wait_until_every_entry_they_advertise_is_durable():
    # Arrange: entries 3 and 4 are being written; the disk is slow, but it does not stand still (contract D4).
    member = Member("a", term=2, log=(1, 2))
    member.stalled = True
    for index in (3, 4):
        member.hear(Append("b", 2, index - 1, 2, 0, entries(2, first=index)))
    member.wait(ELECTION_TIMEOUT_MS)
    member.complete(1)
    member.campaign()
    assert (member.role, [write.number for write in member.writes]) == ("candidate", [2, 3])

    # Act: the write of term and vote is reported first.
    early = member.complete(3)
    late = member.complete(2)

    # Assert
    assert early == []
    assert late == [("b", VoteRequest("a", 3, 4, 2)), ("c", VoteRequest("a", 3, 4, 2))]


@pytest.mark.contract("E1")
def test_term_and_vote_are_one_record_of_one_write():
    member, campaign = pre_candidate()
    member.stalled = True

    member.hear(PreVoteReply("b", 2, campaign, True))

    [write] = member.writes
    assert isinstance(write, Write)
    assert (write.term, write.vote) == (3, "a")


def test_a_majority_of_votes_makes_a_leader():
    member = candidate("abcde")

    member.hear(VoteReply("b", 3, True))
    assert member.role == "candidate"

    member.hear(VoteReply("e", 3, True))
    assert (member.role, member.node.term) == ("leader", 3)


def test_the_own_vote_counts_only_when_it_is_durable():
    # A lone voter needs no other vote, and yet has to wait.
    member = Member("a", voters="a", stalled=True)

    member.time_out()
    assert member.role == "candidate"

    member.complete()
    assert member.role == "leader"


def test_the_own_vote_does_not_count_by_the_completion_of_an_earlier_write():
    member = Member("a", voters="a", learners="l")
    member.lead()
    member.stalled = True
    member.propose(b"w")
    member.propose(b"x")
    member.hear(HigherTerm("l", 9))
    member.wait(ELECTION_TIMEOUT_MS)
    member.complete(member.writes[0].number)  # the disk does not stand still (contract D4)
    member.time_out()
    assert (member.role, member.node.term) == ("candidate", 10)
    entry, term, vote = [write.number for write in member.writes]

    for earlier in (entry, term):
        member.complete(earlier)
        assert member.role == "candidate"

    member.complete(vote)
    assert member.role == "leader"


@pytest.mark.contract("E2")
def test_one_voter_has_one_vote_however_often_it_answers():
    # P2
    member = candidate("abcde")

    for _ in range(5):
        member.hear(VoteReply("b", 3, True))

    assert member.role == "candidate"


@pytest.mark.contract("E2")
@pytest.mark.parametrize("sender", ["l", "m", "z", "a"])
def test_votes_of_who_is_no_other_voter_never_elect(sender):
    member = candidate("abcd", learners="lm")
    member.hear(VoteReply("b", 3, True))

    member.hear(VoteReply(sender, 3, True))

    assert member.role == "candidate"


@pytest.mark.contract("E2")
def test_votes_of_an_earlier_term_never_elect():
    member = candidate()
    member.time_out()
    asked = member.time_out()  # nobody answered: ask again, and campaign in term 4
    member.hear(PreVoteReply("b", 3, asked[0][1].campaign, True))
    assert (member.role, member.node.term) == ("candidate", 4)

    member.hear(VoteReply("b", 3, True), VoteReply("c", 3, True))

    assert member.role == "candidate"


@pytest.mark.contract("E2")
def test_votes_that_arrive_after_the_campaign_ended_never_elect():
    member = candidate()
    member.time_out()
    assert (member.role, member.node.term) == ("pre-candidate", 3)

    member.hear(VoteReply("b", 3, True), VoteReply("c", 3, True))

    assert member.role == "pre-candidate"


@pytest.mark.contract("E2")
def test_votes_that_arrive_after_the_campaign_was_lost_never_elect():
    member = candidate()
    member.hear(Heartbeat("b", 3, 1))

    member.hear(VoteReply("b", 3, True), VoteReply("c", 3, True))

    assert (member.role, member.node.role.leader) == ("follower", "b")


@pytest.mark.contract("E2")
def test_a_repeated_request_of_the_same_candidate_is_granted_again():
    member = Member("a", term=2, log=(1, 2))
    request = VoteRequest("b", 3, 2, 2)

    assert member.hear(request) == [("b", VoteReply("a", 3, True))]
    assert member.hear(request) == [("b", VoteReply("a", 3, True))]
    assert member.hear(VoteRequest("c", 3, 2, 2)) == [("c", VoteReply("a", 3, False))]


def test_a_campaign_that_cannot_be_won_any_more_ends():
    member = candidate("abcde")

    member.hear(VoteReply("b", 3, False), VoteReply("c", 3, False))
    assert member.role == "candidate"

    member.hear(VoteReply("d", 3, False))
    assert (member.role, member.node.term, member.node.vote) == ("follower", 3, "a")


def test_a_split_vote_is_followed_by_pre_votes_in_the_same_term():
    member = candidate()

    sent = member.time_out()

    assert (member.role, member.node.term, member.node.vote) == ("pre-candidate", 3, "a")
    assert [message.term for message in only(PreVoteRequest, sent)] == [4, 4]


def test_a_candidate_votes_for_nobody_else_in_its_term():
    member = candidate()

    assert member.hear(VoteRequest("b", 3, 9, 2)) == [("b", VoteReply("a", 3, False))]
    assert (member.role, member.node.vote) == ("candidate", "a")


def test_a_candidate_gives_way_to_one_of_a_higher_term():
    member = candidate()

    assert member.hear(VoteRequest("b", 4, 2, 2)) == [("b", VoteReply("a", 4, True))]
    assert (member.role, member.node.term, member.node.vote) == ("follower", 4, "b")


def test_a_candidate_gives_way_to_the_leader_of_its_term():
    member = candidate()

    sent = member.hear(Append("b", 3, 2, 2, 0, entries(3, first=3)))

    assert (member.role, member.node.role.leader, member.node.vote) == ("follower", "b", "a")
    assert sent == [("b", AppendAccepted("a", 3, 3))]


@pytest.mark.parametrize("message", [VoteReply("b", 9, False), HigherTerm("b", 9)], ids=repr)
def test_a_candidate_gives_way_to_a_higher_term(message):
    member = candidate()

    member.hear(message)

    assert (member.role, member.node.term, member.node.vote) == ("follower", 9, None)


@pytest.mark.contract("E1")
def test_a_vote_is_answered_only_when_it_is_durable():
    member = Member("a", term=2, log=(1, 2), stalled=True)

    assert member.hear(VoteRequest("b", 3, 2, 2)) == []
    assert [(write.term, write.vote) for write in member.writes] == [(3, "b")]

    assert member.complete() == [("b", VoteReply("a", 3, True))]


@pytest.mark.contract("E1")
def test_a_vote_in_a_term_that_is_durable_already_is_answered_only_when_it_is_durable_itself():
    member = Member("a", term=2, log=(1, 2), stalled=True)

    assert member.hear(VoteRequest("b", 2, 2, 2)) == []
    assert [(write.term, write.vote) for write in member.writes] == [(2, "b")]

    assert member.complete() == [("b", VoteReply("a", 2, True))]


@pytest.mark.contract("E1")
def test_a_vote_is_answered_only_when_the_log_it_was_judged_by_is_durable():
    member = Member("a", term=2, log=(1, 2), stalled=True)
    member.hear(Append("c", 2, 2, 2, 0, entries(2, first=3)))
    member.now += ELECTION_TIMEOUT_MS

    member.hear(VoteRequest("b", 3, 3, 2))

    assert member.complete(2) == []
    assert only(VoteReply, member.complete(1)) == [VoteReply("a", 3, True)]


def test_a_refusal_states_a_term_only_when_that_term_is_durable():
    member = Member("a", term=2, log=(1, 2), stalled=True)

    assert member.hear(VoteRequest("b", 3, 0, 0)) == []
    assert member.complete() == [("b", VoteReply("a", 3, False))]


@pytest.mark.contract("E2")
def test_a_late_request_of_an_older_term_does_not_undo_the_vote():
    # Arrange: a has voted for b in term 2, and its disk is still at it.
    voter = Member("a", stalled=True)
    voter.hear(VoteRequest("b", 2, 0, 0))

    # Act: b's request of term 1 arrives, overtaken by that of term 2.
    at_once = voter.hear(VoteRequest("b", 1, 0, 0))

    # Assert: it is told of the term, which is no ballot, and the vote leaves as it was cast.
    assert only(VoteReply, at_once) == []
    sent = voter.complete()
    assert only(VoteReply, sent) == [VoteReply("a", 2, True)]


@pytest.mark.contract("E2")
def test_a_vote_once_counted_is_not_taken_back():
    candidate = Member("a", voters="abcde")
    candidate.campaign()
    candidate.hear(VoteReply("b", 1, True))

    candidate.hear(VoteReply("b", 1, False))
    candidate.hear(VoteReply("c", 1, True))

    assert candidate.role == "leader"


@pytest.mark.contract("E1")
def test_vote_requests_that_still_wait_are_taken_back_with_the_campaign():
    # Arrange: a campaigns on entries 1 and 2 while its disk stalls.
    candidate = Member("a", term=1, log=(1, 1))
    candidate.stalled = True
    assert only(VoteRequest, candidate.campaign()) == []
    assert candidate.role == "candidate"

    # Act: b turns out to lead that very term, and replaces entry 2.
    candidate.hear(Append("b", 2, 1, 1, 0, entries(2, first=2)))
    assert candidate.role == "follower"
    sent = candidate.complete()

    # Assert: a request that advertises the old entry 2 would be untrue by now.
    assert only(VoteRequest, sent) == []


@pytest.mark.contract("E1")
def test_a_pre_candidate_that_grants_its_vote_says_so():
    member = Member("a", term=3, log=(1,))
    member.time_out()
    assert member.role == "pre-candidate"

    sent = member.hear(VoteRequest("b", 3, 9, 2))

    assert sent == [("b", VoteReply("a", 3, True))]
    assert (member.role, member.node.vote) == ("follower", "b")
