"""The sessions around a state machine: what reaches it, what is answered, what is forgotten and what never is."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors import results
from actors.kv import KeyValue, Result
from actors.kv_commands import put
from actors.machine import for_core
from actors.session_commands import in_session, plain, register
from actors.session_table import (
    AHEAD,
    ANSWERED,
    APPLIED,
    CROWDED,
    EXPIRED,
    FULL,
    INVALID,
    REGISTERED,
    REPLY_OVERHEAD_BYTES,
    UNSUPPORTED,
    MalformedSnapshot,
    Reply,
    SessionLimits,
)
from raft.entries import COMMAND, Entry
from raft.errors import InvalidConfig
from transport_sim.machine import SnapshotMachine as Machine
from transport_sim.session_model import SessionModel

pytestmark = pytest.mark.contract("C1")


class Member:
    """A machine behind sessions, and the log that it is given."""

    def __init__(self, machine=None, **limits):
        self.limits = SessionLimits(**limits)
        self.machine = Machine() if machine is None else machine
        self.sessions = for_core(self.machine, self.limits)
        self.index = 0
        self.now_ms = 0

    def apply(self, data):
        self.index += 1
        return self.sessions.apply(Entry(self.index, 1, COMMAND, data, self.now_ms))

    def register(self):
        return self.apply(register()).value

    def restart(self, cut=None):
        """Goes on as another member does that is given a snapshot."""
        chunks = b"".join(self.sessions.snapshot())
        self.machine = type(self.machine)()
        self.sessions = for_core(self.machine, self.limits)
        size = cut or len(chunks)
        self.sessions.restore(chunks[at : at + size] for at in range(0, len(chunks), size))


def applied(position):
    return Reply(APPLIED, results.encode(position))


def test_a_retried_command_is_applied_once_and_answered_alike():
    member = Member()
    session = member.register()

    replies = [member.apply(in_session(session, 1, 1, b"a")) for _ in range(3)]

    assert replies == [applied(1)] * 3
    assert member.machine.commands == [b"a"]


def test_another_session_and_another_sequence_are_other_commands():
    member = Member()
    one, other = member.register(), member.register()
    assert one != other

    for session, sequence in ((one, 1), (other, 1), (one, 2)):
        member.apply(in_session(session, sequence, 1, b"a"))

    assert member.machine.commands == [b"a"] * 3


def test_without_a_session_a_command_is_applied_as_often_as_it_is_in_the_log():
    member = Member()

    assert [member.apply(plain(b"a")) for _ in range(2)] == [Reply(APPLIED, 1), Reply(APPLIED, 2)]


@given(st.permutations(range(1, 9)), st.lists(st.integers(1, 8), max_size=20), st.data())
def test_any_order_within_the_window_is_applied_once_and_answered_alike(order, retries, data):
    member = Member(window=8)
    session = member.register()
    asked = list(order)
    for sequence in retries:
        asked.insert(data.draw(st.integers(0, len(asked))), sequence)

    replies = [(sequence, member.apply(in_session(session, sequence, 1, b"%d" % sequence))) for sequence in asked]

    assert sorted(member.machine.commands) == [b"%d" % sequence for sequence in range(1, 9)]
    assert set(replies) == {
        (sequence, applied(member.machine.commands.index(b"%d" % sequence) + 1)) for sequence in range(1, 9)
    }


# The window


def test_beyond_the_window_is_refused_and_taken_once_the_window_has_moved():
    member = Member(window=3)
    session = member.register()

    assert member.apply(in_session(session, 4, 1, b"d")) == Reply(AHEAD)
    assert member.apply(in_session(session, 3, 1, b"c")) == applied(1)
    assert member.apply(in_session(session, 4, 2, b"d")) == applied(2)
    assert member.machine.commands == [b"c", b"d"]


def test_what_the_client_says_is_answered_is_dropped_and_never_applied_again():
    member = Member()
    session = member.register()
    member.apply(in_session(session, 1, 1, b"a"))

    assert member.apply(in_session(session, 3, 3, b"c")) == applied(2)

    assert member.apply(in_session(session, 1, 1, b"a")) == Reply(ANSWERED)
    assert member.apply(in_session(session, 2, 1, b"never seen")) == Reply(ANSWERED)
    assert member.apply(in_session(session, 3, 1, b"c")) == applied(2), "an old lowest sequence moves nothing back"
    assert member.machine.commands == [b"a", b"c"]


# Log time


def test_a_session_expires_a_timeout_after_its_last_use_and_not_before():
    member = Member(timeout_ms=100)
    session = member.register()
    member.now_ms = 100
    assert member.apply(in_session(session, 1, 1, b"a")) == applied(1)
    member.now_ms = 200
    assert member.apply(in_session(session, 1, 1, b"a")) == applied(1)
    member.now_ms = 301

    assert member.apply(in_session(session, 1, 1, b"a")) == Reply(EXPIRED)
    assert member.apply(in_session(session, 2, 2, b"b")) == Reply(EXPIRED)
    assert member.machine.commands == [b"a"]


def test_an_unknown_session_is_refused_as_an_expired_one():
    member = Member()

    assert member.apply(in_session(7, 1, 1, b"a")) == Reply(EXPIRED)
    assert member.machine.commands == []


def test_what_expires_is_forgotten_with_its_replies():
    member = Member(timeout_ms=100, sessions=2)
    for _ in range(2):
        member.apply(in_session(member.register(), 1, 1, b"a"))
    table = member.sessions._table
    assert (len(table), table.reply_bytes > 0) == (2, True)
    assert member.apply(register()) == Reply(CROWDED)

    member.now_ms = 101
    assert member.apply(register()).outcome == REGISTERED

    assert (len(table), table.reply_bytes) == (1, 0)


# Bounds


def test_beyond_the_bytes_of_a_session_nothing_is_evicted_and_only_the_lowest_command_is_applied():
    one = REPLY_OVERHEAD_BYTES + len(results.encode(1))
    member = Member(session_reply_bytes=2 * one)
    session, other = member.register(), member.register()
    for sequence in (2, 3):
        assert member.apply(in_session(session, sequence, 1, b"a")).outcome == APPLIED

    assert member.apply(in_session(session, 4, 1, b"a")) == Reply(FULL)
    assert member.apply(in_session(session, 2, 1, b"a")) == applied(1)
    assert member.apply(in_session(other, 9, 1, b"a")).outcome == APPLIED
    assert member.apply(in_session(session, 1, 1, b"a")).outcome == APPLIED
    assert member.apply(in_session(session, 4, 1, b"a")) == Reply(FULL)
    assert member.apply(in_session(session, 4, 3, b"a")).outcome == APPLIED


def test_beyond_the_bytes_of_all_sessions_nothing_is_applied_but_what_makes_room_for_itself():
    member = Member(reply_bytes=1)
    one, other = member.register(), member.register()
    assert member.apply(in_session(one, 1, 1, b"a")).outcome == APPLIED

    assert member.apply(in_session(other, 1, 1, b"b")) == Reply(FULL)
    assert member.apply(in_session(one, 2, 2, b"c")).outcome == APPLIED
    assert member.apply(plain(b"d")).outcome == APPLIED
    assert member.machine.commands == [b"a", b"c", b"d"]


def test_bytes_that_are_no_command_are_answered_and_change_nothing():
    member = Member()
    member.register()
    before = b"".join(member.sessions.snapshot())

    for data in (b"", b"\x07", b"\x01\x00", b"\x02\x00", bytes([2]) + bytes(24)):
        reply = member.apply(data)
        assert (reply.outcome, type(reply.value)) == (INVALID, str)

    assert b"".join(member.sessions.snapshot()) == before


@pytest.mark.parametrize("name", ["timeout_ms", "sessions", "window", "session_reply_bytes", "reply_bytes"])
@pytest.mark.parametrize("value", [0, True, 1.5, 1 << 40])
def test_a_limit_is_an_integer_in_its_bounds(name, value):
    with pytest.raises(InvalidConfig, match=f"{name} is {value}; it must be an integer from 1 to"):
        SessionLimits(**{name: value})


def test_a_limit_has_a_known_name():
    with pytest.raises(InvalidConfig, match="patience is 1; it must be one of: timeout_ms, sessions, window"):
        SessionLimits(patience=1)


# Results


class Returning:
    def __init__(self, result):
        self.result = result
        self.times = 0

    def apply(self, command):
        self.times += 1
        return self.result


def test_a_result_that_cannot_be_kept_is_named_to_everybody_who_asks_and_stops_no_node():
    member = Member(Returning(object()))
    session = member.register()

    replies = [member.apply(in_session(session, 1, 1, b"")) for _ in range(2)]

    problem = "a object is no None, bool, int, float, str, bytes, tuple, list or dict"
    assert replies == [Reply(UNSUPPORTED, problem)] * 2
    assert member.machine.times == 1
    assert member.apply(plain(b"")) == Reply(APPLIED, member.machine.result)


def test_a_machine_may_encode_its_own_results():
    member = Member(KeyValue())
    session = member.register()
    member.apply(in_session(session, 1, 1, put(b"k", b"v")))

    member.restart()
    reply = member.apply(in_session(session, 1, 1, put(b"k", b"v")))

    assert member.machine.decode_result(reply.value) == Result("done")


def test_a_machine_that_encodes_to_something_else_is_told_so():
    class Wrong(Returning):
        def encode_result(self, result):
            return "text"

    member = Member(Wrong(1))

    reply = member.apply(in_session(member.register(), 1, 1, b""))

    assert reply == Reply(UNSUPPORTED, "encode_result returned a str, not bytes")


def test_a_kept_reply_does_not_change_when_the_machine_changes_what_it_returned():
    machine = Returning([1])
    member = Member(machine)
    session = member.register()
    member.apply(in_session(session, 1, 1, b""))

    machine.result.append(2)

    assert member.apply(in_session(session, 1, 1, b"")) == Reply(APPLIED, results.encode([1]))


# Snapshots

commands = st.one_of(
    st.builds(plain, st.binary(max_size=2).map(bytes.hex).map(str.encode)),
    st.just(register()),
    st.builds(
        lambda session, lowest, above: in_session(session, lowest + above, lowest, b"%d" % above),
        st.integers(1, 6),
        st.integers(1, 4),
        st.integers(0, 4),
    ),
)
logs = st.lists(st.tuples(st.integers(0, 40), commands), max_size=40)


@pytest.mark.contract("N4")
@settings(max_examples=300)
@given(logs, st.sets(st.integers(0, 39)), st.integers(1, 50))
def test_a_snapshot_at_any_moment_changes_nothing_and_all_decide_as_promised(log, restarts, cut):
    limits = {"timeout_ms": 100, "sessions": 2, "window": 4, "session_reply_bytes": 150, "reply_bytes": 300}
    steady, restarted = Member(**limits), Member(**limits)
    model = SessionModel(steady.limits)
    for number, (later_ms, data) in enumerate([(0, register()), *log]):
        if number in restarts:
            restarted.restart(cut)
        for member in (steady, restarted):
            member.now_ms += later_ms
        assert restarted.apply(data) == steady.apply(data)
        model.read(Entry(steady.index, 1, COMMAND, data, steady.now_ms))
        assert steady.machine.commands == restarted.machine.commands == model.applied

    assert b"".join(restarted.sessions.snapshot()) == b"".join(steady.sessions.snapshot())


@pytest.mark.contract("N4")
def test_a_restored_session_expires_when_it_would_have():
    member = Member(timeout_ms=100)
    member.register()
    member.now_ms = 50
    session = member.register()
    member.apply(in_session(session, 1, 1, b"a"))
    member.restart()
    member.now_ms = 150

    assert member.apply(in_session(session, 1, 1, b"a")) == applied(1)
    assert len(member.sessions._table) == 1


def test_a_snapshot_is_of_the_moment_it_was_asked_for():
    member = Member()
    session = member.register()
    member.apply(in_session(session, 1, 1, b"a"))
    expected = b"".join(member.sessions.snapshot())

    snapshot = member.sessions.snapshot()
    member.now_ms = 5
    member.apply(in_session(session, 2, 2, b"b"))
    member.register()

    assert b"".join(snapshot) == expected


def test_half_a_snapshot_is_refused_and_changes_no_session():
    member = Member()
    session = member.register()
    member.apply(in_session(session, 1, 1, b"a"))
    sessions_only = b"".join(member.sessions._table.snapshot())
    for end in range(len(sessions_only)):
        with pytest.raises(MalformedSnapshot):
            member.sessions.restore([sessions_only[:end]])
    with pytest.raises(MalformedSnapshot, match="a session is none"):
        member.sessions.restore([(1).to_bytes(8, "big"), (1).to_bytes(8, "big"), b"n"])

    assert member.apply(in_session(session, 1, 1, b"a")) == applied(1)


def test_a_machine_without_snapshots_is_never_asked_for_one():
    assert not hasattr(for_core(Returning(1), SessionLimits()), "snapshot")


class Timed(Machine):
    """Tells when it was told the time."""

    def __init__(self):
        super().__init__()
        self.told = []

    def pass_time(self, now_ms):
        self.told.append(now_ms)

    def due_ms(self):
        return None


def test_a_machine_is_told_the_time_before_every_entry():
    member = Member(Timed())
    for now_ms in (5, 5, 7):
        member.now_ms = now_ms
        member.apply(plain(b"x"))

    assert member.machine.told == [5, 5, 7], "a machine may count on it, so every member must do it alike"
