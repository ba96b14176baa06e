"""How much a search may cost."""

from __future__ import annotations

import math
import time

CLOCK_EVERY = 256  # configurations between two looks at the clock: some milliseconds


class OutOfBudget(Exception):
    """The search was given up; nothing is decided."""


class Budget:
    """What may be spent, in configurations and in time.

    Args:
        configurations: how many may be looked at.
        deadline: when to stop, in seconds of `time.monotonic`.

    Attributes:
        spent: how many were looked at.
    """

    def __init__(self, configurations: float = math.inf, deadline: float = math.inf) -> None:
        self.spent = 0
        self._configurations = configurations
        self._deadline = deadline

    def spend(self) -> None:
        """Count one more configuration.

        Raises:
            OutOfBudget: when that was one too many, or the time is over.
        """
        self.spent += 1
        if self.spent > self._configurations:
            raise OutOfBudget
        if self.spent % CLOCK_EVERY == 0 and time.monotonic() >= self._deadline:
            raise OutOfBudget
