"""`quorate sim run`: seeds under faults."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..faults import parse_kinds
from ..runner import Plan, Summary, UnwritableHistory, run_seeds
from ..traces.writing import UnwritableTrace
from .numbers import Positive
from .storage import storage_option
from .summary import as_object, print_summary

TERMINATED = 143  # the exit code of whatever ends by SIGTERM, as shells have it
WIDE_ENOUGH = 100  # columns that the progress bar needs to show sums too


@click.command("run")
@click.option("--seed", type=click.IntRange(min=0), help="Run this one seed only.")
@click.option("--seeds", type=click.IntRange(min=1), help="How many seeds to run.  [default: 100]")
@click.option("--first-seed", type=click.IntRange(min=0), help="The first of them.  [default: 0]")
@click.option("--nodes", type=click.IntRange(1, 9), default=5, show_default=True, help="Members of the cluster.")
@click.option(
    "--faults",
    default="all",
    show_default=True,
    help="all, none, or some of: latency, drop, duplicate, reorder, partition, one-way, bridge, ring, crash, "
    "rolling-restart, busy, pause, worst-moment, drift, clock-jump, slow-disk, disk-error, disk-full, torn-write, "
    "bit-rot, membership, transfer, usurper (with commas between).",
)
@click.option(
    "--climate",
    type=click.Choice(["calm", "lan", "wan", "flaky", "hostile"]),
    help="How much of all that at once, from next to nothing to more than any real cluster meets.  [default: each "
    "seed has its own]",
)
@storage_option
@click.option(
    "--seconds",
    type=Positive(600),
    default=20,
    show_default=True,
    help="Simulated seconds of faults; then everything heals and the cluster must recover.",
)
@click.option("--jobs", type=click.IntRange(1, 256), help="How many processes.  [default: one for each core]")
@click.option(
    "--trace",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --seed: record every event there, for `replay`, `shrink` and `explain`.",
)
@click.option(
    "--history",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --seed: write there what the clients did and saw, for `check`.",
)
@click.option("--profile", is_flag=True, help="Measure what each check costs; the runs are the same, and slower.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
def command(
    seed: int | None,
    seeds: int | None,
    first_seed: int | None,
    nodes: int,
    faults: str,
    climate: str | None,
    storage: str | None,
    seconds: float,
    jobs: int | None,
    trace: Path | None,
    history: Path | None,
    profile: bool,
    as_json: bool,
) -> None:
    """Run seeds under faults and check every promise after every event.

    A run is decided by its seed and these options alone: what a seed shows once it shows again, on any machine.
    Exit code 0 when every promise held, 1 when one was broken, 2 for wrong usage, 130 when interrupted.
    """
    try:
        kinds = parse_kinds(faults)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--faults") from None
    if seed is not None and (seeds is not None or first_seed is not None):
        raise click.UsageError("--seed runs one seed; leave out --seeds and --first-seed, or use them without --seed")
    if trace is not None and seed is None:
        raise click.UsageError("--trace records one run; say which with --seed")
    if history is not None and seed is None:
        raise click.UsageError("--history tells of one run; say which with --seed")
    first = first_seed or 0
    chosen = [seed] if seed is not None else list(range(first, first + (seeds or 100)))
    plan = Plan(nodes, kinds, seconds, climate, profile, storage)
    # A supervisor ends the run as Ctrl-C does: the processes of the pool end with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    with _Progress(len(chosen)) as progress:
        try:
            summary = run_seeds(chosen, plan, jobs or os.cpu_count() or 1, progress.show, trace, history)
        except (UnwritableTrace, UnwritableHistory) as error:
            click.echo(f"quorate sim run: {error}", err=True)
            sys.exit(2)
    given = "".join(f" --{name} {value}" for name, value in (("climate", climate), ("storage", storage)) if value)
    replays = [
        f"quorate sim run --seed {violation.seed} --nodes {nodes} --faults {','.join(kinds) or 'none'} "
        f"--seconds {seconds!r}{given}"
        for violation in summary.violations
    ]
    print_summary(summary, plan, replays)
    if history is not None:
        click.echo(f"check it: quorate sim check {history} --model {' '.join(summary.models)}", err=True)
    if as_json:
        click.echo(json.dumps(as_object(summary, replays)))
    sys.exit(1 if summary.violations else 0)


class _Progress:
    """A progress bar on stderr, drawn only where somebody looks."""

    def __init__(self, total: int) -> None:
        console = Console(stderr=True)
        sums = [TextColumn("{task.fields[seen]}")] if console.width >= WIDE_ENOUGH else []
        self._bar = Progress(
            TextColumn("simulating"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            *sums,
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._task = self._bar.add_task("", total=total, seen="")

    def __enter__(self) -> _Progress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, summary: Summary) -> None:
        """Show the sums so far."""
        seen = (
            f"{sum(summary.faults.values()):,} faults  {summary.elections:,} elections  {summary.commits:,} commits  "
            f"{len(summary.violations)} violations"
        )
        self._bar.update(self._task, completed=summary.runs, seen=seen)
