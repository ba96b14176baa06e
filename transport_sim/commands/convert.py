"""`quorate sim convert`: a trace in another format."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path

import click


@click.command("convert")
@click.argument("trace", type=click.Path(path_type=Path))
@click.option("--to", "format", type=click.Choice(["etcd-tla"]), required=True, help="The format to translate to.")
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Where to write.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
def command(trace: Path, format: str, output: Path, as_json: bool) -> None:
    """Translate TRACE for tools that read another format.

    etcd-tla: events as etcd's raft library names them for validation against its TLA+ specification
    (etcd-io/raft, tla/Traceetcdraft.tla). What maps to what, and what is left out: docs/trace.md.

    \b
    Record and translate a run:
      quorate sim run --seed 7 --trace run.ndjson
      quorate sim convert run.ndjson --to etcd-tla --output etcd.ndjson

    Exit code 0 when the translation is written, 2 when the trace cannot be read or the translation not be written.
    """
    from transport_sim.traces.etcd import translate
    from transport_sim.traces.reading import TraceError, opened
    from transport_sim.traces.writing import check_replaceable

    if output.resolve() == trace.resolve():
        raise click.BadParameter("the translation would replace the trace; name another file", param_hint="--output")
    unfinished = output.with_name(f"{output.name}.{os.getpid()}.part")
    count = 0
    try:
        check_replaceable(output)
        with opened(trace) as reader, unfinished.open("w", encoding="utf-8") as out:
            for line in translate(reader):
                out.write(line)
                count += 1
        unfinished.replace(output)
    except TraceError as error:
        click.echo(f"quorate sim convert: {error}", err=True)
        sys.exit(2)
    except OSError as error:
        click.echo(f"quorate sim convert: {output} cannot be written: {error.strerror or error}", err=True)
        sys.exit(2)
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
    click.echo(f"{output} has {count:,} events as {format} names them", err=True)
    if as_json:
        click.echo(json.dumps({"output": str(output), "format": format, "events": count}))
