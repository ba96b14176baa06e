"""The disk of one simulated member: slow, asynchronous, and after a crash it holds only what had reached it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from raft.entries import Entry
from raft.ports import Storage
from raft.ready import Restored, Write

from .chance import Chance
from .scheduler import Scheduler


@dataclass
class DiskSpeed:
    """How long a write takes.

    Attributes:
        least_us, usual_us: see `Chance.long_tailed`.
        stall: probability that a write takes `stall_us` longer.
        hasty: probability that a write is done at once, before earlier ones that are still under way.
    """

    least_us: int = 100
    usual_us: int = 500
    stall: float = 0.0
    stall_us: int = 200_000
    hasty: float = 0.1


class SimDisk(Storage):
    """The storage port over a simulated disk.

    Several writes are under way at once and may be done in any order, as with a queue of syncs. But each builds upon
    the one before, so what is durable is always the contiguous prefix of those done; a crash keeps at least that, and
    perhaps some of the next ones, and loses the rest.

    Args:
        report: called with the number of a write that is done.
        changed: called with every write when it becomes durable.

    Attributes:
        term, vote, entries: what is durable.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        chance: Chance,
        speed: DiskSpeed,
        report: Callable[[int], None],
        changed: Callable[[Write], None],
    ) -> None:
        self.term = 0
        self.vote: str | None = None
        self.entries: list[Entry] = []
        self.speed = speed
        self._scheduler = scheduler
        self._chance = chance
        self._report = report
        self._changed = changed
        self._under_way: deque[Write] = deque()
        self._done: set[int] = set()
        self._last_done_us = 0
        self._power_cycles = 0

    def load(self) -> Restored:
        """Return what is durable."""
        return Restored(self.term, self.vote, tuple(self.entries))

    def write(self, write: Write) -> None:
        """Begin a write."""
        speed = self.speed
        done_us = self._scheduler.now_us + self._chance.long_tailed(speed.least_us, speed.usual_us)
        if self._chance.happens(speed.stall):
            done_us += speed.stall_us
        if not self._chance.happens(speed.hasty):
            self._last_done_us = done_us = max(done_us, self._last_done_us)
        self._under_way.append(write)
        self._scheduler.at(done_us, self._finish, self._power_cycles, write.number)

    def stall(self, duration_us: int) -> None:
        """Finish no write that begins from now on for a while; those under way are not held up."""
        self._last_done_us = self._scheduler.now_us + duration_us

    def crash(self) -> int:
        """Lose power. Return how many writes were lost."""
        for _ in range(self._chance.between(0, len(self._under_way))):
            self._make_durable(self._under_way.popleft())
        lost = len(self._under_way)
        self._under_way.clear()
        self._done.clear()
        self._power_cycles += 1
        self._last_done_us = 0
        return lost

    def _finish(self, power_cycle: int, number: int) -> None:
        if power_cycle != self._power_cycles:
            return
        self._done.add(number)
        while self._under_way and self._under_way[0].number in self._done:
            self._done.remove(self._under_way[0].number)
            self._make_durable(self._under_way.popleft())
        self._report(number)

    def _make_durable(self, write: Write) -> None:
        if write.term is not None:
            self.term = write.term
            self.vote = write.vote
        if write.entries:
            del self.entries[write.entries[0].index - 1 :]
            self.entries.extend(write.entries)
        self._changed(write)
