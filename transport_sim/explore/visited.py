"""The set of the worlds that were visited, by their digests."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

_SMALLEST = 1 << 12  # slots


class Visited:
    """A set of numbers of 64 bits, in 12 to 25 bytes for each: a hash table with open addressing.

    The numbers must be spread evenly over their lower bits, as digests are. 0 is no member.
    """

    def __init__(self) -> None:
        self._count = 0
        self._slots = array("Q", bytes(8 * _SMALLEST))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        return filter(None, self._slots)

    def __contains__(self, number: int) -> bool:
        return self._slots[self._slot_of(number)] != 0

    def add(self, number: int) -> bool:
        """Add a number; return whether it is new."""
        slot = self._slot_of(number)
        if self._slots[slot]:
            return False
        self._slots[slot] = number
        self._count += 1
        if self._count * 3 > len(self._slots) * 2:
            self._grow()
        return True

    def _slot_of(self, number: int) -> int:
        slots = self._slots
        last = len(slots) - 1
        slot = number & last
        while True:
            there = slots[slot]
            if there == number or not there:
                return slot
            slot = (slot + 1) & last

    def _grow(self) -> None:
        old = self._slots
        self._slots = array("Q", bytes(16 * len(old)))
        for number in old:
            if number:
                self._slots[self._slot_of(number)] = number
