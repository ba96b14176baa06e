"""Shrinking: the fewest members, kinds of faults and single decisions with which a run still breaks its promise.

Every fault and every command of a run is a decision with a key (`ledger.py`), and a run may be told to carry out only
some of them. Which are needed is found by delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating
Failure-Inducing Input", IEEE TSE 2002): leave out ever smaller parts for as long as the same promise is still broken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from ..workers import NoAnswer, TimeIsUpError, Workers
from .replaying import Recipe

LONGEST_FIRST_RUN_S = 600
"""How long the run that is to be shrunk may take, in seconds of real time."""

OTHER_SEEDS = 8
"""How many other seeds are tried with fewer members, where the same one does not break the promise."""

LONGEST_RUN_S = 10
LONGER = 20
"""How long any other may take: `LONGEST_RUN_S`, or so many times as long as the first. It is given up then."""


class NothingToShrink(Exception):
    """The run breaks no promise, or has no end."""


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes:
        broken: the promise that it broke, and for an error in the code its type and place; None if none.
        events: how many events it took.
        keys: the decisions that were carried out before everything was mended.
    """

    broken: tuple[str, str | None] | None
    events: int
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Shrunk:
    """What shrinking came to.

    Attributes:
        promise: the one that is broken.
        before, after: the run as it was, and the smallest one found.
        events_before, events_after, decisions_before, decisions_after, kinds_before, kinds_after: how much happens in
            each, and of how many kinds those decisions are.
        runs: how many runs it took.
        complete: whether no single decision can be left out any more; False when time ran out.
    """

    promise: str
    before: Recipe
    after: Recipe
    events_before: int
    events_after: int
    decisions_before: int
    decisions_after: int
    kinds_before: int
    kinds_after: int
    runs: int
    complete: bool


class _Search:
    """The search for a smaller run: what is known to fail, and how long it may go on.

    Args:
        recipe, outcome: the run to begin with, and what it came to.
        workers: who runs the candidates.
        until: when to stop, as `monotonic` has it.
        progress: called with the number of runs so far and the decisions that are left.
    """

    def __init__(
        self,
        recipe: Recipe,
        outcome: Outcome,
        workers: Workers[Recipe, Outcome],
        until: float,
        progress: Callable[[int, int], None],
    ) -> None:
        self.recipe = recipe
        self.outcome = outcome
        self.runs = 1
        self._workers = workers
        self._until = until
        self._progress = progress

    def shrink(self) -> None:
        """Make the run smaller for as long as that is possible.

        Raises:
            TimeIsUpError: the time is over.
        """
        self._shrink_setting()
        self._leave_out_kinds()
        self._minimize()
        while self._shrink_setting():  # fewer decisions may do with fewer members, and the other way round
            self._minimize()

    def _take_first(self, candidates: Sequence[Recipe], are_others: bool = False) -> int | None:
        """Go on with the first candidate that breaks the same promise; return which, or None.

        What has no answer is not taken: it is another bug, if it is one.

        Args:
            candidates: what to run, the smallest first.
            are_others: whether they may be other runs altogether; then one that is larger is not taken either.
        """
        for place, outcome in enumerate(self._workers.answers(candidates, self._until)):
            self.runs += 1
            if (
                isinstance(outcome, Outcome)
                and outcome.broken == self.outcome.broken
                and not (are_others and _is_larger(outcome, self.outcome))
            ):
                self.recipe, self.outcome = candidates[place], outcome
                self._progress(self.runs, len(self.outcome.keys))
                return place
            self._progress(self.runs, len(self.outcome.keys))
        return None

    def _takes(self, **changes: Any) -> bool:
        """Go on with another setting if it breaks the same promise and is no larger; return whether it does."""
        return self._take_first([replace(self.recipe, **changes)], are_others=True) is not None

    def _shrink_setting(self) -> bool:
        """Take the fewest members, the shortest time and the fewest kinds of faults; return whether any of it helped.

        Most of these candidates are other runs altogether: they meet other faults. They are worth a try, because the
        first that fails too spares a great many single decisions.
        """
        before = self.recipe
        seeds = (before.seed, *range(OTHER_SEEDS)) if before.only is None else (before.seed,)
        smaller = [replace(before, nodes=nodes, seed=seed) for nodes in range(1, before.nodes) for seed in seeds]
        self._take_first(smaller, are_others=True)
        while self.recipe.seconds >= 1 and self._takes(seconds=self.recipe.seconds / 2):
            pass
        for kind in before.faults:
            self._takes(faults=tuple(other for other in self.recipe.faults if other != kind))
        return self.recipe != before

    def _leave_out_kinds(self) -> None:
        """Leave out all decisions of one kind. Unlike a run without that kind, what is left meets the others alike."""
        for kind in sorted({_kind(key) for key in self.outcome.keys}):
            self._takes(only=tuple(key for key in self.outcome.keys if _kind(key) != kind))

    def _minimize(self) -> None:
        """Leave out decisions, in parts of half the size whenever none of the size before can be left out.

        After a part was left out, the search goes on behind it and comes back to those before it last: they were needed
        a moment ago. It ends when every single decision was tried in vain since the last one that was left out.
        """
        keys = list(self.outcome.keys)
        size = len(keys)
        while keys:
            begins = range(0, len(keys), size)
            rests = [keys[:begin] + keys[begin + size :] for begin in begins]
            taken = self._take_first([replace(self.recipe, only=tuple(rest)) for rest in rests])
            if taken is not None:
                # What a run does not come to any more is not needed either.
                reached = set(self.outcome.keys)
                later_first = keys[begins[taken] + size :] + keys[: begins[taken]]
                keys = [key for key in later_first if key in reached]
                size = min(size, max(len(keys), 1))
            elif size == 1:
                break
            else:
                size = (size + 1) // 2


def shrink(recipe: Recipe, jobs: int, seconds: float, progress: Callable[[int, int], None]) -> Shrunk:
    """Find a smaller run that breaks the same promise, or fails with the same error at the same place.

    Args:
        recipe: the run.
        jobs: how many runs at once; the outcome does not depend on it, but for when time runs out.
        seconds: how long to search, once it is known what the run breaks.
        progress: called with the number of runs so far and the decisions that are left.

    Raises:
        NothingToShrink: the run breaks no promise.
    """
    with Workers(_run, jobs, LONGEST_FIRST_RUN_S) as workers:
        begin = monotonic()
        first = next(workers.answers([recipe]))
        if isinstance(first, NoAnswer):
            raise NothingToShrink(f"seed {recipe.seed} has {first.why}, so it cannot be run again and again")
        if first.broken is None:
            raise NothingToShrink(f"seed {recipe.seed} breaks no promise, so there is nothing to shrink")
        workers.longest_s = max(LONGEST_RUN_S, LONGER * (monotonic() - begin))
        search = _Search(recipe, first, workers, monotonic() + seconds, progress)
        try:
            search.shrink()
            complete = True
        except TimeIsUpError:
            complete = False
    return Shrunk(
        promise=first.broken[0],
        before=recipe,
        after=replace(search.recipe, only=tuple(sorted(search.outcome.keys))),
        events_before=first.events,
        events_after=search.outcome.events,
        decisions_before=len(first.keys),
        decisions_after=len(search.outcome.keys),
        kinds_before=len({_kind(key) for key in first.keys}),
        kinds_after=len({_kind(key) for key in search.outcome.keys}),
        runs=search.runs,
        complete=complete,
    )


def _is_larger(one: Outcome, other: Outcome) -> bool:
    return len(one.keys) > len(other.keys) or one.events > other.events


def _kind(key: str) -> str:
    return key.split(" ", 1)[0]


def _run(recipe: Recipe) -> Outcome:
    simulation = recipe.simulation()
    result = simulation.run()
    violation = result.violation
    broken = None if violation is None else (violation.invariant, violation.place)
    return Outcome(broken, result.events, tuple(simulation.decisions))
