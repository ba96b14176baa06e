"""How fast a data directory is, beside the bare disk: the same bytes, in turns, on the same disk.

    python -m bench.storage --json

A batch is 64 entries of 128 bytes, each made durable before it is reported. The bare loop writes as many bytes as the
batch takes in the log, and calls fdatasync, with nothing around it.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import click
import gevent
from gevent.event import Event
from rich.console import Console
from rich.table import Table

from actors.storage.directory import MOST_BATCHES, DirectoryStorage
from raft.actor import Persisted, RoomLeft
from raft.entries import COMMAND, Entry
from raft.ready import Write
from storage.segment import BATCH_BYTES, RECORD_BYTES

ENTRIES = 64
ENTRY_BYTES = 128
BYTES = BATCH_BYTES + ENTRIES * (RECORD_BYTES + ENTRY_BYTES)
RESERVED_BYTES = 1 << 26


class Mailbox:
    """Counts the writes that are durable."""

    def __init__(self) -> None:
        self.persisted = 0
        self._rings = Event()

    def tell(self, report: object) -> None:
        """Take note of a report."""
        if isinstance(report, RoomLeft):
            return
        assert isinstance(report, Persisted), report
        self.persisted += 1
        self._rings.set()

    def wait_for(self, count: int) -> None:
        """Wait until so many writes are durable."""
        while self.persisted < count:
            self._rings.clear()
            self._rings.wait()


def bare(folder: Path, batches: int) -> float:
    """Return how many batches a second a loop of write and fdatasync brings to the disk."""
    file = os.open(folder / "bare", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    try:
        os.posix_fallocate(file, 0, RESERVED_BYTES)
        os.fsync(file)
        data = os.urandom(BYTES)
        begin = perf_counter()
        for number in range(batches):
            os.pwrite(file, data, number * BYTES)
            os.fdatasync(file)
        return batches / (perf_counter() - begin)
    finally:
        os.close(file)


def stored(folder: Path, batches: int) -> tuple[float, float]:
    """Return how many batches a second a data directory takes, and how many entries a second it reads at a start."""
    storage = DirectoryStorage(folder / "stored", "n1", segment_bytes=RESERVED_BYTES)
    storage.load()
    mailbox: Any = Mailbox()
    storage.open(mailbox)
    storage.write(Write(1, 1, "n1", ()))
    mailbox.wait_for(1)
    data = os.urandom(ENTRY_BYTES)
    begin = perf_counter()
    for number in range(batches):
        first = number * ENTRIES + 1
        entries = tuple([Entry(first + place, 1, COMMAND, data, first) for place in range(ENTRIES)])
        storage.write(Write(number + 2, None, None, entries))
        gevent.sleep(0)  # as an actor does behind each turn, so that this batch is one of its own
        mailbox.wait_for(number + 2 - MOST_BATCHES)
    mailbox.wait_for(batches + 1)
    rate = batches / (perf_counter() - begin)
    storage.close()
    begin = perf_counter()
    restored = storage.load()
    seconds = perf_counter() - begin
    storage.release()
    assert len(restored.entries) == batches * ENTRIES
    return rate, len(restored.entries) / seconds


@click.command()
@click.option("--batches", type=click.IntRange(10, 6000), default=500, show_default=True, help="Of each round.")
@click.option("--rounds", type=click.IntRange(1, 100), default=7, show_default=True, help="In turns; medians count.")
@click.option("--directory", type=click.Path(path_type=Path, file_okay=False), help="On which disk.  [default: /tmp's]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
def main(batches: int, rounds: int, directory: Path | None, as_json: bool) -> None:
    """Measure the data directory beside the bare disk."""
    found = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=directory) as name:
            folder = Path(name)
            found.append((bare(folder, batches), *stored(folder, batches)))
    answer = {
        "bare_batches_per_second": round(median(one[0] for one in found)),
        "batches_per_second": round(median(one[1] for one in found)),
        "ratio": round(median(one[1] / one[0] for one in found), 3),
        "entries_read_per_second": round(median(one[2] for one in found)),
    }
    table = Table("", "median", title=f"{rounds} rounds of {batches} batches of {ENTRIES} entries", min_width=46)
    for name, value in answer.items():
        table.add_row(name.replace("_", " "), f"{value:,}")
    Console(stderr=True, highlight=False).print(table)
    if as_json:
        click.echo(json.dumps(answer))


if __name__ == "__main__":
    main()
