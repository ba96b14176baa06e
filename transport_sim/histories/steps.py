"""What the search knows of an operation: what it must find, and what it leaves behind.

All models come down to this, so the search and its short cuts are written, and argued for, once.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import TypeAlias

from .operation import Operation

State: TypeAlias = Hashable

ABSENT: State = None
UNSEEN: State = ("unseen",)  # any value that nothing in the history could tell from another such value

# Effects
KEEP = 0  # leaves what it finds
SET = 1  # leaves its argument, whatever it finds
EXTEND = 2  # leaves what it finds, extended by its argument


class Step:
    """An operation, ready for the search.

    Args:
        operation: what it stands for.
        finds: one of these states it must find; None for any state.
        effect: `KEEP`, `SET` or `EXTEND`.
        argument: of the effect.
        excluded: whether `finds` is what it must *not* find.

    Attributes:
        call: from when on it may take effect.
        end: until when it must have, infinite for an unknown outcome.
        follows: the step that the same process finished at the very instant when it began this one, if any.
        is_blind: whether it works on any state, and leaves the same on all.
        kind: equal for steps that find and do the same.
    """

    __slots__ = (
        "argument",
        "call",
        "effect",
        "end",
        "excluded",
        "finds",
        "follows",
        "is_blind",
        "kind",
        "operation",
    )

    def __init__(
        self,
        operation: Operation,
        finds: frozenset[State] | None,
        effect: int,
        argument: State = None,
        excluded: bool = False,
    ) -> None:
        self.operation = operation
        self.finds = finds
        self.effect = effect
        self.argument = argument
        self.excluded = excluded
        self.call = operation.start
        self.end = math.inf if operation.end is None else operation.end
        self.follows: Step | None = None
        self.is_blind = finds is None and effect == SET
        self.kind = (finds, excluded, effect, argument)

    def accepts(self, state: State) -> bool:
        """Whether it may take effect on a state, with the result that it had."""
        return self.finds is None or (state in self.finds) is not self.excluded
