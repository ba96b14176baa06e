"""Where the nodes of a local cluster keep what they store: in memory, or each in a directory of its own."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple, Protocol

from raft.membership import Configuration
from storage.errors import NoDataDirectory
from storage.identity import read_identity
from storage.log import SEGMENT_BYTES, segment_bytes_for

from ..ports import Storage
from .directory import DirectoryStorage
from .founding import is_unfinished
from .memory import MemoryStorage
from .policy import ALWAYS, NEVER, SyncPolicy
from .real_disk import ReadableDirectory, RealDisk


class Founded(NamedTuple):
    """A node of which something is stored.

    Attributes:
        id: its id.
        is_witness: whether it is a witness.
        first: the configuration that it began with; None for one that has joined.
    """

    id: str
    is_witness: bool
    first: Configuration | None


class Place(Protocol):
    """Where nodes keep what they store.

    Attributes:
        forgets: whether a node that starts again finds nothing of its last run.
        may_lose_acknowledged: see `Config`; whether a node that loses power may have lost some of its last run.
    """

    @property
    def forgets(self) -> bool:
        """See above."""

    @property
    def may_lose_acknowledged(self) -> bool:
        """See above."""

    def existing(self) -> list[Founded]:
        """Return the nodes of which something is stored."""

    def make(self, id: str, is_witness: bool, first: Configuration | None) -> Storage:
        """Return the storage of a node; what is there of an earlier run is its content.

        Args:
            id: of the node.
            is_witness: whether it is a witness.
            first: the configuration that it begins with if nothing is there; None when it joins.
        """

    def discard(self, id: str, storage: Storage) -> None:
        """Forget what a node that is down has stored."""

    def release(self, storage: Storage) -> None:
        """Let others use what a node that is down has stored."""


class InMemory:
    """Nothing outlives the process; what a node has stored outlives the node."""

    forgets = False
    may_lose_acknowledged = False

    def existing(self) -> list[Founded]:
        """Return no nodes."""
        return []

    def make(self, id: str, is_witness: bool, first: Configuration | None) -> Storage:
        """Return an empty storage."""
        return MemoryStorage(is_witness)

    def discard(self, id: str, storage: Storage) -> None:
        """Do nothing."""

    def release(self, storage: Storage) -> None:
        """Do nothing."""


class InDirectory:
    """Each node has a directory of its own, which bears its id.

    Args:
        directory: where those are; made when it is missing.
        policy: when entries are synced.
        entry_bytes: how large a command may be.
    """

    def __init__(self, directory: Path, policy: SyncPolicy = ALWAYS, entry_bytes: int = 0) -> None:
        self._directory = directory
        self._policy = policy
        self._segment_bytes = max(SEGMENT_BYTES, segment_bytes_for(entry_bytes))

    @property
    def forgets(self) -> bool:
        """Whether a node that starts again finds nothing of its last run (contract D6)."""
        return self._policy is NEVER

    @property
    def may_lose_acknowledged(self) -> bool:
        """See `SyncPolicy`."""
        return self._policy.may_lose_acknowledged

    def existing(self) -> list[Founded]:
        """Return the nodes that have a data directory. Under the policy `never` all have lost it, and there are none.

        Raises:
            StorageError: one of them cannot be read, or bears the id of another node.
            DirectoryInUse: one of them is open, and would have to be emptied.
        """
        found = []
        folders = self._directory.iterdir() if self._directory.is_dir() else ()
        for folder in sorted(folder for folder in folders if folder.is_dir() and not is_unfinished(folder)):
            disk = ReadableDirectory(folder)
            try:
                identity = read_identity(disk)
            except NoDataDirectory:
                continue  # it was about to be made
            finally:
                disk.close()
            identity.check(folder.name, identity.is_witness)
            if self.forgets:
                self._empty(folder)
                continue
            first = Configuration.decode(identity.first) if identity.first else None
            found.append(Founded(identity.node, identity.is_witness, first))
        return found

    def _empty(self, folder: Path) -> None:
        disk = RealDisk(folder)  # nobody else has it
        try:
            shutil.rmtree(folder)
        finally:
            disk.close()

    def make(self, id: str, is_witness: bool, first: Configuration | None) -> Storage:
        """Return the storage in the directory of a node."""
        return DirectoryStorage(self._directory / id, id, is_witness, self._policy, first, self._segment_bytes)

    def discard(self, id: str, storage: Storage) -> None:
        """Delete the directory of a node."""
        self.release(storage)
        shutil.rmtree(self._directory / id, ignore_errors=True)

    def release(self, storage: Storage) -> None:
        """Close the directory of a node."""
        assert isinstance(storage, DirectoryStorage)
        storage.release()
