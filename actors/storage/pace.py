"""Whether a disk is so quick that to wait for it takes less than to let a thread do it."""

from __future__ import annotations

QUICK_S = 0.001
"""A write that takes longer is no quick one. The hand-over to a thread and back takes a quarter of that."""
STALL_S = 0.02
"""After one that takes so long more quick writes are asked for than before: the disk may do that again."""
QUICK_WRITES = 32
"""After so many quick writes in a row, at least, the next one is expected to be quick, too."""
MOST_QUICK_WRITES = 1 << 16
"""So many suffice, however often the disk stalled."""


class Pace:
    """How long the last writes took.

    Each stall doubles how many quick writes in a row are asked for, and sixteen times as many halve it: a disk that
    stalls every now and then is soon not waited for any more.
    """

    def __init__(self) -> None:
        self._quick_writes = 0  # in a row
        self._wanted = QUICK_WRITES

    @property
    def is_quick(self) -> bool:
        """Whether the next write should be quick."""
        return self._quick_writes >= self._wanted

    def took(self, seconds: float) -> None:
        """Take note of how long a write took."""
        if seconds <= QUICK_S:
            self._quick_writes += 1
            if self._wanted > QUICK_WRITES and self._quick_writes >= 16 * self._wanted:
                self._wanted //= 2
                self._quick_writes = self._wanted
            return
        self._quick_writes = 0
        if seconds >= STALL_S:
            self._wanted = min(2 * self._wanted, MOST_QUICK_WRITES)
