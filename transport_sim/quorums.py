"""Majorities once more, for the checker: what it holds the core against must not be the core's own arithmetic."""

from __future__ import annotations

from collections.abc import Collection, Iterable
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


def suffices(configurations: Iterable[Configuration], up: Collection[str]) -> bool:
    """Whether these hosts can elect a leader under any of the configurations.

    With a witness all voters are needed: the one that is down may be the only one to hold what it has acknowledged.
    """
    for configuration in configurations:
        halves = halves_of(configuration)
        if configuration.witnesses and any(voter not in up for half in halves for voter in half):
            return False
        if not is_quorum(up, halves):
            return False
    return True
