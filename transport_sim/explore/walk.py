"""Walks every world within the bounds once, over any number of processes, and stops at the first broken promise."""

from __future__ import annotations

import gc
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import checkpoint
from .bounds import Bounds
from .crew import Crew
from .partition import NOWHERE
from .wire import packed, unpacked

ROUND = 3000  # worlds that each process goes on from before all exchange what they have found
SAVE_EVERY_S = 60.0
_UNLIMITED = 1 << 40


@dataclass(frozen=True)
class Violation:
    """A broken promise.

    Attributes:
        promise: its number in the contract, or "failure" when a node stopped.
        message: what is wrong.
        path: the shortest way there: which of the worlds at the beginning, and what was done, as `world.py` numbers it.
    """

    promise: str
    message: str
    path: tuple[int, ...]


@dataclass
class Progress:
    """How far a walk is.

    Attributes:
        states: worlds visited.
        transitions: steps taken between them.
        depth: steps from the beginning to the worlds visited last, by the shortest way.
        frontier: worlds that were not gone on from yet.
        elections: the most elections that were won in one world.
        committed: the longest log that was committed in one world, in entries.
        seconds: how long it has taken, over all sittings.
        complete: whether every world within the bounds was visited.
        violations: the broken promises; the walk ends with the first round that finds any.
    """

    states: int = 0
    transitions: int = 0
    depth: int = 0
    frontier: int = 0
    elections: int = 0
    committed: int = 0
    seconds: float = 0.0
    complete: bool = False
    violations: list[Violation] = field(default_factory=list)


@dataclass(frozen=True)
class Limits:
    """When a walk ends although there is more to see.

    Attributes:
        states: after so many worlds, None for no limit. The walk visits exactly so many.
        seconds: after so long in this sitting, None for no limit.
        stopped: asked after each round whether somebody wants it to end.
    """

    states: int | None = None
    seconds: float | None = None
    stopped: Callable[[], bool] = lambda: False


class Walk:
    """One walk.

    Args:
        bounds: how far it goes.
        jobs: how many processes.
        symmetric: whether worlds that differ only by the names of the members are one.
        file: where to keep it, so that another walk can go on; None for nowhere. What is there already is gone on with,
            and must be of the same bounds and as many processes (see `checkpoint.read`).

    Attributes:
        progress: how far it is.
    """

    def __init__(self, bounds: Bounds, jobs: int = 1, symmetric: bool = True, file: Path | None = None) -> None:
        self.bounds = bounds
        self.jobs = jobs
        self.symmetric = symmetric
        self.progress = Progress()
        self._file = file
        self._replies: list[dict[str, Any]] = []
        self._for_all: list[tuple[array[int], list[Any]]] = []  # what each share has worked out, for the others
        self._for_share = [array("Q") for _ in range(jobs)]

    def run(self, limits: Limits = Limits(), show: Callable[[Progress], None] = lambda progress: None) -> Progress:
        """Walk until all is seen, a promise is broken or a limit is reached.

        Args:
            limits: when to end.
            show: called after each round.

        Raises:
            checkpoint.Unusable: when the file cannot be gone on with.
            ShareFailed: when a process has ended.
            OSError: when the file cannot be written.
        """
        progress = self.progress
        began = saved = time.monotonic()
        with Crew(self.bounds, self.symmetric, self.jobs) as crew, _without_collecting():
            self._begin(crew)
            before_s = progress.seconds
            while not (self._is_over() or self._reached(limits, began)):
                self._round(crew, ROUND, limits.states)
                progress.seconds = before_s + time.monotonic() - began
                show(progress)
                if self._file is not None and time.monotonic() - saved > SAVE_EVERY_S and not progress.violations:
                    self._save(crew)
                    saved = time.monotonic()
            if self._file is not None and not progress.violations:
                self._save(crew)
        return progress

    def _is_over(self) -> bool:
        return self.progress.complete or bool(self.progress.violations)

    def _reached(self, limits: Limits, began: float) -> bool:
        if limits.states is not None and self.progress.states >= limits.states:
            return True
        late = limits.seconds is not None and time.monotonic() - began >= limits.seconds
        return late or limits.stopped()

    def _begin(self, crew: Crew) -> None:
        kept = checkpoint.read(self._file) if self._file is not None and self._file.exists() else None
        self._for_all = [(array("Q"), []) for _ in range(self.jobs)]
        if kept is None:
            crew.ask("begin", [b""] * self.jobs)
        else:
            checkpoint.check(kept, self.bounds, self.jobs, self.symmetric)
            for answer in crew.ask("load", kept.shares):
                problem = unpacked(answer)[0].get("problem")
                if problem is not None:
                    raise checkpoint.Unusable(self._file, problem)
            self.progress.depth = kept.depth
            self.progress.seconds = kept.seconds
        self._round(crew, 0, 0)

    def _round(self, crew: Crew, most: int, limit: int | None, advance: bool = False) -> None:
        """Let every share go on from some worlds, and hand on what each has found for the others."""
        requests = []
        quotas = self._quotas(limit)
        for share in range(self.jobs):
            worked_out = array("Q")
            remembered: list[Any] = []
            for other, (pairs, histories) in enumerate(self._for_all):
                if other != share:
                    worked_out.extend(pairs)
                    remembered += histories
            header = {"most": most, "quota": quotas[share], "advance": advance, "remembered": remembered}
            requests.append(packed(header, worked_out=worked_out, worlds=self._for_share[share]))
        self._for_all = []
        self._for_share = [array("Q") for _ in range(self.jobs)]
        self._replies = []
        for answer in crew.ask("round", requests):
            reply, arrays = unpacked(answer)
            self._replies.append(reply)
            self._for_all.append((arrays["worked_out"], reply["remembered"]))
            for share in range(self.jobs):
                self._for_share[share].extend(arrays[f"to_{share}"])
        self._sum_up(crew, limit)

    def _sum_up(self, crew: Crew, limit: int | None) -> None:
        progress, replies = self.progress, self._replies
        progress.states = sum(reply["states"] for reply in replies)
        progress.transitions = sum(reply["transitions"] for reply in replies)
        progress.frontier = sum(reply["frontier"] for reply in replies)
        progress.elections = max(reply["elections"] for reply in replies)
        progress.committed = max(reply["committed"] for reply in replies)
        goes_on = any(reply["level"] or reply["waiting"] for reply in replies) or any(self._for_share)
        broken = [one for reply in replies for one in reply["broken"]]
        if broken:
            progress.violations = self._violations(crew, broken)
        elif progress.frontier == 0 and not goes_on:
            progress.complete = True
        elif not goes_on:
            progress.depth += 1
            self._round(crew, 0, limit, advance=True)

    def _quotas(self, limit: int | None) -> list[int]:
        """Return how many worlds each share may visit in the next round, so that never more than all may be."""
        if limit is None:
            return [_UNLIMITED] * self.jobs
        left = max(limit - self.progress.states, 0)
        if left >= self.jobs or not self._replies:
            return [left // self.jobs] * self.jobs
        work = [reply["waiting"] or reply["level"] for reply in self._replies]
        neediest = work.index(max(work))
        return [left if share == neediest else 0 for share in range(self.jobs)]

    def _violations(self, crew: Crew, broken: list[dict[str, Any]]) -> list[Violation]:
        """Return each promise that is broken once, in the order of the contract's numbers."""
        first: dict[str, dict[str, Any]] = {}
        for one in broken:
            first.setdefault(one["promise"], one)
        return [
            Violation(promise, first[promise]["message"], self._path_to(crew, first[promise]["from"], first[promise]))
            for promise in sorted(first)
        ]

    def _path_to(self, crew: Crew, record: int, broken: dict[str, Any]) -> tuple[int, ...]:
        path = [broken["action"]]
        while record != NOWHERE:
            number, share = divmod(record, self.jobs)
            record, action = crew.ask_one(share, "came_from", number.to_bytes(8, "little"))["came_from"]
            path.append(action)
        return tuple(reversed(path))

    def _save(self, crew: Crew) -> None:
        assert self._file is not None
        self._round(crew, 0, 0)  # nothing is on its way any more
        shares = crew.ask("saved", [b""] * self.jobs)
        kept = checkpoint.Kept(
            self.bounds, self.jobs, self.symmetric, self.progress.depth, self.progress.seconds, shares
        )
        checkpoint.write(self._file, kept)


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Leave out garbage collection: a walk makes no cycles, and what it keeps is too much to look through again."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
