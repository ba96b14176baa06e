"""The calls of a cluster that replicates the key-value store."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from raft.actor import LEASE, LINEARIZABLE
from raft.errors import InvalidConfig

from . import kv_commands
from .arguments import as_bytes
from .kv import DONE, INVALID, Result
from .stale_read import StaleRead


class KeyValueCalls(ABC):
    """The replicated key-value store; a base of whatever can propose commands and read.

    A write that is in doubt is sent again, and takes effect once.
    """

    def put(self, key: bytes | str, value: bytes | str, timeout: float = 5.0) -> None:
        """Store a value under a key.

        Args:
            key: 1 to 1024 bytes.
            value: 0 bytes to 1 MiB.
            timeout: seconds, 0 or more.

        Raises:
            OutOfBounds: when key or value is no str or bytes object, or too short or too long; nothing was sent.
            InvalidConfig: when the timeout is no number of seconds.
            Unavailable: nobody took the command in time; it had no effect.
            OutcomeUnknown: the time is up after a node took it; it may yet take effect, once. `SessionExpired` is one.
            NotKeyValue: when the cluster replicates another machine.
            ClusterClosed: after `close`.
        """
        self._kv(kv_commands.put(as_bytes("key", key), as_bytes("value", value)), timeout)

    def get(self, key: bytes | str, timeout: float = 5.0, *, consistency: str = LINEARIZABLE) -> bytes | None:
        """Return the value of a key, or None when there is none, as of some moment during this call (linearizable).

        Args:
            key: 1 to 1024 bytes.
            timeout: seconds, 0 or more.
            consistency: "linearizable" asks a majority whether the leader still leads; "lease" saves that while the
                leader holds a lease, see `LocalCluster.read`.

        Raises:
            InvalidConfig: when the timeout is no number of seconds, or the consistency none of the two.
            OutOfBounds, Unavailable, NotKeyValue, ClusterClosed: as for `put`.
        """
        if consistency not in (LINEARIZABLE, LEASE):
            raise InvalidConfig("consistency", consistency, f'"{LINEARIZABLE}" or "{LEASE}"; see get_stale')
        query = kv_commands.get(as_bytes("key", key))
        self._check_key_value()
        result: Result = self.read(query, timeout, consistency=consistency)
        return result.value

    def get_stale(
        self, key: bytes | str, timeout: float = 5.0, *, node: str | int | None = None
    ) -> StaleRead[bytes | None]:
        """Return the value of a key as one node has it, without asking the others, and how old that may be.

        It works at a node that is cut off, and may miss writes that were acknowledged long ago.

        Args:
            key: 1 to 1024 bytes.
            timeout: seconds, 0 or more.
            node: whom to ask; any when None.

        Raises:
            UnknownNode: when there is no such node.
            OutOfBounds, InvalidConfig, Unavailable, NotKeyValue, ClusterClosed: as for `put`.
        """
        query = kv_commands.get(as_bytes("key", key))
        self._check_key_value()
        stale = self.read_stale(query, timeout, node=node)
        return StaleRead(stale.value.value, stale.staleness_s)

    def delete(self, key: bytes | str, timeout: float = 5.0) -> bool:
        """Remove a key; return whether it was there.

        Raises:
            OutOfBounds, Unavailable, OutcomeUnknown, NotKeyValue, ClusterClosed: as for `put`.
        """
        return self._kv(kv_commands.delete(as_bytes("key", key)), timeout).value is not None

    def cas(self, key: bytes | str, expected: bytes | str | None, value: bytes | str, timeout: float = 5.0) -> bool:
        """Store a value if the key holds the expected one, None for "absent"; return whether it did.

        Raises:
            OutOfBounds, Unavailable, OutcomeUnknown, NotKeyValue, ClusterClosed: as for `put`.
        """
        expected = None if expected is None else as_bytes("expected", expected)
        command = kv_commands.cas(as_bytes("key", key), expected, as_bytes("value", value))
        return self._kv(command, timeout).outcome == DONE

    def _kv(self, command: bytes, timeout: float) -> Result:
        self._check_key_value()
        result: Result = self.propose(command, timeout)
        assert result.outcome != INVALID, result.problem
        return result

    # What it stands on

    @abstractmethod
    def propose(self, command: bytes, timeout: float = 5.0) -> Any:
        """Get a command applied once, and return what the store answered."""

    @abstractmethod
    def read(self, query: Any, timeout: float = 5.0, *, consistency: str = LINEARIZABLE) -> Any:
        """Return what the store answers to a query."""

    @abstractmethod
    def read_stale(self, query: Any, timeout: float = 5.0, *, node: str | int | None = None) -> StaleRead[Any]:
        """Return what one node's store answers to a query."""

    @abstractmethod
    def _check_key_value(self) -> None: ...
