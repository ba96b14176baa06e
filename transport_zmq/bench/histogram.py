"""A histogram of durations whose buckets grow with what they hold, so that every percentile is as exact as another."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil, exp, log

PRECISION = 0.01  # a percentile is off by at most this part of itself
SHORTEST_S = 1e-6  # what is shorter counts as this

_WIDTH = log(1 + 2 * PRECISION)


class Histogram:
    """Counts durations; those of several processes can be put together.

    Args:
        buckets: (bucket, count) pairs of another one, as `buckets` has them.
    """

    def __init__(self, buckets: Iterable[tuple[int, int]] = ()) -> None:
        self._counts: dict[int, int] = {}
        self.total = 0
        self.add_buckets(buckets)

    def add(self, duration_s: float) -> None:
        """Count one duration, in seconds."""
        bucket = 0 if duration_s <= SHORTEST_S else int(log(duration_s / SHORTEST_S) / _WIDTH)
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self.total += 1

    def add_buckets(self, buckets: Iterable[tuple[int, int]]) -> None:
        """Count what another histogram has counted."""
        for bucket, count in buckets:
            self._counts[bucket] = self._counts.get(bucket, 0) + count
            self.total += count

    @property
    def buckets(self) -> list[tuple[int, int]]:
        """What was counted, as (bucket, count) pairs in order."""
        return sorted(self._counts.items())

    def percentile_s(self, percent: float) -> float | None:
        """Return the duration, in seconds, that so many percent (0 to 100) do not exceed; None when there is none."""
        left = max(1, ceil(self.total * percent / 100))
        for bucket, count in self.buckets:
            left -= count
            if left <= 0:
                return SHORTEST_S * exp((bucket + 0.5) * _WIDTH)
        return None
