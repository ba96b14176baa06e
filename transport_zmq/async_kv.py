"""What the calls of an asyncio client return: transactions, batches, leases and watches, as coroutines."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from actors.kv import Result
from actors.leases import Granted
from actors.transactions import Collected, Outcome, Terms, outcome_of
from actors.watches import Changes, Event

if TYPE_CHECKING:
    from .async_kv_calls import AsyncKeyValueCalls


class AsyncTransaction(Terms):
    """A transaction; see `actors.transactions.Terms`.

        outcome = await client.txn().if_absent("lock").put("lock", "me").otherwise().get("lock").commit()

    Args:
        commit: gets a command done within so many seconds.
    """

    def __init__(self, commit: Callable[[bytes, float], Awaitable[Result]]) -> None:
        super().__init__()
        self._commit = commit

    async def commit(self, timeout: float = 5.0) -> Outcome:
        """Get it done, once, and return what it came to. See `Transaction.commit`."""
        return outcome_of(await self._commit(self.encode(), timeout))


class AsyncBatch(Collected[AsyncTransaction]):
    """Changes that are made together when the `async with` statement is left, unless that raises; see `Collected`."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exception_type is None and not self._transaction.is_empty:
            self.outcome = await self._transaction.commit(self._timeout)


class AsyncLease(Granted):
    """A lease, as its holder sees it; see `actors.leases.Granted`.

    Args:
        calls: of the cluster that has it.
        id, ttl: as for `Granted`.
    """

    def __init__(self, calls: AsyncKeyValueCalls, id: int, ttl: float) -> None:
        super().__init__(id, ttl)
        self._calls = calls

    async def keep_alive(self, timeout: float = 5.0) -> None:
        """Let it live for its whole time again. See `LeaseCalls.keep_alive`."""
        await self._calls.keep_alive(self.id, timeout)

    async def revoke(self, timeout: float = 5.0) -> bool:
        """End it now, and return whether it was there. See `LeaseCalls.revoke`."""
        return await self._calls.revoke(self.id, timeout)


class AsyncWatch(Changes):
    """The changes of a key, or of all keys that begin with some bytes, as an iterator that ends when it is closed.

    See `actors.watches.Changes`. A task that is cancelled while it waits takes no event along: the next one gets it.
    """

    async def next(self, timeout: float | None = None) -> Event | None:
        """Return the next event, as soon as there is one. See `Changes.take`."""
        return await self.take(timeout)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        event = None if self._waiter.closed else await self.take(None)
        if event is None:
            raise StopAsyncIteration
        return event

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
