"""Whether a solution is still possible: what remains to be found, and what can still bring it about.

A wrong turn is often noticed only much later, when some read turns out to be impossible, and all that was tried
meanwhile was in vain. To look for reads that have become impossible at the very turn costs little. "Possible" may be
wrong here, "impossible" may not.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable

from .steps import ABSENT, EXTEND, SET, UNSEEN, State, Step
from .unknown_steps import UnknownSteps, Used
from .words import Words


class Prospects:
    """Counts the known steps that were not taken yet, by what they find and leave. This one expects all to be possible.

    Args:
        known: all known steps.
        unknown: the unknown ones.
    """

    def __init__(self, known: Iterable[Step], unknown: UnknownSteps) -> None:
        self._unknown = unknown
        self._needed: Counter[State] = Counter()
        self._left: Counter[tuple[int, State]] = Counter()  # by effect and argument
        for step in known:
            self.put_back(step)

    def put_back(self, step: Step) -> None:
        """Count a step that was taken and is not any more."""
        self._count(step, 1)

    def take(self, step: Step) -> None:
        """Stop counting a step, since it is taken."""
        self._count(step, -1)

    def _count(self, step: Step, number: int) -> None:
        if step.finds is not None and not step.excluded:
            self._needed[self._need_of(step.finds)] += number
        self._left[step.effect, step.argument] += number

    def _need_of(self, finds: frozenset[State]) -> State:
        """Return the state that a step needs, or a name for a choice of several."""
        return next(iter(finds)) if len(finds) == 1 else finds

    def never_met(self, steps: Iterable[Step]) -> Step | None:
        """Return the first step, by its answer, that could not even be the first of all; None when there is none."""
        impossible = [
            step for step in steps if step.finds is not None and not step.excluded and not self._can_begin(step.finds)
        ]
        return min(impossible, key=lambda step: (step.end, step.operation.line), default=None)

    def _can_begin(self, finds: frozenset[State]) -> bool:
        return bool(finds)

    def lose(self, before: State, step: Step, after: State, used: Used) -> bool:
        """Whether something that is needed becomes impossible when a state is left.

        Args:
            before: the state.
            step: the known step that leaves it, perhaps after some unknown ones; it still counts as not taken.
            after: what it leaves.
            used: how many unknown steps of each kind are taken then.
        """
        return False

    def _is_needed(self, state: State, step: Step) -> bool:
        """Whether another step than this one needs a state."""
        by_itself = step.finds is not None and not step.excluded and state in step.finds
        return self._needed[state] > by_itself

    def _can_come(self, effect: int, argument: State, used: Used) -> bool:
        """Whether a step of an effect is left."""
        return self._left[effect, argument] > 0 or self._unknown.have(effect, argument, used)


class RegisterProspects(Prospects):
    """Of values that are only set: what is left comes back only when it is set again."""

    def _can_begin(self, finds: frozenset[State]) -> bool:
        return ABSENT in finds or any(self._can_come(SET, state, self._unknown.none_used) for state in finds)

    def lose(self, before: State, step: Step, after: State, used: Used) -> bool:
        """See `Prospects.lose`."""
        return before != after and self._is_needed(before, step) and not self._can_come(SET, before, used)


class GrowingProspects(Prospects):
    """Of values that only grow: the first that nobody has seen is the last that anybody can see."""

    def __init__(self, known: Iterable[Step], unknown: UnknownSteps) -> None:
        self._readers = 0
        super().__init__(known, unknown)

    def _count(self, step: Step, number: int) -> None:
        if step.finds is not None:
            self._readers += number

    def lose(self, before: State, step: Step, after: State, used: Used) -> bool:
        """See `Prospects.lose`."""
        return after == UNSEEN and self._readers > 0


class CounterProspects(Prospects):
    """Of numbers that never become less: what is passed over never comes."""

    def __init__(self, known: Iterable[Step], unknown: UnknownSteps) -> None:
        steps = list(known)
        super().__init__(steps, unknown)
        self._totals = sorted({self._need_of(step.finds) for step in steps if step.finds is not None})

    def _need_of(self, finds: frozenset[State]) -> int:
        return max(_total(state) for state in finds)

    def lose(self, before: State, step: Step, after: State, used: Used) -> bool:
        """See `Prospects.lose`."""
        place = bisect_left(self._totals, _total(before))
        end = bisect_left(self._totals, _total(after), place)
        itself = None if step.finds is None else self._need_of(step.finds)
        return any(self._needed[total] > (total == itself) for total in self._totals[place:end])


def _total(state: State) -> int:
    return state if isinstance(state, int) else -1


class WordProspects(Prospects):
    """Of words that are set and extended: a word comes back when a prefix of it is set, or begun from nothing.

    Args:
        known, unknown: see `Prospects`.
        words: those that were seen.
    """

    LOOKED_AT = 8  # words that are looked for at each turn; the wrong ones show there already

    def __init__(self, known: Iterable[Step], unknown: UnknownSteps, words: Words) -> None:
        steps = list(known)
        self._words = words
        self._prefixes: dict[
            int, list[tuple[int, State]]
        ] = {}  # by word: the effects and arguments that it begins with
        for effect, argument in dict.fromkeys((step.effect, step.argument) for step in [*steps, *unknown.all]):
            prefix = argument if effect == EXTEND else words.value(argument)
            for word in [] if prefix is None else words.beginning_with(prefix):
                self._prefixes.setdefault(word, []).append((effect, argument))
        super().__init__(steps, unknown)

    def _can_begin(self, finds: frozenset[State]) -> bool:
        (state,) = finds
        return state is ABSENT or self._can_come_back(state, ABSENT, self._unknown.none_used)

    def _can_come_back(self, word: State, now: State, used: Used) -> bool:
        assert isinstance(word, tuple)
        begins = now is ABSENT or self._can_come(SET, ABSENT, used)
        return any(
            (effect == SET or begins) and self._can_come(effect, argument, used)
            for effect, argument in self._prefixes.get(word[0], ())
        )

    def lose(self, before: State, step: Step, after: State, used: Used) -> bool:
        """See `Prospects.lose`."""
        if before == after or before == UNSEEN:
            return False
        if before is ABSENT:
            return self._is_needed(ABSENT, step) and not self._can_come(SET, ABSENT, used)
        return any(
            self._is_needed(word, step)
            and not self._words.begins(word, after)
            and not self._can_come_back(word, after, used)
            for word in self._words.from_prefix(before, self.LOOKED_AT)
        )
