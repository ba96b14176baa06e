"""Many runs at once: seeds spread over processes, results gathered in the order of the seeds."""

from __future__ import annotations

import gc
import hashlib
import multiprocessing
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing import resource_tracker

from .cost import Meter
from .simulation import COUNTED, Result, Simulation, Violation

_ENDINGS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Plan:
    """What every run of a series has in common; see `Simulation`.

    Attributes:
        nodes, faults, seconds, climate: as there.
        profile: whether to measure what the checks cost.
    """

    nodes: int
    faults: tuple[str, ...]
    seconds: float
    climate: str | None = None
    profile: bool = False


@dataclass
class Summary:
    """What a series of runs came to.

    Attributes:
        runs: how many.
        violations: the broken promises, in the order of their seeds.
        events, elections, …: sums over all runs of what `simulation.COUNTED` names; see `Result`.
        faults, situations, cost: sums over all runs.
        busy_seconds: processor time spent in the runs, over all processes.
        digest: over the digests of all runs in the order of their seeds; the same for any number of processes.
    """

    runs: int = 0
    violations: list[Violation] = field(default_factory=list)
    events: int = 0
    elections: int = 0
    commits: int = 0
    session_retries: int = 0
    snapshots_installed: int = 0
    membership_changes: int = 0
    transfers: int = 0
    reads: int = 0
    lease_reads: int = 0
    witness_degraded: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    situations: Counter[str] = field(default_factory=Counter)
    cost: dict[str, float] = field(default_factory=dict)
    busy_seconds: float = 0.0
    digest: str = ""

    @property
    def events_per_second(self) -> int:
        """Events per second of one processor core, all checks included."""
        return int(self.events / self.busy_seconds) if self.busy_seconds else 0


def run_seeds(seeds: Sequence[int], plan: Plan, jobs: int, progress: Callable[[Summary], None]) -> Summary:
    """Run one simulation per seed.

    Args:
        seeds: the seeds.
        plan: what the runs have in common.
        jobs: how many processes, 1 or more; with 1 everything runs in this one.
        progress: called after each run with the sums so far.
    """
    summary = Summary()
    digest = hashlib.blake2b(digest_size=16)
    with _results(seeds, plan, min(jobs, len(seeds))) as results:
        for result, busy_seconds in results:
            summary.runs += 1
            for name in COUNTED:
                setattr(summary, name, getattr(summary, name) + getattr(result, name))
            summary.faults.update(result.faults)
            summary.situations.update(result.situations)
            for part, part_seconds in result.cost.items():
                summary.cost[part] = summary.cost.get(part, 0.0) + part_seconds
            summary.busy_seconds += busy_seconds
            if result.violation is not None:
                summary.violations.append(result.violation)
            digest.update(result.digest.encode())
            progress(summary)
    summary.digest = digest.hexdigest()
    return summary


@contextmanager
def _results(seeds: Sequence[int], plan: Plan, jobs: int) -> Iterator[Iterator[tuple[Result, float]]]:
    tasks = [(seed, plan) for seed in seeds]
    if jobs <= 1:
        yield map(_run, tasks)
        return
    # Fresh processes share nothing with this one, whatever it has imported or started.
    with ExitStack() as stack:
        with _signals_held_back():
            pool = stack.enter_context(multiprocessing.get_context("spawn").Pool(jobs, _prepare))
        yield pool.imap(_run, tasks)


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Let signals that end this process wait, so that they never meet it with half-made children.

    The children inherit that signals are blocked, until `_prepare`. Here that is not enough: another thread may take
    a signal and pass it on to the main thread.
    """
    # It unblocks these signals when it starts, so it must run already.
    resource_tracker.ensure_running()
    if threading.current_thread() is not threading.main_thread():
        yield  # Python delivers signals to the main thread only
        return
    caught: list[int] = []
    handlers = [(number, signal.signal(number, lambda number, _: caught.append(number))) for number in _ENDINGS]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDINGS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for number, handler in handlers:
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
    for one in caught:
        signal.raise_signal(one)


def _prepare() -> None:
    """Leave signals to the group, Ctrl-C above all, to the process that ends this one.

    A process of the pool that dies while it waits for work takes the pool's lock with it, and nobody could end the
    others any more.
    """
    os.setpgrp()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDINGS)


def _run(task: tuple[int, Plan]) -> tuple[Result, float]:
    seed, plan = task
    # What a run allocates lives until its end, so collecting garbage in between finds nothing.
    gc.disable()
    try:
        begin = time.process_time()
        meter = Meter() if plan.profile else None
        result = Simulation(seed, plan.nodes, plan.faults, plan.seconds, climate=plan.climate, meter=meter).run()
        busy_seconds = time.process_time() - begin
    finally:
        gc.enable()
        gc.collect()
    return result, busy_seconds
