"""Shapes in which a network falls apart, as the links that are cut: pairs of a sender and a receiver.

Who leads matters to some of them: a leader in the minority must step down, one in the majority must stay.
"""

from __future__ import annotations

from collections.abc import Sequence

from raft.quorum import majority

from .chance import Chance

Links = set[tuple[str, str]]
"""The links that are cut, each in one direction."""


def between(*groups: Sequence[str]) -> Links:
    """Return the links that lead from one group to another."""
    return {(a, b) for one in groups for other in groups if one is not other for a in one for b in other}


def split(chance: Chance, ids: Sequence[str], victim: str, leader: str | None) -> Links:
    """Draw two groups that do not hear each other.

    Args:
        chance: decides: at random, the victim alone, or the leader with a minority, or with just a majority.
        ids: at least two members.
        victim: one of them.
        leader: the one that leads, or None.
    """
    shape = chance.between(0, 3)
    one, other = chance.split(ids)
    if shape == 1:
        one, other = [victim], [id for id in ids if id != victim]
    elif shape > 1 and leader is not None:
        others = chance.shuffle([id for id in ids if id != leader])
        smallest_majority = majority(len(ids))
        beside = smallest_majority - 1 if shape == 2 else len(ids) - smallest_majority - 1
        beside = min(max(beside, 0), len(others) - 1)
        one, other = [leader, *others[:beside]], others[beside:]
    return between(one, other)


def one_way(chance: Chance, ids: Sequence[str], victim: str) -> Links:
    """Draw links that are cut in one direction: a victim is not heard, or does not hear, or a few at random."""
    shape = chance.between(0, 2)
    few = {(a, b) for a in ids for b in ids if a != b and chance.happens(0.3)}
    others = [id for id in ids if id != victim]
    if shape == 0:
        return {(victim, other) for other in others}
    return {(other, victim) for other in others} if shape == 1 else few


def bridge(chance: Chance, ids: Sequence[str]) -> Links:
    """Draw two halves that hear each other only through one member, which hears everybody; needs three members."""
    hub, *others = chance.shuffle(ids)
    return between(others[::2], others[1::2])


def ring(chance: Chance, ids: Sequence[str]) -> Links:
    """Draw an order in which each member hears its two neighbours only; that cuts something from four members on."""
    order = chance.shuffle(ids)
    size = len(order)
    return {
        (order[a], order[b]) for a in range(size) for b in range(size) if a != b and (a - b) % size not in (1, size - 1)
    }
