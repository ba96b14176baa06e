"""Data directories that begin with a snapshot: of a member that is to join, or of all members of a new cluster.

They are made beside their place and moved there at the end, so that a crash leaves all of it, or nothing that a node
would start from.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from raft.errors import InvalidConfig
from raft.membership import LARGEST_INCARNATION, is_id
from raft.recovery import found_new_cluster_with_a_backup
from raft.snapshot import Snapshot
from storage.errors import StorageError
from storage.identity import Identity
from storage.log import SEGMENT_BYTES
from storage.snapshots import PART
from storage.store import create_from

from .backup_file import opened_backup
from .real_disk import WritableDirectory, sync_directory

Told = Callable[[int, int], object]
"""Is told now and then how many bytes of how many are done."""


class DirectoryInTheWay(StorageError):
    """There is something where a data directory was to be made; nothing was changed.

    Attributes:
        directory: where.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(
            f"{directory} is there, and not an empty directory: what a member has stored is never overwritten; "
            "name another directory, or move this one away"
        )
        self.directory = directory


class NotImportable(StorageError):
    """A snapshot cannot be the beginning of this member; nothing was changed."""


def is_unfinished(folder: Path) -> bool:
    """Whether a folder was to become a data directory, and a crash came before it was complete."""
    return folder.name.startswith(".") and folder.name.endswith(PART)


def import_snapshot(file: Path, directory: Path, node: str, told: Told = lambda done, of: None) -> Snapshot:
    """Make the data directory of a new member that begins with a snapshot instead of an empty log.

    It is not a member by that: add it to the cluster that the snapshot was taken of. It then needs only what came
    later. It has an incarnation of its own and has promised nothing to anybody.

    Args:
        file: a snapshot that was exported, or a backup of the cluster.
        directory: where; it must be empty, or not be there.
        node: the id of the new member.
        told: is told how far it is.

    Returns:
        What the snapshot is of.

    Raises:
        NotImportable: the id is that of a member already, or it is not known which cluster the state is of.
        DirectoryInTheWay: the directory is not empty.
        DamagedBackup, NewerFormat, ProgramTooOld: the file cannot be used.
        InvalidConfig: the id is none.
        OSError: the disk fails, is full, or must not be written to.
    """
    _check_id(node)
    with opened_backup(file) as source:
        snapshot = source.snapshot
        if node in snapshot.configuration.members:
            raise NotImportable(
                f"{node!r} is a member as of the snapshot, and with another directory it would have forgotten what it "
                "has promised: use the id of no member, or remove that one first and take a snapshot after that; for a "
                "new cluster, use quorate restore"
            )
        if not snapshot.configuration.cluster:
            raise NotImportable(
                "it is not known which cluster has agreed on this state, if any: it is the backup of a single member, "
                "or older than the cluster's id; use quorate restore for a new cluster, or take a later snapshot"
            )
        with _complete_or_absent(directory) as folder:
            identity = Identity(node, _drawn(), False)
            _create(folder, identity, snapshot, source.counted(told))
    return snapshot


def restore(file: Path, directory: Path, members: Mapping[str, str], told: Told = lambda done, of: None) -> Snapshot:
    """Make the data directories of a new cluster from a backup (contract M9).

    Each member gets one, in `directory`, that bears its id. State and sessions are those of the backup; index and term
    go on behind it with a gap, and log time goes on. The cluster and all its members are new, so that members of the
    old one are refused.

    Args:
        file: a backup, or a snapshot that was exported.
        directory: where; it must be empty, or not be there.
        members: a dict from the id of each member to its address, empty when it has none.
        told: is told how far it is.

    Returns:
        The snapshot with which every member begins.

    Raises:
        DirectoryInTheWay: the directory is not empty.
        DamagedBackup, NewerFormat, ProgramTooOld: the file cannot be used.
        InvalidConfig: what is said of the members is out of bounds.
        OSError: the disk fails, is full, or must not be written to.
    """
    for node in members:
        _check_id(node)
    incarnations = {node: _drawn() for node in sorted(members)}
    addresses = {node: address for node, address in members.items() if address}
    with opened_backup(file) as source:
        snapshot = found_new_cluster_with_a_backup(source.snapshot, incarnations, addresses, _drawn())
        first = snapshot.configuration.encode()
        with _complete_or_absent(directory) as folder:
            for position, node in enumerate(sorted(members)):
                place = folder / node
                place.mkdir(mode=0o700)
                chunks = source.counted(told, position * source.size, len(members))
                _create(place, Identity(node, incarnations[node], False, first), snapshot, chunks)
            sync_directory(folder)
    return snapshot


def _create(folder: Path, identity: Identity, snapshot: Snapshot, chunks: Iterator[bytes]) -> None:
    disk = WritableDirectory(folder)
    try:
        create_from(disk, identity, snapshot, chunks, SEGMENT_BYTES)
    finally:
        disk.close()


@contextmanager
def _complete_or_absent(directory: Path) -> Iterator[Path]:
    """Yield a folder that takes the place of a directory at the end, and is deleted when anything fails."""
    directory = directory.resolve()
    if directory.exists() and not (directory.is_dir() and not any(directory.iterdir())):
        raise DirectoryInTheWay(directory)
    _make_parents(directory.parent)
    folder = Path(tempfile.mkdtemp(PART, f".{directory.name}.", directory.parent))
    try:
        yield folder
        try:
            folder.rename(directory)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise DirectoryInTheWay(directory) from None
            raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    sync_directory(directory.parent)


def _make_parents(folder: Path) -> None:
    if not folder.is_dir():
        if folder.exists():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
        _make_parents(folder.parent)
        folder.mkdir(mode=0o700)
        sync_directory(folder.parent)


def _check_id(node: object) -> None:
    if not is_id(node) or not isinstance(node, str) or "/" in node or "\0" in node or node.startswith("."):
        raise InvalidConfig("member", node, "an id of 1 to 64 characters that can be the name of a directory")


def _drawn() -> int:
    return 1 + secrets.randbelow(LARGEST_INCARNATION)
