"""Backups as files: one file with the state machine, the sessions, and what they are of; the format is a snapshot's.

A file is there when all of it is durable, and not before.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from raft.snapshot import Snapshot
from storage.disk import perform
from storage.errors import DamagedStorage, StorageError
from storage.snapshots import PART, SnapshotFile, SnapshotWriter

from .real_disk import ReadableDirectory, WritableDirectory

CarryOut = Callable[[Any, list[Any]], object]
"""Carries out operations on a disk, as `storage.disk.perform` does."""


class FileIsThere(StorageError):
    """A backup would have overwritten a file; nothing was written.

    Attributes:
        file: the file.
    """

    def __init__(self, file: Path) -> None:
        super().__init__(f"{file} is there already: name another file, or allow it to be overwritten (--force)")
        self.file = file


class NoOrdinaryFile(StorageError):
    """A backup would have taken the place of a device, a pipe or a directory; nothing was written.

    Attributes:
        file: where it was to be written.
    """

    def __init__(self, file: Path) -> None:
        super().__init__(f"{file} is no ordinary file, and is never replaced: name another one")
        self.file = file


class DamagedBackup(StorageError):
    """A file is no backup, or not as it was written.

    Attributes:
        file: the file.
        offset: where the damage begins, in bytes.
        reason: what is wrong there.
    """

    def __init__(self, file: Path, offset: int, reason: str) -> None:
        super().__init__(
            f"{file} is damaged at offset {offset}, or no backup: {reason}. Nothing was made of it: take another copy"
        )
        self.file = file
        self.offset = offset
        self.reason = reason


class BackupFile(NamedTuple):
    """A backup that is written.

    Attributes:
        file: where.
        snapshot: what it is of: index, term and log time of the last entry, and who took part.
        size_bytes: how large its content is.
    """

    file: Path
    snapshot: Snapshot
    size_bytes: int

    def as_object(self) -> dict[str, Any]:
        """Return the same for programs, as the commands print it."""
        return {
            "file": str(self.file),
            "index": self.snapshot.index,
            "term": self.snapshot.term,
            "bytes": self.size_bytes,
            "members": list(self.snapshot.configuration.members),
        }


def check_is_free(file: Path, force: bool) -> None:
    """Check that a file may be written.

    Raises:
        FileIsThere: it may not.
        NoOrdinaryFile: something else has its name.
    """
    if file.exists() and not file.is_file():
        raise NoOrdinaryFile(file)
    if not force and (file.exists() or file.is_symlink()):
        raise FileIsThere(file)


def write_backup(
    file: Path, snapshot: Snapshot, chunks: Iterable[bytes], *, force: bool = False, carry_out: CarryOut = perform
) -> BackupFile:
    """Write a backup; when that fails, nothing is there that was not before.

    Args:
        file: where.
        snapshot: what it is of.
        chunks: the content.
        force: whether a file that is there may be replaced.
        carry_out: carries out operations on a disk.

    Raises:
        FileIsThere: and it may not be replaced.
        NoOrdinaryFile: something else has its name.
        OSError: the disk fails, is full, or must not be written to.
        Exception: whatever the chunks raise.
    """
    check_is_free(file, force)
    part = f".{file.name}.{secrets.token_hex(4)}{PART}"
    disk = WritableDirectory(file.parent)
    writer = SnapshotWriter(part, snapshot, file.name)
    try:
        carry_out(disk, writer.begin())
        for data in chunks:
            operations = writer.add(data)
            if operations:
                carry_out(disk, operations)
        check_is_free(file, force)
        carry_out(disk, writer.finish())
    except BaseException:
        with suppress(OSError):
            disk.delete(part)
        raise
    finally:
        disk.close()
    return BackupFile(file, snapshot, writer.size)


@contextmanager
def opened_backup(file: Path) -> Iterator[SnapshotFile]:
    """Open a backup to read it; damage that is met while it is open is that of the file.

    Raises:
        DamagedBackup: it is none, or not as it was written.
        NewerFormat: a newer program has written it.
        OSError: it cannot be read.
    """
    disk = ReadableDirectory(file.parent)
    try:
        yield SnapshotFile(disk, file.name)
    except DamagedStorage as damage:
        raise DamagedBackup(file, damage.offset, damage.reason) from damage
    finally:
        disk.close()
