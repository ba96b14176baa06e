"""The steps whose outcome is unknown, by kind: equal ones are told apart by when they began, and used in that order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from .steps import State, Step

Used: TypeAlias = tuple[int, ...]  # how many steps of each kind were taken


class UnknownSteps:
    """All unknown steps of a problem.

    Args:
        steps: in any order.

    Attributes:
        all: the steps.
        dependent: one of each kind that is no blind write.
        none_used: how many of each kind are taken at first.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self.all = steps
        kinds: dict[object, list[Step]] = {}
        for step in sorted(steps, key=lambda step: (step.call, step.operation.line)):
            kinds.setdefault(step.kind, []).append(step)
        self._kinds = list(kinds.values())
        self._all = range(len(self._kinds))
        self._dependent = [number for number in self._all if not self._kinds[number][0].is_blind]
        self.dependent = [self._kinds[number][0] for number in self._dependent]
        self._doing: dict[tuple[int, State], list[int]] = {}
        for number in self._all:
            step = self._kinds[number][0]
            self._doing.setdefault((step.effect, step.argument), []).append(number)
        self.none_used: Used = (0,) * len(self._kinds)

    def possible(self, used: Used, until: float, is_first: bool) -> Iterator[tuple[Step, int]]:
        """Yield the next step of each kind, if it began by then, with the number of the kind.

        Args:
            used: how many of each kind are taken already.
            until: seconds; what began later cannot come next.
            is_first: whether it is the first of a chain; those after it are no blind writes, which would undo it.
        """
        for number in self._all if is_first else self._dependent:
            count = used[number]
            steps = self._kinds[number]
            if count < len(steps) and steps[count].call <= until:
                yield steps[count], number

    def have(self, effect: int, argument: State, used: Used, by: float) -> bool:
        """Whether there is one left of an effect that begins in time."""
        return any(
            used[number] < len(self._kinds[number]) and self._kinds[number][used[number]].call <= by
            for number in self._doing.get((effect, argument), ())
        )
