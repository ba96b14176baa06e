"""Why a history is not linearizable: how far it goes well, and a few operations that contradict each other.

Linearizability is closed under prefixes: cut off at any moment, what was not answered then counting as unknown, a
linearizable history is still linearizable. So there is a first answer up to which it is not, found by halving.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .budget import Budget, OutOfBudget
from .core import Core, weakened
from .models import problem_of
from .operation import Operation
from .search import Search


@dataclass(frozen=True)
class Explanation:
    """Why the operations of one key are not linearizable.

    Attributes:
        operation: the first one, by its answer, that cannot be placed: whatever was answered before can be explained.
        prefix: operations that explain all that was answered before, in an order that explains it.
        core: operations that contradict each other, whatever all others did, in the order of their starts.
        is_minimal: whether it is known that nothing can be left out of the core. If not, looking for that took too
            long. The core is empty if already looking for `operation` did, which then is one near which the
            contradiction is thought to be, and `prefix` explains only what was found to go well.
    """

    operation: Operation
    prefix: list[Operation]
    core: list[Operation]
    is_minimal: bool

    def as_object(self) -> dict[str, Any]:
        """Return it as a JSON object; operations by their lines, if they have some, are easiest to find again."""
        return {
            "operation": _with_line(self.operation),
            "prefix": [operation.line for operation in self.prefix],
            "core": [_with_line(operation) for operation in self.core],
            "minimal": self.is_minimal,
        }


def _with_line(operation: Operation) -> dict[str, Any]:
    return {"line": operation.line, **operation.as_object()}


class Explainer:
    """Explains why the operations of one key are not linearizable.

    Args:
        operations: valid operations of one key that are not linearizable.
        model: one of `MODELS`.
        allowance_s: as for `problem_of`.
        stuck_at: an answered operation near which the contradiction is thought to be.
    """

    def __init__(self, operations: Sequence[Operation], model: str, allowance_s: float, stuck_at: Operation) -> None:
        self._operations = operations
        self._model = model
        self._allowance_s = allowance_s
        self._stuck_at = stuck_at
        self._answers = sorted(
            (each for each in operations if each.end is not None), key=lambda each: (each.end, each.line)
        )

    def explain(self, budget: Budget, deadline: float) -> Explanation:
        """Return the best explanation that can be had.

        Args:
            budget: what finding the first answer that cannot be explained may cost.
            deadline: when to stop looking for a core at the latest, in seconds of `time.monotonic`.
        """
        place = self._answers.index(self._stuck_at) + 1
        good, bad = 0, len(self._answers)  # up to how many answers all is well, or nothing is any more
        prefix: list[Operation] = []
        try:
            while bad - good > 1:
                middle = next((guess for guess in (place, place - 1) if good < guess < bad), (good + bad) // 2)
                order = self._order(self._until(middle), budget)
                if order is None:
                    bad = middle
                else:
                    good, prefix = middle, order
        except OutOfBudget:
            near = self._stuck_at if good < place <= bad else self._answers[bad - 1]
            return Explanation(near, prefix, [], False)
        core = Core(self._until(bad), self._model, self._allowance_s, deadline)
        found = core.find(self._answers[:bad])
        return Explanation(self._answers[bad - 1], prefix, found, core.is_minimal)

    def _until(self, count: int) -> list[Operation]:
        """Return the history cut off after some answers: what was asked for by then."""
        answered = {id(each) for each in self._answers[:count]}
        last = self._answers[count - 1]
        assert last.end is not None
        begun = [each for each in self._operations if id(each) in answered or each.start <= last.end]
        return [each if id(each) in answered else weakened(each) for each in begun]

    def _order(self, operations: Sequence[Operation], budget: Budget) -> list[Operation] | None:
        order = Search(problem_of(operations, self._model, self._allowance_s), budget).run().order
        return None if order is None else [step.operation for step in order]
