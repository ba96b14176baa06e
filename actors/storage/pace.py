"""Whether a disk is so quick that to wait for it takes less than to let a thread do it."""

from __future__ import annotations

QUICK_S = 0.001
"""A write that takes longer is no quick one. The hand-over to a thread and back takes a quarter of that."""
QUICK_WRITES = 32
"""After so many quick writes in a row the next one is expected to be quick, too."""


class Pace:
    """How long the last writes took."""

    def __init__(self) -> None:
        self._quick_writes = 0  # in a row

    @property
    def is_quick(self) -> bool:
        """Whether the next write should be quick."""
        return self._quick_writes >= QUICK_WRITES

    def took(self, seconds: float) -> None:
        """Take note of how long a write took."""
        self._quick_writes = self._quick_writes + 1 if seconds <= QUICK_S else 0
