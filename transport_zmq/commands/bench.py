"""`quorate bench`: how much a cluster of three daemons does, and how long its answers take."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path

import click
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from ..address import Address
from ..bench.run import BenchmarkFailed, Measured, cluster, measure
from ..errors import InvalidAddress
from .asking import NO

DEEPEST = 100_000
_COLUMNS = ("outstanding", "operations/s", "p50 ms", "p99 ms", "failed")


def _depths(context: click.Context, option: click.Parameter, text: str) -> list[int]:
    """Return the numbers of a list that is separated by commas."""
    try:
        depths = [int(number) for number in text.split(",")]
    except ValueError:
        depths = []
    if not depths or not all(1 <= depth <= DEEPEST for depth in depths):
        raise click.BadParameter(f"{text!r} is no list of numbers from 1 to {DEEPEST}, like 1,64,512")
    return depths


@click.command("bench")
@click.option("--outstanding", callback=_depths, default="1,64,512", show_default=True, metavar="N,...",
              help="How many requests are under way at a time; one measurement for each number.")  # fmt: skip
@click.option("--seconds", type=click.FloatRange(0.1, 3600), default=3.0, show_default=True, metavar="SECONDS",
              help="For how long each is measured, behind a warm-up of a fifth of that.")  # fmt: skip
@click.option("--reads", is_flag=True, help="Read, linearizably, instead of writing.")
@click.option("--value-bytes", type=click.IntRange(0, 1024 * 1024), default=128, show_default=True, metavar="BYTES",
              help="The size of each value.")  # fmt: skip
@click.option("--clients", type=click.IntRange(1, 64), default=1, show_default=True, metavar="N",
              help="How many client processes share the requests.")  # fmt: skip
@click.option("--endpoints", metavar="HOST:PORT,...",
              help="Measure a cluster that runs already, without keys, instead of three daemons on this machine. "
                   "It is written to, under keys that begin with the number of requests.")  # fmt: skip
@click.option("--dir", "folder", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR",
              help="Where the daemons keep their data meanwhile: the disk that is measured.  "
                   "[default: where temporary files are]")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    outstanding: list[int],
    seconds: float,
    reads: bool,
    value_bytes: int,
    clients: int,
    endpoints: str | None,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Measure a cluster: three daemons on this machine that sync every write, and clients in processes of their own.

    Each client begins a request whenever one is answered, so that as many as told are under way at any time. Times are
    those that a client sees. What they are worth depends on the machine: compare numbers of one run only.

    Exit code 0 when all was measured; 1 when not; 2 when the command line is wrong.
    """
    found: list[Measured] = []
    console = Console(stderr=True)
    try:
        with Progress(TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(),
                      console=console, transient=True, disable=not console.is_terminal) as progress:  # fmt: skip

            def measure_all(where: str) -> None:
                for depth in outstanding:
                    task = progress.add_task(f"{depth} outstanding", total=1.0)
                    found.append(
                        measure(
                            where,
                            depth,
                            clients=clients,
                            seconds=seconds,
                            value_bytes=value_bytes,
                            reads=reads,
                            progress=partial(_show, progress, task),
                        )
                    )

            if endpoints is not None:
                _check(endpoints)
                measure_all(endpoints)
            else:
                with cluster(folder) as where:
                    measure_all(where)
    except BenchmarkFailed as error:
        if as_json:
            click.echo(json.dumps({"ok": False, "error": type(error).__name__, "message": str(error)}))
        else:
            click.echo(f"quorate: {error}", err=True)
        sys.exit(NO)
    if as_json:
        click.echo(json.dumps(_as_object(found, reads, value_bytes, clients, seconds)))
    else:
        Console(highlight=False).print(_table(found, reads, value_bytes))


def _check(endpoints: str) -> None:
    try:
        for endpoint in endpoints.split(","):
            Address.parse(endpoint.strip())
    except InvalidAddress as error:
        raise click.BadParameter(str(error), param_hint="--endpoints") from None


def _show(progress: Progress, task: TaskID, part: float) -> None:
    progress.update(task, completed=part)


def _as_object(found: list[Measured], reads: bool, value_bytes: int, clients: int, seconds: float) -> dict[str, object]:
    depths = {}
    for measured in found:
        fields = asdict(measured)
        depths[str(fields.pop("outstanding"))] = fields
    about = {"reads": reads, "value_bytes": value_bytes, "clients": clients, "seconds": seconds}
    return {"ok": True, **about, "outstanding": depths}


def _table(found: list[Measured], reads: bool, value_bytes: int) -> Table:
    what = "linearizable reads" if reads else "replicated writes, synced on a majority"
    table = Table(*_COLUMNS, box=SIMPLE, title=f"{what}, {value_bytes}-byte values")
    for column in table.columns:
        column.justify = "right"
    for measured in found:
        failed = ", ".join(f"{count} {name}" for name, count in measured.failures.items())
        table.add_row(
            f"{measured.outstanding:,}",
            f"{measured.operations_per_second:,.0f}",
            f"{measured.p50_ms:.2f}",
            f"{measured.p99_ms:.2f}",
            failed or "0",
        )
    return table
