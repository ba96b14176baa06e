"""Locks and semaphores, by a line of those who want them."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from raft.errors import InvalidConfig

from ..arguments import as_bytes
from ..kv_calls import KeyValueCalls
from .errors import PlaceLost
from .line import TTL_S
from .turn import Turn

MAX_PERMITS = 1000


class _Held(Turn):
    """What can be held: a lock, or a permit of a semaphore. Not reentrant; one holder for each object."""

    def __init__(self, client: KeyValueCalls, name: bytes | str, ttl: float, owner: bytes | str, room: int) -> None:
        super().__init__(client, name, ttl, room)
        self._owner = as_bytes("owner", owner)

    def acquire(self, timeout: float | None = None) -> bool:
        """Wait until it is held by this object.

        Args:
            timeout: seconds to wait at most, 0 or more; for ever when None, through outages of the cluster too.

        Returns:
            Whether it is held. When it is not, nothing is left of the attempt.

        Raises:
            AlreadyHeld: it is held, or waited for, by this object.
            Unavailable, OutcomeUnknown: the cluster did not answer in time; it is not held, or by nobody for longer
                than the ttl.
            OutOfBounds: when the ttl or the name is; nothing was done.
            InvalidConfig, TooManyLeases, NotKeyValue: nothing was done.
        """
        return self._line.wait(self._owner, timeout)

    def release(self, timeout: float = 5.0) -> None:
        """Give it back. When the cluster cannot be told in time, it is free when its ttl is over.

        Args:
            timeout: seconds, 0 or more.

        Raises:
            NotHeld: it is not held by this object.
        """
        self._line.leave(timeout)

    @property
    def held(self) -> bool:
        """Whether this object holds it, for certain."""
        return self._line.is_held

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        lost = self.lost
        self.release()
        if lost and exception_type is None:
            raise PlaceLost(self._line.name)


class Lock(_Held):
    """Is held by one at a time, in the order in which they have asked for it.

        with Lock(client, "printer") as lock:
            printer.print(page, fence=lock.token)

    While it is held, a greenlet keeps a lease alive; it needs gevent to run, which every call of the client lets it. A
    block that neither calls the client nor waits by gevent must be over within two thirds of the ttl. When that does
    not work, the lock is `lost`: leaving the `with` statement raises `PlaceLost`, since another one may have been
    inside at the same time. A process that stands still may notice late; what must not be done by two needs the
    `token`.

    Args:
        client: of the cluster that has it.
        name: of the lock, 1 to 1000 bytes; its keys begin with it and a slash.
        ttl: seconds after which others get it when its holder has died, 0.1 or more.
        owner: what others shall read at the key of the holder.
    """

    def __init__(
        self, client: KeyValueCalls, name: bytes | str, *, ttl: float = TTL_S, owner: bytes | str = b""
    ) -> None:
        super().__init__(client, name, ttl, owner, 1)


class Semaphore(_Held):
    """Is held by some at a time, in the order in which they have asked for it; otherwise as `Lock`.

    Args:
        client, name, ttl, owner: as for `Lock`.
        permits: how many may hold it at once, 1 to 1000; the same for everybody who uses it.

    Raises:
        InvalidConfig: when there are none, or too many.
    """

    def __init__(
        self, client: KeyValueCalls, name: bytes | str, permits: int, *, ttl: float = TTL_S, owner: bytes | str = b""
    ) -> None:
        if type(permits) is not int or not 1 <= permits <= MAX_PERMITS:
            raise InvalidConfig("permits", permits, f"1 to {MAX_PERMITS}")
        super().__init__(client, name, ttl, owner, permits)
