"""The state machine of a simulated node: a list of all commands, and within it the machine that is put to the test.

The checkers rest on the list. Commands that are meant for the inner machine are marked, see `addressed`; it is handed
what they carry, its own `snapshot` and `restore` make part of every snapshot, and it is held to what
`actors.ports.StateMachine` asks of it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from actors import results
from actors.chunks import Reader

from .shadow import InvariantError

if TYPE_CHECKING:
    from .agreement import Agreement

_MARK = b"@"
_LENGTH_BYTES = 8
_ESCAPED = re.compile(rb"\\(.)")


def addressed(name: str, payload: bytes) -> bytes:
    """Return the command of the list that carries a command for the inner machine.

    Args:
        name: makes it unique; it contains no space.
        payload: any bytes. Only line breaks are written differently, so that a list of commands has one a line.
    """
    return b"%b%b %b" % (_MARK, name.encode(), payload.replace(b"\\", b"\\\\").replace(b"\n", b"\\n"))


def _payload(command: bytes) -> bytes | None:
    """Return what a command carries for the inner machine, or None when it is for the list only."""
    if not command.startswith(_MARK):
        return None
    written = command[command.index(b" ") + 1 :]
    return _ESCAPED.sub(lambda found: b"\n" if found[1] == b"n" else found[1], written)


class Query:
    """A query for the inner machine.

    Attributes:
        query: as the inner machine understands it.
    """

    __slots__ = ("query",)

    def __init__(self, query: object) -> None:
        self.query = query

    def __repr__(self) -> str:
        return repr(self.query)


class Answer:
    """What the inner machine answered.

    Attributes:
        position: how many commands the list had then.
        value: what the machine returned.
        encoded: the same as bytes, or None when it has no encoding.
        problem: then why.
    """

    __slots__ = ("encoded", "position", "problem", "value")

    def __init__(self, position: int, value: object, encoded: bytes | None = None, problem: str = "") -> None:
        self.position = position
        self.value = value
        self.encoded = encoded
        self.problem = problem

    def __repr__(self) -> str:
        return f"Answer({self.position}, {self.encoded!r})"


class Machine:
    """The list of the commands that a node was given.

    Args:
        inner: the machine that gets those meant for it; None when there is none.
        owner: whose it is.
        agreement: what all replicas have come to; None with no inner machine.

    Attributes:
        commands: everything applied since the log began.
        inner: as above.
        is_changed: whether the inner machine has changed since this was last set to False.
    """

    def __init__(self, inner: Any = None, owner: str = "", agreement: Agreement | None = None) -> None:
        self.commands: list[bytes] = []
        self.inner = inner
        self.is_changed = False
        self._owner = owner
        self._agreement = agreement
        self._encode: Callable[[Any], bytes] = getattr(inner, "encode_result", results.encode)
        self._ends = 0  # how often something of the inner machine has ended by itself
        if callable(getattr(inner, "pass_time", None)):
            self.due_ms: Callable[[], int | None] = inner.due_ms
            self.pass_time = self._pass_time

    @property
    def _position(self) -> int:
        """How many steps the inner machine was taken: the same number stands for the same state on every replica."""
        return len(self.commands) + self._ends

    def _pass_time(self, now_ms: int) -> None:
        due_ms = self.due_ms()
        if due_ms is not None and due_ms <= now_ms:
            self._ends += 1
            self.is_changed = True
        try:
            self.inner.pass_time(now_ms)
        except Exception as error:
            raise self._broken(f"raises {_told(error)} when time passes, on every member") from error

    def apply(self, command: bytes) -> int | Answer:
        """Take a command; the result is its position, or what the inner machine answers."""
        self.commands.append(command)
        payload = None if self.inner is None else _payload(command)
        if payload is None:
            return len(self.commands)
        self.is_changed = True
        try:
            value = self.inner.apply(payload)
        except Exception as error:
            raise self._broken(f"raises {_told(error)} when it applies {payload!r}, on every member") from error
        answer = self._answer(value)
        if self._agreement is not None:
            self._agreement.applied(self._owner, self._position, payload, answer)
        return answer

    def _answer(self, value: object) -> Answer:
        position = len(self.commands)
        try:
            encoded = self._encode(value)
        except results.UnsupportedResult as error:
            return Answer(position, value, None, str(error))
        except Exception as error:
            raise self._broken(f"raises {_told(error)} when it encodes a result") from error
        if type(encoded) is not bytes:
            return Answer(position, value, None, f"encode_result returned a {type(encoded).__name__}, not bytes")
        return Answer(position, value, encoded)

    def encode_result(self, result: int | Answer) -> bytes:
        """Return the bytes of a result, as the sessions keep them."""
        if isinstance(result, int):
            return results.encode(result)
        if result.encoded is None:
            raise results.UnsupportedResult(result.problem)
        return results.encode((result.position, result.encoded))

    def read(self, query: Query | None) -> Any:
        """Return how many commands it was given, or what the inner machine answers to a query."""
        return len(self.commands) if query is None else self.inner.read(query.query)

    def _broken(self, what: str) -> InvariantError:
        return InvariantError("machine", f"{type(self.inner).__name__} of {self._owner} {what}")


class SnapshotMachine(Machine):
    """The same, where the inner machine can be snapshotted or there is none.

    A snapshot is a padding with its length in a byte, the length of the list in 8, the list with one command a line,
    how often something ended by itself in 8, if the inner machine has time, and the inner machine's. The padding makes
    that some members write the same state as the same bytes and some do not, as users' machines may: then a download
    must begin anew with another leader (contract N2).
    """

    def __init__(self, inner: Any = None, owner: str = "", agreement: Agreement | None = None) -> None:
        super().__init__(inner, owner, agreement)
        self._read_late: Iterator[bytes] | None = None  # a snapshot that is read after the next command
        self._was = b""  # the digest of what must come of it

    def apply(self, command: bytes) -> int | Answer:
        """Take a command; a snapshot of before it must not notice."""
        answer = super().apply(command)
        late, self._read_late = self._read_late, None
        if late is not None and _digest(self._contents(late)) != self._was:
            raise self._broken(
                "returned a snapshot that changed when the next command was applied; copy first what a generator "
                "will yield"
            )
        return answer

    def snapshot(self) -> list[bytes]:
        """Return the present state."""
        lines = b"".join([command + b"\n" for command in self.commands])
        padding = ord(self._owner[-1]) % 3 if self._owner and self.inner is None else 0
        head = [bytes([padding] * (1 + padding)), len(lines).to_bytes(_LENGTH_BYTES, "big"), lines]
        if self.inner is None:
            return head
        contents = self._inner_snapshot()
        self._was = self._agree(contents)
        self._read_late = iter(self._snapshot_of_inner())
        return [*head, *self._ends_as_bytes(), contents]

    def restore(self, chunks: Iterable[bytes]) -> None:
        """Come to the state that `snapshot` told."""
        reader = Reader(chunks)
        reader.take(reader.take(1)[0])
        size = int.from_bytes(reader.take(_LENGTH_BYTES), "big")
        self.commands = reader.take(size).split(b"\n")[:-1]
        self._read_late = None
        if self.inner is None:
            return
        if self._ends_as_bytes():
            self._ends = int.from_bytes(reader.take(_LENGTH_BYTES), "big")
        contents = b"".join(reader.rest())
        try:
            self.inner.restore(_in_pieces(contents))
        except Exception as error:
            raise self._broken(f"raises {_told(error)} when it restores a snapshot") from error
        self.is_changed = True
        self._agree(self._inner_snapshot(), restored=True)

    def _ends_as_bytes(self) -> list[bytes]:
        return [self._ends.to_bytes(_LENGTH_BYTES, "big")] if hasattr(self, "pass_time") else []

    def compare(self) -> None:
        """Hold the present state of the inner machine against that of the others."""
        if self.inner is not None:
            self._agree(self._inner_snapshot())

    def _agree(self, contents: bytes, restored: bool = False) -> bytes:
        digest = _digest(contents)
        if self._agreement is not None:
            self._agreement.reached(self._owner, self._position, digest, restored)
        return digest

    def _inner_snapshot(self) -> bytes:
        return self._contents(self._snapshot_of_inner())

    def _snapshot_of_inner(self) -> Iterable[bytes]:
        try:
            snapshot: Iterable[bytes] = self.inner.snapshot()
        except Exception as error:
            raise self._broken(f"raises {_told(error)} when it is snapshotted") from error
        return snapshot

    def _contents(self, snapshot: Iterable[bytes]) -> bytes:
        try:
            return b"".join(snapshot)
        except Exception as error:
            raise self._broken(f"returns a snapshot that is no iterable of bytes: {_told(error)}") from error


def _digest(contents: bytes) -> bytes:
    return hashlib.blake2b(contents, digest_size=16).digest()


def _in_pieces(contents: bytes) -> Iterator[bytes]:
    """Cut a snapshot as no machine would expect it: pieces of 1, 2, 4, … bytes."""
    at, size = 0, 1
    while at < len(contents):
        yield contents[at : at + size]
        at += size
        size *= 2


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
