"""A timer of an event loop that is set when there is something to do later."""

from __future__ import annotations

from collections.abc import Callable

from actors.loop import GEVENT, Loop, Stop


class Alarm:
    """Calls somebody some time after it was set.

    Args:
        delay_s: how long after, in seconds.
        on_alarm: is called; must neither wait nor raise. It may set the alarm again.
        loop: the event loop.
    """

    def __init__(self, delay_s: float, on_alarm: Callable[[], None], loop: Loop = GEVENT) -> None:
        self._delay_s = delay_s
        self._on_alarm = on_alarm
        self._loop = loop
        self._stop: Stop | None = None

    def set(self) -> None:
        """Set it, unless it is set."""
        if self._stop is None:
            self._stop = self._loop.later(self._delay_s, self._ring)

    def cancel(self) -> None:
        """Do not call; it may not be set."""
        if self._stop is not None:
            self._stop()
            self._stop = None

    def _ring(self) -> None:
        self.cancel()
        self._on_alarm()
