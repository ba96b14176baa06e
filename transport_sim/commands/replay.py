"""`quorate sim replay`: a recorded run again, which must do the same."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from ..climate import CLIMATES
from .numbers import Positive
from .storage import storage_option


@click.command("replay")
@click.argument("trace", required=False, type=click.Path(path_type=Path))
@click.option("--seed", type=click.IntRange(min=0), help="Run this seed twice instead, and compare the two.")
@click.option("--nodes", type=click.IntRange(1, 9), default=5, show_default=True, help="With --seed: members.")
@click.option("--faults", default="all", show_default=True, help="With --seed: as of `quorate sim run`.")
@click.option("--climate", type=click.Choice(tuple(CLIMATES)), help="With --seed: as of `quorate sim run`.")
@storage_option
@click.option(
    "--seconds",
    type=Positive(600),
    default=20,
    show_default=True,
    help="With --seed: as of `quorate sim run`.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
def command(
    trace: Path | None,
    seed: int | None,
    nodes: int,
    faults: str,
    climate: str | None,
    storage: str | None,
    seconds: float,
    as_json: bool,
) -> None:
    """Run a recorded run again, and compare it with TRACE, line for line.

    The header of the trace decides the run; that of an exploration tells the way to take. With the code that recorded
    it, it comes to the same digest; with other code this says at which line the two part, what was recorded and what
    happens now.

    \b
      quorate sim run --seed 7 --trace run.ndjson
      quorate sim replay run.ndjson
      quorate sim replay --seed 7

    Exit code 0 when the two are the same, 1 when they part, 2 when the trace cannot be read.
    """
    from transport_sim.faults import parse_kinds
    from transport_sim.traces.reading import TraceError
    from transport_sim.traces.replaying import Recipe, replay, replay_recipe

    if (trace is None) == (seed is None):
        raise click.UsageError("name a trace, or a seed with --seed, and not both")
    try:
        if trace is not None:
            replayed = replay(trace)
        else:
            assert seed is not None
            try:
                kinds = parse_kinds(faults)
            except ValueError as error:
                raise click.BadParameter(str(error), param_hint="--faults") from None
            replayed = replay_recipe(Recipe(seed, nodes, kinds, seconds, climate=climate, storage=storage))
    except TraceError as error:
        click.echo(f"quorate sim replay: {error}", err=True)
        sys.exit(2)
    parting = replayed.parting
    if parting is None:
        click.echo(f"the same: {replayed.lines:,} lines, digest {replayed.digest}", err=True)
    else:
        click.echo(f"they part at line {parting.line:,}", err=True)
        click.echo(f"  recorded: {_shown(parting.recorded)}", err=True)
        click.echo(f"  replayed: {_shown(parting.replayed)}", err=True)
        differ = _differing(parting.recorded, parting.replayed)
        if differ:
            click.echo(f"  they differ in: {', '.join(differ)}", err=True)
    if replayed.broken is not None:
        promise, message = replayed.broken
        click.echo(f"{promise} is broken: {message}", err=True)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "same": parting is None,
                    "lines": replayed.lines,
                    "digest": replayed.digest,
                    "recorded_digest": replayed.recorded_digest,
                    "parts_at_line": None if parting is None else parting.line,
                    "recorded": None if parting is None else parting.recorded,
                    "replayed": None if parting is None else parting.replayed,
                    "violation": None if replayed.broken is None else replayed.broken[0],
                }
            )
        )
    sys.exit(0 if parting is None else 1)


def _shown(line: object) -> str:
    return json.dumps(line, sort_keys=True)


def _differing(recorded: object, replayed: object) -> list[str]:
    """Return the names of the fields in which two lines differ."""
    if not isinstance(recorded, Mapping) or not isinstance(replayed, Mapping):
        return []
    names = sorted({*recorded, *replayed})
    return [name for name in names if (name in recorded, recorded.get(name)) != (name in replayed, replayed.get(name))]
