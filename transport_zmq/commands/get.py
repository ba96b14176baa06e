"""`quorate get`: tell a value."""

from __future__ import annotations

import sys
from typing import Any

import click

from raft.actor import LEASE, LINEARIZABLE, STALE

from ..client import Client
from .asking import NO, as_value, asks, tell


@click.command("get")
@click.argument("key")
@click.option(
    "--consistency",
    type=click.Choice([LINEARIZABLE, LEASE, STALE]),
    default=LINEARIZABLE,
    show_default=True,
    help="linearizable asks a majority who leads; lease relies on clocks; stale asks one node for what it has.",
)
@click.option("--node", metavar="ID", help="Which node shall answer.  [default: any]")
@asks
def command(client: Client, timeout: float, as_json: bool, key: str, consistency: str, node: str | None) -> None:
    """Tell the value of KEY.

    Exit code 0 when there is one; 1 when there is none; 2 when the command line is wrong; 3 when nobody answered in
    time; 5 when it was refused, and would be again.
    """
    more: dict[str, Any] = {}
    if consistency == STALE:
        stale = client.get_stale(key, timeout, node=node)
        value = stale.value
        more["staleness_s"] = stale.staleness_s
    else:
        value = client.get(key, timeout, consistency=consistency)
    if as_json:
        tell(as_json, {"key": key, "found": value is not None, **as_value(value), **more}, "")
    elif value is None:
        click.echo(f"quorate: there is no key {key}", err=True)
    else:
        sys.stdout.buffer.write(value + b"\n")
    if value is None:
        sys.exit(NO)
