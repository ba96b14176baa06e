"""Changes of membership at one leader: what is refused, what is entered when, and what becomes of it."""

import pytest

from raft.changes import LEARNER, REMOVED, VOTER, Change, changed, next_step
from raft.entries import CONFIGURATION, Entry
from raft.errors import (
    NotCaughtUp,
    OutcomeUnknown,
)
from raft.membership import Configuration
from raft.messages import Append, AppendAccepted, HigherTerm, TimeoutNow, VoteReply, VoteRequest
from raft.observer import ConfigurationChanged
from raft.ready import Restored
from tests.raft.member import ELECTION_TIMEOUT_MS, Member, entries, leading, only, shown, signed, terms

BEAT_MS = 100


def brought(member):
    """Every configuration that the log has brought, in order."""
    return [event.index for event in member.events if isinstance(event, ConfigurationChanged)]


def configuration_entry(index, term, *parts):
    return Entry(index, term, CONFIGURATION, Configuration(*[tuple(ids) for ids in parts]).encode())


def leader_in_a_joint_configuration():
    member = leading(learners="de")
    member.acknowledge("bcde")
    member.change(Change("b", REMOVED), Change("c", REMOVED), Change("d", VOTER), Change("e", VOTER))
    assert member.node.configuration.joint
    return member


# The way (contract M1)


@pytest.mark.contract("M1")
@pytest.mark.parametrize(
    ("voters", "changes", "step"),
    [
        ("abc", {"d": VOTER}, "abcd//"),
        ("abc", {"c": REMOVED}, "ab//"),
        ("abc", {"c": LEARNER}, "ab//c"),
        ("abc", {"d": LEARNER, "e": LEARNER}, "abc//de"),
        ("abc", {"d": VOTER, "e": VOTER}, "abcde/abc/"),
        ("abc", {"d": VOTER, "c": REMOVED}, "abd/abc/"),
        ("abc", {"d": VOTER, "c": LEARNER}, "abd/abc/c"),
        ("abc", {"a": REMOVED}, "bc/abc/"),
        ("abc", {"a": LEARNER}, "bc/abc/a"),
        ("abcde", {"b": REMOVED, "c": REMOVED}, "ade/abcde/"),
    ],
)
def test_one_voter_more_or_less_is_one_step_and_everything_else_goes_through_a_joint_one(voters, changes, step):
    configuration = Configuration(tuple(voters))
    target = changed(configuration, [Change(member, changes[member]) for member in sorted(changes)])

    entered = next_step(configuration, target, "a")

    assert "/".join("".join(ids) for ids in (entered.voters, entered.outgoing, entered.learners)) == step
    assert entered.left() == target
    if not entered.joint:
        assert len({*entered.voters} ^ {*configuration.voters}) <= 1


@pytest.mark.contract("M1", "M3")
def test_a_joint_configuration_is_left_exactly_once_and_only_after_both_halves_have_committed_it():
    member = leading(learners="de")
    member.acknowledge("bcde")

    ticket = member.change(Change("b", REMOVED), Change("c", REMOVED), Change("d", VOTER), Change("e", VOTER))
    assert (shown(member.node), brought(member)) == ("ade/abc/", [3])
    member.acknowledge("de")
    assert (member.node.log.commit_index, shown(member.node)) == (2, "ade/abc/"), "only the new half holds it"
    member.acknowledge("b")
    assert (member.node.log.commit_index, shown(member.node), brought(member)) == (3, "ade//", [3, 4])
    assert member.answered(ticket) == [], "what ends the change is not committed yet"
    member.acknowledge("d")

    assert member.answered(ticket) == [4]
    member.propose(b"x")
    member.wait(BEAT_MS)
    assert (brought(member), member.role) == ([3, 4], "leader")


@pytest.mark.contract("M1")
def test_the_old_half_alone_does_not_commit_a_joint_configuration_either():
    member = leading(learners="de")
    member.acknowledge("bcde")
    member.change(Change("b", REMOVED), Change("c", REMOVED), Change("d", VOTER), Change("e", VOTER))

    member.acknowledge("bc")

    assert (member.node.log.commit_index, shown(member.node)) == (2, "ade/abc/")


@pytest.mark.contract("M3")
def test_a_configuration_is_in_force_as_soon_as_it_is_in_the_log():
    member = leading()

    sent = member.sent
    sent.clear()
    member.change(Change("d", LEARNER))

    assert shown(member.node) == "abc//d"
    assert {to for to, message in sent if isinstance(message, Append)} == {"b", "c", "d"}
    assert member.node.log.commit_index == 2


@pytest.mark.contract("M1", "M3")
@pytest.mark.parametrize(("votes", "role"), [("bc", "candidate"), ("de", "candidate"), ("bd", "leader")])
def test_a_candidate_with_a_joint_configuration_needs_the_votes_of_both_halves(votes, role):
    # The halves are abc and ade.
    member = Member("a", term=1, log=(1,))
    member.hear(Append("b", 1, 1, 1, 0, (configuration_entry(2, 1, "ade", "abc"),)))
    member.campaign()

    for voter in votes:
        member.hear(VoteReply(voter, 2, True))

    assert member.role == role


@pytest.mark.contract("M3")
@pytest.mark.parametrize(("echoing", "stays"), [("bc", False), ("de", False), ("bd", True)])
def test_a_leader_needs_the_echoes_of_both_halves(echoing, stays):
    member = leader_in_a_joint_configuration()

    for _ in range(20):
        if member.role == "leader":
            member.echo(echoing)
        member.wait(BEAT_MS)

    assert (member.role == "leader") == stays


@pytest.mark.contract("M1", "M2")
@pytest.mark.parametrize("known", [0, 2], ids=["committed unknown", "committed known"])
def test_a_new_leader_leaves_the_joint_configuration_that_it_finds_once_its_own_term_has_committed(known):
    member = Member("a", term=1, log=(1,))
    member.hear(Append("b", 1, 1, 1, known, (configuration_entry(2, 1, "ade", "abc"),)))
    member.lead()
    assert (shown(member.node), terms(member.node.log)) == ("ade/abc/", [1, 1, 2])

    member.acknowledge("d")
    assert shown(member.node) == "ade/abc/"
    member.acknowledge("b")

    assert (shown(member.node), terms(member.node.log)) == ("ade//", [1, 1, 2, 2])


@pytest.mark.contract("M3")
def test_truncation_restores_the_configuration_before():
    member = Member("a", term=1, log=(1,))
    for index, voters in ((2, "abd"), (3, "abde"), (4, "abe")):
        member.hear(Append("b", 1, index - 1, 1, 0, (configuration_entry(index, 1, voters),)))
    assert shown(member.node) == "abe//"

    member.hear(Append("c", 2, 3, 1, 0, entries(2, first=4)))
    assert shown(member.node) == "abde//"
    member.hear(Append("d", 3, 1, 1, 0, ()), Append("d", 3, 1, 1, 0, entries(3, first=2)))
    assert shown(member.node) == "abc//"

    assert [event.configuration.voters for event in member.events if isinstance(event, ConfigurationChanged)] == [
        ("a", "b", "d"),
        ("a", "b", "d", "e"),
        ("a", "b", "e"),
        ("a", "b", "d", "e"),
        ("a", "b", "c"),
    ]


@pytest.mark.contract("M3")
def test_a_restarted_member_goes_by_the_newest_configuration_of_its_log():
    log = (*entries(1), configuration_entry(2, 1, "abd"), *entries(1, first=3))

    member = Member("a", voters="abc", restored=Restored(1, None, log))

    assert shown(member.node) == "abd//"


# Commitment (contract M7)


@pytest.mark.contract("M7")
def test_what_waits_is_committed_when_the_quorum_shrinks():
    member = leading("abcd")
    member.propose(b"x")
    member.acknowledge("b")
    assert member.node.log.commit_index == 2, "two of four are no majority"

    member.stalled = True  # so that nothing else makes it count again
    member.change(Change("d", REMOVED))

    assert (member.node.log.commit_index, shown(member.node)) == (3, "abc//")


# Learners and their promotion (contract M4)


@pytest.mark.contract("M4")
def test_a_new_voter_is_a_learner_first_and_becomes_a_voter_once_it_has_caught_up():
    member = leading()

    ticket = member.change(Change("d", VOTER, incarnation=5))
    assert shown(member.node) == "abc//d"
    assert member.node.configuration.incarnations == {"d": 5}
    member.acknowledge("bc")
    assert shown(member.node) == "abc//d", "d holds nothing yet"
    member.hear(signed(AppendAccepted("d", 2, 3), incarnation=5))
    assert shown(member.node) == "abcd//"
    assert member.answered(ticket) == []
    member.acknowledge("bc")

    assert member.answered(ticket) == [4]
    assert member.node.configuration.incarnations == {"d": 5}


@pytest.mark.contract("M4")
def test_a_learner_that_is_promoted_never_counts_before():
    member = leading()
    member.change(Change("d", VOTER))

    member.hear(AppendAccepted("d", 2, 3))
    assert member.node.log.commit_index == 2

    member.acknowledge("b")
    assert member.node.log.commit_index == 3


@pytest.mark.contract("M4")
def test_the_second_change_of_a_leader_is_answered_when_it_is_done_and_not_before():
    member = leading()
    first = member.change(Change("c", REMOVED))
    member.acknowledge("b")
    assert member.answered(first) == [3]

    second = member.change(Change("d", VOTER))
    member.acknowledge("b")
    member.wait(BEAT_MS)
    assert member.answered(second) == [], "d has not even answered"
    member.acknowledge("d")
    member.acknowledge("bd")

    assert member.answered(second) == [5]


def keep_going(member, ms, lag):
    """Let time pass, with a proposal each interval that everybody acknowledges at once, but d only `lag` ms later."""
    behind = []
    for _ in range(ms // BEAT_MS):
        member.propose(b"x")
        behind.append(member.node.log.last_index)
        member.acknowledge("bc")
        if len(behind) > lag // BEAT_MS:
            member.hear(AppendAccepted("d", 2, behind[-1 - lag // BEAT_MS]))
        member.echo("bcd")
        member.wait(BEAT_MS)


@pytest.mark.contract("M4")
def test_a_new_voter_that_is_an_election_timeout_behind_is_not_promoted():
    member = leading()
    ticket = member.change(Change("d", VOTER))

    keep_going(member, 8 * ELECTION_TIMEOUT_MS, lag=ELECTION_TIMEOUT_MS + BEAT_MS)
    assert (shown(member.node), member.answered(ticket)) == ("abc//d", [])

    keep_going(member, 8 * ELECTION_TIMEOUT_MS, lag=ELECTION_TIMEOUT_MS - 2 * BEAT_MS)
    assert shown(member.node) == "abcd//"


@pytest.mark.contract("M4")
def test_a_new_voter_that_never_catches_up_is_refused_with_a_reason_and_stays_a_learner():
    member = leading()
    ticket = member.change(Change("d", VOTER))

    keep_going(member, 20 * ELECTION_TIMEOUT_MS, lag=ELECTION_TIMEOUT_MS + BEAT_MS)

    assert member.answered(ticket) == [NotCaughtUp]
    assert shown(member.node) == "abc//d"
    [error] = [answer.error for answer in member.answers if answer.ticket == ticket]
    assert (error.member, error.last_index) == ("d", error.match_index + 11)
    member.change(Change("d", REMOVED))
    assert shown(member.node) == "abc//", "another change may follow"


@pytest.mark.contract("M4")
def test_a_new_voter_that_never_answers_is_refused():
    member = leading()
    ticket = member.change(Change("d", VOTER))
    member.acknowledge("bc")

    waited = 0
    while member.answered(ticket) == [] and waited < 30:
        waited += 1
        for _ in range(10):
            member.echo("bc")
            member.wait(BEAT_MS)

    assert member.answered(ticket) == [NotCaughtUp]
    assert 9 <= waited <= 12


# Leaders that are removed (contract M5)


def leader_that_is_removed():
    member = leading()
    ticket = member.change(Change("a", REMOVED))
    assert shown(member.node) == "bc/abc/"
    return member, ticket


@pytest.mark.contract("M5")
def test_a_removed_leader_hands_over_once_the_joint_configuration_is_committed():
    member, ticket = leader_that_is_removed()
    member.echo("bc")
    assert only(TimeoutNow, member.sent) == []

    member.acknowledge("bc")

    assert [to for to, message in member.sent if isinstance(message, TimeoutNow)] == ["b"]
    assert only(TimeoutNow, member.sent) == [TimeoutNow("a", 2, 3)]
    assert (member.role, shown(member.node)) == ("leader", "bc/abc/"), "its successor leaves the joint configuration"
    member.hear(VoteRequest("b", 3, 3, 2, transfer=True))
    assert (member.role, member.answered(ticket)) == ("follower", [OutcomeUnknown])


@pytest.mark.contract("M5")
def test_a_removed_leader_that_cannot_hand_over_leads_uncounted_until_it_has_left():
    member, ticket = leader_that_is_removed()
    member.echo("bc")
    member.acknowledge("bc")
    for _ in range(10):
        member.wait(BEAT_MS)
        member.echo("bc")
    assert (member.role, shown(member.node)) == ("leader", "bc//"), "the one that was told has not taken over"

    member.acknowledge("b")
    assert member.node.log.commit_index == 3, "b is one of two, and a does not count any more"
    assert member.answered(ticket) == []
    member.acknowledge("c")

    assert (member.role, member.answered(ticket)) == ("follower", [4])
    assert member.node.deadline is None, "it is no member any more, and never campaigns"


@pytest.mark.contract("M5")
def test_a_leader_that_is_removed_while_it_hands_over_anyway_goes_on_with_both():
    member, _ = leader_that_is_removed()
    member.echo("bc")
    ticket = member.transfer("c")

    member.acknowledge("bc")
    assert [to for to, message in member.sent if isinstance(message, TimeoutNow)] == ["c"]
    for _ in range(25):  # its own attempt to hand over follows
        member.wait(BEAT_MS)
        if member.role == "leader":
            member.echo("bc")
    member.acknowledge("bc")

    assert len(member.answered(ticket)) == 1
    assert (member.role, shown(member.node)) == ("follower", "bc//")


@pytest.mark.contract("M5")
def test_a_promoted_learner_that_has_not_heard_of_it_still_votes_when_asked():
    # P9
    member = Member("d", voters="abc", learners="d", term=2, log=(1, 2))
    assert member.node.deadline is None

    assert member.hear(VoteRequest("a", 3, 3, 2)) == [("a", VoteReply("d", 3, True))]


def test_a_change_that_is_cut_short_by_a_new_leader_is_answered_as_unknown():
    member = leading()
    ticket = member.change(Change("d", VOTER))

    member.hear(HigherTerm("b", 9))

    assert member.answered(ticket) == [OutcomeUnknown]
    member.wait(BEAT_MS)
    assert len(member.answered(ticket)) == 1


def test_a_change_shows_what_it_asks_for():
    assert repr(Change("d", VOTER)) == "Change('d', 'voter')"
