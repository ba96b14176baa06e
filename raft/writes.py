"""Numbered writes: which have been issued, which have completed, which entries are still on their way to disk."""


class Writes:
    """The writes a node has handed to its storage, numbered from 1.

    Completions may arrive in any order and more than once; they count only as a contiguous prefix, because a write is
    worth nothing while an earlier one, which it builds upon, may still be lost (contract R9).

    Attributes:
        issued: number of the newest write.
        done: every write up to this number has completed.
        waiting_since_ms: since when the oldest write under way is waited for, and none before it was done; None when
            no write is under way.
    """

    __slots__ = ("_completed", "_pending", "done", "issued", "waiting_since_ms")

    def __init__(self) -> None:
        self.issued = 0
        self.done = 0
        self.waiting_since_ms: "int | None" = None
        self._pending: "list[tuple[int, int]]" = []  # (number, first index touched or 0), in order of number
        self._completed: "set[int]" = set()  # completed, but an earlier one is not

    def issue(self, first_index: int, now: int = 0) -> int:
        """Return the number of a new write that replaces the log from `first_index` on (0: leaves it alone)."""
        self.issued += 1
        if self.waiting_since_ms is None:
            self.waiting_since_ms = now
        self._pending.append((self.issued, first_index))
        return self.issued

    def complete(self, number: int, now: int = 0) -> bool:
        """Note a completion; return whether `done` rose. Unknown and repeated numbers are ignored."""
        if not self.done < number <= self.issued:
            return False
        self._completed.add(number)
        finished = 0
        while finished < len(self._pending) and self._pending[finished][0] in self._completed:
            self.done = self._pending[finished][0]
            self._completed.remove(self.done)
            finished += 1
        self._pending = self._pending[finished:]
        if finished:
            self.waiting_since_ms = now if self._pending else None
        return finished > 0

    @property
    def first_touched(self) -> int:
        """The lowest index that a write under way touches, 0 when none touches the log."""
        lowest = 0
        for _, first in self._pending:
            if first and (lowest == 0 or first < lowest):
                lowest = first
        return lowest
