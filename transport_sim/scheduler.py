"""Virtual time: a heap of what happens when. Nothing in a simulation runs but what the scheduler pops."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from typing import Any


class Scheduler:
    """Runs actions in the order of their virtual times; actions of one time run in the order they were scheduled.

    Attributes:
        now_us: the virtual time, microseconds from 0.
        events: how many actions were popped from the heap so far.
    """

    def __init__(self) -> None:
        self.now_us = 0
        self.events = 0
        self._heap: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._scheduled = 0
        self._sequels: deque[Callable[[], None]] = deque()

    def at(self, time_us: int, action: Callable[..., None], *args: Any) -> None:
        """Run `action(*args)` at a time; a time that has passed means now."""
        self._scheduled += 1
        heapq.heappush(self._heap, (max(time_us, self.now_us), self._scheduled, action, args))

    def after(self, delay_us: int, action: Callable[..., None], *args: Any) -> None:
        """Run `action(*args)` after a delay in microseconds."""
        self.at(self.now_us + delay_us, action, *args)

    def next(self, action: Callable[[], None]) -> None:
        """Run `action()` as the end of the event under way, before anything else."""
        self._sequels.append(action)

    def run_until(self, time_us: int, done: Callable[[], bool] | None = None) -> bool:
        """Run events up to and including a time, then set the clock to it.

        Args:
            time_us: where to stop.
            done: asked after every event; True stops the run there.

        Returns:
            Whether `done` stopped it.
        """
        heap = self._heap
        sequels = self._sequels
        if sequels:  # of what was done between two runs
            self._run_sequels()
            if done is not None and done():
                return True
        while heap and heap[0][0] <= time_us:
            self.now_us, _, action, args = heapq.heappop(heap)
            self.events += 1
            action(*args)
            if sequels:
                self._run_sequels()
            if done is not None and done():
                return True
        self.now_us = max(self.now_us, time_us)
        return False

    def _run_sequels(self) -> None:
        while self._sequels:
            self._sequels.popleft()()
