"""`quorate put`: store a value."""

from __future__ import annotations

import click

from ..client import Client
from .asking import asks, read_value, tell


@click.command("put")
@click.argument("key")
@click.argument("value")
@click.option("--ttl", type=float, metavar="SECONDS", help="For how long; then the key vanishes.  [default: for ever]")
@asks
def command(client: Client, timeout: float, as_json: bool, key: str, value: str, ttl: float | None) -> None:
    """Store VALUE under KEY; - takes the value from standard input.

    With --ttl the key goes with a lease of its own, which --json tells; 0.1 to 31536000 seconds.

    It takes effect once, even if it had to be sent again. Exit code 0 when it was done; 2 when the command line is
    wrong; 3 when nobody did it in time, and it had no effect; 4 when it may have taken effect, or may yet; 5 when it
    was refused, and would be again.
    """
    data = read_value(value)
    if ttl is None:
        client.put(key, data, timeout)
        tell(as_json, {"key": key}, "ok")
    else:
        lease = client.grant(ttl, timeout)
        client.put(key, data, timeout, lease=lease)
        tell(as_json, {"key": key, "lease": lease.id}, "ok")
