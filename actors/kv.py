"""The built-in state machine: a key-value store with put, get, delete and compare-and-set.

Reads are commands too: they go through the log, so each sees every write acknowledged before it (linearizable).

Keeps to what MicroPython understands: boards run this file too.
"""

from .kv_commands import CAS, DELETE, PUT, MalformedCommand, decode, decode_pairs, encode_pairs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

DONE = "done"
CONFLICT = "conflict"
INVALID = "invalid"


class Result:
    """What a command came to.

    Attributes:
        outcome: `DONE`; `CONFLICT` when a cas found another value than expected, and changed nothing; `INVALID` when
            the bytes were no command, and changed nothing.
        value: the value a get or a delete found, or the one that a cas ran into; None for "absent".
        problem: what was wrong with an invalid command, else None.
    """

    __slots__ = ("outcome", "problem", "value")

    def __init__(self, outcome: str, value: "bytes | None" = None, problem: "str | None" = None) -> None:
        self.outcome = outcome
        self.value = value
        self.problem = problem

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Result)
            and self.outcome == other.outcome
            and self.value == other.value
            and self.problem == other.problem
        )

    def __hash__(self) -> int:
        return len(self.outcome)

    def __repr__(self) -> str:
        return f"Result({self.outcome!r}, {self.value!r}, {self.problem!r})"


class KeyValue:
    """A store of values by key, both bytes; commands are made by `kv_commands`."""

    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}

    def apply(self, command: bytes) -> Result:
        """Carry out a command and return what it came to. Never raises, whatever the bytes are."""
        try:
            decoded = decode(command)
        except MalformedCommand as error:
            return Result(INVALID, None, str(error))
        held = self._values.get(decoded.key)
        if decoded.operation == CAS and held != decoded.expected:
            return Result(CONFLICT, held)
        if decoded.operation in (PUT, CAS) and decoded.value is not None:
            self._values[decoded.key] = decoded.value
            return Result(DONE)
        if decoded.operation == DELETE:
            self._values.pop(decoded.key, None)
        return Result(DONE, held)

    def items(self) -> "list[tuple[bytes, bytes]]":
        """Return everything that is stored, in order of key."""
        return sorted(self._values.items())

    def snapshot(self) -> "Iterable[bytes]":
        """Return the present contents as bytes, piece by piece; what is applied meanwhile does not touch them."""
        return encode_pairs(self.items())

    def restore(self, chunks: "Iterable[bytes]") -> None:
        """Replace the contents by those of a snapshot, however its bytes are cut into chunks.

        Raises:
            MalformedCommand: when the bytes are no snapshot; the contents stay as they were.
        """
        self._values = dict(decode_pairs(chunks))

    def __len__(self) -> int:
        return len(self._values)
