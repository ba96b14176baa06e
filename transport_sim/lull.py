"""Lulls: times in which nobody asks for anything, so that a leader may become quiescent (contract L4)."""

from __future__ import annotations

from collections.abc import Callable

from .chance import Chance
from .scheduler import Scheduler


class Lull:
    """Brings about lulls from time to time.

    Args:
        timeout_us: the election timeout.
        silence: called with True when a lull begins, and with False when it is over.
    """

    def __init__(self, scheduler: Scheduler, chance: Chance, timeout_us: int, silence: Callable[[bool], None]) -> None:
        self._scheduler = scheduler
        self._chance = chance
        self._timeout_us = timeout_us
        self._silence = silence
        self._stopped = False

    def stop(self) -> None:
        """Bring about no lull any more; one that is under way ends in its time."""
        self._stopped = True

    def begin(self) -> None:
        """Bring about lulls from now on, each as long as some election timeouts, as are the times between them."""
        self._scheduler.after(self._timeout_us * self._chance.between(2, 12), self._fall_silent)

    def _fall_silent(self) -> None:
        length_us = self._timeout_us * self._chance.between(6, 24)
        if self._stopped:
            return
        if self._chance.acts("lull"):
            self._silence(True)
            self._scheduler.after(length_us, self._silence, False)
        self._scheduler.after(length_us + self._timeout_us * self._chance.between(2, 12), self._fall_silent)
