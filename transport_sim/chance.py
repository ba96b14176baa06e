"""All chance of a simulation, from one seed.

Only `Random.random` is used below: its stream is the one that Python promises to keep, and multiplication alone (no
logarithms, whose last digits differ between C libraries) turns it into what is needed.

Whoever decides something has a stream of its own, forked by name. So what one decides does not change what others will.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import TypeVar

from .ledger import Ledger

T = TypeVar("T")


class Chance:
    """A seeded source of decisions.

    Args:
        seed: any integer.
        ledger: where faults are counted; one of its own when None.
        name: whose decisions these are.
    """

    def __init__(self, seed: int, ledger: Ledger | None = None, name: str = "") -> None:
        self.ledger = Ledger() if ledger is None else ledger
        self._seed = seed
        self._name = name
        self._decided = 0
        stream = hashlib.blake2b(f"{seed} {name}".encode(), digest_size=16).digest()
        self.unit = random.Random(int.from_bytes(stream, "big")).random  # the next number, 0 <= unit() < 1

    def fork(self, name: str) -> Chance:
        """Return a source with a stream of its own, which the same seed and name always give."""
        return Chance(self._seed, self.ledger, f"{self._name}{name}")

    def happens(self, probability: float) -> bool:
        """Return True with a probability from 0 to 1; certain outcomes draw nothing."""
        return probability > 0 and self.unit() < probability

    def strikes(self, kind: str, probability: float = 1.0) -> bool:
        """Whether a fault strikes: it happens with a probability from 0 to 1, and the ledger allows it."""
        if probability <= 0 or self.unit() >= probability:
            return False
        self._decided += 1
        return self.ledger.strikes(kind, f"{kind} {self._name} {self._decided}")

    def acts(self, kind: str) -> bool:
        """Whether something is done that is no fault: the ledger allows it."""
        self._decided += 1
        return self.ledger.acts(kind, f"{kind} {self._name} {self._decided}")

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
