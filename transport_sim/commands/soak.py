"""`quorate sim soak`: seeds for ever."""

from __future__ import annotations

import json
import math
import os
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import click

from .numbers import Positive
from .storage import storage_option

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from ..journal import Failure, Progress

INTERRUPTED = 130
TERMINATED = 143
SHOWN_FAULTS = 8


@click.command("soak")
@click.option("--minutes", type=Positive(), help="How long to go on.  [default: until interrupted]")
@click.option("--jobs", type=click.IntRange(1, 256), help="How many processes.  [default: one for each core]")
@click.option("--nodes", type=click.IntRange(1, 9), default=5, show_default=True, help="Members of the cluster.")
@click.option("--faults", default="all", show_default=True, help="As of `quorate sim run`.")
@click.option(
    "--climate",
    type=click.Choice(["calm", "lan", "wan", "flaky", "hostile"]),
    help="As of `quorate sim run`.  [default: each seed has its own]",
)
@storage_option
@click.option(
    "--seconds", type=Positive(600), default=20, show_default=True, help="Simulated seconds of faults of each run."
)
@click.option("--first-seed", type=click.IntRange(min=0), help="Where to begin.  [default: 0]")
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("soak"),
    show_default=True,
    help="The directory for progress and failures.",
)
@click.option(
    "--longest-run",
    type=Positive(),
    default=300,
    show_default=True,
    help="Real seconds after which a run counts as hanging, which is a failure.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
def command(
    minutes: float | None,
    jobs: int | None,
    nodes: int,
    faults: str,
    climate: str | None,
    storage: str | None,
    seconds: float,
    first_seed: int | None,
    state: Path,
    longest_run: float,
    as_json: bool,
) -> None:
    """Run seed after seed under faults, for as long as you like, and keep what fails.

    Progress and failures are kept in a directory. Interrupt at any time: the same command goes on where it was, and
    the sums add up, even after a crash. Of every run that breaks a promise, the directory holds the trace, to replay,
    explain or shrink it, and a file that tells what was broken and how to run it again.

    \b
      quorate sim soak --minutes 60
      quorate sim replay soak/seed-123.ndjson
      quorate sim shrink soak/seed-123.ndjson --output small.ndjson

    Exit code 0 when every promise held, 1 when one was broken, also if that was before this soak was taken up again,
    2 for wrong usage or a directory that cannot be used, 130 when interrupted.
    """
    from rich.console import Console

    from transport_sim.faults import parse_kinds
    from transport_sim.journal import SoakError
    from transport_sim.runner import Plan
    from transport_sim.soak import MOST_FAILURES, soak

    try:
        kinds = parse_kinds(faults)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--faults") from None
    console = Console(stderr=True, highlight=False)
    display = _Display(console, state)
    interrupted = False
    try:
        with _ended_by_supervisors(), display.shown():
            plan = Plan(nodes, kinds, seconds, climate, storage=storage)
            most_minutes = math.inf if minutes is None else minutes
            soak(state, plan, jobs or os.cpu_count() or 1, first_seed, most_minutes, longest_run, display.show)
    except SoakError as error:
        click.echo(f"quorate sim soak: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        interrupted = True
    progress = display.progress
    if progress is None:  # interrupted before it began
        sys.exit(INTERRUPTED)
    console.print(_table(progress, display.rate))
    if len(progress.failures) >= MOST_FAILURES:
        console.print(f"It ends after {MOST_FAILURES} failures; begin anew in another directory once they are mended.")
    if as_json:
        click.echo(json.dumps(_as_object(progress, state, interrupted)))
    if interrupted:
        click.echo("quorate sim soak: interrupted; the same command goes on from here", err=True)
        sys.exit(INTERRUPTED)
    sys.exit(1 if progress.failures else 0)


@contextmanager
def _ended_by_supervisors() -> Iterator[None]:
    """Let SIGTERM end it as Ctrl-C does: what was found is saved."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Display:
    """What people see while it runs: a table that lives, where somebody looks; failures in any case."""

    def __init__(self, console: Console, state: Path) -> None:
        self.progress: Progress | None = None
        self._console = console
        self._state = state
        self._begin = monotonic()
        self._first: Progress | None = None

    @contextmanager
    def shown(self) -> Iterator[None]:
        if not self._console.is_terminal:
            yield
            return
        from rich.live import Live

        with Live(console=self._console, get_renderable=self._renderable, refresh_per_second=4, transient=True):
            yield

    def show(self, progress: Progress) -> None:
        """Take the progress; tell of each new failure, and at first of how many there were."""
        told = 0 if self.progress is None else len(self.progress.failures)
        if self._first is None:
            self._first = progress
            told = len(progress.failures)
            if progress.summary.runs:
                goes_on = f"goes on at seed {progress.next_seed}, with {told:,} violations so far"
                self._console.print(f"The soak in {self._state} {goes_on}.", markup=False, soft_wrap=True)
        self.progress = progress
        for failure in progress.failures[told:]:
            self._tell(failure)

    def _tell(self, failure: Failure) -> None:
        violation = failure.violation
        verdicts = {"hangs": "hangs", "failure": "fails"}
        broken = verdicts.get(violation.invariant, f"breaks {violation.invariant}")
        self._console.print(f"seed {violation.seed} {broken}:", style="bold red", end=" ")
        self._console.print(violation.message, markup=False)
        self._console.print(f"  again:  {failure.command}", markup=False, soft_wrap=True)
        if failure.trace is not None:
            trace = shlex.quote(str(self._state / failure.trace))
            self._console.print(f"  replay: quorate sim replay {trace}", markup=False, soft_wrap=True)
        if failure.note is not None:
            self._console.print(f"  note:   {failure.note}", markup=False, soft_wrap=True)

    @property
    def rate(self) -> float:
        """Events per second of real time since this process began."""
        if self.progress is None or self._first is None:
            return 0.0
        return (self.progress.summary.events - self._first.summary.events) / (monotonic() - self._begin)

    def _renderable(self) -> Table | str:
        return "" if self.progress is None else _table(self.progress, self.rate, monotonic() - self._begin)


def _table(progress: Progress, rate: float, running_s: float | None = None) -> Table:
    from rich.table import Table

    summary = progress.summary
    plan = progress.plan
    table = Table(title=f"soak of {plan.nodes} nodes, faults: {plan.seconds:g} s each", min_width=46)
    table.add_column("")
    table.add_column("total", justify="right")
    if running_s is not None:
        table.add_row("running for", _duration(running_s))
    table.add_row("elapsed", _duration(progress.elapsed_s))
    table.add_row("seeds", f"{summary.runs:,}")
    table.add_row("next seed", f"{progress.next_seed:,}")
    table.add_row("events", f"{summary.events:,}")
    table.add_row("events per second", f"{rate:,.0f}")
    table.add_section()
    for kind, number in summary.faults.most_common(SHOWN_FAULTS):
        table.add_row(f"fault: {kind}", f"{number:,}")
    rest = sum(summary.faults.values()) - sum(number for _, number in summary.faults.most_common(SHOWN_FAULTS))
    if rest:
        table.add_row("fault: others", f"{rest:,}")
    table.add_section()
    table.add_row("violations", f"{len(progress.failures):,}", style="bold red" if progress.failures else "green")
    return table


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,}:{minutes:02}:{seconds:02}"


def _as_object(progress: Progress, state: Path, interrupted: bool) -> dict[str, object]:
    from transport_sim.simulation import COUNTED

    summary = progress.summary
    return {
        "seeds": summary.runs,
        "first_seed": progress.first_seed,
        "next_seed": progress.next_seed,
        "minutes": round(progress.elapsed_s / 60, 3),
        "violations": [failure.as_json() for failure in progress.failures],
        **{name: getattr(summary, name) for name in COUNTED},
        "events_per_second": summary.events_per_second,
        "faults": dict(sorted(summary.faults.items())),
        "situations": dict(sorted(summary.situations.items())),
        "digest": summary.digest,
        "state": str(state),
        "interrupted": interrupted,
    }
