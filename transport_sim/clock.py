"""The clock of one simulated machine, and the alarm of the node that runs there."""

from __future__ import annotations

from collections.abc import Callable

from raft.actor import Tick

from .scheduler import Scheduler


class SimClock:
    """The clock of one host: virtual time since this host was switched on. Implements the clock port.

    Args:
        offset_us: what it showed when the run began.
        drift_ppm: by how many millionths it runs too fast.
    """

    def __init__(self, scheduler: Scheduler, offset_us: int, drift_ppm: int) -> None:
        self._scheduler = scheduler
        self._offset_us = offset_us
        self._rate_ppm = 1_000_000 + drift_ppm

    def jump(self, by_us: int) -> None:
        """Go forward at once, or back, but not to before the zero of all clocks."""
        self._offset_us = max(self._offset_us + by_us, 0)

    def now_ms(self) -> int:
        """Return the host's time."""
        return (self._scheduler.now_us * self._rate_ppm // 1_000_000 + self._offset_us) // 1000

    def lasts_us(self, milliseconds: int) -> int:
        """Return how much virtual time passes while the clock goes on by so much."""
        return milliseconds * 1_000_000_000 // self._rate_ppm

    def when_us(self, time_ms: int) -> int:
        """Return the moment of virtual time at which the clock has reached a time."""
        return -((self._offset_us - time_ms * 1000) * 1_000_000 // self._rate_ppm)


class SimTimer:
    """The alarm of one running node. Implements the timer port."""

    def __init__(self, scheduler: Scheduler, clock: SimClock, tell: Callable[[object], None]) -> None:
        self._scheduler = scheduler
        self._clock = clock
        self._tell = tell
        self._setting = 0
        self._deadline_ms = 0

    def follow_clock(self) -> None:
        """Take note that the clock has jumped."""
        if self._setting:
            self.set(self._deadline_ms)

    def set(self, deadline_ms: int) -> None:
        """Replace the alarm."""
        self._setting += 1
        self._deadline_ms = deadline_ms
        self._scheduler.at(self._clock.when_us(deadline_ms), self._ring, self._setting)

    def _ring(self, setting: int) -> None:
        if setting == self._setting:
            self._tell(Tick())
