"""Changes of membership that are refused, each by a name of its own, and those that change nothing."""

import pytest

from raft.changes import LEARNER, REMOVED, VOTER, Change
from raft.errors import (
    ChangeInProgress,
    ChangeRefused,
    InvalidChange,
    LastVoter,
    NotLeader,
    TermNotCommitted,
    TransferInProgress,
    WitnessMajority,
)
from raft.membership import MAX_MEMBERS
from tests.raft.member import Member, leading, picture, shown


def unsettled_leader():
    member = Member("a", term=1, log=(1,))
    member.lead()
    return member


def leader_while_one_catches_up():
    member = leading()
    member.change(Change("d", VOTER))
    member.acknowledge("bc")
    return member


def leader_in_a_joint_configuration():
    member = leading(learners="de")
    member.change(Change("b", REMOVED), Change("c", REMOVED), Change("d", VOTER), Change("e", VOTER))
    assert member.node.configuration.joint
    return member


def leader_with_a_change_not_committed():
    member = leading()
    member.change(Change("c", REMOVED))
    return member


def bound_leader():
    return leading(parts={"incarnations": {"b": 7}, "witnesses": ("c",)}, voters="abcd")


def lone_leader():
    return leading("a", learners="l")


REFUSALS = {
    "nothing committed in the term": (unsettled_leader, [Change("c", REMOVED)], TermNotCommitted),
    "a voter catches up": (leader_while_one_catches_up, [Change("c", REMOVED)], ChangeInProgress),
    "a joint configuration": (leader_in_a_joint_configuration, [Change("c", REMOVED)], ChangeInProgress),
    "a change not committed": (leader_with_a_change_not_committed, [Change("b", LEARNER)], ChangeInProgress),
    "named twice": (leading, [Change("c", REMOVED), Change("c", VOTER)], InvalidChange),
    "no part": (leading, [Change("c", "boss")], InvalidChange),
    "part is None": (leading, [Change("c", None)], InvalidChange),
    "id is empty": (leading, [Change("", VOTER)], InvalidChange),
    "id is too long": (leading, [Change("d" * 65, VOTER)], InvalidChange),
    "id is a number": (leading, [Change(7, VOTER)], InvalidChange),
    "id is None": (leading, [Change(None, LEARNER)], InvalidChange),
    "id is a list": (leading, [Change(["d"], LEARNER)], InvalidChange),
    "id that no text can hold": (leading, [Change("\ud800", VOTER)], InvalidChange),
    "address that no text can hold": (leading, [Change("d", VOTER, "\ud800")], InvalidChange),
    "address too long": (leading, [Change("d", LEARNER, "x" * 256)], InvalidChange),
    "address is a number": (leading, [Change("d", LEARNER, 7000)], InvalidChange),
    "priority too high": (leading, [Change("b", VOTER, priority=1001)], InvalidChange),
    "absurd incarnation": (leading, [Change("d", VOTER, incarnation=-1)], InvalidChange),
    "another incarnation": (bound_leader, [Change("b", VOTER, incarnation=8)], InvalidChange),
    "a voter as witness": (bound_leader, [Change("b", VOTER, witness=True)], InvalidChange),
    "a witness as voter": (bound_leader, [Change("c", VOTER, witness=False)], InvalidChange),
    "the last voter removed": (lone_leader, [Change("a", REMOVED)], LastVoter),
    "the last voter demoted": (lone_leader, [Change("a", LEARNER)], LastVoter),
    "all removed": (leading, [Change(id, REMOVED) for id in "abc"], LastVoter),
    "only a witness left": (bound_leader, [Change(id, REMOVED) for id in "abd"], LastVoter),
    "two witnesses of three": (
        leading,
        [Change("b", REMOVED), Change("c", REMOVED), *[Change(id, VOTER, witness=True) for id in "de"]],
        WitnessMajority,
    ),
    "too many members": (leading, [Change(f"l{i}", LEARNER) for i in range(MAX_MEMBERS)], InvalidChange),
}


@pytest.mark.contract("M2", "M6", "M8")
@pytest.mark.parametrize("why", REFUSALS)
def test_what_cannot_be_is_refused_by_a_name_of_its_own_and_changes_nothing(why):
    begin, changes, kind = REFUSALS[why]
    member = begin()
    before = picture(member.node, without=("_tickets", "node"))

    with pytest.raises(ChangeRefused) as refusal:
        member.change(*changes)

    assert type(refusal.value) is kind
    assert picture(member.node, without=("_tickets", "node")) == before
    member.effects()
    assert picture(member.node, without=("_tickets", "node")) == before, "the refusal had consequences"


@pytest.mark.contract("M2", "L3")
def test_no_change_begins_while_leadership_is_handed_over():
    member = leading()
    member.transfer("b")
    before = picture(member.node, without=("_tickets", "node"))

    with pytest.raises(TransferInProgress) as refusal:
        member.change(Change("c", REMOVED))

    assert refusal.value.target == "b"
    assert picture(member.node, without=("_tickets", "node")) == before


@pytest.mark.contract("M2")
def test_a_refusal_says_what_it_waits_for():
    for begin, index in [
        (leader_with_a_change_not_committed, 3),
        (leader_in_a_joint_configuration, 3),
        (leader_while_one_catches_up, 3),
    ]:
        member = begin()
        with pytest.raises(ChangeInProgress) as refusal:
            member.change(Change("c", REMOVED))
        assert refusal.value.index in (0, index)
        assert "another change" in str(refusal.value)
    with pytest.raises(TermNotCommitted, match="nothing is committed in term 2 yet"):
        unsettled_leader().change(Change("c", REMOVED))


def test_who_does_not_lead_changes_nobody():
    member = Member("a", term=1, log=(1,))

    with pytest.raises(NotLeader):
        member.change(Change("c", REMOVED))


@pytest.mark.contract("M6")
@pytest.mark.parametrize("count", [MAX_MEMBERS - 3, MAX_MEMBERS])
def test_a_change_that_would_need_too_many_members_on_the_way_is_refused(count):
    voters = tuple(f"v{i:02}" for i in range(40))
    member = Member("v00", voters, term=1, log=(1,))
    member.lead()
    member.acknowledge(member.node.other_voters)
    changes = [Change(f"v{i:02}", REMOVED) for i in range(10, 40)] + [Change(f"w{i}", VOTER) for i in range(count - 30)]
    before = picture(member.node, without=("_tickets", "node"))

    with pytest.raises(InvalidChange):
        member.change(*changes)

    member.effects()
    assert picture(member.node, without=("_tickets", "node")) == before


@pytest.mark.contract("M6")
@pytest.mark.parametrize(
    "change", [Change("b", VOTER), Change("z", REMOVED), Change("a", VOTER), Change("l", LEARNER)], ids=repr
)
def test_adding_and_removing_again_is_harmless(change):
    member = leading(learners="l")
    last_index = member.node.log.last_index

    ticket = member.change(change)

    assert member.answered(ticket) == [0], "there was never another configuration than the first"
    assert (member.node.log.last_index, shown(member.node)) == (last_index, "abc//l")
    assert not member.node.configuration.joint


@pytest.mark.contract("M6")
def test_a_change_that_was_made_already_is_answered_with_the_entry_that_made_it():
    member = leading()
    member.change(Change("c", REMOVED))
    member.acknowledge("b")

    again = member.change(Change("c", REMOVED))

    assert member.answered(again) == [3]
    assert member.node.log.last_index == 3
