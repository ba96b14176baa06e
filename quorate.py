"""The `quorate` command: the only module that knows every package."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import math
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from transport_sim.runner import Plan, Summary

PACKAGES = ("raft", "actors", "transport_sim")
SIM_COMMANDS = ("check", "convert", "explain", "explore", "replay", "shrink", "soak")
INTERRUPTED = 130  # the exit code of whatever ends by Ctrl-C, as shells have it
TERMINATED = 143  # and by SIGTERM
WIDE_ENOUGH = 100  # columns that the progress bar needs to show sums too
SHOWN_VIOLATIONS = 10


def main() -> None:
    """Run the command line; the entry point of the installed command."""
    shadow = _shadowed_package()
    if shadow is not None:
        sys.stderr.write(f"quorate: {shadow}\n")
        sys.exit(2)
    try:
        sys.exit(cli.main(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.stderr.write("quorate: interrupted\n")
        sys.exit(INTERRUPTED)


def _shadowed_package() -> str | None:
    """Say which of our generically named packages something else hides or has overwritten, if any."""
    home = Path(__file__).resolve().parent
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        found = Path(spec.origin).resolve() if spec is not None and spec.origin is not None else None
        if found != home / name / "__init__.py" or 'DISTRIBUTION = "quorate"' not in found.read_text():
            return (
                f"the package {name!r} that Python finds is not quorate's: {found} shadows the one in {home}.\n"
                "Rename or move that file, or take its folder off PYTHONPATH. If another distribution brought it,\n"
                "install quorate in a virtual environment of its own: python3 -m venv .venv, then from quorate's\n"
                "sources .venv/bin/pip install ."
            )
    return None


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(importlib.metadata.version("quorate"), prog_name="quorate")
def cli() -> None:
    """Raft, implemented once, run everywhere Python runs.

    \b
    See it work:      quorate demo
    Try to break it:  quorate sim run --seeds 100
    """


@cli.command()
def demo() -> None:
    """Watch a cluster of three lose its leader and no data.

    Starts three nodes in this process, writes, kills the leader, writes to the next one, brings the old one back, and
    checks at every step that no acknowledged write was lost. Takes about ten seconds. Exit code 0 only if every check
    held, 130 when interrupted.
    """
    from rich.console import Console

    from actors.demo import run

    sys.exit(0 if run(Console()) else 1)


class _Subcommands(click.Group):
    """A group whose commands stand in a package, one module each, imported when they are needed."""

    def __init__(self, package: str, names: tuple[str, ...], **settings: Any) -> None:
        super().__init__(**settings)
        self._package = package
        self._names = names

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted([*super().list_commands(ctx), *self._names])

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return a command, or None when there is none of this name."""
        if name not in self._names:
            return super().get_command(ctx, name)
        command: click.Command = importlib.import_module(f"{self._package}.{name}").command
        return command


@cli.group(cls=_Subcommands, package="transport_sim.commands", names=SIM_COMMANDS)
def sim() -> None:
    """Run clusters in a deterministic simulator, under faults."""


@sim.command("run")
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
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, max=600, min_open=True),
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
def sim_run(
    seed: int | None,
    seeds: int | None,
    first_seed: int | None,
    nodes: int,
    faults: str,
    climate: str | None,
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
    from transport_sim.faults import parse_kinds
    from transport_sim.runner import Plan, run_seeds
    from transport_sim.traces.writing import UnwritableTrace

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
    if math.isnan(seconds):
        raise click.BadParameter("nan is no number of seconds", param_hint="--seconds")
    first = first_seed or 0
    chosen = [seed] if seed is not None else list(range(first, first + (seeds or 100)))
    plan = Plan(nodes, kinds, seconds, climate, profile)
    # A supervisor ends the run as Ctrl-C does: the processes of the pool end with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    with _Progress(len(chosen)) as progress:
        try:
            summary = run_seeds(chosen, plan, jobs or os.cpu_count() or 1, progress.show, trace, history)
        except (UnwritableTrace, OSError) as error:
            click.echo(f"quorate sim run: {error}", err=True)
            sys.exit(2)
    replays = [
        f"quorate sim run --seed {violation.seed} --nodes {nodes} --faults {','.join(kinds) or 'none'} "
        f"--seconds {seconds!r}" + ("" if climate is None else f" --climate {climate}")
        for violation in summary.violations
    ]
    _print_summary(summary, plan, replays)
    if history is not None:
        click.echo(f"check it: quorate sim check {history} --model {' '.join(summary.models)}", err=True)
    if as_json:
        click.echo(json.dumps(_as_object(summary, replays)))
    sys.exit(1 if summary.violations else 0)


class _Progress:
    """A progress bar on stderr, drawn only where somebody looks."""

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

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


def _print_summary(summary: Summary, plan: Plan, replays: list[str]) -> None:
    from rich.console import Console
    from rich.table import Table

    from transport_sim.simulation import COUNTED
    from transport_sim.situations import SITUATIONS

    console = Console(stderr=True, highlight=False)
    table = Table(
        title=f"seeds run: {summary.runs}, nodes: {plan.nodes}, faults: {plan.seconds:g} s each", min_width=46
    )
    table.add_column("")
    table.add_column("total", justify="right")
    table.add_row("events per second and core", f"{summary.events_per_second:,}")
    for name in COUNTED:
        table.add_row(name.replace("_", " "), f"{getattr(summary, name):,}")
    table.add_section()
    for kind, count in sorted(summary.faults.items()):
        table.add_row(f"fault: {kind}", f"{count:,}")
    table.add_section()
    for name in SITUATIONS:
        table.add_row(f"situation: {name}", f"{summary.situations[name]:,}")
    table.add_section()
    table.add_row("violations", f"{len(summary.violations):,}", style="bold red" if summary.violations else "green")
    console.print(table)
    if plan.profile:
        _print_cost(summary, console)
    console.print(f"digest {summary.digest}", style="dim")
    for violation, replay in zip(summary.violations[:SHOWN_VIOLATIONS], replays, strict=False):
        console.print(f"{violation.invariant} is broken with seed {violation.seed}:", style="bold red", end=" ")
        console.print(violation.message, markup=False)
        console.print(f"  replay: {replay}", markup=False, soft_wrap=True)
    if len(replays) > SHOWN_VIOLATIONS:
        console.print(f"and {len(replays) - SHOWN_VIOLATIONS} more; --json lists them all")


def _print_cost(summary: Summary, console: Console) -> None:
    from rich.table import Table

    table = Table(title="what each check costs", min_width=46)
    table.add_column("")
    table.add_column("seconds", justify="right")
    table.add_column("share", justify="right")
    for part, cost in _costs(summary).items():
        table.add_row(part, f"{cost['seconds']:.2f}", f"{cost['share']:.1%}")
    console.print(table)


def _costs(summary: Summary) -> dict[str, dict[str, float]]:
    """Return processor seconds and share of each part that was measured, the most expensive first."""
    from transport_sim.cost import WHOLE

    whole = summary.cost.get(WHOLE, 0.0)
    parts = sorted(summary.cost.items(), key=lambda item: -item[1])
    shares = {part: seconds / whole for part, seconds in parts}
    return {
        part: {"seconds": round(share * summary.busy_seconds, 3), "share": round(share, 4)}
        for part, share in shares.items()
    }


def _as_object(summary: Summary, replays: list[str]) -> dict[str, object]:
    from transport_sim.simulation import COUNTED
    from transport_sim.situations import SITUATIONS

    return {
        "runs": summary.runs,
        "violations": [
            {"seed": v.seed, "invariant": v.invariant, "message": v.message, "replay": replay}
            for v, replay in zip(summary.violations, replays, strict=True)
        ],
        "events_per_second": summary.events_per_second,
        **{name: getattr(summary, name) for name in COUNTED},
        "faults": dict(sorted(summary.faults.items())),
        "situations": {name: summary.situations[name] for name in SITUATIONS},
        **({"cost": _costs(summary)} if summary.cost else {}),
        "digest": summary.digest,
    }


if __name__ == "__main__":
    main()
