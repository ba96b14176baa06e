"""Carries out operations on a disk under virtual time, in order, as the thread of a data directory does."""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raft.ready import Write
from raft.snapshot import Snapshot

from .scheduler import Scheduler

if TYPE_CHECKING:
    from storage.disk import Operations


RETRY_US = 1_000_000
"""After so long space is looked for again by what has none."""


@dataclass(eq=False)
class Job:
    """Operations that belong together.

    Attributes:
        operations: see `storage/disk.py`.
        done: called when all are carried out.
        writes: what they store, in order.
        saved: the snapshot that they make the newest, and its content; or None.
        delay_us: how long it takes beside its operations.
        give_up: called when there is no space for it, which is then not waited for; None when it is.
    """

    operations: Operations
    done: Callable[[], None] = lambda: None
    writes: Sequence[Write] = ()
    saved: tuple[Snapshot, bytes] | None = None
    delay_us: int = 0
    give_up: Callable[[], None] | None = None


class DiskWorker:
    """Does one job after the other. What has no space is tried again, and all that follows it waits, or is given up.

    The operations of a job are carried out when it ends, or when the power fails: until then nobody looks at the disk.

    Args:
        scheduler: virtual time.
        lasts_us: returns how long an operation takes.
        carry_out: carries out an operation; raises `OSError` when the disk fails.
        failed: called with that error; after it nothing more is done until `power_off`.

    Attributes:
        jobs: those that are not done, the one under way first.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        lasts_us: Callable[[str], int],
        carry_out: Callable[[tuple[Any, ...]], None],
        failed: Callable[[OSError], None],
    ) -> None:
        self.jobs: deque[Job] = deque()
        self._scheduler = scheduler
        self._lasts_us = lasts_us
        self._carry_out = carry_out
        self._failed = failed
        self._has_failed = False
        self._due_us: deque[int] = deque()  # when each operation that is left of the job under way is done
        self._stalled_until_us = 0
        self._interrupts: list[tuple[str, float, Callable[[], None]]] = []

    @property
    def is_free(self) -> bool:
        """Whether it would begin a job now."""
        return not self.jobs and not self._has_failed and self._stalled_until_us <= self._scheduler.now_us

    def do(self, job: Job) -> None:
        """Do a job, behind all others."""
        self.jobs.append(job)
        if len(self.jobs) == 1:
            self._begin()

    def stall(self, until_us: int) -> None:
        """Begin no job before a time; the one under way is not held up."""
        self._stalled_until_us = until_us

    def interrupt(self, kind: str, share: float, action: Callable[[], None]) -> None:
        """Call something in the middle of the next job that has an operation of some kind, unless the power fails.

        Args:
            kind: one of the operations of `storage/disk.py`.
            share: how far the job is then, 0 <= share < 1 of its time.
            action: what is called.
        """
        self._interrupts.append((kind, share, action))

    def finish(self) -> None:
        """Do now all that is to be done, unless the disk fails or has no space."""
        last = None
        while self.jobs and self.jobs[0] is not last:
            last = self.jobs[0]
            self._end(last)

    def power_off(self) -> list[Job]:
        """Carry out what is due by now, and forget the rest. Return the jobs that were not done, the first in part."""
        try:
            while not self._has_failed and self._due_us and self._due_us[0] <= self._scheduler.now_us:
                self._next()
        except OSError:
            pass  # it has just failed, and nobody will hear of it any more
        jobs = list(self.jobs)
        self.jobs.clear()
        self._due_us.clear()
        self._has_failed = False
        self._stalled_until_us = 0
        self._interrupts = []
        return jobs

    def _begin(self) -> None:
        job = self.jobs[0]
        begin_us = at_us = max(self._scheduler.now_us, self._stalled_until_us) + job.delay_us
        for operation in job.operations:
            at_us += self._lasts_us(operation[0])
            self._due_us.append(at_us)
        self._scheduler.at(at_us, self._end, job)
        if self._interrupts:
            kinds = [operation[0] for operation in job.operations]
            for kind, share, action in self._interrupts:
                if kind in kinds:
                    self._scheduler.at(begin_us + int(share * (at_us - begin_us)), action)
            self._interrupts = [waiting for waiting in self._interrupts if waiting[0] not in kinds]

    def _end(self, job: Job) -> None:
        if self._has_failed or not self.jobs or self.jobs[0] is not job:
            return  # the power has failed since
        try:
            while self._due_us:
                self._next()
        except OSError as error:
            if error.errno != errno.ENOSPC:
                self._has_failed = True
                self._failed(error)
            elif job.give_up is None:
                self._scheduler.after(RETRY_US, self._end, job)
            else:
                self._due_us.clear()
                self._leave(job.give_up)
            return
        self._leave(job.done)

    def _leave(self, report: Callable[[], None]) -> None:
        self.jobs.popleft()
        if self.jobs:
            self._begin()
        report()

    def _next(self) -> None:
        operations = self.jobs[0].operations
        self._carry_out(operations[len(operations) - len(self._due_us)])
        self._due_us.popleft()
