"""Whether a history is linearizable: every operation takes effect at one moment between its start and its end.

Keys are checked one by one: a history is linearizable when that of each key is (Herlihy and Wing 1990, locality).
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .budget import Budget, OutOfBudget
from .explanation import Explainer, Explanation
from .models import problem_of
from .operation import Operation
from .search import Search
from .validation import validate

FIRST_TRY = 20_000  # configurations for each of several keys before any of them gets more: about a second
LOCATING = 50_000  # configurations that finding the first answer that cannot be explained may cost,
LOCATING_TIMES = 3  # and how many times those of the verdict on top: it takes about two more searches


@dataclass(frozen=True)
class KeyVerdict:
    """The verdict on one key.

    Attributes:
        key: the key.
        operations: how many there are.
        linearizable: whether it is; None when that could not be decided in time.
        configurations: how many were looked at, in the last try if there were two.
        order: an order that explains all results, if it is linearizable.
        stuck_at: if not, the operation that no order got past.
    """

    key: str
    operations: int
    linearizable: bool | None
    configurations: int
    order: list[Operation]
    stuck_at: Operation | None


@dataclass(frozen=True)
class Verdict:
    """The verdict on a history.

    Attributes:
        keys: the verdicts on its keys, in order of their names.
        seconds: how long it took.
        explanation: why the first key that is not linearizable is not; None when there is none.
    """

    keys: list[KeyVerdict]
    seconds: float
    explanation: Explanation | None

    @property
    def linearizable(self) -> bool | None:
        """Whether the whole history is: False if any key is not, else None if any is undecided."""
        if any(key.linearizable is False for key in self.keys):
            return False
        return None if any(key.linearizable is None for key in self.keys) else True

    @property
    def operations(self) -> int:
        """How many operations there are."""
        return sum(key.operations for key in self.keys)

    @property
    def configurations(self) -> int:
        """How many configurations were looked at in the last try for each key, without those of the explanation."""
        return sum(key.configurations for key in self.keys)

    @property
    def violated(self) -> list[str]:
        """The keys that are not linearizable."""
        return [key.key for key in self.keys if key.linearizable is False]

    @property
    def undecided(self) -> list[str]:
        """The keys that could not be decided in time."""
        return [key.key for key in self.keys if key.linearizable is None]

    def as_object(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "linearizable": self.linearizable,
            "operations": self.operations,
            "keys": len(self.keys),
            "configurations": self.configurations,
            "seconds": round(self.seconds, 3),
            "violated": self.violated,
            "undecided": self.undecided,
            "key": self.violated[0] if self.violated else None,
            "explanation": None if self.explanation is None else self.explanation.as_object(),
        }


def check(operations: Sequence[Operation], model: str, seconds: float = 60.0, allowance_s: float = 0.0) -> Verdict:
    """Return whether a history is linearizable, and why not.

    Lease reads must be as linearizable as all others. A stale read must return what the key was at some moment that is
    no earlier than its age before it began, in the same order of writes that all others see.

    Args:
        operations: the history.
        model: one of `MODELS`, see `validation`.
        seconds: after how long to give up, above 0. Verdicts that take less do not depend on it, but how good the
            explanation is may: less is spent on it on a slow machine.
        allowance_s: how much older than its age a stale read may be, in seconds: how long a heartbeat travels.

    Raises:
        UnknownModel: when there is no such model.
        InvalidHistory: when the operations are no history of the model.
    """
    validate(operations, model)
    begun = time.monotonic()
    deadline = begun + seconds
    by_key: dict[str, list[Operation]] = {}
    for operation in operations:
        by_key.setdefault(operation.key, []).append(operation)
    verdicts = {}
    for key in sorted(by_key):
        budget = Budget(FIRST_TRY if len(by_key) > 1 else math.inf, deadline)
        verdicts[key] = _check_key(key, by_key[key], model, allowance_s, budget)
    hard = [key for key in sorted(by_key) if verdicts[key].linearizable is None]
    for place, key in enumerate(hard):
        share = (deadline - time.monotonic()) / (len(hard) - place)
        if share > 0:
            budget = Budget(deadline=time.monotonic() + share)
            verdicts[key] = _check_key(key, by_key[key], model, allowance_s, budget)
    explanation = None
    stuck = next((verdict for verdict in verdicts.values() if verdict.stuck_at is not None), None)
    if stuck is not None and stuck.stuck_at is not None:
        explainer = Explainer(by_key[stuck.key], model, allowance_s, stuck.stuck_at)
        budget = Budget(LOCATING + LOCATING_TIMES * stuck.configurations, deadline)
        explanation = explainer.explain(budget, deadline)
    return Verdict(list(verdicts.values()), time.monotonic() - begun, explanation)


def _check_key(key: str, operations: list[Operation], model: str, allowance_s: float, budget: Budget) -> KeyVerdict:
    try:
        outcome = Search(problem_of(operations, model, allowance_s), budget).run()
    except OutOfBudget:
        return KeyVerdict(key, len(operations), None, budget.spent, [], None)
    if outcome.order is None:
        assert outcome.stuck_at is not None
        return KeyVerdict(key, len(operations), False, budget.spent, [], outcome.stuck_at.operation)
    return KeyVerdict(key, len(operations), True, budget.spent, [step.operation for step in outcome.order], None)
