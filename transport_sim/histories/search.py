"""Whether the operations of one key can have taken effect one after the other.

The search is the just-in-time linearization of Lowe (2017, "Testing for linearizability"): no configuration is looked
at twice. It is tried depth first and then, if that takes long, breadth first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from .budget import Budget
from .moves import Configuration, Moves, is_no_more
from .problem import Problem
from .steps import State, Step

DIVE = 16  # configurations for each step that are tried depth first; see docs/adr/0015-linearizability.md


@dataclass(frozen=True)
class Outcome:
    """What a search came to.

    Attributes:
        order: the steps in an order that explains them: all known ones, and the unknown ones that it takes; None when
            there is no such order.
        stuck_at: if there is none, the last step, by its answer, that was the first to be due when no order went on.
    """

    order: list[Step] | None
    stuck_at: Step | None


class _Seen:
    """Configurations that were met. Of those that are alike, only ones of which none is as good as another count."""

    def __init__(self) -> None:
        self.alike: defaultdict[tuple[int, int, State], list[Configuration]] = defaultdict(list)

    def admit(self, configuration: Configuration) -> bool:
        """Note a configuration; return whether none as good was met before."""
        alike = self.alike[configuration.key]
        if any(is_no_more(other.used, configuration.used) for other in alike):
            return False
        alike[:] = [other for other in alike if not is_no_more(configuration.used, other.used)]
        alike.append(configuration)
        return True


class Search:
    """One search; made for one call of `run`.

    Args:
        problem: what to search.
        budget: what it may cost.
        dive: how many configurations for each step may be tried depth first.
    """

    def __init__(self, problem: Problem, budget: Budget, dive: int = DIVE) -> None:
        self._budget = budget
        self._dive_for = dive
        self._moves = Moves(problem, budget)
        self._count = len(problem.known)
        self._stuck_at: Step | None = None

    def run(self) -> Outcome:
        """Search for an order.

        Raises:
            OutOfBudget: when none was found for what the search may cost, and more orders are left to try.
        """
        self._stuck_at = self._moves.hopeless()
        if self._stuck_at is not None:
            return Outcome(None, self._stuck_at)
        return self._dive() or self._sweep()

    def _dive(self) -> Outcome | None:
        """Follow the most urgent step each time, and turn back where that leads nowhere; None when that takes long.

        Most histories are linearizable, and in many ways, one of which it meets without looking at most others.
        """
        most = self._budget.spent + self._dive_for * self._count
        seen = _Seen()
        path: list[Iterator[Configuration]] = [iter([self._moves.beginning()])]
        while path:
            configuration = next(path[-1], None)
            if configuration is None:
                path.pop()
            elif seen.admit(configuration):
                if configuration.count == self._count:
                    return Outcome(configuration.order(), None)
                if self._budget.spent >= most:
                    return None
                path.append(self._look(configuration))
        return Outcome(None, self._stuck_at)

    def _sweep(self) -> Outcome:
        """Look at all configurations, those with fewer steps taken first.

        So all ways to a configuration are known when it is looked at, and only those count that use the fewest unknown
        steps. Depth first, it would be looked at again and again, each time with a little less used.
        """
        waiting: defaultdict[int, _Seen] = defaultdict(_Seen)
        beginning = self._moves.beginning()
        waiting[beginning.count].admit(beginning)
        for count in range(self._count):
            for alike in waiting.pop(count, _Seen()).alike.values():
                for configuration in alike:
                    for following in self._look(configuration):
                        waiting[following.count].admit(following)
        for alike in waiting[self._count].alike.values():
            return Outcome(alike[0].order(), None)
        return Outcome(None, self._stuck_at)

    def _look(self, configuration: Configuration) -> Iterator[Configuration]:
        self._budget.spend()
        due = min((self._moves.steps[index] for index in configuration.possible), key=lambda step: step.end)
        if self._stuck_at is None or due.end > self._stuck_at.end:
            self._stuck_at = due
        return self._moves.after(configuration)
