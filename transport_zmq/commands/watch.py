"""`quorate watch`: tell what changes."""

from __future__ import annotations

import json
import os
import sys

import click

from actors.watches import Event

from ..client import Client
from .asking import as_key, as_line, as_value, asks

PIPE_CLOSED = 141  # as shells have it


@click.command("watch")
@click.argument("key")
@click.option("--prefix", is_flag=True, help="Watch all keys that begin with KEY, which may be empty.")
@click.option(
    "--from-revision",
    type=click.IntRange(min=1),
    metavar="N",
    help="The first change that is wanted.  [default: the next one]",
)
@asks
def command(client: Client, timeout: float, as_json: bool, key: str, prefix: bool, from_revision: int | None) -> None:
    """Tell every change of KEY, one in a line, until Ctrl-C.

    Lines are "REVISION put KEY VALUE" and "REVISION delete KEY"; what cannot be printed is escaped. With --json each is
    an object, whose "value" is null for a deletion. It goes on through restarts of nodes and changes of leader; none is
    lost, and none told twice. --timeout is for the beginning only.

    Exit code 130 after Ctrl-C; 141 when nobody reads any more; 2 when the command line is wrong; 3 when nobody answered
    in time; 4 when it may have begun the count of changes, or may yet; 5 when it was refused, and would be again, for
    instance since the changes from N on are not kept any more.
    """
    wanted = {"prefix": key} if prefix else {"key": key}
    with client.watch(**wanted, from_revision=from_revision, timeout=timeout) as watch:
        try:
            for event in watch:
                click.echo(_as_json(event) if as_json else _as_text(event))
                sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains at its end
            sys.exit(PIPE_CLOSED)


def _as_json(event: Event) -> str:
    change = "delete" if event.value is None else "put"
    return json.dumps({"revision": event.revision, "change": change, **as_key(event.key), **as_value(event.value)})


def _as_text(event: Event) -> str:
    if event.value is None:
        return f"{event.revision} delete {as_line(event.key)}"
    return f"{event.revision} put {as_line(event.key)} {as_line(event.value)}"
