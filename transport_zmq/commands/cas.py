"""`quorate cas`: store a value if the present one is as expected."""

from __future__ import annotations

import sys

import click

from ..client import Client
from .asking import NO, asks, read_value, tell


@click.command("cas")
@click.argument("key")
@click.argument("values", metavar="[EXPECTED] VALUE", nargs=-1, required=True)
@click.option("--absent", is_flag=True, help="Expect that there is no such key, instead of a value.")
@asks
def command(client: Client, timeout: float, as_json: bool, key: str, values: tuple[str, ...], absent: bool) -> None:
    """Store VALUE under KEY if it holds EXPECTED now (compare and set); - takes VALUE from standard input.

    \b
      quorate cas KEY EXPECTED VALUE
      quorate cas KEY VALUE --absent

    Exit code 0 when it was stored; 1 when the key held something else; 2 when the command line is wrong; 3 when nobody
    did it in time, and it had no effect; 4 when it may have taken effect, or may yet; 5 when it was refused, and would
    be again.
    """
    if len(values) != (1 if absent else 2):
        raise click.UsageError("say KEY EXPECTED VALUE, or KEY VALUE --absent")
    expected = None if absent else values[0].encode("utf-8", "surrogateescape")
    stored = client.cas(key, expected, read_value(values[-1]), timeout)
    tell(as_json, {"key": key, "stored": stored}, "ok" if stored else f"{key} held something else")
    if not stored:
        sys.exit(NO)
