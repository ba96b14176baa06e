"""Exactly-once for any state machine: a machine around a machine that applies a command of a session once.

A client that did not hear what became of its command sends it again, under the same session and sequence. When that
command has been applied before, by whichever leader, the reply of that time is given again and the machine does not see
it (Ongaro's thesis, section 6.3). What decides is part of the replicated state, so every member decides alike.

Keeps to what MicroPython understands: boards run this file too.
"""

from . import results
from .chunks import Reader
from .session_commands import HEADER_BYTES, PLAIN, REGISTER, STAMP, MalformedCommand, decode, numbers_in, stamp
from .session_table import APPLIED, EXPIRED, INVALID, UNSUPPORTED, Reply, SessionLimits, SessionTable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from raft.entries import Entry

    from .ports import ReadableMachine, SnapshotMachine, StateMachine, TimedMachine


class SessionMachine:
    """Applies entries of the log to a user's state machine. Implements the machine port of the core.

    It has no `snapshot`, so the core never asks for one and keeps the whole log. It has `read` and `watcher` if the
    machine has: then queries go to the machine as they are, since what changes nothing needs no session. A machine with
    `pass_time` is told log time before each entry is applied.

    The result of a command in a session is kept as bytes: by the machine's own `encode_result(result)`, if it has that
    method, else by `results.encode`. One that cannot be encoded is answered by `UNSUPPORTED`, to the first asker as to
    those that retry, on every member; the command has been applied all the same.

    Args:
        machine: the user's.
        limits: how much is remembered of clients; the same on every member.
    """

    def __init__(self, machine: "StateMachine", limits: SessionLimits) -> None:
        self._machine = machine
        self._table = SessionTable(limits)
        self._usual = Reply(APPLIED, b"")  # the last reply: most commands come to the very same bytes
        self._encode: Callable[[object], bytes] = getattr(machine, "encode_result", results.encode)
        if callable(getattr(machine, "read", None)):
            readable: ReadableMachine = machine  # type: ignore[assignment]
            self.read = readable.read
        watcher = getattr(machine, "watcher", None)
        if callable(watcher):
            self.watcher = watcher
        self._pass_time: Callable[[int], None] | None = None
        if callable(getattr(machine, "pass_time", None)):
            timed: TimedMachine = machine  # type: ignore[assignment]
            self._pass_time = timed.pass_time
            self._due_ms = timed.due_ms
            self.due = self._due

    def apply(self, entry: "Entry") -> Reply:
        """Apply a committed entry and return what it came to. Raises only what the user's machine does."""
        table = self._table
        due_ms = table.due_ms
        if due_ms is not None and entry.stamp_ms > due_ms:
            table.expire(entry.stamp_ms)
        if self._pass_time is not None:
            self._pass_time(entry.stamp_ms)
        numbers = numbers_in(entry.data)
        if numbers is None:
            return self._apply_outside(entry)
        id, sequence, lowest = numbers
        session = table.use(id, lowest, entry.stamp_ms)
        if session is None:
            return Reply(EXPIRED)
        reply = table.answer(session, sequence)
        if reply is None:
            reply = self._encoded(self._machine.apply(entry.data[HEADER_BYTES:]))
            table.keep(session, sequence, reply)
        return reply

    def _apply_outside(self, entry: "Entry") -> Reply:
        """Apply what is no command in a session."""
        try:
            command = decode(entry.data)
        except MalformedCommand as error:
            return Reply(INVALID, str(error))
        if command.kind == REGISTER:
            return self._table.register(entry.index, entry.stamp_ms)
        if command.kind == STAMP:
            return Reply(APPLIED)
        assert command.kind == PLAIN, command.kind
        return Reply(APPLIED, self._machine.apply(command.payload))

    def _due(self) -> "tuple[int, bytes] | None":
        due_ms = self._due_ms()
        return None if due_ms is None else (due_ms, stamp())

    def _encoded(self, result: object) -> Reply:
        try:
            encoded = self._encode(result)
        except results.UnsupportedResult as error:
            return Reply(UNSUPPORTED, str(error))
        if type(encoded) is not bytes:
            return Reply(UNSUPPORTED, f"encode_result returned a {type(encoded).__name__}, not bytes")
        if encoded is not self._usual.value:
            self._usual = Reply(APPLIED, encoded)
        return self._usual


class SnapshotSessionMachine(SessionMachine):
    """The same for a state machine that can be snapshotted: a snapshot holds the sessions and the machine."""

    def __init__(self, machine: "SnapshotMachine", limits: SessionLimits) -> None:
        SessionMachine.__init__(self, machine, limits)
        self._snapshots = machine

    def snapshot(self) -> "Iterable[bytes]":
        """Return what `restore` needs to come to the present state."""
        return _one_after_the_other(self._table.snapshot(), self._snapshots.snapshot())

    def restore(self, chunks: "Iterable[bytes]") -> None:
        """Come to the state of which `snapshot` returned these bytes.

        Raises:
            MalformedSnapshot: when they hold no sessions, and whatever the user's machine raises.
        """
        reader = Reader(chunks)
        self._table.restore(reader)
        self._snapshots.restore(reader.rest())


def _one_after_the_other(first: "Iterable[bytes]", second: "Iterable[bytes]") -> "Iterator[bytes]":
    yield from first
    yield from second
