"""`quorate member`: who takes part."""

from __future__ import annotations

from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from actors.errors import Unavailable
from raft.errors import InvalidChange

from ..client import Client
from .asking import asks, tell


@click.group("member")
def command() -> None:
    """See and change who takes part. With keys a change needs one with the role admin.

    \b
      quorate member list
      quorate member add n4 --client-endpoint db4:7201
      quorate member remove n1

    Exit code 0 when it was done; 2 when the command line is wrong; 3 when nobody did it in time, and it had no effect;
    4 when it may have taken effect, or may yet; 5 when it was refused, and would be again.
    """


@command.command("list")
@asks
def list_members(client: Client, timeout: float, as_json: bool) -> None:
    """List the members as the leader has them."""
    node = _leader(client, timeout)
    configuration = node["configuration"]
    members = [
        {
            "id": id,
            "part": _part(configuration, id),
            "witness": id in configuration["witnesses"],
            "leads": id == node["leader"],
            "priority": configuration["priorities"].get(id, 0),
            "address": configuration["addresses"].get(id),
        }
        for id in sorted({*configuration["voters"], *configuration["outgoing"], *configuration["learners"]})
    ]
    if as_json:
        tell(as_json, {"members": members}, "")
        return
    table = Table("member", "part", "leads", "priority", "address")
    for member in members:
        part = f"{member['part']}, witness" if member["witness"] else member["part"]
        leads = "leads" if member["leads"] else ""
        table.add_row(escape(member["id"]), part, leads, str(member["priority"]), escape(member["address"] or "-"))
    Console(highlight=False).print(table)


@command.command()
@click.argument("id")
@click.option("--client-endpoint", metavar="HOST:PORT", help="Where clients reach the new node: it tells the rest.")
@click.option("--node-key", metavar="KEY", help="The public key of the new node, with keys.")
@click.option("--address", metavar="HOST:PORT", help="Where members reach it, if it does not tell.")
@click.option("--incarnation", metavar="HEX", help="Of its storage, if it cannot be asked; its status tells.")
@click.option("--learner", is_flag=True, help="It shall only receive the log, and not count.")
@click.option(
    "--witness",
    is_flag=True,
    help="It shall vote and have no state machine; a new node that can be asked says so itself.",
)
@click.option("--priority", type=click.IntRange(0, 1000), default=0, help="Members of higher priority lead rather.")
@asks
def add(
    client: Client,
    timeout: float,
    as_json: bool,
    id: str,
    client_endpoint: str | None,
    node_key: str | None,
    address: str | None,
    incarnation: str | None,
    learner: bool,
    witness: bool,
    priority: int,
) -> None:
    """Have the node ID added, which runs and waits for it; it catches up first, then it counts."""
    if client_endpoint is not None:
        told = _asked(client, client_endpoint, node_key, id, timeout)
        incarnation = incarnation or told.get("incarnation")
        address = address or told.get("address")
        witness = witness or bool(told.get("made_as_witness"))
    if incarnation is None or address is None:
        raise click.UsageError("say where the new node is: --client-endpoint, or --address and --incarnation")
    try:
        number = int(incarnation, 16)
    except ValueError:
        raise click.BadParameter("it is no hexadecimal number", param_hint="--incarnation") from None
    client.add(id, address, number, learner=learner, witness=witness, priority=priority, timeout=timeout)
    tell(as_json, {"member": id}, f"{id} is a {'learner' if learner else 'voter'}{', witness' if witness else ''}")


@command.command()
@click.argument("id")
@asks
def remove(client: Client, timeout: float, as_json: bool, id: str) -> None:
    """Have member ID removed; it may be down, and it may lead."""
    client.remove(id, timeout)
    tell(as_json, {"member": id}, f"{id} is removed")


@command.command()
@click.argument("id")
@asks
def promote(client: Client, timeout: float, as_json: bool, id: str) -> None:
    """Make a voter of the learner ID, once it has caught up."""
    client.promote(id, timeout)
    tell(as_json, {"member": id}, f"{id} is a voter")


@command.command()
@click.argument("id")
@asks
def demote(client: Client, timeout: float, as_json: bool, id: str) -> None:
    """Make a learner of the voter ID: it receives the log, and does not count any more."""
    client.demote(id, timeout)
    tell(as_json, {"member": id}, f"{id} is a learner")


def _leader(client: Client, timeout: float) -> dict[str, Any]:
    statuses = client.status(timeout)
    leading = [found.node for found in statuses if found.node is not None and found.node["role"] == "leader"]
    if not leading:
        answers = {found.endpoint: found.problem or "does not lead" for found in statuses}
        raise Unavailable("no leader was found", timeout, answers)
    return max(leading, key=lambda node: int(node["term"]))


def _asked(client: Client, endpoint: str, key: str | None, id: str, timeout: float) -> dict[str, Any]:
    """Return what a node that waits to be added says of itself."""
    found = client.status_of(endpoint, timeout, server_key=key)
    if found.node is None:
        raise Unavailable("the new node was not reached", timeout, {endpoint: str(found.problem)})
    if found.node["id"] != id:
        raise InvalidChange(id, f"the node at {endpoint} is {found.node['id']}")
    return found.node


def _part(configuration: dict[str, Any], id: str) -> str:
    if id in configuration["learners"]:
        return "learner"
    return "voter" if id in configuration["voters"] else "voter, leaving"
