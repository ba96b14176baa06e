"""Majorities once more, for the checker: what it holds the core against must not be the core's own arithmetic."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeAlias

from raft.membership import Configuration

Halves: TypeAlias = tuple[tuple[str, ...], ...]


def halves_of(configuration: Configuration) -> Halves:
    """Return the sets of voters of each of which a majority is needed."""
    return (configuration.voters, configuration.outgoing) if configuration.outgoing else (configuration.voters,)


def is_quorum(members: Collection[str], halves: Halves) -> bool:
    """Whether these members are more than half of each half."""
    for half in halves:
        count = 0
        for voter in half:
            if voter in members:
                count += 1
        if 2 * count <= len(half):
            return False
    return True
