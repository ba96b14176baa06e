"""The space on the disk of one simulated member (contract D2).

It reserves some ahead and says how much; that no node takes more commands than it was promised space for is checked
here. When the disk is full nothing more is promised, until somebody makes space.
"""

from __future__ import annotations

from collections.abc import Callable

from raft.actor import RoomLeft
from raft.entries import COMMAND
from raft.ready import Write

from .shadow import InvariantError

KEPT_BACK_BYTES = 1_000
"""What is reserved beyond all promises, for what is no command."""


class Space:
    """The space of one disk.

    Args:
        tell: puts a message in the mailbox of the node.
        reserve_bytes: how much is reserved ahead, in bytes of entries; more than the largest entry.

    Attributes:
        reserve_bytes: see above.
        is_full: whether nothing more can be reserved.
    """

    def __init__(self, tell: Callable[[object], None], reserve_bytes: int) -> None:
        self.reserve_bytes = reserve_bytes
        self.is_full = False
        self._tell = tell
        self._taken = self._written = self._promised = 0

    def begin(self) -> None:
        """A node starts, and is told what it may take."""
        self._taken = self._written = self._promised = 0
        self._offer()

    def _offer(self) -> None:
        """Promise as much as can be reserved."""
        if not self.is_full:
            self._promised = max(self._promised, self._written + self.reserve_bytes)
        self._tell(RoomLeft(self._promised, self.is_full))

    def take(self, write: Write) -> bool:
        """Count what a write needs; return whether it can be done, or must wait for space.

        Raises:
            InvariantError: a command is among it that no space was promised for.
        """
        for entry in write.entries:
            self._taken += entry.size_bytes
            if entry.kind == COMMAND and self._taken > self._promised:
                raise InvariantError(
                    "D2", f"command {entry.index} makes {self._taken} bytes, and {self._promised} were promised"
                )
        return not self.is_full or self._taken <= self._promised + KEPT_BACK_BYTES

    def written(self, write: Write) -> None:
        """Note that a write is done."""
        self._written += sum(entry.size_bytes for entry in write.entries)
        if not self.is_full and 2 * (self._promised - self._written) < self.reserve_bytes:
            self._offer()

    def fill(self) -> None:
        """Let the disk be full."""
        if not self.is_full:
            self.is_full = True
            self._offer()

    def make(self) -> None:
        """Let there be space again."""
        if self.is_full:
            self.is_full = False
            self._offer()
