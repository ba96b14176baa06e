"""A past for a cluster: what its disks hold when a run begins, so that elections start from every kind of mix."""

from __future__ import annotations

from collections.abc import Sequence

from raft.entries import COMMAND, NOOP, Entry

from .chance import Chance
from .disk import SimDisk

TERMS = 4
LONGEST_REIGN = 6  # entries


def give_past(chance: Chance, disks: Sequence[SimDisk]) -> None:
    """Let each disk hold the log of some earlier leader, or the beginning of one, and a term at or above it.

    Each leader's log is the beginning of its predecessor's and some entries of its own term. Nothing of it counts as
    committed, since no majority need hold it; the logs match where Raft says they must.
    """
    reigns: list[list[Entry]] = [[]]
    for term in range(1, TERMS + 1):
        inherited = reigns[-1][: chance.between(0, len(reigns[-1]))]
        first = len(inherited) + 1
        own = [
            Entry(index, term, COMMAND if index > first else NOOP, b"past %d" % index if index > first else b"")
            for index in range(first, first + chance.between(1, LONGEST_REIGN))
        ]
        reigns.append(inherited + own)
    for disk in disks:
        reign = chance.pick(reigns)
        disk.entries = reign[: chance.between(0, len(reign))]
        last_term = disk.entries[-1].term if disk.entries else 0
        disk.term = chance.between(last_term, TERMS + 2)
