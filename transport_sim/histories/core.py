"""A few operations that contradict each other.

An operation can be *weakened*: a read is left out, a write is treated as if it had no answer. A linearizable history
stays linearizable by it. So when what is left is still not linearizable, the operations that were not weakened
contradict each other whatever the others did. (To leave writes out instead could make contradictions that are none.)
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

from .budget import Budget, OutOfBudget
from .models import problem_of
from .operation import GET, Operation
from .search import Search

FEW = 8  # operations that are looked at first: most contradictions are close by
TRY = 20_000  # configurations after which operations are not thought to be a contradiction
ALL_TRIES = 100_000  # configurations that all tries for one core may cost together
ALL_TRIES_S = 5.0  # and how long they may take, in seconds: what matters most is the verdict


class Core:
    """Looks for a few operations that contradict each other.

    Args:
        operations: valid operations of one key that are not linearizable.
        model: one of `MODELS`.
        allowance_s: as for `problem_of`.
        deadline: when to stop at the latest, in seconds of `time.monotonic`.

    Attributes:
        is_minimal: after `find`, whether it is known that no operation that was found can be weakened too; if not, some
            try took too long.
    """

    def __init__(self, operations: Sequence[Operation], model: str, allowance_s: float, deadline: float) -> None:
        self.is_minimal = True
        self._operations = operations
        self._model = model
        self._allowance_s = allowance_s
        self._deadline = min(deadline, time.monotonic() + ALL_TRIES_S)
        self._left = ALL_TRIES

    def find(self, answers: Sequence[Operation]) -> list[Operation]:
        """Return operations that contradict each other whatever all others did, in the order of their starts.

        They are all of the answers when there is no time for a try.

        Args:
            answers: the answered ones of the operations, in the order of their ends. The last is part of every
                contradiction: the history up to the others is linearizable.
        """
        culprit = answers[-1]
        reads = [each for each in answers[:-1] if each.op == GET]
        writes = [each for each in answers[:-1] if each.op != GET]
        # Reads first: without most of them there is little to explain, and a try with weakened writes costs less.
        reads = self._shrunk(reads, [*writes, culprit])
        writes = self._shrunk(writes, [*reads, culprit])
        return sorted([*reads, *writes, culprit], key=lambda each: (each.start, each.line))

    def _shrunk(self, part: list[Operation], rest: list[Operation]) -> list[Operation]:
        """Return what of a part is needed for a contradiction together with the rest.

        The last few are tried, then twice as many; from these, halves are left out, then quarters, and so on.
        """
        size = FEW
        while size < len(part) and not self._is_contradiction([*part[-size:], *rest]):
            size *= 2
        part = part[-size:]
        size = len(part)
        while size:
            place = 0
            while place < len(part):
                fewer = part[:place] + part[place + size :]
                if self._is_contradiction([*fewer, *rest]):
                    part = fewer
                else:
                    place += size
            size = 0 if size == 1 else (min(size, len(part)) + 1) // 2
        return part

    def _is_contradiction(self, strong: Iterable[Operation]) -> bool:
        """Whether some operations contradict each other when all others are weakened; no when that takes too long."""
        if self._left <= 0 or time.monotonic() >= self._deadline:
            self.is_minimal = False
            return False
        kept = {id(each) for each in strong}
        history = [each if id(each) in kept else weakened(each) for each in self._operations]
        budget = Budget(min(TRY, self._left), self._deadline)
        try:
            # The dive is short: it finds orders, and a contradiction has none.
            return Search(problem_of(history, self._model, self._allowance_s), budget, dive=1).run().order is None
        except OutOfBudget:
            self.is_minimal = False
            return False
        finally:
            self._left -= budget.spent


def weakened(operation: Operation) -> Operation:
    """Return an operation as if it had not been answered; a get tells nothing then."""
    return operation if operation.end is None else replace(operation, end=None, result=None)
