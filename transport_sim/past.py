"""A past for a cluster: what its disks hold when a run begins, so that elections start from every kind of mix."""

from __future__ import annotations

from collections.abc import Mapping

from actors.session_commands import plain
from raft.entries import COMMAND, NOOP, Entry
from raft.quorum import majority

from .chance import Chance
from .disk import SimDisk

TERMS = 8
LONGEST_REIGN = 6  # entries


def give_past(chance: Chance, disks: Mapping[str, SimDisk]) -> None:
    """Let some leaders have come and gone before the run begins, as the rules of Raft allow (paper section 5.4.1).

    In each term one member may have been elected: by a majority, which has spent its votes of that term, and none of
    which had a log more up to date. It added entries, and some members received the first ones of its log.

    Args:
        chance: decides what happened.
        disks: the empty disk of each member.
    """
    for term in range(1, TERMS + 1):
        leader = chance.pick(sorted(disks))
        voters = [member for member in sorted(disks) if _end(disks[member]) <= _end(disks[leader])]
        if len(voters) < majority(len(disks)):
            continue
        others = chance.shuffle([voter for voter in voters if voter != leader])
        needed = majority(len(disks)) - 1
        for voter in [leader, *others[: chance.between(needed, len(others))]]:
            disks[voter].term = term
            disks[voter].vote = leader
        _reign(chance, disks, leader, term)
    longest = max(_end(disk) for disk in disks.values())
    for member in sorted(disks):
        # It campaigned, and was not heard. Those ahead in term and behind in log are the ones that others depend on.
        if chance.happens(0.6 if _end(disks[member]) < longest else 0.1):
            disks[member].term = max(disks[member].term, TERMS) + chance.between(1, 3)
            disks[member].vote = member


def _end(disk: SimDisk) -> tuple[int, int]:
    return (disk.entries[-1].term, len(disk.entries)) if disk.entries else (0, 0)


def _reign(chance: Chance, disks: Mapping[str, SimDisk], leader: str, term: int) -> None:
    log = disks[leader].entries
    first = len(log) + 1
    for index in range(first, first + chance.between(1, LONGEST_REIGN)):
        noop = index == first
        log.append(Entry(index, term, NOOP, b"") if noop else Entry(index, term, COMMAND, plain(b"past %d" % index)))
    for member in sorted(disks):
        disk = disks[member]
        if member == leader or not chance.happens(0.6):
            continue
        if disk.term < term:
            disk.term = term
            disk.vote = None
        sent = chance.between(0, len(log))
        common = 0
        while common < min(len(log), len(disk.entries)) and log[common].term == disk.entries[common].term:
            common += 1
        if sent > common:
            disk.entries = log[:sent]
