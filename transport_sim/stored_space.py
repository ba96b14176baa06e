"""The space on a simulated disk with the real storage: what the storage reserves, and what it says of it (contract D2).

It stands for what a data directory does in `actors/storage/space.py`, under virtual time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from raft.actor import RoomLeft
from raft.ready import Write
from storage.disk import perform
from storage.store import exists

from .disk_worker import Job
from .space import Space

if TYPE_CHECKING:
    from storage.disk import Operations

    from .stored_disk import StoredDisk


class StoredSpace(Space):
    """The space of one disk.

    Args:
        disk: the disk.
        tell: puts a message in the mailbox of the node.
    """

    def __init__(self, disk: StoredDisk, tell: Callable[[object], None]) -> None:
        super().__init__(tell, 0)
        self._disk = disk
        self._is_filling = False

    def begin(self) -> None:
        """A node starts, and is told what it may take."""
        self._taken = self._promised = 0
        self._is_filling = False
        self._tell_limit()

    def fill_reserve(self) -> None:
        """Reserve, before the node starts, what there is space for."""
        store = self._disk.opened
        wanted = store.reserve()
        self.is_full = not self._fits(wanted)
        if not self.is_full:
            perform(self._disk.files, wanted)
            store.reserved(wanted)

    def keep(self) -> None:
        """Reserve what has been used, and tell the node before it comes to the end of what it knows of."""
        store = self._disk.opened
        if not store.is_short:
            if 2 * (store.limit_bytes - self._promised) > store.room_bytes:
                self._tell_limit()
        elif not self._is_filling:
            wanted = store.reserve()
            if self._fits(wanted):
                self._is_filling = True
                self._disk.do(Job(wanted, lambda: self._filled(wanted)))
            elif not self.is_full:
                self.is_full = True
                self._tell_limit()

    def _filled(self, wanted: Operations) -> None:
        self._is_filling = False
        self.is_full = False
        self._disk.opened.reserved(wanted)
        self._tell_limit()

    def _fits(self, wanted: Operations) -> bool:
        files = self._disk.files
        return files.capacity is None or files.used + sum(size for _, _, size in wanted) <= files.capacity

    def _tell_limit(self) -> None:
        self._promised = max(self._promised, self._disk.opened.limit_bytes)
        self._tell(RoomLeft(self._promised, self.is_full))

    def written(self, write: Write) -> None:
        """Do nothing: the storage itself knows what it has taken."""

    def fill(self) -> None:
        """Let the disk have no space beyond what its files have; a new disk has space for a directory."""
        if exists(self._disk.files):
            self._disk.files.capacity = self._disk.files.used

    def make(self) -> None:
        """Let there be space again."""
        self._disk.files.capacity = None
        if self._disk.is_opened:
            self.keep()
