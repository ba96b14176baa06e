"""Does memory stay flat? Feeds a local cluster commands and draws the curve of what its logs and its process hold.

python -m bench.memory --help
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from actors import Config, LocalCluster, RaftError
from actors.kv_commands import put

from . import probe
from .chart import columns
from .curve import Plan, Point, Verdict, judge
from .load import feed
from .watch import Watch

POINTS = 40
ROWS = 10  # of the table
KEYS = 1000  # so that the machine itself does not grow
LEADER_WITHIN_S = 60.0
INTERRUPTED = 130
MIB = 1024 * 1024


@dataclass(frozen=True)
class Report:
    """What a run came to.

    Attributes:
        nodes: how many took part.
        points: the curve.
        unknown: how many commands had an unknown outcome.
        verdict: on the curve.
    """

    nodes: int
    points: list[Point]
    unknown: int
    verdict: Verdict

    @property
    def commands_per_second(self) -> float:
        """How fast the whole run was."""
        return self.points[-1].commands / self.points[-1].seconds

    def as_object(self) -> dict[str, object]:
        """Return the report as JSON prints it."""
        plan = self.verdict.plan
        return {
            "nodes": self.nodes,
            "commands": plan.commands,
            "snapshot_entries": plan.snapshot_entries,
            "snapshot_tail_entries": plan.snapshot_tail_entries,
            "in_flight": plan.in_flight,
            "seconds": round(self.points[-1].seconds, 3),
            "commands_per_second": round(self.commands_per_second),
            "unknown_outcomes": self.unknown,
            "points": [point.as_object() for point in self.points],
            "verdict": self.verdict.as_object(),
        }


def measure(nodes: int, plan: Plan, show: Callable[[int], None]) -> Report:
    """Feed a cluster and draw the curve.

    Args:
        nodes: members of the cluster.
        plan: what to do.
        show: called at each point with the number of commands answered so far.

    Raises:
        RaftError: when the cluster did not work.
    """
    config = Config(snapshot_entries=plan.snapshot_entries, snapshot_tail_entries=plan.snapshot_tail_entries)
    with LocalCluster(nodes, machine=probe.CountingKeyValue, config=config) as cluster:
        cluster.wait_for_leader(LEADER_WITHIN_S)
        watch = Watch(cluster)
        answers = 0

        def answered() -> None:
            nonlocal answers
            answers += 1
            if answers % (plan.commands // POINTS) == 0 or answers == plan.commands:
                watch.add_point(answers)
                show(answers)

        watch.start()
        try:
            unknown = feed(cluster, _commands(plan.commands), plan.in_flight, answered)
        finally:
            watch.stop()
        verdict = judge(watch.points, probe.snapshots(cluster), plan)
        return Report(nodes, watch.points, unknown, verdict)


def _commands(count: int) -> Iterator[bytes]:
    for number in range(count):
        yield put(b"key %d" % (number % KEYS), b"value %032d" % number)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--nodes", type=click.IntRange(1, 9), default=5, show_default=True, help="Members of the cluster.")
@click.option(
    "--commands",
    type=click.IntRange(min=1000),
    default=1_000_000,
    show_default=True,
    help="How many commands to feed it, each a put of one of 1000 keys.",
)
@click.option(
    "--snapshot-entries",
    type=click.IntRange(min=10),
    default=10_000,
    show_default=True,
    help="A node makes a snapshot after so many entries; a tenth of them stay in the log behind it.",
)
@click.option(
    "--in-flight",
    type=click.IntRange(1, 100_000),
    default=1000,
    show_default=True,
    help="How many commands wait for their answers at a time.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line, the whole curve in it.")
def main(nodes: int, commands: int, snapshot_entries: int, in_flight: int, as_json: bool) -> None:
    """Does memory stay flat while a cluster works for ever?

    Feeds a local cluster commands and draws the curve of its logs and of its process's physical memory. Each of about
    40 points tells the most that was seen since the point before, so that nothing hides between two of them.

    \b
    The default, about a minute:  python -m bench.memory
    A short look:                 python -m bench.memory --commands 100000
    See it fail:                  python -m bench.memory --commands 50000 --snapshot-entries 1000000

    Exit code 0 when memory stayed flat, by the rule that is printed; 1 when it did not or the cluster did not work; 2
    for wrong usage; 130 when interrupted. Needs Linux, which alone tells how much memory a process holds right now.
    """
    if not probe.STATM.exists():
        raise click.UsageError(f"there is no {probe.STATM}: this measurement needs Linux")
    plan = Plan(commands, snapshot_entries, snapshot_entries // 10, in_flight)
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("feeding"),
        BarColumn(bar_width=40),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        auto_refresh=False,
        disable=not console.is_terminal,
    )
    task = bar.add_task("", total=commands)
    try:
        with bar:
            report = measure(nodes, plan, lambda answers: bar.update(task, completed=answers, refresh=True))
    except RaftError as error:
        raise click.ClickException(f"the cluster did not work: {error}") from None
    except KeyboardInterrupt:
        click.echo("bench.memory: interrupted", err=True)
        sys.exit(INTERRUPTED)
    if as_json:
        click.echo(json.dumps(report.as_object()))
    else:
        _print_report(report, Console(highlight=False))
    sys.exit(0 if report.verdict.flat else 1)


def _print_report(report: Report, console: Console) -> None:
    points, verdict = report.points, report.verdict
    table = Table(title=f"{verdict.plan.commands:,} commands, {report.nodes} nodes")
    for name in ("commands", "seconds", "longest log", "all logs", "log MiB", "memory MiB", "snapshots"):
        table.add_column(name, justify="right")
    step = len(points) // ROWS
    for point in points[(len(points) - 1) % step :: step]:  # the last one is among them
        table.add_row(
            f"{point.commands:,}",
            f"{point.seconds:.1f}",
            f"{point.log_entries_max:,}",
            f"{point.log_entries_sum:,}",
            f"{point.log_bytes / MIB:.2f}",
            f"{point.rss_bytes / MIB:.2f}",
            f"{point.snapshots:,}",
        )
    console.print(table)
    mark = "#" if console.options.ascii_only else "█"
    logs = [point.log_entries_max for point in points]
    memory = [point.rss_bytes for point in points]
    for title, values, top in (
        ("longest log", logs, f"{max(logs):,} entries"),
        ("physical memory", memory, f"{max(memory) / MIB:.1f} MiB"),
    ):
        console.print(f"\n{title}, 0 to {top}, over commands:", markup=False)
        for row in columns(values, mark):
            console.print(f"  |{row}", markup=False)
        console.print(f"  +{'-' * len(values)}", markup=False)
    console.print(
        f"\n{report.commands_per_second:,.0f} commands per second. After {verdict.plan.warm_up_commands:,} commands "
        f"the longest log grew by {verdict.log_growth_entries:,} entries, physical memory by "
        f"{verdict.rss_growth_bytes / MIB:.2f} MiB.",
        markup=False,
    )
    console.print(verdict.rule, markup=False, style="dim")
    for objection in verdict.objections:
        console.print(f"NOT FLAT: {objection}", markup=False, style="bold red")
    if verdict.flat:
        console.print("FLAT", style="bold green")


if __name__ == "__main__":
    main(prog_name="python -m bench.memory")
