"""The calls of an asyncio client of a cluster that replicates the key-value store."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from actors import kv_commands
from actors.arguments import as_bytes
from actors.kv import DONE, INVALID, Result
from actors.stale_read import StaleRead
from raft.actor import LINEARIZABLE


class AsyncKeyValueCalls(ABC):
    """What `KeyValueCalls` has, as coroutines; a base of `AsyncClient`."""

    async def put(self, key: bytes | str, value: bytes | str, timeout: float = 5.0) -> None:
        """Store a value under a key. See `KeyValueCalls.put`."""
        await self._kv(kv_commands.put(as_bytes("key", key), as_bytes("value", value)), timeout)

    async def get(self, key: bytes | str, timeout: float = 5.0, *, consistency: str = LINEARIZABLE) -> bytes | None:
        """Return the value of a key, or None when there is none. See `KeyValueCalls.get`."""
        query = kv_commands.get(as_bytes("key", key))
        self._check_key_value()
        value: bytes | None = (await self.read(query, timeout, consistency=consistency)).value
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
        return (await self._kv(kv_commands.delete(as_bytes("key", key)), timeout)).value is not None

    async def cas(
        self, key: bytes | str, expected: bytes | str | None, value: bytes | str, timeout: float = 5.0
    ) -> bool:
        """Store a value if the key holds the expected one; return whether it did. See `KeyValueCalls.cas`."""
        expected = None if expected is None else as_bytes("expected", expected)
        command = kv_commands.cas(as_bytes("key", key), expected, as_bytes("value", value))
        return (await self._kv(command, timeout)).outcome == DONE

    async def _kv(self, command: bytes, timeout: float) -> Result:
        self._check_key_value()
        result: Result = await self.propose(command, timeout)
        assert result.outcome != INVALID, result.problem
        return result

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
    def _check_key_value(self) -> None: ...
