"""`quorate wal`: what a data directory's log holds, and whether it is intact."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from raft.entries import COMMAND, CONFIGURATION, NOOP
from storage.errors import REPLACE_MEMBER, DamagedStorage
from storage.identity import read_identity
from storage.recovery import Recovered, recover
from storage.segment import BASE, RESET, Record
from storage.snapshots import SnapshotFile
from storage.walk import walk

from ..storage.reading import read_steadily
from ..storage.real_disk import ReadableDirectory
from .opened import DAMAGED, DIRECTORY, ended_by_reading, opened

KINDS = {NOOP: "noop", COMMAND: "command", CONFIGURATION: "configuration", BASE: "base", RESET: "reset"}
"""What each kind of a record is called. `base`: the log begins behind this entry; `reset`: and is empty."""
_COLUMNS = "{:<20} {:>8} {:<13} {:>9} {:>9} {:>7} {:>8}"  # 80 characters


@click.group("wal")
def command() -> None:
    """Look at the write-ahead log of a data directory.

    \b
      quorate wal verify data/n1
      quorate wal inspect data/n1
      quorate wal dump --json data/n1 | head
    """


@command.command(short_help="Check that the log and the snapshots are intact.")
@click.argument("directory", type=DIRECTORY)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify(directory: Path, as_json: bool) -> None:
    """Check everything that a node would read from DIRECTORY at its start, and every snapshot.

    Nothing is changed, and the member may run meanwhile. A torn tail is what a crash leaves of a write that nobody was
    told of; the node cuts it off. A damaged snapshot counts as damage, also where an older one could take its place.

    Exit code 0 when all is intact (a torn tail is), 1 when something is damaged, 2 when DIRECTORY is no data directory
    or a newer program has written it.
    """
    damage: DamagedStorage | None = None
    found: Recovered | None = None

    def check(disk: ReadableDirectory) -> None:
        nonlocal found
        found = None
        found = recover(disk)
        for name in found.snapshots:
            for _ in SnapshotFile(disk, name).pieces():
                pass
        if found.passed_over:
            raise found.passed_over[0]

    with ended_by_reading(directory):
        try:
            read_steadily(directory, check)[0].close()
        except DamagedStorage as error:
            damage = error
    answer = _verdict(found, damage)
    if as_json:
        click.echo(json.dumps(answer))
    else:
        _print_verdict(answer)
    sys.exit(DAMAGED if damage is not None else 0)


def _verdict(found: Recovered | None, damage: DamagedStorage | None) -> dict[str, Any]:
    entries = found.restored.entries if found is not None else ()
    tail = found.torn_tail if found is not None else None
    return {
        "ok": damage is None,
        "records": found.records if found is not None else None,
        "first_index": entries[0].index if entries else None,
        "last_index": entries[-1].index if entries else None,
        "torn_tail": None if tail is None else dict(zip(("file", "offset", "bytes"), tail, strict=True)),
        "damage": None if damage is None else {"file": damage.file, "offset": damage.offset, "reason": damage.reason},
    }


def _print_verdict(answer: dict[str, Any]) -> None:
    table = Table(min_width=46, show_header=False)
    for name in ("records", "first_index", "last_index"):
        table.add_row(name.replace("_", " "), "-" if answer[name] is None else f"{answer[name]:,}")
    tail, damage = answer["torn_tail"], answer["damage"]
    table.add_row(
        "torn tail", "none" if tail is None else f"{tail['bytes']:,} bytes at {tail['file']}:{tail['offset']}"
    )
    table.add_row("damage", "none" if damage is None else f"{damage['file']}:{damage['offset']}")
    table.add_row("ok", "yes" if answer["ok"] else "no", style="green" if answer["ok"] else "bold red")
    console = Console(highlight=False, markup=False)
    console.print(table)
    if damage is not None:
        starts = answer["records"] is not None
        console.print(damage["reason"] + ".", "The node starts without it." if starts else REPLACE_MEMBER + ".")


@command.command(short_help="Show every record of the log as a table.")
@click.argument("directory", type=DIRECTORY)
def inspect(directory: Path) -> None:
    """Show every record of the log of DIRECTORY as a table, a page at a time.

    Exit code 0, or 1 when it ends with something that is damaged, or 2 when DIRECTORY is no data directory.
    """
    is_damaged = False

    def lines() -> Iterator[str]:
        nonlocal is_damaged
        yield _COLUMNS.format("segment", "offset", "kind", "index", "term", "size", "crc") + "\n"
        try:
            for name, record in walk(disk):
                yield _COLUMNS.format(
                    name, record.offset, _kind(record), record.index, record.term, len(record.data),
                    f"{record.checksum:08x}",
                ) + "\n"  # fmt: skip
        except DamagedStorage:
            is_damaged = True

    with opened(directory) as disk:
        read_identity(disk)
        click.echo_via_pager(lines())
    if is_damaged:
        _end_by_damage(directory)


@command.command(short_help="Print every record of the log as JSON.")
@click.argument("directory", type=DIRECTORY)
@click.option("--json", "as_json", is_flag=True, required=True, help="One JSON object a line; the only form there is.")
def dump(directory: Path, as_json: bool) -> None:
    """Print every record of the log of DIRECTORY with its payload, in base64.

    Exit code 0, or 1 when it ends with something that is damaged, or 2 when DIRECTORY is no data directory.
    """
    is_damaged = False
    with opened(directory) as disk:
        try:
            for name, record in walk(disk):
                click.echo(json.dumps(_as_object(name, record)))
        except DamagedStorage:
            is_damaged = True
    if is_damaged:
        _end_by_damage(directory)


def _as_object(name: str, record: Record) -> dict[str, Any]:
    return {
        "segment": name,
        "offset": record.offset,
        "kind": _kind(record),
        "index": record.index,
        "term": record.term,
        "stamp_ms": record.stamp_ms,
        "data": base64.b64encode(record.data).decode(),
        "crc": f"{record.checksum:08x}",
    }


def _kind(record: Record) -> str:
    return KINDS.get(record.kind, str(record.kind))


def _end_by_damage(directory: Path) -> None:
    """End the command if the log is damaged, and not only looked so while its member was in the middle of a write."""

    def check(disk: ReadableDirectory) -> None:
        for _ in walk(disk):
            pass

    with ended_by_reading(directory):
        read_steadily(directory, check)[0].close()
