"""The news of a commit is kept for a moment, so that it goes with the next entries."""

import pytest

from raft.messages import Append, AppendAccepted, Heartbeat, HeartbeatEcho, ReadRequest
from tests.raft.member import ELECTION_TIMEOUT_MS, Member

DELAY_MS = 5


def settled_leader(delay_ms=DELAY_MS, **settings):
    """A leader of term 2 whose log everybody has, and has been told to be committed."""
    member = Member("a", term=1, log=(1,), commit_delay_ms=delay_ms, **settings)
    member.lead()
    member.acknowledge("bc")
    member.time_out()
    member.echo("bc")
    return member


def appends(sent, receiver="b"):
    return [message for to, message in sent if to == receiver and isinstance(message, Append)]


def commit(member, command=b"x"):
    """Propose and commit a command; return what was sent when it was committed."""
    member.propose(command)
    return member.hear(AppendAccepted("b", 2, member.node.log.last_index))


def test_followers_are_not_told_at_once():
    member = settled_leader()

    assert commit(member) == []
    assert member.node.log.commit_index == 3
    assert member.node.deadline == member.now + DELAY_MS


def test_they_are_told_after_a_while_and_only_once():
    member = settled_leader()
    commit(member)

    assert member.wait(DELAY_MS - 1) == []
    sent = member.wait(1)

    assert [append.commit for append in appends(sent, "b") + appends(sent, "c")] == [3, 3]
    assert appends(member.wait(DELAY_MS)) == []


def test_the_next_entries_bring_it():
    member = settled_leader()
    commit(member)

    (append,) = appends(member.propose(b"y"))

    assert (append.commit, [entry.data for entry in append.entries]) == (3, [b"y"])
    assert member.wait(DELAY_MS) == []
    assert member.node.deadline > member.now + DELAY_MS, "nothing is due any more"


def test_the_moment_counts_from_the_first_commit_that_is_kept():
    member = settled_leader(window_messages=1)
    commit(member)
    member.wait(3)
    member.hear(AppendAccepted("c", 2, 2))
    began_ms = member.now - 3

    assert member.node.deadline == began_ms + DELAY_MS
    assert [append.commit for append in appends(member.time_out())] == [3]


def test_a_round_of_heartbeats_takes_it_along():
    member = settled_leader(delay_ms=1000)
    commit(member)

    sent = member.time_out()

    assert [type(message) for to, message in sent if to == "b"] == [Heartbeat, Append]


@pytest.mark.contract("L1")
@pytest.mark.parametrize("whose", ["the leader's", "a follower's"])
def test_a_read_brings_it(whose):
    member = settled_leader(delay_ms=1000)
    commit(member)

    if whose == "the leader's":
        member.node.read(member.now)
        sent = member.effects()
    else:
        sent = member.hear(ReadRequest("b", 2, 7, 1))

    assert [append.commit for append in appends(sent)] == [3]


def test_without_delay_they_are_told_at_once():
    assert [append.commit for append in appends(commit(settled_leader(delay_ms=0)))] == [3]


def test_news_that_was_lost_is_told_again():
    member = settled_leader()
    commit(member)
    member.wait(DELAY_MS)
    member.time_out()

    member.hear(HeartbeatEcho("b", 2, member.node.role.round, 2))

    assert [append.commit for append in appends(member.wait(DELAY_MS))] == [3]
    assert appends(member.wait(DELAY_MS), "c") == []


def test_the_echo_of_the_round_that_took_it_along_does_not_bring_it_again():
    member = settled_leader()
    commit(member)
    member.time_out()

    sent = member.hear(HeartbeatEcho("b", 2, member.node.role.round, 2)) + member.wait(DELAY_MS)

    assert appends(sent) == []


def test_a_deposed_leader_has_nothing_to_tell():
    member = settled_leader()
    commit(member)

    member.hear(Heartbeat("b", 3, 1))

    assert member.node.deadline >= member.now + ELECTION_TIMEOUT_MS
