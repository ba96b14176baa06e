"""Keeps a lease alive in the background, and knows for how long it certainly lives."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import gevent
from gevent.event import Event

from raft.errors import OutcomeUnknown, RaftError

from ..kv_calls import KeyValueCalls
from ..timers import MonotonicClock

RETRY_S = 0.05  # the pause after an attempt that has failed at once
CERTAIN_PART = 0.95  # of a lease's time: clocks, this one and that of the leader, may run apart by a percent or two

_CLOCK = MonotonicClock()


class Keeper:
    """A lease of its own, which is kept alive until `stop`.

    A lease lives for its time from the moment on in which it was last asked to. That moment is taken here before
    asking, by this process's clock, and log time runs hardly faster: so until `lost`, which comes a little before the
    lease can end, its keys are there. When nobody could be asked for so long it is given up, though the cluster may
    have kept it.

    Args:
        calls: of the cluster.
        ttl: of the lease, in seconds.
        timeout: seconds that it may take to grant it.

    Raises:
        OutOfBounds, TooManyLeases, InvalidConfig, Unavailable, OutcomeUnknown, NotKeyValue: as for `grant`.

    Attributes:
        lease: the lease.
    """

    def __init__(self, calls: KeyValueCalls, ttl: float, timeout: float) -> None:
        asked_s = _now_s()
        self.lease = calls.grant(ttl, timeout)
        self._calls = calls
        self._until_s = asked_s + CERTAIN_PART * self.lease.ttl
        self._lost = Event()
        self._greenlet: Any = gevent.spawn(self._keep)

    @property
    def lost(self) -> bool:
        """Whether it is not certain any more that the lease lives; it never becomes certain again."""
        if _now_s() >= self._until_s:
            self._lost.set()
        return self._lost.is_set()

    def wait_lost(self, timeout: float | None) -> bool:
        """Wait until it is lost, for some seconds at most; return whether it is."""
        return self.lost or self._lost.wait(timeout)

    def stop(self, timeout: float) -> None:
        """Keep it alive no more and revoke it; if that cannot be done in time, it expires by itself."""
        self._greenlet.kill(block=False)
        self._lost.set()
        with suppress(RaftError):
            self._calls.revoke(self.lease, timeout)

    def _keep(self) -> None:
        gevent.sleep(self.lease.ttl / 3)
        while not self.lost:
            asked_s = _now_s()
            try:
                self._calls.keep_alive(self.lease, max(0.0, self._until_s - asked_s))
            except OutcomeUnknown:
                gevent.sleep(RETRY_S)  # it may have been done, or not: that does not count
            except RaftError:
                self._lost.set()  # it is gone, its time is up, or the client is closed
            else:
                self._until_s = asked_s + CERTAIN_PART * self.lease.ttl
                gevent.sleep(self.lease.ttl / 3)


def _now_s() -> float:
    """Return the time in seconds by the clock that leaders use, which counts suspended time too."""
    return _CLOCK.now_ms() / 1000
