"""Whether the operations of one key can have taken effect one after the other.

The search is that of Wing and Gong (1993) as improved by Lowe (2017, "Testing for linearizability"): steps are taken,
one after the other, from those that began before the first answer of a step not taken yet; calls and answers stand in a
doubly linked list, from which what is taken is lifted out and put back on the way back; and no configuration (the set
of steps taken, and the state) is looked at twice.

What makes unknown outcomes affordable is that most orders need not be tried. Each short cut leaves out only solutions
that imply another one which is not left out:

1. *Reads at once.* A step that keeps the state and accepts it is taken as soon as it can be: nothing that comes later
   depends on it, and all that must come before it has come.
2. *Equal steps in order.* Of steps that find and do the same, the one that must end first goes first: two of them in
   the other order may be swapped.
3. *Unknown steps only where they are needed.* An unknown step has no end, so it may be moved later, up to the first
   step that depends on it; and what nothing depends on is left out. So unknown steps are only taken in a chain right
   before a step that would not be possible otherwise, or would leave something else. Among equal ones the first to
   begin goes first. Which of them were taken is then a number for each kind.
4. *Fewer are better.* A configuration is as good as nothing when another one with the same steps taken and the same
   state was looked at, and had used no more unknown steps of any kind.
5. *Unseen writes together.* Where nothing asks for "any value but this", a write that nobody sees may be taken right
   before whichever overwrites it next. So all of them that are possible are taken with the next blind write.
6. *Last chances.* A state that a step still needs is not left when nothing can bring it back (`prospects`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import le

from .budget import Budget
from .problem import Problem
from .steps import ABSENT, EXTEND, KEEP, SET, UNSEEN, State, Step
from .timeline import Timeline
from .unknown_steps import UnknownSteps, Used


@dataclass(frozen=True)
class Outcome:
    """What a search came to.

    Attributes:
        linearizable: whether there is an order.
        order: if so, the steps in that order: all known ones, and the unknown ones that it takes.
        stuck_at: if not, the first answer, by time, that no order tried got past.
    """

    linearizable: bool
    order: list[Step]
    stuck_at: Step | None


class _Move:
    """A way on from a configuration: unknown steps, then a known one (unseen writes before it are added later)."""

    __slots__ = ("chain", "state", "step", "used")

    def __init__(self, step: int, chain: tuple[Step, ...], state: State, used: Used) -> None:
        self.step = step
        self.chain = chain
        self.state = state
        self.used = used


class _Frame:
    """A configuration on the way.

    Attributes:
        move: how it was reached.
        taken: the known steps that were taken then, in order.
        moves: where to go on.
    """

    __slots__ = ("move", "moves", "taken")

    def __init__(self, move: _Move, taken: list[int], moves: Iterator[_Move]) -> None:
        self.move = move
        self.taken = taken
        self.moves = moves


class Search:
    """One search; made for one call of `run`.

    Args:
        problem: what to search.
        budget: what it may cost.
    """

    def __init__(self, problem: Problem, budget: Budget) -> None:
        self._budget = budget
        self._extended = problem.extended
        self._commutes = problem.commutes
        self._within = problem.within
        self._steps = sorted(problem.known, key=lambda step: (step.call, step.end, step.operation.line))
        self._timeline = Timeline(self._steps)
        self._kinds = _kinds(self._steps)
        self._unknown = UnknownSteps(problem.unknown)
        self._prospects = problem.prospects(self._steps, self._unknown)
        self._excludes = any(step.excluded for step in problem.known)
        self._looked_at: dict[tuple[int, int, State], list[Used]] = {}
        self._furthest: Step | None = None  # whose answer was the first that was left, later than in any other case

    def run(self) -> Outcome:
        """Search for an order.

        Raises:
            OutOfBudget: when none was found for what the search may cost, and more orders are left to try.
        """
        hopeless = self._prospects.never_met(self._steps)
        if hopeless is not None:
            return Outcome(False, [], hopeless)
        frames: list[_Frame] = []
        move = _Move(-1, (), ABSENT, self._unknown.none_used)
        while True:
            taken = self._take(move)
            if self._timeline.is_empty:
                frames.append(_Frame(move, taken, iter(())))
                return Outcome(True, self._order(frames), None)
            self._budget.spend()
            frames.append(_Frame(move, taken, self._moves(move.state, move.used)))
            while (following := next(frames[-1].moves, None)) is None:
                for step in reversed(frames.pop().taken):
                    self._timeline.put_back(step)
                    self._prospects.put_back(self._steps[step])
                if not frames:
                    return Outcome(False, [], self._furthest)
            move = following

    def _take(self, move: _Move) -> list[int]:
        """Take the known steps of a move, and all reads that are possible then; return them in order."""
        taken: list[int] = []
        if move.step >= 0:
            if self._steps[move.step].is_blind and not self._excludes:
                unseen = [step for step in self._timeline.possible() if self._is_unseen_write(step)]
                taken += [step for step in unseen if step != move.step]
            taken.append(move.step)
            for step in taken:
                self._timeline.take(step)
        for step in self._timeline.possible():
            candidate = self._steps[step]
            if candidate.effect == KEEP and candidate.accepts(move.state):
                self._timeline.take(step)
                taken.append(step)
        for step in taken:
            self._prospects.take(self._steps[step])
        return taken

    def _is_unseen_write(self, step: int) -> bool:
        candidate = self._steps[step]
        return candidate.is_blind and candidate.argument == UNSEEN

    def _moves(self, state: State, used: Used) -> Iterator[_Move]:
        """Yield the ways on from the present configuration, unless one as good was looked at before."""
        if self._is_known(state, used):
            return
        first = self._steps[self._timeline.first_answer]
        if self._furthest is None or first.end > self._furthest.end:
            self._furthest = first
        wanting: list[int] = []
        tried = set()
        for index in sorted(self._timeline.possible(), key=self._timeline.place_of_answer):
            kind = self._kinds[index]
            if kind in tried:
                continue
            tried.add(kind)
            step = self._steps[index]
            if not step.accepts(state):
                wanting.append(index)
                continue
            if step.effect == EXTEND and not self._commutes:
                wanting.append(index)
            left = self._left_by(step, state)
            if not self._prospects.lose(state, step, left, used):
                yield _Move(index, (), left, used)
        if wanting and self._unknown.none_used:
            yield from self._moves_by_unknown(state, used, wanting, first.end)

    def _is_known(self, state: State, used: Used) -> bool:
        """Whether a configuration as good as this one was looked at before; if not, note this one."""
        fewest = self._looked_at.setdefault((*self._timeline.taken, state), [])
        if any(all(map(le, other, used)) for other in fewest):
            return True
        fewest.append(used)
        return False

    def _left_by(self, step: Step, state: State) -> State:
        if step.effect == EXTEND:
            return self._extended(state, step.argument)
        return step.argument if step.effect == SET else state

    def _moves_by_unknown(self, state: State, used: Used, wanting: list[int], until: float) -> Iterator[_Move]:
        """Yield the moves that begin with unknown steps.

        Args:
            state: of the present configuration.
            used: likewise.
            wanting: the known steps that may come right after them.
            until: when the first of all known steps must have been taken: what begins later comes after it.
        """
        steps = [self._steps[index] for index in wanting]
        goals = _goals(steps)
        seen = {(state, used)}
        chains: list[tuple[tuple[Step, ...], State, Used]] = [((), state, used)]
        while chains:
            chain, found, spent = chains.pop()
            for step, then in self._unknown.possible(spent, until, not chain):
                left = self._left_by(step, found)
                if not step.accepts(found) or left == found or (left == UNSEEN and not self._excludes):
                    continue
                if goals is not None and not self._may_become(left, goals, steps):
                    continue
                if (left, then) in seen:
                    continue
                seen.add((left, then))
                self._budget.spend()
                longer = (*chain, step)
                chains.append((longer, left, then))
                for index, last in zip(wanting, steps, strict=True):
                    if last.accepts(left) and not self._is_vain(state, left, last, then):
                        yield _Move(index, longer, self._left_by(last, left), then)

    def _may_become(self, state: State, goals: frozenset[State], wanting: list[Step]) -> bool:
        """Whether a state, or what more unknown steps make of it, is of use to a step that waits."""
        if state in goals or any(step.excluded and step.accepts(state) for step in wanting):
            return True
        return self._unknown.can_chain and self._within(state, goals)

    def _is_vain(self, state: State, found: State, last: Step, used: Used) -> bool:
        """Whether a move from a state, by unknown steps and a last known one that finds what they leave, is no use."""
        left = self._left_by(last, found)
        if last.effect == EXTEND and left == UNSEEN and not self._excludes:
            return True
        return self._prospects.lose(state, last, left, used) or self._prospects.lose(found, last, left, used)

    def _order(self, frames: list[_Frame]) -> list[Step]:
        order: list[Step] = []
        for frame in frames:
            for step in frame.taken:
                if step == frame.move.step:
                    order += frame.move.chain
                order.append(self._steps[step])
        return order


def _kinds(steps: list[Step]) -> list[object]:
    """Return the kind of each step; a step of a kind of its own when others of its kind are not as good.

    One that the same process follows up at the very instant of its end cannot be exchanged for one that ends with it.
    """
    followed = {id(step.follows) for step in steps}
    return [(step.kind, index) if id(step) in followed else step.kind for index, step in enumerate(steps)]


def _goals(steps: list[Step]) -> frozenset[State] | None:
    """Return the states that some of the steps need; None when one of them does with any state."""
    goals: set[State] = set()
    for step in steps:
        if step.finds is None:
            return None
        if not step.excluded:
            goals |= step.finds
    return frozenset(goals)
