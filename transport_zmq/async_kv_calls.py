"""The calls of an asyncio client of a cluster that replicates the key-value store."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from actors import kv_commands, kv_leases, kv_order, kv_transactions
from actors.arguments import as_bytes
from actors.client import Deadline
from actors.kv import DONE, Result
from actors.kv_access import checked
from actors.leases import Granted, check_kept, grant_of, granted, lease_id
from actors.ranges import Page, page_of
from actors.stale_read import StaleRead
from actors.waiter import Waiter
from actors.watches import wanted_of
from raft.actor import LINEARIZABLE

from .async_kv import AsyncBatch, AsyncLease, AsyncTransaction, AsyncWatch


class AsyncKeyValueCalls(ABC):
    """What `KeyValueCalls` has, as coroutines; a base of `AsyncClient`."""

    # Single keys

    async def put(
        self, key: bytes | str, value: bytes | str, timeout: float = 5.0, *, lease: int | Granted = 0
    ) -> None:
        """Store a value under a key, which goes with a lease if one is given. See `KeyValueCalls.put`."""
        if lease:
            await self.txn().put(key, value, lease=lease).commit(timeout)
        else:
            await self._command(kv_commands.put(as_bytes("key", key), as_bytes("value", value)), timeout)

    async def get(self, key: bytes | str, timeout: float = 5.0, *, consistency: str = LINEARIZABLE) -> bytes | None:
        """Return the value of a key, or None when there is none. See `KeyValueCalls.get`."""
        value: bytes | None = (await self._query(kv_commands.get(as_bytes("key", key)), timeout, consistency)).value
        return value

    async def get_stale(
        self, key: bytes | str, timeout: float = 5.0, *, node: str | int | None = None
    ) -> StaleRead[bytes | None]:
        """Return the value of a key as one node has it, and how old that may be. See `KeyValueCalls.get_stale`."""
        query = kv_commands.get(as_bytes("key", key))
        self._check_key_value()
        stale = await self.read_stale(query, timeout, node=node)
        return StaleRead(stale.value.value, stale.staleness_s)

    async def delete(self, key: bytes | str, timeout: float = 5.0) -> bool:
        """Remove a key; return whether it was there. See `KeyValueCalls.delete`."""
        return (await self._command(kv_commands.delete(as_bytes("key", key)), timeout)).value is not None

    async def cas(
        self, key: bytes | str, expected: bytes | str | None, value: bytes | str, timeout: float = 5.0
    ) -> bool:
        """Store a value if the key holds the expected one; return whether it did. See `KeyValueCalls.cas`."""
        expected = None if expected is None else as_bytes("expected", expected)
        command = kv_commands.cas(as_bytes("key", key), expected, as_bytes("value", value))
        return (await self._command(command, timeout)).outcome == DONE

    # Many keys

    def txn(self) -> AsyncTransaction:
        """Return a transaction to be put together and committed. See `TransactionCalls.txn`."""
        return AsyncTransaction(self._command)

    def batch(self, timeout: float = 5.0) -> AsyncBatch:
        """Return a batch: what is put and deleted in its `async with` statement is done at its end, all or nothing.

        See `TransactionCalls.batch`.
        """
        return AsyncBatch(self.txn(), timeout)

    async def range(
        self,
        start: bytes | str = b"",
        end: bytes | str | None = None,
        *,
        limit: int = kv_order.MAX_LIMIT,
        timeout: float = 5.0,
        consistency: str = LINEARIZABLE,
    ) -> Page:
        """Return the keys from `start` on and below `end`, with what they hold. See `RangeCalls.range`."""
        last = None if end is None else as_bytes("key", end)
        return page_of(await self._query(kv_order.between(as_bytes("key", start), last, limit), timeout, consistency))

    async def prefix(
        self,
        prefix: bytes | str,
        *,
        limit: int = kv_order.MAX_LIMIT,
        timeout: float = 5.0,
        consistency: str = LINEARIZABLE,
    ) -> Page:
        """Return the keys that begin with some bytes, with what they hold. See `RangeCalls.prefix`."""
        begin = as_bytes("key", prefix)
        query = kv_order.between(begin, kv_order.after_prefix(begin), limit)
        return page_of(await self._query(query, timeout, consistency))

    # Leases and watches

    async def grant(self, ttl: float, timeout: float = 5.0) -> AsyncLease:
        """Make a lease. See `LeaseCalls.grant`."""
        return AsyncLease(self, *granted(await self._command(grant_of(ttl), timeout)))

    async def keep_alive(self, lease: int | Granted, timeout: float = 5.0) -> None:
        """Let a lease live for its whole time again. See `LeaseCalls.keep_alive`."""
        check_kept(await self._command(kv_leases.keep_alive(lease_id(lease)), timeout))

    async def revoke(self, lease: int | Granted, timeout: float = 5.0) -> bool:
        """End a lease now, and with it its keys; return whether it was there. See `LeaseCalls.revoke`."""
        was_there: bool = (await self._command(kv_leases.revoke(lease_id(lease)), timeout)).value
        return was_there

    async def watch(
        self,
        key: bytes | str | None = None,
        *,
        prefix: bytes | str | None = None,
        from_revision: int | None = None,
        timeout: float = 5.0,
    ) -> AsyncWatch:
        """Return an iterator over the changes of a key, or of all keys that begin with some bytes.

            async with await client.watch(prefix="jobs/") as watch:
                async for event in watch:
                    print(event.revision, event.key, event.value)

        See `WatchCalls.watch`.
        """
        wanted, is_prefix = wanted_of(key, prefix, from_revision)
        deadline = Deadline(timeout)
        revision, _, _ = (await self._query(kv_order.between(b"", b"", 1), deadline.left_s)).value  # of no key at all
        if not revision:  # it does not count yet
            _, revision, _ = (await self._command(kv_transactions.encode([], [], []), deadline.left_s)).value
        begin = revision + 1 if from_revision is None else from_revision
        return AsyncWatch(await self.waiter(deadline.left_s), self._check_key_value, wanted, is_prefix, begin)

    async def _command(self, command: bytes, timeout: float) -> Result:
        self._check_key_value()
        return checked(await self.propose(command, timeout))

    async def _query(self, query: bytes, timeout: float, consistency: str = LINEARIZABLE) -> Result:
        self._check_key_value()
        return checked(await self.read(query, timeout, consistency=consistency))

    # What it stands on

    @abstractmethod
    async def propose(self, command: bytes, timeout: float = 5.0) -> Any:
        """Get a command applied once, and return what the store answered."""

    @abstractmethod
    async def read(self, query: Any, timeout: float = 5.0, *, consistency: str = LINEARIZABLE) -> Any:
        """Return what the store answers to a query."""

    @abstractmethod
    async def read_stale(self, query: Any, timeout: float = 5.0, *, node: str | int | None = None) -> StaleRead[Any]:
        """Return what one node's store answers to a query."""

    @abstractmethod
    async def waiter(self, timeout: float = 5.0) -> Waiter:
        """Return a way to wait until the store has something to tell."""

    @abstractmethod
    def _check_key_value(self) -> None: ...
