"""The table `votes.txt`, line by line."""

from pathlib import Path

import pytest

from raft.messages import Heartbeat, HigherTerm, PreVoteReply, PreVoteRequest, VoteReply, VoteRequest
from tests.raft.member import ELECTION_TIMEOUT_MS, Member, picture

TABLE = Path(__file__).with_name("votes.txt")
CASES = [line.split() for line in TABLE.read_text(encoding="utf-8").splitlines() if line.strip() and line[0] != "#"]


def position(text):
    index, term = text.split("/")
    return int(index), int(term)


def voter(term, vote, log, leader):
    last_index, last_term = position(log)
    member = Member("a", term=int(term), vote=None if vote == "-" else vote, log=[last_term] * last_index)
    if leader != "none":
        member.hear(Heartbeat("c", int(term), 1))
        member.now += ELECTION_TIMEOUT_MS if leader == "silent" else ELECTION_TIMEOUT_MS - 1
    return member


@pytest.mark.contract("E1", "E2", "E3")
@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_a_voter_answers_as_the_table_says(case):
    # Arrange
    term, vote, log, leader, what, asked_term, asked_log, answer, term_after, vote_after = case
    member = voter(term, vote, log, leader)
    before = picture(member.node)
    last_index, last_term = position(asked_log)

    # Act
    if what == "pre":
        sent = member.hear(PreVoteRequest("b", int(asked_term), 77, last_index, last_term))
    else:
        sent = member.hear(VoteRequest("b", int(asked_term), last_index, last_term))

    # Assert
    granted = answer == "granted"
    if answer == "nothing":
        assert sent == []
    elif answer == "higher":
        assert sent == [("b", HigherTerm("a", int(term_after)))]
    elif what == "pre":
        assert sent == [("b", PreVoteReply("a", int(term_after), 77, granted))]
    else:
        assert sent == [("b", VoteReply("a", int(term_after), granted))]
    assert member.node.term == int(term_after)
    assert member.node.vote == (None if vote_after == "-" else vote_after)
    if what == "pre" or answer == "nothing":
        assert picture(member.node) == before
