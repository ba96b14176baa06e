"""Leases of the key-value store: keys that vanish when nobody keeps them alive."""

from __future__ import annotations

from . import kv_leases
from .errors import LeaseExpired, TooManyLeases
from .kv import CROWDED, NO_LEASE, Result
from .kv_access import KeyValueAccess
from .kv_commands import OutOfBounds


class Granted:
    """A lease that was granted.

    It lives for its time from the moment on in which it was asked for, or kept alive last, and then some: log time runs
    no faster than clocks do, and stands still while nobody leads. So whoever counts by its own clock from before each
    of these calls knows the lease to live until then.

    Args:
        id: its id.
        ttl: for how long it lives when it is kept alive, in seconds.

    Attributes:
        id: see above.
        ttl: see above.
    """

    def __init__(self, id: int, ttl: float) -> None:
        self.id = id
        self.ttl = ttl

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id}, {self.ttl:g} s)"


class Lease(Granted):
    """A lease, as its holder sees it; see `Granted`.

    Args:
        calls: of the cluster that has it.
        id, ttl: as for `Granted`.
    """

    def __init__(self, calls: LeaseCalls, id: int, ttl: float) -> None:
        super().__init__(id, ttl)
        self._calls = calls

    def keep_alive(self, timeout: float = 5.0) -> None:
        """Let it live for its whole time again; see `LeaseCalls.keep_alive`."""
        self._calls.keep_alive(self.id, timeout)

    def revoke(self, timeout: float = 5.0) -> bool:
        """End it now; see `LeaseCalls.revoke`."""
        return self._calls.revoke(self.id, timeout)


class LeaseCalls(KeyValueAccess):
    """Leases by log time (see `kv_leases`)."""

    def grant(self, ttl: float, timeout: float = 5.0) -> Lease:
        """Make a lease. Keys that are put with it vanish together with it.

        Args:
            ttl: for how long it lives without being kept alive, 0.1 to 31,536,000 seconds (a year).
            timeout: seconds, 0 or more.

        Raises:
            OutOfBounds: when the ttl is out of its bounds; nothing was sent.
            TooManyLeases: there are 100,000.
            InvalidConfig, Unavailable, OutcomeUnknown, NotKeyValue, ClusterClosed: as for `put`.
        """
        return Lease(self, *granted(self._command(grant_of(ttl), timeout)))

    def keep_alive(self, lease: int | Lease, timeout: float = 5.0) -> None:
        """Let a lease live for its whole time again.

        Raises:
            LeaseExpired: when there is no such lease (any more).
            OutOfBounds, InvalidConfig, Unavailable, OutcomeUnknown, NotKeyValue, ClusterClosed: as for `put`.
        """
        check_kept(self._command(kv_leases.keep_alive(lease_id(lease)), timeout))

    def revoke(self, lease: int | Lease, timeout: float = 5.0) -> bool:
        """End a lease now, and with it its keys; return whether it was there.

        Raises:
            OutOfBounds, InvalidConfig, Unavailable, OutcomeUnknown, NotKeyValue, ClusterClosed: as for `put`.
        """
        was_there: bool = self._command(kv_leases.revoke(lease_id(lease)), timeout).value
        return was_there


def lease_id(lease: int | Granted) -> int:
    """Return the id of a lease, however it is named."""
    return lease.id if isinstance(lease, Granted) else lease


def grant_of(ttl: float) -> bytes:
    """Return the command that makes a lease; raises `OutOfBounds` when the ttl is out of its bounds."""
    if type(ttl) not in (int, float) or not 0 <= ttl <= kv_leases.MAX_TTL_MS:
        raise OutOfBounds("ttl", repr(ttl), "0.1 to 31536000 seconds")
    return kv_leases.grant(round(ttl * 1000))


def granted(result: Result) -> tuple[int, float]:
    """Return id and ttl of a lease, of the store's result; raises `TooManyLeases` when it has made none."""
    if result.outcome == CROWDED:
        raise TooManyLeases(result.value)
    id, ttl_ms = result.value
    return id, ttl_ms / 1000


def check_kept(result: Result) -> None:
    """Raise `LeaseExpired` when the store's result is that there is no such lease."""
    if result.outcome == NO_LEASE:
        raise LeaseExpired(result.value)
