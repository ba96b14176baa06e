"""The disk of one simulated member: slow, asynchronous, and after a crash it holds only what had reached it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from raft.entries import Entry
from raft.ready import Restored, Write

from .chance import Chance
from .scheduler import Scheduler


@dataclass
class DiskSpeed:
    """How long a write takes.

    Attributes:
        least_us, usual_us: see `Chance.long_tailed`.
        stall: probability that a write takes `stall_us` longer.
        late_report: probability that the completion is reported later than it happened, so that reports of several
            writes overtake each other.
    """

    least_us: int = 100
    usual_us: int = 500
    stall: float = 0.0
    stall_us: int = 200_000
    late_report: float = 0.1


class SimDisk:
    """Implements the storage port. Writes take effect in order; a crash keeps a prefix of those under way.

    Args:
        report: called with the number of a completed write.
        changed: called after a write took effect, with it.

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
        self._pending: deque[Write] = deque()
        self._last_effect_us = 0
        self._power_cycles = 0

    def load(self) -> Restored:
        """Return what is durable."""
        return Restored(self.term, self.vote, tuple(self.entries))

    def write(self, write: Write) -> None:
        """Begin a write."""
        speed = self.speed
        effect_us = self._scheduler.now_us + self._chance.long_tailed(speed.least_us, speed.usual_us)
        if self._chance.happens(speed.stall):
            effect_us += speed.stall_us
        self._last_effect_us = effect_us = max(effect_us, self._last_effect_us)
        self._pending.append(write)
        self._scheduler.at(effect_us, self._complete, self._power_cycles)

    def crash(self) -> int:
        """Lose power: of the writes under way some first ones survive. Return how many were lost."""
        survivors = self._chance.between(0, len(self._pending))
        for _ in range(survivors):
            self._take_effect(self._pending.popleft())
        lost = len(self._pending)
        self._pending.clear()
        self._power_cycles += 1
        self._last_effect_us = 0
        return lost

    def _complete(self, power_cycle: int) -> None:
        if power_cycle != self._power_cycles:
            return
        write = self._pending.popleft()
        self._take_effect(write)
        if self._chance.happens(self.speed.late_report):
            self._scheduler.after(self._chance.between(0, 10 * self.speed.usual_us), self._tell, power_cycle, write)
        else:
            self._report(write.number)

    def _tell(self, power_cycle: int, write: Write) -> None:
        if power_cycle == self._power_cycles:
            self._report(write.number)

    def _take_effect(self, write: Write) -> None:
        if write.term is not None:
            self.term = write.term
            self.vote = write.vote
        if write.entries:
            del self.entries[write.entries[0].index - 1 :]
            self.entries.extend(write.entries)
        self._changed(write)
