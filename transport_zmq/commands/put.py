"""`quorate put`: store a value."""

from __future__ import annotations

import click

from ..client import Client
from .asking import asks, read_value, tell


@click.command("put")
@click.argument("key")
@click.argument("value")
@asks
def command(client: Client, timeout: float, as_json: bool, key: str, value: str) -> None:
    """Store VALUE under KEY; - takes the value from standard input.

    It takes effect once, even if it had to be sent again. Exit code 0 when it was done; 2 when the command line is
    wrong; 3 when nobody did it in time, and it had no effect; 4 when it may have taken effect, or may yet; 5 when it
    was refused, and would be again.
    """
    client.put(key, read_value(value), timeout)
    tell(as_json, {"key": key}, "ok")
