"""All chance of a simulation, from one seed.

Only `Random.random` is used below: its stream is the one that Python promises to keep, and multiplication alone (no
logarithms, whose last digits differ between C libraries) turns it into what is needed.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Chance:
    """A seeded source of decisions.

    Args:
        seed: any integer.
    """

    def __init__(self, seed: int) -> None:
        self.unit = random.Random(seed).random  # the next number of the stream, 0 <= unit() < 1

    def happens(self, probability: float) -> bool:
        """Return True with a probability from 0 to 1; certain outcomes draw nothing."""
        return probability > 0 and self.unit() < probability

    def between(self, low: int, high: int) -> int:
        """Return an integer, low <= result <= high."""
        return low + int(self.unit() * (high - low + 1))

    def pick(self, items: Sequence[T]) -> T:
        """Return one of the items."""
        return items[int(self.unit() * len(items))]

    def split(self, items: Sequence[T]) -> tuple[list[T], list[T]]:
        """Split items in two groups, neither of them empty; needs two items at least."""
        shuffled = self.shuffle(items)
        size = self.between(1, len(shuffled) - 1)
        return shuffled[:size], shuffled[size:]

    def shuffle(self, items: Sequence[T]) -> list[T]:
        """Return the items in another order."""
        shuffled = list(items)
        for i in range(len(shuffled) - 1, 0, -1):
            j = self.between(0, i)
            shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
        return shuffled

    def long_tailed(self, least: int, usual: int) -> int:
        """Return a delay of at least `least`, on average about `least + usual`, at most `least + 5 * usual`."""
        unit = self.unit()
        return least + int(5 * usual * unit * unit * unit * unit)
