"""`quorate snapshot`: the snapshots of a data directory."""

from __future__ import annotations

import json
from pathlib import Path

import click

from storage import snapshots
from storage.errors import DamagedStorage
from storage.identity import read_identity
from storage.snapshots import SnapshotFile

from ..storage.backup_file import write_backup
from ..storage.founding import import_snapshot
from ..storage.reading import read_steadily
from ..storage.real_disk import ReadableDirectory
from .opened import (
    DAMAGED,
    DIRECTORY,
    FILE,
    FORCE,
    JSON,
    UNUSABLE,
    end,
    ended_by_errors,
    ended_by_reading,
    opened,
    progress,
)

_FIELDS = ("file", "index", "term", "bytes", "members")
_COLUMNS = "{:<46}  {:>10}  {:>10}  {:>12}  {}"  # a name is never cut: it is to be copied


@click.group("snapshot", short_help="Look at snapshots, and carry them elsewhere.")
def command() -> None:
    """Look at the snapshots of a data directory, and carry them elsewhere.

    \b
      quorate snapshot ls data/n1
      quorate snapshot export data/n1 copy.snap
      quorate snapshot import copy.snap data/n4
    """


@command.command()
@click.argument("directory", type=DIRECTORY)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line instead.")
def ls(directory: Path, as_json: bool) -> None:
    """List the snapshots of DIRECTORY, the newest last.

    Exit code 0, or 1 when one cannot be read, or 2 when DIRECTORY is no data directory.
    """

    def read(disk: ReadableDirectory) -> tuple[list[SnapshotFile], list[DamagedStorage]]:
        found: list[SnapshotFile] = []
        damage: list[DamagedStorage] = []
        read_identity(disk)
        for name in _names(disk):
            try:
                found.append(SnapshotFile(disk, name))
            except DamagedStorage as error:
                damage.append(error)
        return found, damage

    with ended_by_reading(directory):
        disk, (found, damage) = read_steadily(directory, read)
        disk.close()
        if found and not as_json:
            click.echo(_COLUMNS.format(*_FIELDS))
        for file in found:
            taken = file.snapshot
            members = list(taken.configuration.members)
            if as_json:
                row = (file.name, taken.index, taken.term, file.size, members)
                click.echo(json.dumps(dict(zip(_FIELDS, row, strict=True))))
            else:
                click.echo(_COLUMNS.format(file.name, taken.index, taken.term, file.size, ",".join(members)))
        if not found and not damage:
            click.echo(f"{directory} holds no snapshot yet", err=True)
    _end(directory, damage)


@command.command()
@click.argument("directory", type=DIRECTORY)
def verify(directory: Path) -> None:
    """Read every snapshot of DIRECTORY to its end.

    Exit code 0 when all are intact, 1 when one is not, 2 when DIRECTORY is no data directory.
    """

    def read(disk: ReadableDirectory) -> tuple[int, list[DamagedStorage]]:
        damage: list[DamagedStorage] = []
        read_identity(disk)
        names = _names(disk)
        for name in names:
            try:
                for _ in SnapshotFile(disk, name).pieces():
                    pass
            except DamagedStorage as error:
                damage.append(error)
        return len(names), damage

    with ended_by_reading(directory):
        disk, (count, damage) = read_steadily(directory, read)
        disk.close()
    if count:
        click.echo(f"{count - len(damage)} of {count} snapshots are intact", err=True)
    else:
        click.echo(f"{directory} holds no snapshot yet", err=True)
    _end(directory, damage)


@command.command(short_help="Copy the newest snapshot to a file.")
@click.argument("directory", type=DIRECTORY)
@click.argument("file", type=FILE)
@FORCE
@JSON
def export(directory: Path, file: Path, force: bool, as_json: bool) -> None:
    """Copy the newest snapshot of DIRECTORY to FILE, and check it on the way.

    FILE is there when it is complete. Commands behind the snapshot are not in it; see quorate backup.

    Exit code 0 when the copy is there, 1 when the snapshot is damaged, 2 when there is none or FILE cannot be written.
    """
    with opened(directory) as disk, ended_by_errors(directory, file), progress("copying") as told:
        read_identity(disk)
        names = _names(disk)
        if not names:
            end(UNUSABLE, f"{directory} holds no snapshot yet")
        try:
            newest = SnapshotFile(disk, names[-1])
            written = write_backup(file, newest.snapshot, newest.counted(told), force=force)
        except DamagedStorage as damage:
            way_out = f"quorate backup {directory} can do without it, if quorate wal verify says that the node starts"
            end(DAMAGED, f"{_described(directory, damage)}; {way_out}")
    if as_json:
        click.echo(json.dumps(written.as_object()))
    else:
        click.echo(f"{file}: entry {written.snapshot.index:,}, {written.size_bytes:,} bytes", err=True)


@command.command("import", short_help="Begin a new member with a snapshot.")
@click.argument("file", type=FILE)
@click.argument("directory", type=DIRECTORY)
@click.option("--node", help="The id of the new member; the name of DIRECTORY by default.")
@JSON
def import_(file: Path, directory: Path, node: str | None, as_json: bool) -> None:
    """Make DIRECTORY the data directory of a new member that begins with the snapshot FILE instead of an empty log.

    It is no member yet: add it to the cluster that the snapshot was taken of, as in LocalCluster.add("n4"). It is then
    sent only what came after the snapshot; a large state need not go through the leader.

    Nothing is overwritten: DIRECTORY must be empty, or not be there. The id must not be that of a member as of the
    snapshot, for a member that has lost its directory has forgotten what it promised: remove it first, and take a
    snapshot after that. To bring back a cluster of which too little is left, use quorate restore.

    Exit code 0 when DIRECTORY is there, 1 when FILE is damaged or no snapshot, 2 when the snapshot cannot be the
    beginning of this member, or something cannot be read or written.
    """
    with ended_by_errors(file, directory), progress("importing") as told:
        node = directory.resolve().name if node is None else node
        snapshot = import_snapshot(file, directory, node, told)
    if as_json:
        click.echo(json.dumps({"directory": str(directory), "node": node, "index": snapshot.index}))
    else:
        click.echo(f"{directory}: {node!r} begins behind entry {snapshot.index:,}", err=True)


def _names(disk: ReadableDirectory) -> list[str]:
    return [name for name in disk.names() if snapshots.is_snapshot(name)]


def _described(directory: Path, damage: DamagedStorage) -> str:
    return f"{directory / damage.file} is damaged at offset {damage.offset}: {damage.reason}"


def _end(directory: Path, damage: list[DamagedStorage]) -> None:
    """End the command. Damage of a snapshot need not keep the node from its start, so it is not said to."""
    for error in damage:
        click.echo(f"quorate: {_described(directory, error)}", err=True)
    if damage:
        end(DAMAGED, f"whether the node can start without it is told by quorate wal verify {directory}")
