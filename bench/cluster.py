"""How fast a whole cluster is, beside the floor of the machine: the same writes in turns, on the same disk.

    python -m bench.cluster --rounds 3 --json

The floor is what ZeroMQ, msgpack and the disk charge for the same writes without any consensus (see `floor.py`). Only
the ratio says something of Quorate; the rest is the machine.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from transport_zmq.bench.run import cluster, measure
from transport_zmq.local_daemons import free_ports

from . import floor

VALUE_BYTES = 128


def compare(outstanding: int, rounds: int, seconds: float, folder: Path, endpoints: str) -> dict[str, Any]:
    """Measure one depth in turns: the floor, the cluster, and so on.

    Returns:
        Medians: operations per second and milliseconds of both, and the ratios of each round's.
    """
    found = []
    for _ in range(rounds):
        client_port, peer_port = free_ports(2)
        with floor.processes(folder, client_port, peer_port):
            floor.ask(client_port, outstanding, seconds / 5, VALUE_BYTES)
            rate, histogram = floor.ask(client_port, outstanding, seconds, VALUE_BYTES)
        measured = measure(endpoints, outstanding, seconds=seconds, value_bytes=VALUE_BYTES)
        p50_ms = (histogram.percentile_s(50) or 0.0) * 1000
        found.append((rate, p50_ms, measured.operations_per_second, measured.p50_ms))
    return {
        "outstanding": outstanding,
        "floor_operations_per_second": round(median(each[0] for each in found)),
        "floor_p50_ms": round(median(each[1] for each in found), 3),
        "operations_per_second": round(median(each[2] for each in found)),
        "p50_ms": round(median(each[3] for each in found), 3),
        "ratio": round(median(each[2] / each[0] for each in found), 3),
        "p50_ratio": round(median(each[3] / each[1] for each in found), 2),
    }


@click.command()
@click.option("--outstanding", default="1,64,512", show_default=True, help="How many writes are under way.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Turns of each.")
@click.option("--seconds", type=click.FloatRange(0.1), default=3.0, show_default=True, help="How long each turn takes.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(outstanding: str, rounds: int, seconds: float, as_json: bool) -> None:
    """Measure a cluster of three daemons beside the floor of the machine."""
    with tempfile.TemporaryDirectory(prefix="quorate-floor-") as home, cluster(None) as endpoints:
        depths = [int(text) for text in outstanding.split(",")]
        results = [compare(depth, rounds, seconds, Path(home), endpoints) for depth in depths]
    if as_json:
        click.echo(json.dumps({"value_bytes": VALUE_BYTES, "depths": results}))
        return
    table = Table(title=f"replicated, synced writes of {VALUE_BYTES} bytes; medians of {rounds} turns")
    for column in results[0]:
        table.add_column(column.replace("_", " "), justify="right")
    for result in results:
        table.add_row(*(f"{value:,}" for value in result.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
