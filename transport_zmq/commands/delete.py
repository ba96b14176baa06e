"""`quorate delete`: remove a value."""

from __future__ import annotations

import sys

import click

from ..client import Client
from .asking import NO, asks, tell


@click.command("delete")
@click.argument("key")
@asks
def command(client: Client, timeout: float, as_json: bool, key: str) -> None:
    """Remove KEY and its value.

    Exit code 0 when it was there; 1 when it was not; 2 when the command line is wrong; 3 when nobody did it in time,
    and it had no effect; 4 when it may have taken effect, or may yet; 5 when it was refused, and would be again.
    """
    deleted = client.delete(key, timeout)
    tell(as_json, {"key": key, "deleted": deleted}, "ok" if deleted else f"there was no key {key}")
    if not deleted:
        sys.exit(NO)
