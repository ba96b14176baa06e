"""`quorate sim explain`: a trace as a picture that one can walk through."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click


@click.command("explain")
@click.argument("trace", type=click.Path(path_type=Path))
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the page.  [default: beside the trace, ending in .html]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
def command(trace: Path, output: Path | None, as_json: bool) -> None:
    """Draw TRACE as a space-time diagram, in one HTML file.

    The page shows a lane for each node with its roles, every message as an arrow, what was lost, crashed, cut off and
    written to disk, and the state of every node at any moment. It opens at the broken promise if there is one. It needs
    no network: mail it, or open it on a train.

    \b
    Record and draw a run:
      quorate sim run --seed 7 --trace run.ndjson
      quorate sim explain run.ndjson --output run.html

    Exit code 0 when the page is written, 2 when the trace cannot be read or the page not be written.
    """
    from transport_sim.traces.explain import UnwritablePage, explain
    from transport_sim.traces.reading import TraceError

    page = output or trace.with_suffix(".html")
    if page.resolve() == trace.resolve():
        raise click.BadParameter("the page would replace the trace; name another file", param_hint="--output")
    try:
        count = explain(trace, page)
    except (TraceError, UnwritablePage) as error:
        click.echo(f"quorate sim explain: {error}", err=True)
        sys.exit(2)
    click.echo(f"{page} shows {count:,} events; open it in a browser", err=True)
    if as_json:
        click.echo(json.dumps({"page": str(page), "events": count, "bytes": page.stat().st_size}))
