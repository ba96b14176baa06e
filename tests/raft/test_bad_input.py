"""Whatever arrives, a node refuses it with a named error or drops and counts it; it never crashes, nothing changes."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from raft.config import Config
from raft.entries import COMMAND, CONFIGURATION, Entry
from raft.errors import FatalError, InvalidConfig, InvalidRestore, NotLeader, ProposalRefused
from raft.membership import Configuration
from raft.messages import (
    LIMIT,
    MESSAGES,
    Append,
    AppendAccepted,
    AppendRejected,
    Heartbeat,
    HeartbeatEcho,
    HigherTerm,
    Message,
    NoRoom,
    PreVoteReply,
    PreVoteRequest,
    ReadReply,
    ReadRequest,
    SnapshotChunk,
    SnapshotReceived,
    TimeoutNow,
    VoteReply,
    VoteRequest,
    WrongIncarnation,
)
from raft.node import Node
from raft.ready import Restored
from raft.snapshot import Snapshot
from tests.raft.member import Member, entries, picture, signed

ABC = Configuration(("a", "b", "c"))


def follower():
    member = Member("a", voters="abc", learners="l", term=2, vote="b", log=(1, 1, 2))
    member.hear(Append("b", 2, 3, 2, 2, ()))
    return member


def pre_candidate():
    member = follower()
    member.time_out()
    return member


def candidate():
    member = follower()
    member.now += 2000
    member.campaign()
    return member


def leader():
    member = candidate()
    member.hear(VoteReply("b", member.node.term, True))
    member.propose(b"x")
    return member


EVERY_ROLE = pytest.mark.parametrize(
    "role", [follower, pre_candidate, candidate, leader], ids=lambda role: role.__name__
)

NO_MESSAGES = [None, 7, "vote for me", b"\x00", [], {}, object(), Heartbeat, Message(), Entry(1, 1, COMMAND, b"")]


MALFORMED = [
    PreVoteRequest("b", 9, -1, 3, 2),
    PreVoteRequest("b", 9, 7, 3, 0),
    PreVoteRequest("b", 0, 7, 3, 2),
    PreVoteReply("b", 9, 7, 1),
    PreVoteReply("b", -1, 7, True),
    PreVoteReply("b", 9, "7", True),
    VoteRequest("b", 9, "3", 2),
    VoteRequest("b", 9, 0, 2),
    VoteRequest("b", 0, 3, 2),
    VoteRequest("b", 10**30, 3, 2),
    VoteReply("b", 3, None),
    VoteReply("b", 3, 1),
    Append("b", 9, 3, 2, 0, None),
    Append("b", 9, 3, 2, 0, (None,)),
    Append("b", 9, 3, 2, -1, ()),
    Append("b", 9, 3, 2, 1.5, ()),
    Append("b", 9, -3, 2, 0, ()),
    Append("b", 9, 3, 2, 0, entries(9, first=5)),
    Append("b", 9, 3, 2, 0, entries(10, first=4)),
    Append("b", 9, 3, 2, 0, entries(1, first=4)),
    Append("b", 9, 3, 2, 0, (Entry(4, 9, 99, b""),)),
    Append("b", 9, 3, 2, 0, (Entry(4, 9, COMMAND, "text"),)),
    Append("b", 9, 1, 1, 0, (Entry(2.0, 1, COMMAND, b""),)),
    Append("b", 9, 3, 2, 0, (Entry(4, 9, CONFIGURATION, b"abc"),)),
    AppendAccepted("b", 3, -1),
    AppendAccepted("b", 3, None),
    AppendRejected("b", 3, 0, 0, 0),
    AppendRejected("b", 3, 3, 4, 1),
    AppendRejected("b", 3, 3, 0, 1),
    Heartbeat("b", 9, 0),
    Heartbeat("b", 9, None),
    Heartbeat("", 9, 1),
    Heartbeat(None, 9, 1),
    Heartbeat(["b"], 9, 1),
    Heartbeat("b" * 65, 9, 1),
    HeartbeatEcho("b", 3, 0, 0),
    HeartbeatEcho("b", 3, 1, -1),
    Heartbeat("b", 9, 1, -1),
    Heartbeat("b", 9, 1, 0, None),
    HeartbeatEcho("b", 3, 1, 0, -1),
    VoteRequest("b", 9, 3, 2, 1),
    TimeoutNow("b", 9, -1),
    TimeoutNow("b", 9, None),
    ReadRequest("b", 9, 7, 0),
    ReadRequest("b", 9, "7", 1),
    ReadReply("b", 9, 7, 1, -1),
    ReadReply("b", 9, -7, 1, 1),
    WrongIncarnation("b", 9, 0),
    WrongIncarnation("b", 9, 1 << 64),
    SnapshotChunk("b", 9, None, 0, 0, b"", True),
    SnapshotReceived("b", 9, 0, 0, 0),
    NoRoom("b", 9, -1),
    signed(HigherTerm("b", 9), incarnation=-1),
    signed(HigherTerm("b", 9), incarnation=1 << 64),
    signed(HigherTerm("b", 9), incarnation=None),
    signed(PreVoteReply("b", 9, 7, False), incarnation=1.0),
    signed(HigherTerm("b", 9), cluster=-1),
    signed(HigherTerm("b", 9), cluster="c"),
    signed(HigherTerm("b", 9), cluster=1 << 64),
    HigherTerm("b", 0),
    HigherTerm("b", True),
    HigherTerm("b", LIMIT + 1),
]


def said_by(sender):
    """One message of every kind, well formed, in a term above everybody's."""
    return [
        PreVoteRequest(sender, 9, 7, 9, 8),
        PreVoteReply(sender, 9, 7, False),
        VoteRequest(sender, 9, 9, 8),
        VoteReply(sender, 9, True),
        Append(sender, 9, 3, 2, 3, entries(9, first=4)),
        AppendAccepted(sender, 9, 3),
        AppendRejected(sender, 9, 3, 0, 0),
        Heartbeat(sender, 9, 1),
        HeartbeatEcho(sender, 9, 1, 0),
        SnapshotChunk(sender, 9, Snapshot(9, 8, 0, ABC), 5, 0, b"abc", True),
        SnapshotReceived(sender, 9, 9, 0, 3),
        HigherTerm(sender, 9),
        ReadRequest(sender, 9, 7, 1),
        ReadReply(sender, 9, 7, 1, 3),
        TimeoutNow(sender, 9, 3),
        WrongIncarnation(sender, 9, 7),
        NoRoom(sender, 9, 3),
    ]


def test_something_of_every_kind_is_said():
    assert tuple(type(message) for message in said_by("b")) == MESSAGES


@EVERY_ROLE
@pytest.mark.parametrize("thing", NO_MESSAGES, ids=lambda thing: type(thing).__name__)
def test_what_is_no_message_is_dropped_and_counted(role, thing):
    member = role()
    before = picture(member.node)

    assert member.hear(thing) == []

    assert member.node.dropped == {"malformed": 1}
    assert picture(member.node) == before


@EVERY_ROLE
@pytest.mark.parametrize("message", MALFORMED, ids=lambda message: type(message).__name__)
def test_a_malformed_message_is_dropped_and_counted(role, message):
    member = role()
    before = picture(member.node)

    assert member.hear(message) == []

    assert member.node.dropped == {"malformed": 1}
    assert picture(member.node) == before


# Members that have not heard of each other yet must elect, and follow, each other all the same (thesis section 4.2.2).
FROM_ANYONE = (PreVoteRequest, VoteRequest, Append, Heartbeat, SnapshotChunk, WrongIncarnation)


@EVERY_ROLE
@pytest.mark.parametrize(
    "message",
    [message for message in said_by("z") if not isinstance(message, FROM_ANYONE)],
    ids=lambda message: type(message).__name__,
)
def test_a_message_of_a_stranger_is_dropped_and_counted(role, message):
    member = role()
    before = picture(member.node)

    assert member.hear(message) == []

    assert member.node.dropped == {"stranger": 1}
    assert picture(member.node) == before


@pytest.mark.contract("M5")
@EVERY_ROLE
@pytest.mark.parametrize("position", [4, 7, 9], ids=["append", "heartbeat", "chunk"])
def test_a_leader_that_a_member_has_not_heard_of_yet_is_followed(role, position):
    member = role()

    member.hear(said_by("z")[position])

    assert (member.role, member.node.term, member.node.role.leader) == ("follower", 9, "z")
    assert member.node.dropped == {}


@pytest.mark.contract("M5")
@pytest.mark.parametrize("role", [pre_candidate, candidate], ids=lambda role: role.__name__)
def test_a_candidate_that_a_member_has_not_heard_of_yet_gets_its_vote(role):
    member = role()

    assert member.hear(PreVoteRequest("z", 9, 7, 9, 8)) == [("z", PreVoteReply("a", member.node.term, 7, True))]
    assert member.hear(VoteRequest("z", 9, 9, 8)) == [("z", VoteReply("a", 9, True))]


@pytest.mark.contract("E6")
@pytest.mark.parametrize("role", [follower, leader], ids=lambda role: role.__name__)
def test_a_stranger_gets_no_vote_from_who_hears_its_leader(role):
    member = role()
    if member.role == "leader":
        member.hear(HeartbeatEcho("b", member.node.term, 1, 0))
    term = member.node.term

    assert member.hear(PreVoteRequest("z", 9, 7, 9, 8)) == [("z", PreVoteReply("a", term, 7, False))]
    assert member.hear(VoteRequest("z", 9, 9, 8)) == []
    assert (member.node.term, member.node.dropped) == (term, {"leader is heard": 1})


@EVERY_ROLE
def test_a_refusal_of_an_incarnation_changes_nothing_whoever_it_comes_from(role):
    member = role()
    before = picture(member.node)

    assert member.hear(WrongIncarnation("z", 9, 7), WrongIncarnation("b", 9, 7)) == []

    assert picture(member.node) == before


@EVERY_ROLE
@pytest.mark.parametrize("message", said_by("a"), ids=lambda message: type(message).__name__)
def test_a_message_that_claims_to_come_from_the_node_itself_is_dropped_and_counted(role, message):
    member = role()
    before = picture(member.node)

    assert member.hear(message) == []

    assert member.node.dropped == {"stranger": 1}
    assert picture(member.node) == before


@pytest.mark.parametrize("role", [follower, pre_candidate, candidate], ids=lambda role: role.__name__)
@pytest.mark.parametrize("command", [b"x", b"", None, "text"], ids=repr)
def test_a_proposal_to_who_does_not_lead_is_refused(role, command):
    member = role()
    before = picture(member.node)

    with pytest.raises(NotLeader):
        member.propose(command)

    assert picture(member.node) == before


@pytest.mark.parametrize("command", [None, "text", 7, [b"x"], b"x" * 101], ids=lambda command: repr(command)[:10])
def test_a_proposal_that_a_leader_cannot_take_is_refused(command):
    member = Member("a", term=1, log=(1,), max_entry_bytes=100)
    member.lead()
    before = picture(member.node)

    with pytest.raises(ProposalRefused):
        member.propose(command)

    assert picture(member.node) == before


@pytest.mark.parametrize(
    "settings",
    [
        {"election_timeout_ms": 0},
        {"election_timeout_ms": -1000},
        {"election_timeout_ms": 10**12},
        {"election_timeout_ms": float("nan")},
        {"election_timeout_ms": "1s"},
        {"heartbeat_interval_ms": 999},
        {"heartbeat_interval_ms": 0},
        {"window_messages": 0},
        {"max_append_entries": None},
        {"max_apply_entries": True},
        {"max_pending_reads": 0},
        {"lease_promise_ms": 1001},
        {"lease_promise_ms": -1},
        {"max_clock_drift_ppm": 500_001},
        {"quiescent_timeouts": 1.0},
        {"verbose": 1},
    ],
    ids=repr,
)
def test_absurd_settings_are_refused_by_name(settings):
    with pytest.raises(InvalidConfig) as refusal:
        Config(**settings)

    assert refusal.value.field in settings


@pytest.mark.parametrize("id", ["z", "", None, 7, "A"], ids=repr)
def test_an_absurd_id_is_refused_by_name(id):
    with pytest.raises(InvalidConfig) as refusal:
        Node(id, Configuration(("a", "b", "c")))

    assert refusal.value.field == "id"


@pytest.mark.parametrize("id", ["", "b" * 65, None, 7, b"a"], ids=lambda id: repr(id)[:9])
def test_an_absurd_id_of_a_member_that_joins_is_refused_by_name(id):
    with pytest.raises(InvalidConfig) as refusal:
        Node(id, None)

    assert refusal.value.field == "id"


@pytest.mark.parametrize(
    "restored",
    [Restored(-1), Restored(0, "a"), Restored(1, None, entries(2)), Restored(9, None, entries(1, first=3))],
    ids=["negative term", "vote without term", "log ahead of term", "gap"],
)
def test_an_absurd_restored_state_is_refused_by_name(restored):
    with pytest.raises(InvalidRestore):
        Node("a", Configuration(("a", "b", "c")), restored=restored)


# Anything at all, many times over

NUMBER = st.integers(-1, 12) | st.sampled_from([LIMIT, LIMIT + 1, None, True, 1.0, "1"])
SENDER = st.sampled_from(["b", "c", "l", "a", "z", "", None])
FLAG = st.booleans() | NUMBER
ENTRY = st.builds(Entry, NUMBER, NUMBER, st.integers(-1, 3), st.binary(max_size=2) | st.none()) | st.none()
BATCH = st.lists(ENTRY, max_size=3).map(tuple) | st.builds(
    lambda first, terms: entries(*sorted(terms), first=first),
    st.integers(1, 6),
    st.lists(st.integers(1, 9), max_size=3),
)
ANYTHING = st.one_of(
    st.builds(PreVoteRequest, SENDER, NUMBER, NUMBER, NUMBER, NUMBER),
    st.builds(PreVoteReply, SENDER, NUMBER, NUMBER, FLAG),
    st.builds(VoteRequest, SENDER, NUMBER, NUMBER, NUMBER),
    st.builds(VoteReply, SENDER, NUMBER, FLAG),
    st.builds(Append, SENDER, NUMBER, NUMBER, NUMBER, NUMBER, BATCH),
    st.builds(AppendAccepted, SENDER, NUMBER, NUMBER),
    st.builds(AppendRejected, SENDER, NUMBER, NUMBER, NUMBER, NUMBER),
    st.builds(Heartbeat, SENDER, NUMBER, NUMBER),
    st.builds(HeartbeatEcho, SENDER, NUMBER, NUMBER, NUMBER),
    st.builds(HigherTerm, SENDER, NUMBER),
    st.builds(Heartbeat, SENDER, NUMBER, NUMBER, NUMBER, NUMBER),
    st.builds(HeartbeatEcho, SENDER, NUMBER, NUMBER, NUMBER, NUMBER),
    st.builds(VoteRequest, SENDER, NUMBER, NUMBER, NUMBER, FLAG),
    st.builds(TimeoutNow, SENDER, NUMBER, NUMBER),
    st.builds(ReadRequest, SENDER, NUMBER, NUMBER, NUMBER),
    st.builds(ReadReply, SENDER, NUMBER, NUMBER, NUMBER, NUMBER),
    st.builds(WrongIncarnation, SENDER, NUMBER, NUMBER),
    st.builds(SnapshotReceived, SENDER, NUMBER, NUMBER, NUMBER, NUMBER),
    st.builds(signed, st.builds(HigherTerm, SENDER, NUMBER), incarnation=NUMBER, cluster=NUMBER),
    st.sampled_from(NO_MESSAGES[:8]),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.sampled_from([follower, pre_candidate, candidate, leader]), st.lists(ANYTHING, max_size=25), st.data())
def test_no_flood_of_anything_crashes_a_node_or_breaks_its_invariants(role, flood, data):
    member = role()
    for thing in flood:
        before = picture(member.node)
        term, vote, commit = member.node.term, member.node.vote, member.node.log.commit_index
        dropped = dict(member.node.dropped)
        try:
            member.hear(thing)
        except FatalError:
            return  # a named error, and the node stops: committed entries were contradicted
        refused = {reason for reason in member.node.dropped if member.node.dropped[reason] != dropped.get(reason, 0)}

        member.node.check()
        assert member.node.term >= term
        assert member.node.log.commit_index >= commit
        assert vote is None or member.node.term > term or member.node.vote == vote
        if refused & {"malformed", "stranger"}:
            assert picture(member.node) == before
        if data.draw(st.booleans()):
            member.wait(data.draw(st.integers(0, 3000)))
