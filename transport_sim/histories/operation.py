"""What a client did: one operation of a history, and the names that its fields may have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from raft.actor import LEASE, LINEARIZABLE, STALE

GET = "get"
PUT = "put"
APPEND = "append"
CAS = "cas"
DELETE = "delete"
ADD = "add"

CONSISTENCIES = (LINEARIZABLE, LEASE, STALE)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of one client.

    Attributes:
        process: the client, an integer of 0 or more; it does one thing at a time.
        op: `GET`, `PUT`, `APPEND`, `CAS`, `DELETE` or `ADD`, as far as the model has it.
        key: what it is about. Keys have nothing to do with each other.
        value: what a put, append, add or cas writes; None for the others.
        expected: what a cas expects to find, None for "absent"; None for the others.
        result: what it was answered; what None stands for is said in `models`.
        start: when it was asked for, in seconds of any clock that all clients share.
        end: when it was answered; None when it never was: it may take effect at any time from `start` on, or never.
        consistency: what a get was promised: "linearizable", "lease" (the same) or "stale".
        age: how old the result of a stale get may be at most, in seconds; None when that is not known.
        line: its number in the file or the record, from 1 on; 0 when it is in none.
    """

    process: int
    op: str
    key: str
    value: Any = None
    expected: Any = None
    result: Any = None
    start: float = 0.0
    end: float | None = None
    consistency: str = LINEARIZABLE
    age: float | None = None
    line: int = 0

    @property
    def is_stale(self) -> bool:
        """Whether it is a read that asked nobody."""
        return self.consistency == STALE

    def as_object(self) -> dict[str, Any]:
        """Return it as the JSON object that stands for it in a file."""
        fields: dict[str, Any] = {
            "process": self.process,
            "op": self.op,
            "key": self.key,
            "value": self.value,
            "expected": self.expected,
            "result": self.result,
            "start": self.start,
            "end": self.end,
        }
        if self.consistency != LINEARIZABLE:
            fields["consistency"] = self.consistency
        if self.age is not None:
            fields["age"] = self.age
        return fields
