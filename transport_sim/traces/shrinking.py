"""Shrinking: the fewest members, kinds of faults and single decisions with which a run still breaks its promise.

Every fault and every command of a run is a decision with a key (`ledger.py`), and a run may be told to carry out only
some of them. Which are needed is found by delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating
Failure-Inducing Input", IEEE TSE 2002): leave out ever smaller parts for as long as the same promise is still broken.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import monotonic

from .replaying import Recipe

Evaluate = Callable[[Sequence[Recipe]], "Iterator[Outcome]"]


class NothingToShrink(Exception):
    """The run breaks no promise."""


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes:
        promise: the number of the promise that it broke, or None.
        events: how many events it took.
        keys: the decisions that were carried out before everything was mended.
    """

    promise: str | None
    events: int
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Shrunk:
    """What shrinking came to.

    Attributes:
        promise: the one that is broken.
        before, after: the run as it was, and the smallest one found.
        events_before, events_after, decisions_before, decisions_after: how much happens in each.
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
    runs: int
    complete: bool


class OutOfTimeError(Exception):
    """The time for shrinking is over."""


class _Search:
    """The search for a smaller run: what is known to fail, and how long it may go on."""

    def __init__(
        self, recipe: Recipe, outcome: Outcome, evaluate: Evaluate, until: float, progress: Callable[[int, int], None]
    ) -> None:
        self.recipe = recipe
        self.outcome = outcome
        self.runs = 1
        self._evaluate = evaluate
        self._until = until
        self._progress = progress

    def take_first(self, candidates: Sequence[Recipe]) -> bool:
        """Go on with the first candidate that breaks the same promise; return whether there is one.

        Raises:
            OutOfTimeError: the time is over.
        """
        for candidate, outcome in zip(candidates, self._evaluate(candidates), strict=True):
            self.runs += 1
            fails = outcome.promise == self.outcome.promise
            if fails:
                self.recipe, self.outcome = candidate, outcome
            self._progress(self.runs, len(self.outcome.keys))
            if fails:
                return True
            if monotonic() > self._until:
                raise OutOfTimeError
        return False

    def shrink(self) -> None:
        """Make the run smaller for as long as that is possible."""
        self.take_first([replace(self.recipe, nodes=nodes) for nodes in range(1, self.recipe.nodes)])
        while self.take_first([replace(self.recipe, seconds=self.recipe.seconds / 2)]):
            if self.recipe.seconds < 1:
                break
        for kind in self.recipe.faults:
            rest = tuple(other for other in self.recipe.faults if other != kind)
            self.take_first([replace(self.recipe, faults=rest)])
        self._minimize()

    def _minimize(self) -> None:
        """Leave out decisions, in parts of half the size whenever none of the size before can be left out."""
        keys = list(self.outcome.keys)
        size = len(keys)
        while keys:
            without = [keys[:begin] + keys[begin + size :] for begin in range(0, len(keys), size)]
            if self.take_first([replace(self.recipe, only=tuple(rest)) for rest in without]):
                # What a run does not come to any more is not needed either.
                keys = [key for key in self.recipe.only or () if key in set(self.outcome.keys)]
                size = min(size, max(len(keys), 1))
            elif size == 1:
                break
            else:
                size = (size + 1) // 2


def shrink(recipe: Recipe, jobs: int, seconds: float, progress: Callable[[int, int], None]) -> Shrunk:
    """Find a smaller run that breaks the same promise.

    Args:
        recipe: the run.
        jobs: how many runs at once; the outcome does not depend on it, but for when time runs out.
        seconds: how long to search.
        progress: called with the number of runs so far and the decisions that are left.

    Raises:
        NothingToShrink: the run breaks no promise.
    """
    with _evaluator(jobs) as evaluate:
        outcome = next(evaluate([recipe]))
        if outcome.promise is None:
            raise NothingToShrink(f"seed {recipe.seed} breaks no promise, so there is nothing to shrink")
        search = _Search(recipe, outcome, evaluate, monotonic() + seconds, progress)
        complete = True
        try:
            search.shrink()
        except OutOfTimeError:
            complete = False
    after = replace(search.recipe, only=tuple(sorted(search.outcome.keys)))
    return Shrunk(
        outcome.promise,
        recipe,
        after,
        outcome.events,
        search.outcome.events,
        len(outcome.keys),
        len(search.outcome.keys),
        search.runs,
        complete,
    )


@contextmanager
def _evaluator(jobs: int) -> Iterator[Evaluate]:
    if jobs <= 1:
        yield lambda recipes: map(_run, recipes)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:

        def evaluate(recipes: Sequence[Recipe]) -> Iterator[Outcome]:
            for begin in range(0, len(recipes), jobs):
                yield from pool.map(_run, recipes[begin : begin + jobs])

        yield evaluate


def _run(recipe: Recipe) -> Outcome:
    simulation = recipe.simulation()
    result = simulation.run()
    promise = None if result.violation is None else result.violation.invariant
    return Outcome(promise, result.events, tuple(simulation.decisions))
