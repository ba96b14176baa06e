"""`quorate transfer`: let another member lead."""

from __future__ import annotations

import click

from ..client import Client
from .asking import asks, tell


@click.command("transfer")
@click.argument("target", required=False)
@asks
def command(client: Client, timeout: float, as_json: bool, target: str | None) -> None:
    """Hand leadership over to TARGET, or to whoever is furthest. Writes wait for about an election timeout at most.

    With keys it needs one with the role admin. Exit code 0 when somebody else leads; 2 when the command line is wrong;
    3 when no leader was found in time; 4 when it is not known; 5 when it was refused, or the target did not take over.
    """
    leader = client.transfer(target, timeout)
    tell(as_json, {"leader": leader}, f"{leader} leads")
