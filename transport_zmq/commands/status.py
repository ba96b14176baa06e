"""`quorate status`: how the nodes of a cluster are."""

from __future__ import annotations

import json
import sys
from typing import Any

import click
import gevent
from rich.box import SIMPLE
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from ..client import Client
from ..client_calls import EndpointStatus
from .asking import NO, asks

EVERY_S = 1.0
_PROBLEMS = {
    "stuck": "makes no progress",
    "has_lost": "has lost what it had acknowledged",
}
_COLUMNS = ("node", "endpoint", "role", "term", "commit", "applied", "lag", "contact", "disk")


@click.command("status")
@click.option("--watch", is_flag=True, help="Show it anew every second, until Ctrl-C.")
@asks
def command(client: Client, timeout: float, as_json: bool, watch: bool) -> None:
    """Show every node: role, term, what it has, and what is wrong with it.

    The lag is how many entries a node is behind the leader, the contact how long ago it was certain to have all that
    was acknowledged, the disk how much its data takes there. The remarks tell what is wrong, also with members that
    were not asked: whom the leader does not hear, who makes no progress, whose disk is full. With --watch and --json
    there is one object a second, each in a line.

    Exit code 0 when all endpoints answer and one of them leads; 1 when not; 2 when the command line is wrong.
    """
    if not watch:
        found = client.status(timeout)
        if as_json:
            click.echo(json.dumps(_as_object(found)))
        else:
            Console(highlight=False).print(_table(found))
        sys.exit(0 if _is_well(found) else NO)
    if as_json:
        while True:
            click.echo(json.dumps(_as_object(client.status(EVERY_S))))
            sys.stdout.flush()
            gevent.sleep(EVERY_S)
    console = Console(highlight=False)
    while not console.is_terminal:
        console.print(_table(client.status(EVERY_S)))
        gevent.sleep(EVERY_S)
    with Live(_table(client.status(EVERY_S)), auto_refresh=False) as live:
        while True:
            gevent.sleep(EVERY_S)
            live.update(_table(client.status(EVERY_S)), refresh=True)


def _is_well(found: list[EndpointStatus]) -> bool:
    nodes = [status.node for status in found]
    return None not in nodes and any(node is not None and node["role"] == "leader" for node in nodes)


def _as_object(found: list[EndpointStatus]) -> dict[str, Any]:
    return {
        "ok": _is_well(found),
        "nodes": [{"endpoint": each.endpoint, "problem": each.problem, **(each.node or {})} for each in found],
    }


def _table(found: list[EndpointStatus]) -> Table:
    nodes = [each.node for each in found if each.node is not None]
    leading = max((node for node in nodes if node["role"] == "leader"), key=lambda node: node["term"], default=None)
    rows = [(_row(each, leading), _remarks(each, leading)) for each in found]
    table = Table(box=SIMPLE, padding=0)
    for column in _COLUMNS:
        table.add_column(column, no_wrap=True)
    if any(remarks for _, remarks in rows):
        table.add_column("remarks")
        rows = [([*row, remarks], "") for row, remarks in rows]
    for row, _ in rows:
        table.add_row(*row)
    return table


def _row(each: EndpointStatus, leading: dict[str, Any] | None) -> list[str]:
    node, endpoint = each.node, escape(each.endpoint)
    if node is None:
        return ["?", endpoint, "[red]not reached[/red]", *"-" * 6]
    if node["role"] == "down":
        return [escape(node["id"]), endpoint, "[red]down[/red]", *"-" * 6]
    leads = node is leading
    return [
        escape(node["id"]),
        endpoint,
        "[bold green]leader[/bold green]" if leads else _role(node),
        *(f"{node[number]:,}" for number in ("term", "commit_index", "applied_index")),
        "-" if leading is None or leads else f"{max(0, leading['commit_index'] - node['applied_index']):,}",
        _ago(node.get("staleness_ms")),
        _bytes(node.get("disk_bytes")) + (" [red]full[/red]" if node.get("disk_full") else ""),
    ]


def _role(node: dict[str, Any]) -> str:
    if node["learner"]:
        return "learner"
    return f"{node['role']}, witness" if node["witness"] else str(node["role"])


def _remarks(each: EndpointStatus, leading: dict[str, Any] | None) -> str:
    node = each.node
    if node is None:
        return escape(each.problem or "")
    remarks = []
    if node.get("refused_by"):
        remarks.append(escape(f"refused by {node['refused_by']}"))
    if node.get("why_not_ready"):
        remarks.append(escape(node["why_not_ready"]))
    if node.get("transfer"):
        remarks.append(escape(f"hands over to {node['transfer']}"))
    if node.get("witness_mode") == "degraded":
        remarks.append("degraded: its witnesses take the place of full voters")
    followers = [] if leading is None else leading["followers"]
    if node is leading:
        remarks += [_silence(follower) for follower in followers if _is_missed(follower, node)]
    for follower in followers:
        if follower["id"] == node["id"]:
            remarks += [f"[red]{problem}[/red]" for name, problem in _PROBLEMS.items() if follower.get(name)]
    return "; ".join(remarks)


def _is_missed(follower: dict[str, Any], leading: dict[str, Any]) -> bool:
    """Whether a leader has waited for a member longer than for an election."""
    return not follower.get("heard", True) and follower["silent_ms"] > leading.get("election_timeout_ms", 0)


def _silence(follower: dict[str, Any]) -> str:
    return f"[red]does not hear {escape(follower['id'])}, for {_ago(follower['silent_ms'])} now[/red]"


def _ago(age_ms: int | None) -> str:
    if age_ms is None:
        return "-"
    return f"{age_ms} ms" if age_ms < 10_000 else f"{age_ms // 1000} s"


def _bytes(size: float | None) -> str:
    if size is None:
        return "-"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
