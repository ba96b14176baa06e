"""The decisions of a run: every fault that chance decided on has a key, and may be kept from striking.

A key tells the kind of the fault, whose chance decided, and the how manieth decision it was there: `drop n1>n2 17`. It
does not depend on what others decided, so a run from which some faults are taken away meets the others as before, as
long as it goes the same way. That is what makes a failing run shrink.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection


class Ledger:
    """Counts the decisions of a run, and says which of them may be carried out.

    Args:
        only: the keys of the only decisions that may be carried out; None for all.

    Attributes:
        faults: how often each kind of fault struck.
        keys: the decisions that were carried out, in order, until everything may be.
        watch: called as watch(kind, key) with each of them; may be replaced.
    """

    def __init__(self, only: Collection[str] | None = None) -> None:
        self.faults: Counter[str] = Counter()
        self.keys: list[str] = []
        self.watch: Callable[[str, str], None] | None = None
        self._only = None if only is None else frozenset(only)
        self._all_may = False

    def allow_all(self) -> None:
        """Let everything be carried out from now on, whatever its key."""
        self._all_may = True

    def strikes(self, kind: str, key: str) -> bool:
        """Whether a fault may strike; if so, count it."""
        if not self.acts(kind, key):
            return False
        self.faults[kind] += 1
        return True

    def acts(self, kind: str, key: str) -> bool:
        """Whether something may be done that is no fault: a command, a read."""
        if not self._all_may:
            if self._only is not None and key not in self._only:
                return False
            self.keys.append(key)
        if self.watch is not None:
            self.watch(kind, key)
        return True
