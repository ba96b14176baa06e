"""A soak: seeds for ever, until the time is over or somebody interrupts it; it can be taken up again at any time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from time import monotonic

from .journal import Failure, Journal, Progress, run_command
from .runner import Plan, result_of, run_seed
from .simulation import Result
from .traces.reading import MOST_EVENTS
from .traces.recording import Line
from .traces.writing import UnwritableTrace, trace_file
from .workers import NoAnswer, TimeIsUpError, Workers

MOST_FAILURES = 100
"""After so many failures a soak ends: code that fails as often needs no more seeds, and each leaves a trace."""

SAVE_EVERY_S = 1.0
"""How often progress is saved, in seconds of real time; a failure is saved at once."""

LONGEST_RUN_S = 300.0
"""How long a run may take by default, in seconds of real time; usual ones take about one. It counts as hanging then."""

LONGER_RECORDING = 3
"""How many times as long recording may take as running."""


def soak(
    directory: Path,
    plan: Plan,
    jobs: int,
    first_seed: int | None = None,
    minutes: float = math.inf,
    longest_run_s: float = LONGEST_RUN_S,
    progress: Callable[[Progress], None] = lambda progress: None,
) -> Progress:
    """Run seed after seed, and keep the sums and the failures in a directory.

    With a directory that a soak has used before, it goes on where that one was. The sums do not depend on how often it
    was cut off, nor on the number of processes.

    Args:
        directory: where progress and failures are kept.
        plan: what the runs have in common.
        jobs: how many processes, 1 or more.
        first_seed: the first seed; None for that of the directory, or 0.
        minutes: how long to go on, in real time.
        longest_run_s: how long a run may take, in seconds of real time.
        progress: called at the beginning, after each run, and with what was saved last, also when interrupted.

    Returns:
        How far it has come.

    Raises:
        SoakError: the directory cannot be used, is no soak's, or that of one with other settings.
        KeyboardInterrupt: whatever interrupts it passes, after saving.
    """
    begin = monotonic()
    with Journal(directory) as journal:
        now = journal.load(plan, first_seed)
        before_s = now.elapsed_s
        progress(now)
        saved = begin
        with Workers(run_seed, jobs, longest_run_s) as workers:
            seeds = count(now.next_seed)
            answers = workers.answers(((seed, plan, None, None) for seed in seeds), begin + minutes * 60)
            try:
                while len(now.failures) < MOST_FAILURES:
                    result, busy_seconds = result_of(now.next_seed, next(answers))
                    failure = None if result.violation is None else _kept(result, plan, journal, longest_run_s)
                    now = replace(now.after(result, busy_seconds, failure), elapsed_s=before_s + monotonic() - begin)
                    if failure is not None or monotonic() - saved > SAVE_EVERY_S:
                        journal.save(now)
                        saved = monotonic()
                    progress(now)
            except TimeIsUpError:
                pass
            finally:
                now = replace(now, elapsed_s=before_s + monotonic() - begin)
                journal.save(now)
                progress(now)
    return now


def _kept(result: Result, plan: Plan, journal: Journal, longest_run_s: float) -> Failure:
    """Record the run that broke a promise, and write all that is known of it to the directory."""
    assert result.violation is not None  # or there is nothing to keep
    path = journal.trace(result.seed)
    if result.digest:
        with Workers(_record, 1, LONGER_RECORDING * longest_run_s) as workers:
            answer = next(workers.answers([(result, plan, path)]))
        recording = _Recording(False, answer.why) if isinstance(answer, NoAnswer) else answer
    else:
        recording = _Recording(False, "a run without an answer has no trace")
    trace = path.name if recording.is_whole else None
    failure = Failure(result.violation, run_command(result.seed, plan), trace, recording.note)
    journal.save_failure(failure)
    return failure


@dataclass(frozen=True)
class _Recording:
    is_whole: bool
    note: str | None


def _record(task: tuple[Result, Plan, Path]) -> _Recording:
    """Run a seed once more, and record it."""
    result, plan, path = task
    lines = 0
    try:
        with trace_file(path) as write:

            def take(line: Line) -> None:
                nonlocal lines
                lines += 1
                if lines <= MOST_EVENTS:
                    write(line)

            again = plan.simulation(result.seed, take).run()
            if lines > MOST_EVENTS:
                raise _TooLong(f"the trace would have {lines:,} lines, and {MOST_EVENTS:,} is the most")
    except (UnwritableTrace, _TooLong) as problem:
        return _Recording(False, str(problem))
    note = None if again == result else f"not deterministic: it was {result.digest}, and {again.digest} when recorded"
    return _Recording(True, note)


class _TooLong(Exception):
    """A run is longer than a trace may be."""
