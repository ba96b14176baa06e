"""What does it cost to be able to watch a node, and to do so? Compares the core with one that has no event sites.

python -m bench.observer --help
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
from dataclasses import dataclass

import click
from rich.console import Console
from rich.table import Table

from raft.observer import DEBUG, ESSENTIAL, INFO, TRACE

from .copies import Copy, copies
from .replication import Replication

BARE = "no sites"
SILENT = "nobody listens"
LEVELS: dict[str, int | None] = {
    BARE: None,
    SILENT: None,
    "essential": ESSENTIAL,
    "info": INFO,
    "debug": DEBUG,
    "trace": TRACE,
}
BOUND_PERCENT = 3.0  # what the sites may cost while nobody listens
INTERRUPTED = 130


@dataclass(frozen=True)
class Figures:
    """What the same work took in one of the ways to watch.

    Attributes:
        name: of the way.
        best_us: processor time of one command in the fastest repetition, in microseconds.
        median_us: the same of the one in the middle.
        ratio: the median of what each repetition took, divided by what the one without sites next to it took.
        quartiles: of the same quotients: half of them lie between these two, which tells how sure the median is.
        events_per_command: how many events the observers were told.
    """

    name: str
    best_us: float
    median_us: float
    ratio: float
    quartiles: tuple[float, float]
    events_per_command: float

    def as_object(self) -> dict[str, object]:
        """Return the figures as they stand in JSON."""
        return {
            "best_us": round(self.best_us, 3),
            "median_us": round(self.median_us, 3),
            "ratio": round(self.ratio, 4),
            "ratio_quartiles": [round(quartile, 4) for quartile in self.quartiles],
            "events_per_command": round(self.events_per_command, 3),
        }


@dataclass(frozen=True)
class Plan:
    """What to do.

    Attributes:
        nodes: members of the cluster.
        commands: how many in each repetition.
        in_flight: how many at a time.
        repetitions: how often each way is measured.
    """

    nodes: int
    commands: int
    in_flight: int
    repetitions: int


@dataclass(frozen=True)
class Report:
    """What a measurement came to.

    Attributes:
        plan: what was done.
        sites: how many event sites there are in the core.
        figures: one for each way to watch, in the order of `LEVELS`.
    """

    plan: Plan
    sites: int
    figures: list[Figures]

    @property
    def cost_percent(self) -> float:
        """What the sites cost while nobody listens."""
        silent = next(figures for figures in self.figures if figures.name == SILENT)
        return 100 * (silent.ratio - 1)

    @property
    def is_within_bound(self) -> bool:
        """Whether that is as little as it must be."""
        return self.cost_percent < BOUND_PERCENT

    def as_object(self) -> dict[str, object]:
        """Return the report as JSON prints it."""
        return {
            "nodes": self.plan.nodes,
            "commands": self.plan.commands,
            "in_flight": self.plan.in_flight,
            "repetitions": self.plan.repetitions,
            "sites": self.sites,
            "cost_percent": round(self.cost_percent, 2),
            "bound_percent": BOUND_PERCENT,
            "levels": {figures.name: figures.as_object() for figures in self.figures},
        }


def measure(plan: Plan) -> Report:
    """Do the same work in each way to watch, again and again in turn, and compare the processor time.

    Each way has a copy of the core to itself, since the interpreter adapts code to what it meets there. The ways take
    turns within each repetition, beginning with another one each time, so that what changes in the machine changes for
    all. Each time a new cluster is made and elects its leader before the clock starts, and garbage is collected; it is
    not while the clock runs.
    """
    packages = {f"core_{number}": name != BARE for number, name in enumerate(LEVELS)}
    with copies(packages) as made:
        ways = list(zip(LEVELS, made.values(), strict=True))
        for _, copy in ways:
            _repetition(copy, None, plan)
        seconds: dict[str, list[float]] = {name: [] for name in LEVELS}
        events = dict.fromkeys(LEVELS, 0)
        work = set()
        for number in range(plan.repetitions):
            start = number % len(ways)
            for name, copy in ways[start:] + ways[:start]:
                took, cluster = _repetition(copy, LEVELS[name], plan)
                seconds[name].append(took)
                events[name] = cluster.events
                work.add(cluster.work)
        assert len(work) == 1, f"whoever watches changes what happens: {work}"
        return Report(plan, made["core_0"].removed, [_figures(name, seconds, events[name], plan) for name in LEVELS])


def _repetition(copy: Copy, level: int | None, plan: Plan) -> tuple[float, Replication]:
    cluster = Replication(copy, plan.nodes, level)
    gc.collect()
    gc.disable()
    began = time.process_time()
    cluster.run(plan.commands, plan.in_flight)
    took = time.process_time() - began
    gc.enable()
    return took, cluster


def _figures(name: str, seconds: dict[str, list[float]], events: int, plan: Plan) -> Figures:
    own, bare = seconds[name], seconds[BARE]
    per_command_us = 1e6 / plan.commands
    ratios = [one / other for one, other in zip(own, bare, strict=True)]
    low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return Figures(
        name,
        min(own) * per_command_us,
        statistics.median(own) * per_command_us,
        statistics.median(ratios),
        (low, high),
        events / plan.commands,
    )


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--nodes", type=click.IntRange(1, 9), default=3, show_default=True, help="Members of the cluster.")
@click.option(
    "--commands",
    type=click.IntRange(min=1),
    default=300,
    show_default=True,
    help="How many commands in each repetition, each of seven bytes.",
)
@click.option(
    "--in-flight",
    type=click.IntRange(1, 10_000),
    default=1,
    show_default=True,
    help="How many commands at a time. One shows the cost at its highest: every site is passed for each command.",
)
@click.option(
    "--repetitions", type=click.IntRange(min=2), default=60, show_default=True, help="How often each way is measured."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
def main(nodes: int, commands: int, in_flight: int, repetitions: int, as_json: bool) -> None:
    """What does it cost to watch a node?

    Replicates small commands in a cluster of core actors in memory, on nothing that takes time, and compares the
    processor time with that of a copy of the core from which every event site is removed: while nobody listens, and
    with an observer that only counts, at each level. What hands events out is left in all copies; it was there before
    there were levels.

    Exit code 0 when the sites cost less than 3 % while nobody listens, 1 when not, 2 for wrong usage, 130 when
    interrupted.
    """
    try:
        report = measure(Plan(nodes, commands, in_flight, repetitions))
    except KeyboardInterrupt:
        click.echo("bench.observer: interrupted", err=True)
        sys.exit(INTERRUPTED)
    if as_json:
        click.echo(json.dumps(report.as_object()))
    else:
        _print_report(report, Console(highlight=False))
    sys.exit(0 if report.is_within_bound else 1)


def _print_report(report: Report, console: Console) -> None:
    plan = report.plan
    table = Table(title=f"{plan.commands:,} commands, {plan.in_flight:,} at a time, {plan.nodes} nodes")
    table.add_column("level")
    for name in ("events per command", "best µs", "median µs", "ratio", "half of them"):
        table.add_column(name, justify="right")
    for figures in report.figures:
        table.add_row(
            figures.name,
            f"{figures.events_per_command:.2f}",
            f"{figures.best_us:.1f}",
            f"{figures.median_us:.1f}",
            f"{figures.ratio:.3f}",
            "{:.3f} to {:.3f}".format(*figures.quartiles),
        )
    console.print(table)
    console.print(
        f"\n{report.sites} event sites cost {report.cost_percent:.1f} % while nobody listens: the median of "
        f"{plan.repetitions} repetitions, each divided by the one without sites beside it. "
        f"The bound is {BOUND_PERCENT:.0f} %.",
        markup=False,
    )
    if report.is_within_bound:
        console.print("WITHIN BOUND", style="bold green")
    else:
        console.print("TOO MUCH", style="bold red")


if __name__ == "__main__":
    main(prog_name="python -m bench.observer")
