"""Time for real: the ports `Clock` and `Timer` of `raft.ports`."""

from __future__ import annotations

import time
from typing import Any

from gevent import get_hub
from pykka import ActorRef

from raft.actor import Tick

# Boot time goes on while the machine is suspended, so that no node believes a leader it has slept through (contract
# E9). Elsewhere the monotonic clock is the best there is; macOS counts suspended time in neither.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class MonotonicClock:
    """Milliseconds of the operating system's monotonic clock; changes of the wall clock do not touch it."""

    def now_ms(self) -> int:
        """Return the time in whole milliseconds since some fixed moment of the past."""
        return time.clock_gettime_ns(_CLOCK) // 1_000_000


class GeventTimer:
    """The alarm of one actor: a timer of gevent's loop that tells the actor a `Tick`.

    Args:
        mailbox: whom to tell.
        clock: by which clock deadlines are meant.
    """

    def __init__(self, mailbox: ActorRef[Any], clock: MonotonicClock) -> None:
        self._mailbox = mailbox
        self._clock = clock
        self._timer: Any = None

    def set(self, deadline_ms: int) -> None:
        """Tell a `Tick` once the clock has reached `deadline_ms`, which may have passed; replaces the alarm before."""
        self.cancel()
        delay_ms = max(0, deadline_ms - self._clock.now_ms())
        self._timer = get_hub().loop.timer(delay_ms / 1000)
        # The loop's own notion of now is as old as this turn; without the update the alarm would come early.
        self._timer.start(self._mailbox.tell, Tick(), update=True)

    def cancel(self) -> None:
        """Drop the alarm; there may be none."""
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None
