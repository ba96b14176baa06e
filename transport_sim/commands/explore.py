"""`quorate sim explore`: every order of events within small bounds."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .numbers import Positive

if TYPE_CHECKING:
    from transport_sim.explore.bounds import Bounds
    from transport_sim.explore.walk import Limits, Progress, Walk

VIOLATED = 1
UNUSABLE = 2
INTERRUPTED = 130  # by Ctrl-C, as shells have it
TERMINATED = 143  # and by SIGTERM


@click.command("explore")
@click.option("--nodes", type=click.IntRange(1, 4), default=3, show_default=True, help="Members of the cluster.")
@click.option("--max-terms", type=click.IntRange(1, 8), default=2, show_default=True, help="Terms that may begin.")
@click.option(
    "--max-timeouts", type=click.IntRange(0, 16), default=3, show_default=True, help="Election timeouts that pass."
)
@click.option(
    "--max-heartbeats", type=click.IntRange(0, 16), default=1, show_default=True, help="Times a leader's timer fires."
)
@click.option("--max-commands", type=click.IntRange(0, 8), default=1, show_default=True, help="Commands proposed.")
@click.option(
    "--max-crashes",
    type=click.IntRange(0, 8),
    default=1,
    show_default=True,
    help="Crashes; each node may start again, from what was durable.",
)
@click.option(
    "--max-drops",
    type=click.IntRange(0, 8),
    default=0,
    show_default=True,
    help="Messages removed from the network. What stays on its way for ever is lost too, so 0 covers every loss; more "
    "only visits more worlds.",
)
@click.option(
    "--max-duplicates", type=click.IntRange(0, 8), default=1, show_default=True, help="Messages delivered once more."
)
@click.option(
    "--past-terms",
    type=click.IntRange(0, 3),
    default=0,
    show_default=True,
    help="Begin also with all that so many earlier terms can have left on the disks, rather than with empty ones only.",
)
@click.option(
    "--append-entries", type=click.IntRange(1, 8), default=2, show_default=True, help="Most entries in one append."
)
@click.option("--max-states", type=click.IntRange(min=1), help="Stop after so many worlds.  [default: see all]")
@click.option("--seconds", type=Positive(), help="Stop after so long.  [default: see all]")
@click.option(
    "--jobs", type=click.IntRange(1, 64), help="How many processes.  [default: as in the checkpoint, or one per core]"
)
@click.option(
    "--checkpoint",
    "--resume",
    "checkpoint",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep the exploration in this file, and go on where it was if the file exists.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the trace of a broken promise.  [default: violation.ndjson]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
@click.pass_context
def command(
    context: click.Context,
    /,
    max_states: int | None,
    seconds: float | None,
    jobs: int | None,
    checkpoint: Path | None,
    output: Path | None,
    as_json: bool,
    **bounds: int,
) -> None:
    """Visit every world that the real core can get into, in every order of events, within small bounds.

    Unlike a random run, an exploration that is complete leaves nothing out: within its bounds, no order of messages,
    timeouts, disk writes and crashes breaks a promise. What is found broken comes with the shortest way there, as a
    trace. Worlds come in the order of their distance from the beginning, so the wider the bounds, the later anything
    is committed: "elections" and "committed" say how far it came. Narrow bounds see more of what they allow.

    \b
    A minute's look:        quorate sim explore --max-states 5000000
    Two members, whole:     quorate sim explore --nodes 2 --max-timeouts 2 --max-heartbeats 0 --max-duplicates 0
    One election, whole,    quorate sim explore --max-terms 1 --max-timeouts 1 --max-heartbeats 0 --max-crashes 0
    from logs that parted:      --max-duplicates 0 --max-commands 0 --past-terms 1
    A long night:           quorate sim explore --max-states 50000000 --checkpoint night.explore

    With --checkpoint a walk is kept every minute and when it ends, whatever ends it; the same command goes on.

    Exit code 0 when no promise was broken, 1 when one was, 2 for wrong usage or an unusable checkpoint, 130 when
    interrupted.
    """
    from transport_sim.explore import checkpoint as checkpoints
    from transport_sim.explore import trace
    from transport_sim.explore.bounds import Bounds
    from transport_sim.explore.crew import ShareFailed
    from transport_sim.explore.walk import Limits, Walk

    ended_by: list[int] = []
    trace_file = output or Path("violation.ndjson")
    try:
        chosen, shares = _as_kept(context, checkpoint, bounds, jobs)
        walk = Walk(Bounds.of_object(chosen), shares, file=checkpoint)
        limits = Limits(max_states, seconds, lambda: bool(ended_by))
        progress = _run(walk, limits, ended_by)
        if progress.violations:
            trace.write(trace_file, walk.bounds, progress.violations[0])
    except (checkpoints.Unusable, ShareFailed) as error:
        click.echo(f"quorate sim explore: {error}", err=True)
        sys.exit(UNUSABLE)
    except OSError as error:
        click.echo(f"quorate sim explore: {error.filename} cannot be written: {error.strerror}", err=True)
        sys.exit(UNUSABLE)
    found = _as_object(walk.bounds, progress, trace_file)
    _print(found, checkpoint)
    if as_json:
        click.echo(json.dumps(found))
    if progress.violations:
        sys.exit(VIOLATED)
    if ended_by:
        sys.exit(TERMINATED if ended_by[0] == signal.SIGTERM else INTERRUPTED)


def _as_kept(
    context: click.Context, file: Path | None, bounds: dict[str, int], jobs: int | None
) -> tuple[dict[str, int], int]:
    """Return the bounds and the number of processes: where nothing was said, those of the checkpoint."""
    from transport_sim.explore import checkpoint as checkpoints

    if file is None or not file.exists():
        return bounds, jobs or os.cpu_count() or 1
    kept = checkpoints.read(file)
    by_default = click.core.ParameterSource.DEFAULT
    there = kept.bounds.as_object()
    chosen = {
        name: there[name] if context.get_parameter_source(name) == by_default else value
        for name, value in bounds.items()
    }
    return chosen, jobs or kept.jobs


def _run(walk: Walk, limits: Limits, ended_by: list[int]) -> Progress:
    """Walk with a progress bar; Ctrl-C and SIGTERM end it after the round under way."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    def end(number: int, frame: object) -> None:
        if ended_by:
            raise KeyboardInterrupt  # whoever asks twice does not want to wait
        ended_by.append(number)

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    columns = (TextColumn("exploring"), BarColumn(bar_width=20), TextColumn("{task.fields[seen]}"), TimeElapsedColumn())
    try:
        with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=limits.states, seen="")

            def show(progress: Progress) -> None:
                seen = (
                    f"{progress.states:,} worlds  {progress.frontier:,} to go on from  depth {progress.depth}  "
                    f"{_per_second(progress):,}/s"
                )
                bar.update(task, completed=progress.states, seen=seen)

            return walk.run(limits, show)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _per_second(progress: Progress) -> int:
    return int(progress.states / progress.seconds) if progress.seconds else 0


def _as_object(bounds: Bounds, progress: Progress, trace_file: Path) -> dict[str, Any]:
    violations = [
        {"promise": one.promise, "message": one.message, "steps": len(one.path) - 1} for one in progress.violations
    ]
    for one in violations[:1]:
        one["trace"] = str(trace_file)
    return {
        "states": progress.states,
        "transitions": progress.transitions,
        "depth": progress.depth,
        "frontier": progress.frontier,
        "elections": progress.elections,
        "committed": progress.committed,
        "complete": progress.complete,
        "violations": violations,
        "seconds": round(progress.seconds, 3),
        "states_per_second": _per_second(progress),
        "bounds": bounds.as_object(),
    }


def _print(found: dict[str, Any], checkpoint: Path | None) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(stderr=True, highlight=False)
    table = Table(title="exploration", min_width=46)
    table.add_column("what")
    table.add_column("how much", justify="right")
    for name in ("states", "transitions", "depth", "frontier", "elections", "committed", "states_per_second"):
        table.add_row(name.replace("_", " "), f"{found[name]:,}")
    table.add_row("complete", "yes" if found["complete"] else "no")
    console.print(table)
    for one in found["violations"]:
        console.print(
            f"[red]{one['promise']} is broken[/red] after {one['steps']} steps: {one['message']}", soft_wrap=True
        )
        if "trace" in one:
            console.print(f"the way there: {one['trace']}", soft_wrap=True)
    if not found["complete"] and not found["violations"] and checkpoint is not None:
        console.print(f"{checkpoint} keeps it; the same command goes on", soft_wrap=True)


if __name__ == "__main__":
    command()
