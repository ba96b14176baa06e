"""Several changes of the key-value store at once, under conditions: one entry of the log, all or nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from . import kv_transactions
from .arguments import as_bytes
from .errors import LeaseExpired
from .kv import NO_LEASE, Result
from .kv_access import KeyValueAccess
from .kv_commands import DELETE, GET, PUT
from .kv_transactions import ABSENT, PRESENT, REVISION, VALUE
from .leases import Granted, lease_id
from .ranges import Item

T = TypeVar("T", bound="Terms")

Commit = Callable[[bytes, float], Result]  # gets a command done within so many seconds


@dataclass(frozen=True)
class Outcome:
    """What a transaction came to.

    Attributes:
        succeeded: whether all conditions held, and so which of the two lists of operations was done.
        revision: that of the store afterwards, which is that of the last change made here, if there was one.
        results: one for each operation that was done: of a put its revision, of a get an `Item` or None, of a delete
            whether the key was there.
    """

    succeeded: bool
    revision: int
    results: list[int | bool | Item | None]


class Terms:
    """Conditions, what is done when all of them hold, and what is done when one does not.

    Each method returns the same object, so that it can be written in a row. Without conditions what follows is done
    always.
    """

    def __init__(self) -> None:
        self._conditions: list[kv_transactions.Condition] = []
        self._then: list[kv_transactions.Operation] = []
        self._otherwise: list[kv_transactions.Operation] = []
        self._operations = self._then

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self._then and not self._otherwise

    def if_value(self, key: bytes | str, value: bytes | str) -> Self:
        """Demand that a key holds this value."""
        return self._if(VALUE, key, as_bytes("expected", value))

    def if_absent(self, key: bytes | str) -> Self:
        """Demand that there is no such key."""
        return self._if(ABSENT, key)

    def if_present(self, key: bytes | str) -> Self:
        """Demand that there is such a key."""
        return self._if(PRESENT, key)

    def if_revision(self, key: bytes | str, revision: int) -> Self:
        """Demand that the last change of a key has this revision; 0 stands for a key that is absent."""
        return self._if(REVISION, key, revision)

    def put(self, key: bytes | str, value: bytes | str, *, lease: int | Granted = 0) -> Self:
        """Store a value under a key, which goes with a lease if one is given."""
        self._operations.append((PUT, as_bytes("key", key), as_bytes("value", value), lease_id(lease)))
        return self

    def get(self, key: bytes | str) -> Self:
        """Return what a key holds then, after the operations before this one."""
        self._operations.append((GET, as_bytes("key", key), None, 0))
        return self

    def delete(self, key: bytes | str) -> Self:
        """Remove a key."""
        self._operations.append((DELETE, as_bytes("key", key), None, 0))
        return self

    def otherwise(self) -> Self:
        """Begin with what is to be done when a condition does not hold."""
        self._operations = self._otherwise
        return self

    def encode(self) -> bytes:
        """Return the command.

        Raises:
            OutOfBounds: when there are more than 128 conditions, or operations of one kind, when they have more than
                2 MiB together, or a key, value or revision is none.
        """
        return kv_transactions.encode(self._conditions, self._then, self._otherwise)

    def _if(self, kind: int, key: bytes | str, operand: Any = None) -> Self:
        self._conditions.append((kind, as_bytes("key", key), operand))
        return self


class Transaction(Terms):
    """Conditions, what is done when all of them hold, and what is done when one does not; see `Terms`.

        outcome = client.txn().if_absent("lock").put("lock", "me").otherwise().get("lock").commit()

    Args:
        commit: gets it done.
    """

    def __init__(self, commit: Commit) -> None:
        super().__init__()
        self._commit = commit

    def commit(self, timeout: float = 5.0) -> Outcome:
        """Get it done, once, and return what it came to.

        Args:
            timeout: seconds, 0 or more.

        Raises:
            OutOfBounds: as for `encode`; nothing was sent.
            LeaseExpired: one of the leases is there no more; nothing was done.
            CommandRefused: its gets would return more than 2 MiB; nothing was done.
            InvalidConfig, Unavailable, OutcomeUnknown, NotKeyValue, ClusterClosed: as for `put` of the client.
        """
        return outcome_of(self._commit(self.encode(), timeout))


class Collected(Generic[T]):
    """Changes that are made together later.

    Args:
        transaction: an empty one.
        timeout: seconds that its commit may take.

    Attributes:
        outcome: what they came to; None before, and when there was nothing to do.
    """

    def __init__(self, transaction: T, timeout: float) -> None:
        self.outcome: Outcome | None = None
        self._transaction = transaction
        self._timeout = timeout

    def put(self, key: bytes | str, value: bytes | str, *, lease: int | Granted = 0) -> None:
        """Store a value under a key; raises `OutOfBounds` when either is none."""
        self._transaction.put(key, value, lease=lease)

    def delete(self, key: bytes | str) -> None:
        """Remove a key; raises `OutOfBounds` when it is none."""
        self._transaction.delete(key)


class Batch(Collected[Transaction]):
    """Changes that are made together when the `with` statement is left, unless that raises; see `Collected`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exception_type is None and not self._transaction.is_empty:
            self.outcome = self._transaction.commit(self._timeout)


class TransactionCalls(KeyValueAccess):
    """Transactions and batches."""

    def txn(self) -> Transaction:
        """Return a transaction to be put together and committed; see `Transaction`."""
        return Transaction(self._command)

    def batch(self, timeout: float = 5.0) -> Batch:
        """Return a batch: what is put and deleted in its `with` statement is done at its end, all or nothing.

            with client.batch() as batch:
                batch.put("a", "1")
                batch.delete("b")

        It has at most 128 operations and 2 MiB; leaving it raises what `Transaction.commit` does.

        Args:
            timeout: seconds that it may take, 0 or more.
        """
        return Batch(self.txn(), timeout)


def outcome_of(result: Result) -> Outcome:
    """Return what a transaction came to, of the store's result.

    Raises:
        LeaseExpired: one of its leases is there no more; nothing was done.
    """
    if result.outcome == NO_LEASE:
        raise LeaseExpired(result.value)
    succeeded, revision, results = result.value
    return Outcome(succeeded, revision, [Item(*one) if type(one) is tuple else one for one in results])
