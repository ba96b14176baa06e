"""`quorate sim shrink`: the smallest run that still breaks its promise."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .numbers import Positive

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


@click.command("shrink")
@click.argument("trace", type=click.Path(path_type=Path))
@click.option(
    "--output", "-o", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Where to write the trace."
)
@click.option(
    "--seconds",
    type=Positive(),
    default=120,
    show_default=True,
    help="How long to search; what was found by then is written.",
)
@click.option("--jobs", type=click.IntRange(1, 256), help="How many runs at once.  [default: one for each core]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
def command(trace: Path, output: Path, seconds: float, jobs: int | None, as_json: bool) -> None:
    """Reduce the failing run of TRACE to the fewest members, faults and commands.

    Every fault and every command is left out in turn, for as long as the same promise is still broken. What is left is
    what it takes. The smaller run is recorded and can be replayed, explained and shrunk again. The output may be TRACE
    itself, which is replaced at the end.

    \b
      quorate sim run --seed 7 --trace run.ndjson
      quorate sim shrink run.ndjson --output small.ndjson
      quorate sim explain small.ndjson --output small.html

    Exit code 0 when the smaller run is written, 2 when the trace cannot be read, its run breaks no promise, or the
    output cannot be written, 130 when interrupted, which leaves nothing.
    """
    from rich.console import Console
    from rich.table import Table

    from transport_sim.traces.reading import TraceError, opened
    from transport_sim.traces.replaying import Recipe
    from transport_sim.traces.shrinking import NothingToShrink, shrink
    from transport_sim.traces.writing import UnwritableTrace, check_writable, trace_file

    console = Console(stderr=True, highlight=False)
    try:
        with opened(trace) as reading:
            recipe = Recipe.of(reading.header, str(trace))
            for _ in reading.events():
                pass  # a trace that is cut off may be of another run than its header says
        check_writable(output)
        with _progress(console) as progress:
            task = progress.add_task("running it once", total=None)

            def show(runs: int, left: int) -> None:
                total = progress.tasks[task].total or left
                text = f"{runs:,} runs, {left:,} decisions left"
                progress.update(task, description=text, total=max(total, left), completed=max(total, left) - left)

            shrunk = shrink(recipe, jobs or os.cpu_count() or 1, seconds, show)
        with trace_file(output) as write:
            shrunk.after.simulation(write).run()
    except (TraceError, UnwritableTrace, NothingToShrink) as error:
        click.echo(f"quorate sim shrink: {error}", err=True)
        sys.exit(2)
    table = Table("", "before", "after", title=f"{shrunk.promise} is still broken", min_width=46)
    rows = (
        ("members", shrunk.before.nodes, shrunk.after.nodes),
        ("kinds of faults", shrunk.kinds_before, shrunk.kinds_after),
        ("faults and commands", shrunk.decisions_before, shrunk.decisions_after),
        ("seconds of faults", shrunk.before.seconds, shrunk.after.seconds),
        ("events", shrunk.events_before, shrunk.events_after),
    )
    for name, before, after in rows:
        table.add_row(name, f"{before:,}", f"{after:,}")
    console.print(table)
    if not shrunk.complete:
        console.print(f"The {seconds:g} s are over; shrink {output} again to go on.")
    if as_json:
        click.echo(
            json.dumps(
                {
                    "promise": shrunk.promise,
                    "runs": shrunk.runs,
                    "complete": shrunk.complete,
                    **{name.replace(" ", "_"): {"before": before, "after": after} for name, before, after in rows},
                    "output": str(output),
                }
            )
        )


def _progress(console: Console) -> Progress:
    """Return a bar that fills as decisions are left out; drawn only where somebody looks."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("shrinking"), BarColumn(bar_width=20), TextColumn("{task.description}"), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)
