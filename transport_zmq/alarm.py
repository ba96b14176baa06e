"""A timer of gevent's loop that is set when there is something to do later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gevent import get_hub


class Alarm:
    """Calls somebody some time after it was set.

    Args:
        delay_s: how long after, in seconds.
        on_alarm: is called; must neither wait nor raise. It may set the alarm again.
    """

    def __init__(self, delay_s: float, on_alarm: Callable[[], None]) -> None:
        self._delay_s = delay_s
        self._on_alarm = on_alarm
        self._timer: Any = None

    def set(self) -> None:
        """Set it, unless it is set."""
        if self._timer is None:
            self._timer = get_hub().loop.timer(self._delay_s)
            self._timer.start(self._ring, update=True)

    def cancel(self) -> None:
        """Do not call; it may not be set."""
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None

    def _ring(self) -> None:
        self.cancel()
        self._on_alarm()
