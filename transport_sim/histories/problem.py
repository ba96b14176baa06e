"""What a search is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .prospects import Prospects
from .steps import State, Step
from .unknown_steps import UnknownSteps


@dataclass(frozen=True)
class Problem:
    """The operations of one key, ready for the search. The key is absent at first.

    Attributes:
        known: the steps that were answered: each must take effect between its call and its end.
        unknown: those that were not: each may, at any time from its call on.
        extended: what `EXTEND` does: from a state and an argument to a state.
        commutes: whether the order of steps that extend makes no difference.
        within: whether a state may still become one of some others by unknown steps that extend it; "no" must be right.
        leads: whether a state is, or is on the way to, one of some others; a guess at what to try first.
        prospects: how to notice early that no solution is left.
    """

    known: list[Step]
    unknown: list[Step]
    extended: Callable[[State, State], State]
    prospects: Callable[[list[Step], UnknownSteps], Prospects] = Prospects
    commutes: bool = False
    within: Callable[[State, frozenset[State]], bool] = lambda state, goals: True
    leads: Callable[[State, frozenset[State]], bool] = lambda state, goals: state in goals
