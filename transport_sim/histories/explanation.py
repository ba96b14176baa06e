"""Why a history is not linearizable: how far it goes well, and a few operations that contradict each other.

Linearizability is closed under prefixes: cut off at any moment, what was not answered then counting as unknown, a
linearizable history is still linearizable. So there is a first answer up to which it is not, found by halving.

An operation can be *weakened*: a read is left out, a write is treated as if it had no answer. A linearizable history
stays linearizable by it. So when what is left is still not linearizable, the operations that were not weakened
contradict each other whatever the others did. (To leave writes out instead could make contradictions that are none.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .budget import Budget, OutOfBudget
from .models import problem_of
from .operation import Operation
from .search import Search

FEW = 8  # answers that are looked at first for a contradiction


@dataclass(frozen=True)
class Explanation:
    """Why the operations of one key are not linearizable.

    Attributes:
        operation: the first one, by its answer, that cannot be placed: whatever was answered before can be explained.
        prefix: operations that explain all that was answered before, in an order that explains it.
        core: operations that contradict each other, whatever all others did, in the order of their starts; empty when
            none were found in time.
        is_minimal: whether nothing can be left out of the core, and `operation` is the first indeed. If not, looking
            for that took too long.
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
        budget: what the explanation may cost.
    """

    def __init__(self, operations: Sequence[Operation], model: str, allowance_s: float, budget: Budget) -> None:
        self._operations = operations
        self._model = model
        self._allowance_s = allowance_s
        self._budget = budget
        self._core: list[Operation] = []

    def explain(self, stuck_at: Operation) -> Explanation:
        """Return the best explanation that the budget allows.

        Args:
            stuck_at: an answered operation near which the contradiction is thought to be.
        """
        answers = sorted(
            (each for each in self._operations if each.end is not None), key=lambda each: (each.end, each.line)
        )
        good, bad = 0, len(answers)  # up to how many answers all is well, or nothing is any more
        prefix: list[Operation] = []
        guesses = [answers.index(stuck_at) + 1, answers.index(stuck_at)]
        try:
            while bad - good > 1:
                middle = next((guess for guess in guesses if good < guess < bad), (good + bad) // 2)
                order = self._order(self._until(answers, middle))
                if order is None:
                    bad = middle
                else:
                    good, prefix = middle, order
        except OutOfBudget:
            return Explanation(answers[bad - 1], prefix, [], False)
        cut = self._until(answers, bad)
        self._core = answers[:bad]
        try:
            self._reduce(cut, answers[bad - 1])
        except OutOfBudget:
            return Explanation(answers[bad - 1], prefix, _by_start(self._core), False)
        return Explanation(answers[bad - 1], prefix, _by_start(self._core), True)

    def _until(self, answers: Sequence[Operation], count: int) -> list[Operation]:
        """Return the history cut off after some answers: what was asked for by then."""
        answered = {id(each) for each in answers[:count]}
        last = answers[count - 1]
        assert last.end is not None
        begun = [each for each in self._operations if id(each) in answered or each.start <= last.end]
        return [each if id(each) in answered else _weakened(each) for each in begun]

    def _reduce(self, operations: list[Operation], culprit: Operation) -> None:
        """Weaken what can be weakened while the rest is still a contradiction.

        Contradictions are mostly found close by, so the last few answers are tried first, then twice as many.
        """
        core = self._core
        size = FEW
        while size < len(core) and not self._is_contradiction(operations, core[-size:]):
            size *= 2
        self._core = core = core[-size:]
        size = len(core)
        while size > 1:
            size = (size + 1) // 2
            place = 0
            while place < len(core):
                fewer = [each for each in core[:place] + core[place + size :] if each is not culprit] + [culprit]
                if len(fewer) < len(core) and self._is_contradiction(operations, fewer):
                    self._core = core = fewer
                else:
                    place += size

    def _is_contradiction(self, operations: list[Operation], strong: list[Operation]) -> bool:
        kept = {id(each) for each in strong}
        return self._order([each if id(each) in kept else _weakened(each) for each in operations]) is None

    def _order(self, operations: Iterable[Operation]) -> list[Operation] | None:
        order = Search(problem_of(operations, self._model, self._allowance_s), self._budget).run().order
        return None if order is None else [step.operation for step in order]


def _by_start(operations: Iterable[Operation]) -> list[Operation]:
    return sorted(operations, key=lambda each: (each.start, each.line))


def _weakened(operation: Operation) -> Operation:
    """Return an operation as if it had not been answered; as a get it then tells nothing."""
    return replace(operation, end=None, result=None)
