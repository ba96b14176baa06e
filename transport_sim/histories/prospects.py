"""Whether a solution is still possible: what remains to be found, and what can still bring it about.

A wrong turn is often noticed only much later, when some read turns out to be impossible, and all that was tried
meanwhile was in vain. To look for what becomes impossible at the very turn costs little. "Possible" may be wrong here,
"impossible" may not.

What is taken comes in two numbers, as in `search`: all steps below `first`, and those from there on whose bits are set
in `mask`. So a set of steps is a number too, and what remains of it is found by two operations on numbers.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence

from .steps import ABSENT, EXTEND, SET, UNSEEN, State, Step
from .unknown_steps import UnknownSteps, Used
from .words import Words

NEVER = -math.inf


class Prospects:
    """What the known steps find and leave. This one never expects anything to be impossible.

    Args:
        known: all known steps, in the order of their indexes.
        unknown: the unknown ones.
    """

    def __init__(self, known: Sequence[Step], unknown: UnknownSteps) -> None:
        self._known = known
        self._calls = [step.call for step in known]
        self._unknown = unknown
        self._needing: defaultdict[State, int] = defaultdict(int)  # the steps that need a state
        self._doing: defaultdict[tuple[int, State], int] = defaultdict(int)  # those of an effect with an argument
        for index, step in enumerate(known):
            if step.finds is not None and not step.excluded:
                self._needing[self._need(step.finds)] |= 1 << index
            self._doing[step.effect, step.argument] |= 1 << index

    def _need(self, finds: frozenset[State]) -> State:
        """Return the state that a step needs, or a name for a choice of several."""
        return next(iter(finds)) if len(finds) == 1 else finds

    def never_met(self) -> Step | None:
        """Return the first step, by its answer, of those that could never be taken; None when there is none."""
        impossible = [
            step
            for step in self._known
            if step.finds is not None and not step.excluded and not self._can_begin(step.finds)
        ]
        return min(impossible, key=lambda step: (step.end, step.operation.line), default=None)

    def _can_begin(self, finds: frozenset[State]) -> bool:
        return bool(finds)

    def lose(self, before: State, index: int, after: State, used: Used, first: int, mask: int) -> bool:
        """Whether something that is needed becomes impossible when a state is left.

        Args:
            before: the state.
            index: the known step that leaves it, perhaps after some unknown ones; it is not counted as taken.
            after: what it leaves.
            used: how many unknown steps of each kind are taken then.
            first: which known steps are taken; see above.
            mask: likewise.
        """
        return False

    def _needed_by(self, state: State, index: int, first: int, mask: int) -> float:
        """Return when one that is not taken must have found a state, this one left aside, or `NEVER`."""
        needing = self._needing.get(state, 0) >> first & ~(mask | 1 << (index - first))
        return self._known[first + (needing & -needing).bit_length() - 1].end if needing else NEVER

    def _can_come(self, effect: int, argument: State, used: Used, first: int, mask: int, by: float) -> bool:
        """Whether a step of an effect is left that begins in time."""
        in_time = (1 << max(0, bisect_right(self._calls, by) - first)) - 1
        is_known = self._doing.get((effect, argument), 0) >> first & ~mask & in_time != 0
        return is_known or self._unknown.have(effect, argument, used, by)


class RegisterProspects(Prospects):
    """Of values that are only set: what is left comes back only when it is set again."""

    def _can_begin(self, finds: frozenset[State]) -> bool:
        return ABSENT in finds or any(
            self._can_come(SET, state, self._unknown.none_used, 0, 0, math.inf) for state in finds
        )

    def lose(self, before: State, index: int, after: State, used: Used, first: int, mask: int) -> bool:
        """See `Prospects.lose`."""
        by = self._needed_by(before, index, first, mask)
        return before != after and by != NEVER and not self._can_come(SET, before, used, first, mask, by)


class GrowingProspects(Prospects):
    """Of values that only grow: after the first that nobody has seen nobody can see anything."""

    def __init__(self, known: Sequence[Step], unknown: UnknownSteps) -> None:
        super().__init__(known, unknown)
        self._readers = sum(1 << index for index, step in enumerate(known) if step.finds is not None)

    def lose(self, before: State, index: int, after: State, used: Used, first: int, mask: int) -> bool:
        """See `Prospects.lose`."""
        return after == UNSEEN and self._readers >> first & ~mask != 0


class CounterProspects(Prospects):
    """Of numbers that never become less: what is passed over never comes."""

    def __init__(self, known: Sequence[Step], unknown: UnknownSteps) -> None:
        super().__init__(known, unknown)
        self._totals = sorted({self._need(step.finds) for step in known if step.finds is not None})

    def _need(self, finds: frozenset[State]) -> int:
        return max(_total(state) for state in finds)

    def lose(self, before: State, index: int, after: State, used: Used, first: int, mask: int) -> bool:
        """See `Prospects.lose`."""
        place = bisect_left(self._totals, _total(before))
        end = bisect_left(self._totals, _total(after), place)
        return any(self._needed_by(total, index, first, mask) != NEVER for total in self._totals[place:end])


def _total(state: State) -> int:
    return state if isinstance(state, int) else -1  # what is absent comes before a total of 0


class WordProspects(Prospects):
    """Of words that are set and extended: a word comes back when a prefix of it is set, or appended to nothing.

    Args:
        known: see `Prospects`.
        unknown: likewise.
        words: those that were seen.
    """

    LOOKED_AT = 8  # words that are looked for at each turn; the first to become impossible are among them

    def __init__(self, known: Sequence[Step], unknown: UnknownSteps, words: Words) -> None:
        super().__init__(known, unknown)
        self._words = words
        self._beginnings: defaultdict[int, list[tuple[int, State]]] = defaultdict(list)  # of each word, as effects
        for effect, argument in dict.fromkeys((step.effect, step.argument) for step in [*known, *unknown.all]):
            prefix = argument if effect == EXTEND else words.value(argument)
            for word in words.beginning_with(prefix) if isinstance(prefix, str) else ():
                self._beginnings[word].append((effect, argument))

    def _can_begin(self, finds: frozenset[State]) -> bool:
        none = self._unknown.none_used
        return all(state is ABSENT or self._can_come_back(state, ABSENT, none, 0, 0, math.inf) for state in finds)

    def _can_come_back(self, word: State, now: State, used: Used, first: int, mask: int, by: float) -> bool:
        assert isinstance(word, tuple)
        from_nothing = now is ABSENT or self._can_come(SET, ABSENT, used, first, mask, by)
        return any(
            (effect == SET or from_nothing) and self._can_come(effect, argument, used, first, mask, by)
            for effect, argument in self._beginnings[word[0]]
        )

    def lose(self, before: State, index: int, after: State, used: Used, first: int, mask: int) -> bool:
        """See `Prospects.lose`."""
        if before in (after, UNSEEN):
            return False
        if before is ABSENT:
            by = self._needed_by(ABSENT, index, first, mask)
            return by != NEVER and not self._can_come(SET, ABSENT, used, first, mask, by)
        for word in self._words.from_prefix(before, self.LOOKED_AT):
            by = self._needed_by(word, index, first, mask)
            if by == NEVER or self._words.begins(word, after):
                continue
            if not self._can_come_back(word, after, used, first, mask, by):
                return True
        return False
