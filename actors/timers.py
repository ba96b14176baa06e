"""Time for real: the ports `Clock` and `Timer` of `raft.ports`."""

from __future__ import annotations

import time
from typing import Any

from gevent import get_hub
from pykka import ActorRef

from raft.actor import Tick

from .ports import Clock

# Boot time goes on while the machine is suspended, so that no node believes a leader it has slept through (contract
# E9). Elsewhere the monotonic clock is the best there is; macOS counts suspended time in neither.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class MonotonicClock:
    """Milliseconds of the operating system's monotonic clock; changes of the wall clock do not touch it."""

    def now_ms(self) -> int:
        """Return the time in whole milliseconds since some fixed moment of the past."""
        return time.clock_gettime_ns(_CLOCK) // 1_000_000


class ClusterClock:
    """The time of a cluster that lives in one process, less the times in which the whole of it stood still.

    Such a cluster stops when code in its thread does not wait by gevent: at a prompt, in `time.sleep`, in a debugger.
    By any other clock every node would find on waking that it has heard nobody for too long, though nobody has missed
    anything. So of a stretch in which code ran, and the loop did not come round, no more than the bound counts; the
    time that the loop itself waits for something to happen counts whole.

    It is right only where all nodes share it: one that slept alone must know how long (contract E9).

    Args:
        longest_stretch_ms: the bound, in milliseconds, 1 or more.
        source: the clock that goes on.
    """

    def __init__(self, longest_stretch_ms: int, source: Clock) -> None:
        self._longest_stretch_ms = longest_stretch_ms
        self._source = source
        self._read_ms = self._now_ms = source.now_ms()
        loop: Any = get_hub().loop
        # The last thing before the loop waits, and the first thing after: between them no code runs. Neither wakes it.
        self._before_waiting: Any = loop.prepare(ref=False, priority=loop.MINPRI)
        self._before_waiting.start(self.now_ms)
        self._after_waiting: Any = loop.check(ref=False, priority=loop.MAXPRI)
        self._after_waiting.start(self._count_waiting)

    def now_ms(self) -> int:
        """Return the time in whole milliseconds since some fixed moment of the past."""
        read_ms = self._source.now_ms()
        self._now_ms += min(read_ms - self._read_ms, self._longest_stretch_ms)
        self._read_ms = read_ms
        return self._now_ms

    def _count_waiting(self) -> None:
        read_ms = self._source.now_ms()
        self._now_ms += read_ms - self._read_ms
        self._read_ms = read_ms

    def close(self) -> None:
        """Leave the loop alone; may be called more than once."""
        for watcher in (self._before_waiting, self._after_waiting):
            watcher.stop()
            watcher.close()


class GeventTimer:
    """The alarm of one actor: a timer of gevent's loop that tells the actor a `Tick`.

    Args:
        mailbox: whom to tell.
        clock: by which clock deadlines are meant.
    """

    def __init__(self, mailbox: ActorRef[Any], clock: Clock) -> None:
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
