"""Sums that are the same in whatever order and under whatever names their parts come.

A part has one number of 64 bits for each way to rename the members: its lanes, kept side by side in one large integer,
so that adding two parts is one addition. A world's lanes are the sum of its parts', and its digest is the least lane:
worlds that differ only by names have the same lanes in another order, and so the same digest.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import permutations

from .canonical import Names

_MASK = (1 << 64) - 1


class Lanes:
    """The ways to rename the members of a cluster.

    Args:
        ids: the members.
        symmetric: whether they may be renamed; if not there is one way only, and one lane.

    Attributes:
        own: what each member is called by itself.
        others: what each is called in the other ways.
    """

    def __init__(self, ids: tuple[str, ...], symmetric: bool) -> None:
        ways = list(permutations(ids)) if symmetric else [ids]
        namings: list[Names] = [dict(zip(ids, way, strict=True)) for way in ways]
        self.own, *self.others = namings
        self._struct = struct.Struct("<" + "Q2x" * len(namings))

    def of(self, numbers: Sequence[int]) -> int:
        """Return the lanes with these numbers."""
        return int.from_bytes(self._struct.pack(*numbers), "little")

    def each(self, lanes: int) -> tuple[int, ...]:
        """Return the numbers of the lanes, each modulo 2**64."""
        return self._struct.unpack(lanes.to_bytes(self._struct.size, "little"))

    def least(self, lanes: int) -> int:
        """Return the least of the lanes."""
        least: int = min(self._struct.unpack(lanes.to_bytes(self._struct.size, "little")))
        return least

    def difference(self, given: int, taken: int) -> int:
        """Return what must be added to change a sum that contains the one part into one that contains the other."""
        pairs = zip(self.each(given), self.each(taken), strict=True)
        return self.of([(plus - minus) & _MASK for plus, minus in pairs])
