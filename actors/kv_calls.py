"""The calls of a cluster that replicates the key-value store."""

from __future__ import annotations

from raft.actor import LEASE, LINEARIZABLE
from raft.errors import InvalidConfig

from . import kv_commands
from .arguments import as_bytes
from .kv import DONE
from .leases import Lease, LeaseCalls
from .ranges import RangeCalls
from .stale_read import StaleRead
from .transactions import TransactionCalls
from .watches import WatchCalls


class KeyValueCalls(TransactionCalls, LeaseCalls, RangeCalls, WatchCalls):
    """The replicated key-value store; a base of whatever can propose commands and read.

    A write that is in doubt is sent again, and takes effect once.
    """

    def put(self, key: bytes | str, value: bytes | str, timeout: float = 5.0, *, lease: int | Lease = 0) -> None:
        """Store a value under a key.

        Args:
            key: 1 to 1024 bytes.
            value: 0 bytes to 1 MiB.
            timeout: seconds, 0 or more.
            lease: what the key goes with, a lease or its id. Without, it stays, whatever it went with before.

        Raises:
            LeaseExpired: there is no such lease (any more); nothing was stored.
            OutOfBounds: when key or value is no str or bytes object, or too short or too long; nothing was sent.
            InvalidConfig: when the timeout is no number of seconds.
            Unavailable: nobody took the command in time; it had no effect.
            OutcomeUnknown: the time is up after a node took it; it may yet take effect, once. `SessionExpired` is one.
            NotKeyValue: when the cluster replicates another machine.
            ClusterClosed: after `close`.
        """
        if lease:
            self.txn().put(key, value, lease=lease).commit(timeout)
        else:
            self._command(kv_commands.put(as_bytes("key", key), as_bytes("value", value)), timeout)

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
        value: bytes | None = self._query(kv_commands.get(as_bytes("key", key)), timeout, consistency).value
        return value

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
        return self._command(kv_commands.delete(as_bytes("key", key)), timeout).value is not None

    def cas(self, key: bytes | str, expected: bytes | str | None, value: bytes | str, timeout: float = 5.0) -> bool:
        """Store a value if the key holds the expected one, None for "absent"; return whether it did.

        Raises:
            OutOfBounds, Unavailable, OutcomeUnknown, NotKeyValue, ClusterClosed: as for `put`.
        """
        expected = None if expected is None else as_bytes("expected", expected)
        command = kv_commands.cas(as_bytes("key", key), expected, as_bytes("value", value))
        return self._command(command, timeout).outcome == DONE
