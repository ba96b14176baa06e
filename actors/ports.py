"""What a node actor needs of its surroundings, with types: the ports of `raft.ports` as this runtime uses them.

Storage and transport serve a mailbox: they are opened when the actor starts and closed when it goes down, and outlive
both. The timer is the same everywhere in this runtime; see `timers.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from pykka import ActorRef

from raft.messages import Message, SnapshotChunk
from raft.ready import Restored, Write
from raft.snapshot import ChunkRequest, Snapshot


class Clock(Protocol):
    """The time."""

    def now_ms(self) -> int:
        """Return the time in whole milliseconds since some fixed moment of the past; it never goes back."""


class Transport(Protocol):
    """The way from one member to the others."""

    def open(self, mailbox: ActorRef[Any]) -> None:
        """Begin to deliver what others send to this member, to `mailbox`."""

    def send(self, messages: list[tuple[str, Message]]) -> None:
        """Send a list of (receiver id, message). Any of them may be lost, repeated or overtaken. Never blocks."""

    def close(self) -> None:
        """Deliver nothing more; may be called when not open."""


class Storage(Protocol):
    """The stable storage of one member."""

    @property
    def incarnation(self) -> int:
        """Drawn at random when the storage was made (contract M6); known once it was loaded."""

    def load(self) -> Restored:
        """Return what is durable; called before `open`."""

    def open(self, mailbox: ActorRef[Any]) -> None:
        """Report what was done to `mailbox` from now on."""

    def write(self, write: Write) -> bool:
        """Begin a write; return True if it is durable already, and all before it.

        Else return False, and tell `Persisted` when it is durable or `StorageBroke` when it fails.
        """

    def save_snapshot(self, snapshot: Snapshot, chunks: Iterable[bytes]) -> None:
        """Begin to store a snapshot; tell `SnapshotSaved` when it is durable, never synchronously."""

    def receive_chunk(self, chunk: SnapshotChunk) -> None:
        """Store a piece of a leader's snapshot, which a later write installs; offset 0 begins a new one."""

    def read_chunk(self, request: ChunkRequest) -> None:
        """Begin to read a piece of a stored snapshot; tell `ChunkRead`, never synchronously."""

    def read_snapshot(self, snapshot: Snapshot) -> Iterable[bytes]:
        """Return the content of a stored snapshot."""

    def close(self) -> None:
        """Report nothing more; writes and downloads under way may be lost. May be called when not open."""


class StateMachine(Protocol):
    """What the cluster computes: every member applies the same commands in the same order.

    A machine may have two more methods, both or neither: `snapshot()` and `restore(chunks)`, see `SnapshotMachine`.
    With them the log is cut off from time to time; without them it grows for ever, and each start applies all of it.

    And two more, both or neither: `encode_result(result)` and `decode_result(data)`, see `EncodingMachine`. Without
    them the results of commands in a session must be what `results.py` can encode: None, bool, int, float, str, bytes,
    and tuples, lists and dicts of these.

    And `read(query)`, see `ReadableMachine`. Without it the only way to look into the machine is a command.

    And `watcher(query)`, see `WatchableMachine`. Without it nobody can wait for changes.

    And `pass_time(now_ms)` and `due_ms()`, both or neither, see `TimedMachine`. Without them the machine knows no time.
    """

    def apply(self, command: bytes) -> Any:
        """Apply one committed command and return its result for the proposer.

        It must be deterministic: no clock, no chance, nothing from outside, or the members part ways. It must not call
        the cluster it is part of: the node that waits for the answer would be the one to give it.

        The result of a command outside of a session is handed to the proposer as it is. Return nothing mutable that the
        machine keeps, or whoever gets it could change one member behind the back of the others; return a copy.

        An exception stops the node, and restarting it does not help: the command is in the log, so every start applies
        it again. Answer bad commands with a result that says so.
        """


class SnapshotMachine(StateMachine, Protocol):
    """A state machine whose state can be saved, so that the log that led to it can be dropped."""

    def snapshot(self) -> Iterable[bytes]:
        """Return what `restore` needs to come to the present state, as an iterable of bytes.

        It may be read piece by piece while further commands are applied, and they must not change it: copy first what
        a generator will yield. An exception stops the node.
        """

    def restore(self, chunks: Iterable[bytes]) -> None:
        """Replace the state by the one of which `snapshot`, perhaps on another member, returned these bytes.

        They may be cut into pieces differently. An exception stops the node.
        """


class ReadableMachine(StateMachine, Protocol):
    """A state machine that answers queries, so that reads need no place in the log."""

    def read(self, query: Any) -> Any:
        """Return what the query asks for, and change nothing.

        Any member may be asked, and each must give the answer that its state gives. What is returned is handed to the
        asker as it is: return nothing mutable that the machine keeps, but a copy. An exception goes to the asker too,
        and the node carries on.
        """


class EncodingMachine(StateMachine, Protocol):
    """A state machine whose results are of its own types: it says how they become bytes, which are kept for retries."""

    def encode_result(self, result: Any) -> bytes:
        """Return the bytes of a result of `apply`; called on every member, right after it.

        Must be as deterministic as `apply`. `results.UnsupportedResult` means that there are none, and the proposer is
        told so; any other exception stops the node.
        """

    def decode_result(self, data: bytes) -> Any:
        """Return the result that `encode_result`, perhaps on another member, made these bytes of.

        Called for the proposer, never by the node.
        """


class WatchableMachine(StateMachine, Protocol):
    """A state machine that tells what has changed, so that its users need not ask again and again."""

    def watcher(self, query: Any) -> Callable[[], Any]:
        """Return a function that tells, each time it is called, what the query asks for, or None while it cannot yet.

        It is called once at first, and again whenever something was applied or a snapshot restored, until it has told
        something; then whoever asks has to ask again. So it must be quick, and a query say from where on changes are
        wanted: nothing is lost then, and none told twice, whichever member is asked. It changes nothing. An exception
        goes to the asker. What it tells becomes bytes as what `read` returns does.
        """


class TimedMachine(StateMachine, Protocol):
    """A state machine in which something ends after a while, by log time.

    Log time is what the leaders' clocks have counted since the cluster began. It is the same on every member, since it
    stands in the log, and runs no faster than those clocks; while nobody leads it stands still.
    """

    def pass_time(self, now_ms: int) -> None:
        """Let time pass, before the next command is applied. As deterministic as `apply`; it never goes back."""

    def due_ms(self) -> int | None:
        """Return the log time at which `pass_time` would change something, or None when none is known.

        The leader lets log time go on then, even if there are no commands. Time that is told must have an effect, so
        that this returns another one afterwards.
        """


class Observer(Protocol):
    """Whoever watches."""

    @property
    def level(self) -> int | None:
        """How much to tell: `ESSENTIAL`, `INFO`, `DEBUG` or `TRACE` of `raft.observer`, or None for nothing.

        Read once by each node that starts.
        """

    def observe(self, event: object) -> None:
        """Take note of an event (see `raft.observer`); must neither block nor raise."""
