"""What a search goes through: configurations, and the moves from one to the next.

A configuration is the set of steps taken so far and the state that they lead to. The next step is one that began before
the first answer of all that are not taken (Wing and Gong 1993). There are many such orders, and most need not be tried.
Each short cut leaves out only solutions that imply another one which is not left out:

1. *Reads at once.* A step that keeps the state and accepts it is taken as soon as it can be: nothing that comes later
   depends on it, and all that must come before it has come.
2. *Equal steps in order.* Of steps that find and do the same, the one that must end first goes first: two of them in
   the other order may be swapped.
3. *Unknown steps only where they are needed.* An unknown step has no end, so it may be moved later, up to the first
   step that depends on it; and what nothing depends on may be left out. So unknown steps are only taken in a chain
   right before a known step that would not be possible otherwise, or would leave something else. Among equal ones the
   first to begin goes first. Which of them were taken is then a number for each kind.
4. *Fewer are better.* Of configurations with the same steps taken and the same state, one that has used no fewer
   unknown steps of each kind than another is dropped.
5. *Unseen writes together.* Where no step asks for any state but one, a write that nobody sees may be taken right
   before whatever overwrites it. So all of them that can be taken are taken with the next blind write.
6. *Last chances.* A state that a step still needs is not left when nothing can bring it back (`prospects`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from operator import le

from .budget import Budget
from .problem import Problem
from .steps import ABSENT, EXTEND, KEEP, SET, UNSEEN, State, Step
from .unknown_steps import UnknownSteps, Used


class Configuration:
    """What was taken so far, and what it led to.

    Attributes:
        first: all known steps below this index are taken.
        mask: which of those from there on are; bit 0, that of `first`, is never set.
        state: the state.
        used: how many unknown steps of each kind are taken.
        before: the configuration that it came from.
        taken: the steps that were taken since.
        possible: the known steps that can be taken next.
        until: when the first of all known steps must be taken.
    """

    __slots__ = ("before", "first", "mask", "possible", "state", "taken", "until", "used")

    def __init__(self, before: Configuration | None, state: State, used: Used) -> None:
        self.before = before
        self.state = state
        self.used = used
        self.first: int = 0 if before is None else before.first
        self.mask: int = 0 if before is None else before.mask
        self.taken: list[Step] = []
        self.possible: list[int] = []
        self.until = math.inf

    @property
    def key(self) -> tuple[int, int, State]:
        """What tells it from others, but for the unknown steps that it has used."""
        return self.first, self.mask, self.state

    @property
    def count(self) -> int:
        """How many known steps are taken."""
        return self.first + self.mask.bit_count()

    def order(self) -> list[Step]:
        """Return all steps that were taken, in order."""
        parts = []
        at: Configuration | None = self
        while at is not None:
            parts.append(at.taken)
            at = at.before
        return [step for part in reversed(parts) for step in part]


class Moves:
    """The moves of one problem.

    Args:
        problem: what is searched.
        budget: what the search may cost; unknown steps that are tried are paid from it.

    Attributes:
        steps: all known steps, by their calls; an index is a place in this list.
    """

    def __init__(self, problem: Problem, budget: Budget) -> None:
        self.steps = sorted(problem.known, key=lambda step: (step.call, step.end, step.operation.line))
        # Of each step by its index, apart from it because a search looks at these millions of times.
        self._calls = [step.call for step in self.steps]
        self._ends = [step.end for step in self.steps]
        self._urgency = [(step.end, index) for index, step in enumerate(self.steps)]
        self._budget = budget
        self._extended = problem.extended
        self._commutes = problem.commutes
        self._within = problem.within
        self._leads = problem.leads
        index_of = {id(step): index for index, step in enumerate(self.steps)}
        self._follows = [-1 if step.follows is None else index_of[id(step.follows)] for step in self.steps]
        self._kinds = _kinds(self.steps)
        self._unknown = UnknownSteps(problem.unknown)
        self._prospects = problem.prospects(self.steps, self._unknown)
        excluding = [step for step in self.steps if step.excluded]
        self._excludes = bool(excluding)
        self._excludes_seen = any(step.finds != frozenset((ABSENT,)) for step in excluding)
        self._chaining: dict[State, bool] = {}  # whether some unknown step can follow one that leaves a state

    def hopeless(self) -> Step | None:
        """Return the first step, by its answer, of those that can certainly never be taken; None when there is none."""
        return self._prospects.never_met()

    def beginning(self) -> Configuration:
        """Return the configuration in which nothing is taken but what can be read right away."""
        configuration = Configuration(None, ABSENT, self._unknown.none_used)
        self._take(configuration, [])
        return configuration

    def after(self, configuration: Configuration) -> Iterator[Configuration]:
        """Yield the configurations that come next: first what a waiting read may need, then by what must end first."""
        state, used, first, mask = configuration.state, configuration.used, configuration.first, configuration.mask
        able: list[tuple[int, State]] = []  # the steps that can come next, and what they leave
        wanting: list[int] = []
        tried = set()
        for index in sorted(configuration.possible, key=self._urgency.__getitem__):
            kind = self._kinds[index]
            if kind in tried:
                continue
            tried.add(kind)
            step = self.steps[index]
            if step.accepts(state):
                able.append((index, self._left_by(step, state)))
            if not step.accepts(state) or (step.effect == EXTEND and not self._commutes):
                wanting.append(index)
        goals = _goals([self.steps[index] for index in wanting])
        for index, left in sorted(able, key=lambda each: not self._leads(each[1], goals)):
            if not self._prospects.lose(state, index, left, used, first, mask):
                yield self._moved(configuration, (), index, left, used)
        if wanting and used:
            yield from self._after_unknown(configuration, wanting)

    def _take(self, configuration: Configuration, steps: list[int]) -> None:
        """Take known steps, and all reads that are possible then."""
        while True:
            for index in steps:
                configuration.mask |= 1 << (index - configuration.first)
                configuration.taken.append(self.steps[index])
            taken = (~configuration.mask & (configuration.mask + 1)).bit_length() - 1
            configuration.first += taken
            configuration.mask >>= taken
            self._look_ahead(configuration)
            state = configuration.state
            steps = [
                index
                for index in configuration.possible
                if self.steps[index].effect == KEEP and self.steps[index].accepts(state)
            ]
            if not steps:
                return

    def _look_ahead(self, configuration: Configuration) -> None:
        """Find the known steps that can be taken next: no other one that is not taken has ended before they began."""
        calls, ends, follows, count = self._calls, self._ends, self._follows, len(self.steps)
        first, mask = configuration.first, configuration.mask
        possible = []
        until = math.inf
        rest = ~mask
        while (index := first + (rest & -rest).bit_length() - 1) < count and calls[index] <= until:
            if ends[index] < until:
                until = ends[index]
            before = follows[index] - first
            if before < 0 or mask >> before & 1:
                possible.append(index)
            rest &= rest - 1
        configuration.possible = possible
        configuration.until = until

    def _moved(
        self, before: Configuration, chain: tuple[Step, ...], index: int, state: State, used: Used
    ) -> Configuration:
        """Return what comes of taking unknown steps and then a known one, which lead to a state."""
        configuration = Configuration(before, state, used)
        configuration.taken.extend(chain)
        steps = [index]
        if self.steps[index].is_blind and not self._excludes:
            steps = [other for other in before.possible if other != index and self._is_unseen_write(other)] + steps
        self._take(configuration, steps)
        return configuration

    def _is_unseen_write(self, index: int) -> bool:
        step = self.steps[index]
        return step.is_blind and step.argument == UNSEEN

    def _left_by(self, step: Step, state: State) -> State:
        if step.effect == EXTEND:
            return self._extended(state, step.argument)
        return step.argument if step.effect == SET else state

    def _after_unknown(self, configuration: Configuration, wanting: list[int]) -> Iterator[Configuration]:
        """Yield what comes of one or several unknown steps and one of the known steps that may want them."""
        steps = [self.steps[index] for index in wanting]
        goals = _goals(steps)
        anywhere = any(step.effect == EXTEND for step in steps)  # such a step makes something of any state
        fewest = {configuration.state: [configuration.used]}
        chains: list[tuple[tuple[Step, ...], State, Used]] = [((), configuration.state, configuration.used)]
        for chain, found, spent in chains:  # which grows meanwhile: short chains come first
            for step, kind in self._unknown.possible(spent, configuration.until, not chain):
                state = self._left_by(step, found)
                if not step.accepts(found) or (state == UNSEEN and not self._excludes):
                    continue
                used = (*spent[:kind], spent[kind] + 1, *spent[kind + 1 :])
                alike = fewest.setdefault(state, [])
                if any(is_no_more(other, used) for other in alike):
                    continue
                is_wanted = self._is_wanted(state, goals, steps)
                may_go_on = self._chains_on(state) and (anywhere or self._within(state, goals))
                if not is_wanted and not may_go_on:
                    continue
                alike.append(used)
                self._budget.spend()
                longer = (*chain, step)
                if may_go_on:
                    chains.append((longer, state, used))
                for index, last in zip(wanting, steps, strict=True):
                    if last.accepts(state) and not self._is_vain(configuration, state, index, used):
                        yield self._moved(configuration, longer, index, self._left_by(last, state), used)

    def _is_wanted(self, state: State, goals: frozenset[State], wanting: list[Step]) -> bool:
        """Whether a state that unknown steps led to is what a waiting step wants."""
        return state in goals or any(
            step.accepts(state)
            if step.excluded
            else step.effect == EXTEND and (self._excludes_seen or self._extended(state, step.argument) != UNSEEN)
            for step in wanting
        )

    def _chains_on(self, state: State) -> bool:
        """Whether some unknown step may follow another one that led to a state."""
        does = self._chaining.get(state)
        if does is None:
            does = self._chaining[state] = any(
                step.accepts(state) and self._left_by(step, state) not in (state, UNSEEN)
                for step in self._unknown.dependent
            )
        return does

    def _is_vain(self, configuration: Configuration, found: State, index: int, used: Used) -> bool:
        """Whether a known step right after unknown ones, which led to what it finds, is no use."""
        step = self.steps[index]
        left = self._left_by(step, found)
        if step.effect == EXTEND and left == UNSEEN and not self._excludes_seen:
            return True  # it leads there without them, or to what is as good
        first, mask = configuration.first, configuration.mask
        return any(
            self._prospects.lose(before, index, left, used, first, mask) for before in (configuration.state, found)
        )


def is_no_more(one: Used, other: Used) -> bool:
    """Whether no more unknown steps of any kind are used than in another case."""
    return all(map(le, one, other))


def _kinds(steps: list[Step]) -> list[object]:
    """Return the kind of each step; a step of a kind of its own when others of its kind are not as good.

    One that the same process follows up at the very instant of its end cannot be exchanged for one that ends with it.
    """
    followed = {id(step.follows) for step in steps}
    return [(step.kind, index) if id(step) in followed else step.kind for index, step in enumerate(steps)]


def _goals(steps: list[Step]) -> frozenset[State]:
    """Return the states that some of the steps need."""
    return frozenset(state for step in steps if step.finds is not None and not step.excluded for state in step.finds)
