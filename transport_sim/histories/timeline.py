"""The calls and answers of steps, in a doubly linked list from which what is taken is lifted out (Lowe 2017)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .steps import Step


class Timeline:
    """The calls and answers of the steps that were not taken yet, by time.

    Where they coincide calls come first, so that steps that touch overlap. Place 0 is before the list. At the place of
    a call stands the index of its step, at that of an answer the complement of the index.

    Args:
        steps: in the order of their calls.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        events = sorted(
            [(step.call, 0, index) for index, step in enumerate(steps)]
            + [(step.end, 1, index) for index, step in enumerate(steps)]
        )
        self._events = [0]
        self._call_at = [0] * len(steps)
        self._answer_at = [0] * len(steps)
        for place, (_, is_answer, index) in enumerate(events, 1):
            self._events.append(~index if is_answer else index)
            (self._answer_at if is_answer else self._call_at)[index] = place
        self._next = [*range(1, len(self._events)), 0]
        self._previous = [len(events), *range(len(events))]
        self._taken = 0
        self._bits = [1 << index for index in range(len(steps))]
        numbers = {id(step): index for index, step in enumerate(steps)}
        self._follows = [0 if step.follows is None else self._bits[numbers[id(step.follows)]] for step in steps]

    @property
    def is_empty(self) -> bool:
        """Whether every step was taken."""
        return self._next[0] == 0

    @property
    def taken(self) -> tuple[int, int]:
        """Which steps were taken: all those below the first number, and what the bits of the second say from there."""
        first = self._events[self._next[0]] if self._next[0] else len(self._bits)
        return first, self._taken >> first

    @property
    def first_answer(self) -> int:
        """The step that must be taken before any that begins later; there must be one."""
        place = self._next[0]
        while self._events[place] >= 0:
            place = self._next[place]
        return ~self._events[place]

    def place_of_answer(self, step: int) -> int:
        """Return the place of a step's answer, which tells which of two must end first."""
        return self._answer_at[step]

    def possible(self) -> Iterator[int]:
        """Yield the steps that can be taken next; one may be taken while the iterator stands at it."""
        place = self._next[0]
        while place and (step := self._events[place]) >= 0:
            after = self._follows[step]
            if not after & ~self._taken:
                yield step
            place = self._next[place]

    def take(self, step: int) -> None:
        """Lift a step out."""
        for place in (self._answer_at[step], self._call_at[step]):  # so that what follows the call is in the list
            self._next[self._previous[place]] = self._next[place]
            self._previous[self._next[place]] = self._previous[place]
        self._taken |= self._bits[step]

    def put_back(self, step: int) -> None:
        """Put back the step that was lifted out last."""
        for place in (self._call_at[step], self._answer_at[step]):
            self._next[self._previous[place]] = place
            self._previous[self._next[place]] = place
        self._taken ^= self._bits[step]
