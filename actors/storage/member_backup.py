"""A backup of what one member has stored, whether it runs or not; nothing in its directory is touched.

It is the view of this member. What others have acknowledged without it is not in it, and what stands in its log counts,
also where the cluster has never agreed on it. Such a file can found a new cluster, and never join an old one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from raft.entries import COMMAND, Entry
from raft.errors import InvalidConfig
from raft.log import Log
from raft.membership import Configuration
from raft.snapshot import Snapshot
from storage.errors import DamagedStorage, StorageError
from storage.recovery import Recovered, recover
from storage.snapshots import SnapshotFile

from ..arguments import made_by
from ..machine import for_core
from ..ports import StateMachine
from ..runtime import describe
from ..session_table import SessionLimits
from ..sessions import SnapshotSessionMachine
from .backup_file import BackupFile, check_is_free, write_backup
from .founding import Told
from .reading import read_steadily


class NothingToBackUp(StorageError):
    """The directory holds nothing that a backup could be made of; the message says why."""


class MachineNeeded(StorageError):
    """Commands stand in the log that no snapshot covers, and only the state machine knows what they come to.

    Attributes:
        covered: the last entry that the newest snapshot covers, 0 when there is none.
        last: the last entry of the log.
    """

    def __init__(self, covered: int, last: int) -> None:
        super().__init__(
            f"its log goes on to entry {last:,}, and its newest snapshot covers {covered:,}: name the state machine "
            "of the cluster, so that the commands between can be applied (--machine actors:KeyValue is the store)"
            + (", or leave them out on purpose by quorate snapshot export" if covered else "")
        )
        self.covered = covered
        self.last = last


class MachineFailed(StorageError):
    """The state machine has raised; it is not the one that the cluster runs, or a command stops its nodes, too."""

    def __init__(self, error: Exception) -> None:
        super().__init__(
            f"the state machine has failed: {describe(error)}; name the one that the cluster runs, in the version that "
            "has applied these commands"
        )


def backup_directory(
    directory: Path,
    file: Path,
    machine: Callable[[], StateMachine] | None = None,
    limits: SessionLimits | None = None,
    *,
    force: bool = False,
    told: Told = lambda done, of: None,
) -> BackupFile:
    """Write what a member has stored to a file that `restore` can make a new cluster of.

    Args:
        directory: its data directory.
        file: where to write.
        machine: makes a fresh state machine, the cluster's; needed when commands follow the newest snapshot.
        limits: those of the cluster; the defaults of `SessionLimits` when None.
        force: whether a file that is there may be replaced.
        told: is told how far it is.

    Raises:
        FileIsThere: the file is there, and may not be replaced.
        NothingToBackUp: nothing is stored yet, or the member is a witness.
        MachineNeeded: commands follow the newest snapshot, and no machine was given, or one that takes no snapshots.
        MachineFailed: the machine has raised.
        NoDataDirectory, NewerFormat, DamagedStorage: see `storage.recovery.recover`.
        OSError: the disk fails, is full, or must not be written to.
    """
    check_is_free(file, force)
    disk, found = read_steadily(directory, recover)
    try:
        if found.identity.is_witness:
            raise NothingToBackUp(f"{found.identity.node!r} is a witness and stores no commands: name another member's")
        stored = SnapshotFile(disk, found.snapshots[-1]) if found.snapshots else None
        covered = stored.snapshot.index if stored is not None else 0
        entries = [entry for entry in found.restored.entries if entry.index > covered]
        if stored is not None and not any(entry.kind == COMMAND for entry in entries):
            return write_backup(file, stored.snapshot, stored.pieces(), force=force)
        snapshot = _described(found)
        core = _made(machine, SessionLimits() if limits is None else limits)
        if core is None:
            raise MachineNeeded(covered, snapshot.index)
        return write_backup(file, snapshot, _content(core, stored, entries, told), force=force)
    finally:
        disk.close()


def _described(found: Recovered) -> Snapshot:
    """Return what the state behind the last entry is of. No cluster is named: it may never have agreed on that."""
    identity, restored = found.identity, found.restored
    log = Log.restored(restored, Configuration.decode(identity.first) if identity.first else Configuration.unknown())
    configuration = log.configurations.newest
    if not log.last_index or not configuration.members:
        raise NothingToBackUp(f"{identity.node!r} has not stored anything yet: name another member's")
    return Snapshot(log.last_index, log.last_term, log.last_stamp_ms, configuration.replaced(cluster=0))


def _made(machine: Callable[[], StateMachine] | None, limits: SessionLimits) -> SnapshotSessionMachine | None:
    if machine is None:
        return None
    try:
        core = for_core(made_by(machine), limits)
    except InvalidConfig:
        raise
    except Exception as error:
        raise MachineFailed(error) from error
    return core if isinstance(core, SnapshotSessionMachine) else None


def _content(
    core: SnapshotSessionMachine, stored: SnapshotFile | None, entries: list[Entry], told: Told
) -> Iterator[bytes]:
    """Yield what the machine comes to with the stored snapshot and the entries behind it."""
    done = stored.size if stored is not None else 0
    of = done + sum(entry.size_bytes for entry in entries)
    try:
        if stored is not None:
            core.restore(stored.pieces())
        for entry in entries:
            if entry.kind == COMMAND:
                core.apply(entry)
            done += entry.size_bytes
            told(done, of)
        yield from core.snapshot()
    except DamagedStorage:
        raise
    except Exception as error:
        raise MachineFailed(error) from error
