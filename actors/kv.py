"""The built-in state machine: a key-value store with put, get, delete and compare-and-set.

A get may be asked as a query, which takes no place in the log, or applied as a command like the others.

Keeps to what MicroPython understands: boards run this file too.
"""

from .kv_commands import CAS, DELETE, GET, PUT, MalformedCommand, decode, decode_pairs, encode_pairs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

DONE = "done"
CONFLICT = "conflict"
INVALID = "invalid"

_OUTCOMES = (DONE, CONFLICT, INVALID)
_CODES = {DONE: b"\x00", CONFLICT: b"\x01", INVALID: b"\x02"}


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

    def read(self, query: bytes) -> Result:
        """Answer a query, made by `kv_commands.get`; never raises, whatever the bytes are."""
        try:
            decoded = decode(query)
        except MalformedCommand as error:
            return Result(INVALID, None, str(error))
        if decoded.operation != GET:
            return Result(INVALID, None, "only a get is a query; what changes the store is a command")
        return Result(DONE, self._values.get(decoded.key))

    def items(self) -> "list[tuple[bytes, bytes]]":
        """Return everything that is stored, in order of key."""
        return sorted(self._values.items())

    def encode_result(self, result: Result) -> bytes:
        """Return the bytes of a result, so that it can be kept for a client that asks again.

        One byte for the outcome; then nothing, or 0 and the value, or 1 and the problem.
        """
        code = _CODES[result.outcome]
        if result.value is not None:
            return code + b"\x00" + result.value
        return code if result.problem is None else code + b"\x01" + result.problem.encode()

    def decode_result(self, data: bytes) -> Result:
        """Return the result that `encode_result` made these bytes of."""
        outcome = _OUTCOMES[data[0]]
        if len(data) == 1:
            return Result(outcome)
        return Result(outcome, data[2:]) if data[1] == 0 else Result(outcome, None, data[2:].decode())

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
