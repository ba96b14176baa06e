"""Watching keys of the key-value store: every change, in order, none lost and none told twice."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from . import kv_history, kv_order, kv_transactions
from .arguments import as_bytes
from .client import Deadline
from .errors import CommandRefused, Compacted
from .kv import COMPACTED, INVALID, Result
from .kv_access import KeyValueAccess
from .kv_commands import OutOfBounds
from .loop import run
from .waiter import Waiter


@dataclass(frozen=True)
class Event:
    """One change of the store.

    Attributes:
        revision: its number; every change has another one, and a later change a higher one.
        key: what has changed.
        value: what it holds since then; None when it was deleted, or has vanished with its lease.
    """

    revision: int
    key: bytes
    value: bytes | None


class Changes:
    """The changes of a key, or of all keys that begin with some bytes, one after the other.

    It goes on from where it was when a connection is lost, another node leads or nodes are restarted. What is told was
    committed. One greenlet or task at a time may take events; any may close it.

    Args:
        waiter: asks the nodes.
        check: raises when the cluster is closed, or this is the wrong thread.
        key: of what; or what its key begins with.
        is_prefix: which of the two.
        revision: from which on.
    """

    def __init__(self, waiter: Waiter, check: Callable[[], object], key: bytes, is_prefix: bool, revision: int) -> None:
        self._waiter = waiter
        self._check = check
        self._key = key
        self._is_prefix = is_prefix
        self._revision = revision
        self._events: deque[Event] = deque()

    @property
    def revision(self) -> int:
        """From which revision on events have not been taken yet: a later watch may go on there."""
        return self._events[0].revision if self._events else self._revision

    async def take(self, timeout: float | None) -> Event | None:
        """Return the next event, as soon as there is one.

        Args:
            timeout: seconds to wait at most, 0 or more; for ever when None.

        Returns:
            None when the time is up, or the watch is closed.

        Raises:
            Compacted: the changes from `revision` on are not kept any more.
            NotWatchable: the nodes have a state machine that cannot be waited for.
            Overloaded, TooManyReads: too many watches wait at every node.
            InvalidConfig: when the timeout is no number of seconds.
            ClusterClosed, ClientClosed, WrongThread: it can be used no more, or not here.
        """
        self._check()
        deadline = None if timeout is None else Deadline(timeout)
        while not self._events:
            query = kv_history.changes(self._key, self._is_prefix, self._revision)
            left_s = None if deadline is None else deadline.left_s
            result: Result | None = await self._waiter.answer(query, left_s)
            if result is None:
                return None
            if result.outcome == COMPACTED:
                raise Compacted(self._revision, result.value)
            if result.outcome == INVALID:
                raise CommandRefused(str(result.problem))
            self._revision, changes = result.value
            self._events.extend(Event(*change) for change in changes)
        return None if self._waiter.closed else self._events.popleft()

    def close(self) -> None:
        """Take no events any more; an iteration ends. May be called again."""
        self._waiter.close()
        self._events.clear()


class Watch(Changes):
    """The changes of a key, or of all keys that begin with some bytes, as an iterator that ends when it is closed.

    See `Changes`.
    """

    def next(self, timeout: float | None = None) -> Event | None:
        """Return the next event, as soon as there is one; see `Changes.take`."""
        return run(self.take(timeout))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        event = None if self._waiter.closed else self.next()
        if event is None:
            raise StopIteration
        return event

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class WatchCalls(KeyValueAccess):
    """Watches."""

    def watch(
        self,
        key: bytes | str | None = None,
        *,
        prefix: bytes | str | None = None,
        from_revision: int | None = None,
        timeout: float = 5.0,
    ) -> Watch:
        """Return an iterator over the changes of a key, or of all keys that begin with some bytes.

            with client.watch(prefix="jobs/") as watch:
                for event in watch:
                    print(event.revision, event.key, event.value)

        The store begins to count its changes with the first watch, transaction or lease that anybody asks for; what was
        changed before has no revision of its own.

        Args:
            key: which, 1 to 1024 bytes; either this or `prefix`.
            prefix: what the keys begin with, 0 to 1024 bytes.
            from_revision: of the first change that is wanted, 1 or more; what changes after this call when None.
            timeout: seconds, 0 or more, within which it must be known what has changed so far.

        Raises:
            OutOfBounds: when there is neither or both of key and prefix, or one is out of its bounds.
            InvalidConfig, Unavailable, OutcomeUnknown, NotKeyValue, ClusterClosed: as for `put`; nothing is watched.
        """
        wanted, is_prefix = wanted_of(key, prefix, from_revision)
        deadline = Deadline(timeout)
        revision, _, _ = self._query(kv_order.between(b"", b"", 1), deadline.left_s).value  # of no key at all
        if not revision:  # it does not count yet
            _, revision, _ = self._command(kv_transactions.encode([], [], []), deadline.left_s).value
        begin = revision + 1 if from_revision is None else from_revision
        return Watch(self.waiter(deadline.left_s), self._check_key_value, wanted, is_prefix, begin)


def wanted_of(key: bytes | str | None, prefix: bytes | str | None, from_revision: int | None) -> tuple[bytes, bool]:
    """Return what is to be watched, and whether it is a prefix; raises `OutOfBounds` as `WatchCalls.watch` does."""
    if (key is None) == (prefix is None):
        raise OutOfBounds("key", "given twice" if key is not None else "not given", "given, or else a prefix")
    is_prefix = key is None
    wanted = as_bytes("key", prefix if key is None else key)
    kv_history.changes(wanted, is_prefix, 1 if from_revision is None else from_revision)  # raises if it is none
    return wanted, is_prefix
