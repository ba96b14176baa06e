"""`quorate get`: tell a value."""

from __future__ import annotations

import sys
from typing import Any

import click

from actors.kv_order import after_prefix
from raft.actor import LEASE, LINEARIZABLE, STALE

from ..client import Client
from .asking import NO, as_key, as_line, as_value, asks, tell


@click.command("get")
@click.argument("key")
@click.option(
    "--consistency",
    type=click.Choice([LINEARIZABLE, LEASE, STALE]),
    default=LINEARIZABLE,
    show_default=True,
    help="linearizable asks a majority who leads; lease relies on clocks; stale asks one node for what it has.",
)
@click.option("--node", metavar="ID", help="Which node shall answer, with --consistency stale.  [default: any]")
@click.option("--prefix", is_flag=True, help="Tell all keys that begin with KEY, which may be empty.")
@asks
def command(
    client: Client, timeout: float, as_json: bool, key: str, consistency: str, node: str | None, prefix: bool
) -> None:
    """Tell the value of KEY.

    With --prefix there is a line "KEY VALUE" for each key, in order; what cannot be printed is escaped. They are
    asked for by the thousand, or mebibyte: what --json calls "revision" is that of the last of these reads.

    Exit code 0 when there is one; 1 when there is none; 2 when the command line is wrong; 3 when nobody answered in
    time; 5 when it was refused, and would be again.
    """
    if prefix:
        _tell_all(client, timeout, as_json, key, consistency)
        return
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


def _tell_all(client: Client, timeout: float, as_json: bool, prefix: str, consistency: str) -> None:
    if consistency == STALE:
        raise click.UsageError("--prefix cannot be stale: say --consistency linearizable or lease")
    page = client.prefix(prefix, timeout=timeout, consistency=consistency)
    items = list(page.items)
    end = after_prefix(prefix.encode())
    while page.next_key is not None:
        page = client.range(page.next_key, end, timeout=timeout, consistency=consistency)
        items += page.items
    if as_json:
        told = [
            {**as_key(item.key), **as_value(item.value), "revision": item.revision, "lease": item.lease or None}
            for item in items
        ]
        tell(as_json, {"prefix": prefix, "revision": page.revision, "items": told}, "")
    elif items:
        click.echo("\n".join(f"{as_line(item.key)} {as_line(item.value)}" for item in items))
    else:
        click.echo(f"quorate: no key begins with {prefix}", err=True)
    if not items:
        sys.exit(NO)
