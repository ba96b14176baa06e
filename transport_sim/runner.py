"""Many runs at once: seeds spread over processes, results gathered in the order of the seeds."""

from __future__ import annotations

import gc
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from .cost import Meter
from .histories.files import write_history
from .histories.operation import Operation
from .simulation import COUNTED, Result, Simulation, Violation
from .traces.recording import Line
from .traces.writing import UnwritableTrace, check_writable, trace_file
from .workers import NoAnswer, Workers


class UnwritableHistory(Exception):
    """A history cannot be written.

    Attributes:
        path: the file.
        problem: what the system says.
    """

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: cannot be written: {problem}; name another file, or make room")
        self.path = path
        self.problem = problem


@dataclass(frozen=True)
class Plan:
    """What every run of a series has in common; see `Simulation`.

    Attributes:
        nodes, faults, seconds, climate, storage: as there.
        profile: whether to measure what the checks cost.
    """

    nodes: int
    faults: tuple[str, ...]
    seconds: float
    climate: str | None = None
    profile: bool = False
    storage: str | None = None

    def simulation(
        self, seed: int, trace: Callable[[Line], None] | None = None, meter: Meter | None = None
    ) -> Simulation:
        """Return the run of a seed, ready to begin; see `Simulation` for the trace and the meter."""
        return Simulation(
            seed,
            self.nodes,
            self.faults,
            self.seconds,
            trace=trace,
            climate=self.climate,
            meter=meter,
            storage=self.storage,
        )


@dataclass
class Summary:
    """What a series of runs came to.

    Attributes:
        runs: how many.
        violations: the broken promises, in the order of their seeds.
        events, elections, …: sums over all runs of what `simulation.COUNTED` names; see `Result`.
        faults, situations, cost: sums over all runs.
        models: of which models the histories of the runs were, see `histories.MODELS`.
        busy_seconds: processor time spent in the runs, over all processes.
        digest: of the one run; of several, over their digests in the order of the seeds. The same for any number of
            processes.
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
    operations: int = 0
    undecided_keys: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    situations: Counter[str] = field(default_factory=Counter)
    models: set[str] = field(default_factory=set)
    cost: dict[str, float] = field(default_factory=dict)
    busy_seconds: float = 0.0
    digest: str = ""

    def add(self, result: Result, busy_seconds: float) -> None:
        """Add what a run came to, but for its digest."""
        self.runs += 1
        for name in COUNTED:
            setattr(self, name, getattr(self, name) + getattr(result, name))
        self.faults.update(result.faults)
        self.situations.update(result.situations)
        for part, part_seconds in result.cost.items():
            self.cost[part] = self.cost.get(part, 0.0) + part_seconds
        self.busy_seconds += busy_seconds
        self.models.add(result.model)
        if result.violation is not None:
            self.violations.append(result.violation)

    @property
    def events_per_second(self) -> int:
        """Events per second of one processor core, all checks included."""
        return int(self.events / self.busy_seconds) if self.busy_seconds else 0


def run_seeds(
    seeds: Sequence[int],
    plan: Plan,
    jobs: int,
    progress: Callable[[Summary], None],
    trace: Path | None = None,
    history: Path | None = None,
) -> Summary:
    """Run one simulation per seed.

    Args:
        seeds: the seeds.
        plan: what the runs have in common.
        jobs: how many processes, 1 or more; with 1 everything runs in this one.
        progress: called after each run with the sums so far.
        trace: the file to record into, when there is one seed only.
        history: the file for what the clients did and saw, when there is one seed only.

    Raises:
        UnwritableTrace: when the trace cannot be written.
        UnwritableHistory: when the history cannot be written.
    """
    summary = Summary()
    digest = hashlib.blake2b(digest_size=16)
    with _results(seeds, plan, min(jobs, len(seeds)), trace, history) as results:
        for seed, answer in zip(seeds, results, strict=True):
            result, busy_seconds = result_of(seed, answer)
            summary.add(result, busy_seconds)
            digest.update(result.digest.encode())
            progress(summary)
    summary.digest = result.digest if len(seeds) == 1 else digest.hexdigest()
    return summary


@contextmanager
def _results(
    seeds: Sequence[int], plan: Plan, jobs: int, trace: Path | None, history: Path | None
) -> Iterator[Iterator[tuple[Result, float] | NoAnswer]]:
    tasks = [(seed, plan, trace, history) for seed in seeds]
    if jobs <= 1:
        yield map(run_seed, tasks)
    else:
        with Workers(run_seed, jobs) as workers:
            yield workers.answers(tasks)


def result_of(seed: int, answer: tuple[Result, float] | NoAnswer) -> tuple[Result, float]:
    """Return what the run of a seed came to, and the seconds of processor time that it took.

    A run without an answer has a violation and no digest: nobody knows whether it keeps the promises.
    """
    if not isinstance(answer, NoAnswer):
        return answer
    return Result(seed, violation=Violation(seed, "hangs" if answer.hangs else "failure", answer.why)), 0.0


def run_seed(task: tuple[int, Plan, Path | None, Path | None]) -> tuple[Result, float]:
    """Run one simulation: a seed, what it has in common with others, and files for its trace and its history, or None.

    Returns:
        What it came to, and the seconds of processor time that it took.

    Raises:
        UnwritableTrace: when the trace cannot be written.
        UnwritableHistory: when the history cannot be written.
    """
    seed, plan, trace, history = task
    if history is not None:
        _check_place(history)
    # What a run allocates lives until its end, so collecting garbage in between finds nothing.
    gc.disable()
    try:
        begin = time.process_time()
        meter = Meter() if plan.profile else None
        with nullcontext() if trace is None else trace_file(trace) as write:
            simulation = plan.simulation(seed, write, meter)
            result = simulation.run()
        busy_seconds = time.process_time() - begin
        if history is not None and simulation.workload is not None:
            _save_history(history, simulation.workload.history.operations)
    finally:
        gc.enable()
        gc.collect()
    return result, busy_seconds


def _save_history(path: Path, operations: Iterable[Operation]) -> None:
    try:
        write_history(path, operations)
    except OSError as error:
        raise UnwritableHistory(path, error.strerror or str(error)) from error


def _check_place(history: Path) -> None:
    """Find out now whether a history could be written, and not when all is over. What stands there is not touched."""
    if history.exists() and not history.is_file():
        return  # a device or a pipe takes it as it comes
    try:
        check_writable(history)
    except UnwritableTrace as error:
        raise UnwritableHistory(history, error.problem) from error
