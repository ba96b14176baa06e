"""`quorate snapshot`: the snapshots of a data directory."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from storage import snapshots
from storage.errors import DamagedStorage, StorageError
from storage.identity import read_identity
from storage.snapshots import SnapshotFile

from ..storage.real_disk import ReadableDirectory
from .opened import DIRECTORY, UNUSABLE, opened

DAMAGED = 1


@click.group("snapshot")
def command() -> None:
    """Look at the snapshots of a data directory, and carry them elsewhere.

    \b
      quorate snapshot ls data/n1
      quorate snapshot export data/n1 copy.snap
    """


@command.command()
@click.argument("directory", type=DIRECTORY)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line instead.")
def ls(directory: Path, as_json: bool) -> None:
    """List the snapshots of DIRECTORY, the newest last.

    Exit code 0, or 1 when one cannot be read, or 2 when DIRECTORY is no data directory.
    """
    rows = []
    damage: list[DamagedStorage] = []
    with opened(directory) as disk:
        read_identity(disk)
        for name in _names(disk):
            try:
                file = SnapshotFile(disk, name)
            except DamagedStorage as error:
                damage.append(error)
                continue
            taken = file.snapshot
            rows.append((name, taken.index, taken.term, file.size, ",".join(taken.configuration.members)))
    fields = ("file", "index", "term", "bytes", "members")
    if as_json:
        for row in rows:
            click.echo(json.dumps(dict(zip(fields, row, strict=True))))
    else:
        table = Table(*fields, min_width=46)
        for row in rows:
            table.add_row(*(f"{value:,}" if isinstance(value, int) else value for value in row))
        Console(highlight=False).print(table)
    _end(damage)


@command.command()
@click.argument("directory", type=DIRECTORY)
def verify(directory: Path) -> None:
    """Read every snapshot of DIRECTORY to its end.

    Exit code 0 when all are intact, 1 when one is not, 2 when DIRECTORY is no data directory.
    """
    damage: list[DamagedStorage] = []
    count = 0
    with opened(directory) as disk:
        read_identity(disk)
        for name in _names(disk):
            count += 1
            try:
                for _ in SnapshotFile(disk, name).pieces():
                    pass
            except DamagedStorage as error:
                damage.append(error)
    click.echo(f"{count - len(damage)} of {count} snapshots are intact", err=True)
    _end(damage)


@command.command()
@click.argument("directory", type=DIRECTORY)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def export(directory: Path, file: Path) -> None:
    """Copy the newest snapshot of DIRECTORY to FILE, and check it on the way.

    Exit code 0 when the copy is there, 1 when the snapshot is damaged, 2 when there is none or FILE cannot be written.
    """
    with opened(directory) as disk:
        read_identity(disk)
        names = _names(disk)
        if not names:
            click.echo(f"quorate: {directory} holds no snapshot yet", err=True)
            sys.exit(UNUSABLE)
        newest = SnapshotFile(disk, names[-1])
        try:
            for _ in newest.pieces():
                pass
        except StorageError as error:
            click.echo(f"quorate: {error}", err=True)
            sys.exit(DAMAGED)
        with file.open("wb") as copy:
            offset, size = 0, disk.size(newest.name)
            while offset < size:
                data = disk.read(newest.name, offset, snapshots.PIECE_BYTES)
                copy.write(data)
                offset += len(data)
    click.echo(f"{file}: entry {newest.snapshot.index:,}, {newest.size:,} bytes", err=True)


def _names(disk: ReadableDirectory) -> list[str]:
    return [name for name in disk.names() if snapshots.is_snapshot(name)]


def _end(damage: list[DamagedStorage]) -> None:
    for error in damage:
        click.echo(f"quorate: {error}", err=True)
    sys.exit(DAMAGED if damage else 0)
