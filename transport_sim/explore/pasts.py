"""What past terms can have left on the disks of a cluster that is switched on again.

Trouble needs logs that have parted, and those take a long way from a new cluster. Beginning with every set of disks
that the rules of Raft allow (paper sections 5.2 to 5.4) brings all that lies behind them within reach of small bounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations, product

from raft.entries import NOOP, Entry

from .history import Elected, History
from .member import Disk, items


@dataclass(frozen=True)
class Past:
    """Disks and what happened before.

    Attributes:
        disks: of every member.
        history: who was elected, and what may have been committed: all of that must never be lost.
    """

    disks: tuple[Disk, ...]
    history: History = History()


def pasts(ids: tuple[str, ...], terms: int) -> Iterator[Past]:
    """Return every past of a cluster with so many terms, each led by nobody or by a leader that added one entry."""
    found = [Past(tuple([Disk() for _ in ids]))]
    for term in range(1, terms + 1):
        found = [after for before in found for after in (before, *_after_term(ids, before, term))]
    yield from found


def _after_term(ids: tuple[str, ...], past: Past, term: int) -> Iterator[Past]:
    """Return what can have become of a past by a term in which somebody led."""
    everybody = range(len(ids))
    for leader in everybody:
        grant = [member for member in everybody if _end(past.disks[member]) <= _end(past.disks[leader])]
        for count in range(len(ids) // 2 + 1, len(ids) + 1):
            for voters in combinations(grant, count):
                if leader in voters:
                    yield from _after_election(ids, past, term, leader, voters)


def _after_election(
    ids: tuple[str, ...], past: Past, term: int, leader: int, voters: tuple[int, ...]
) -> Iterator[Past]:
    before = past.disks[leader].entries
    log = (*before, Entry(len(before) + 1, term, NOOP, b""))
    elected = (*past.history.elected, Elected(term, ids[leader], items(before)))
    others = [member for member in range(len(ids)) if member != leader]
    for received in product(range(len(log) + 1), repeat=len(others)):
        disks = list(past.disks)
        for voter in voters:
            disks[voter] = replace(disks[voter], term=term, vote=ids[leader])
        disks[leader] = replace(disks[leader], entries=log)
        for member, count in zip(others, received, strict=True):
            if count:
                disks[member] = _after_append(disks[member], term, log[:count])
        yield Past(tuple(disks), _with_committed(replace(past.history, elected=elected), disks, log, term))


def _after_append(disk: Disk, term: int, log: tuple[Entry, ...]) -> Disk:
    """Return a follower's disk after the leader of a term has sent it the beginning of its log."""
    vote = disk.vote if disk.term == term else None
    if items(disk.entries[: len(log)]) == items(log):
        log = disk.entries
    return Disk(term, vote, log)


def _with_committed(history: History, disks: list[Disk], log: tuple[Entry, ...], term: int) -> History:
    """Return a history in which the leader of a term has committed what a majority holds, if it could."""
    whole = items(log)
    holders = [disk for disk in disks if items(disk.entries[: len(log)]) == whole]
    if 2 * len(holders) <= len(disks):
        return history
    led = history.committed_in + (term,) * (len(log) - len(history.committed))
    return replace(history, committed=whole, committed_in=led)


def _end(disk: Disk) -> tuple[int, int]:
    return (disk.entries[-1].term, len(disk.entries)) if disk.entries else (0, 0)
