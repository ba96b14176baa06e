"""The disk as the storage sees it: a flat directory of files, and what may be done to them.

All that changes anything is an *operation*: a tuple of the name of a method and its arguments. The storage decides what
must be done and hands it out as a list of operations; whoever owns the disk carries them out, in order, when and where
it likes: in a thread, under virtual time, or at once. A crash may come between any two of them.

What was written is durable only after the file was synced, and the name of a file only after the directory was
(contract D3). Until then a crash may keep all of it, nothing, or any part.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Operations = list[tuple[Any, ...]]

CREATE = "create"
WRITE = "write"
SYNC = "sync"
RENAME = "rename"
DELETE = "delete"
SYNC_DIRECTORY = "sync_directory"


class Disk:
    """What a realization provides; it need not inherit from this. Methods that fail raise `OSError`."""

    def names(self) -> "list[str]":
        """Return the names of all files, in any order."""
        return []

    def size(self, name: str) -> int:
        """Return the size of a file in bytes."""
        return 0

    def read(self, name: str, offset: int, limit: int) -> bytes:
        """Return what stands from an offset on, at most `limit` bytes; less only at the end of the file."""
        return b""

    def create(self, name: str, size: int) -> None:
        """Create a file of zeros, with its space reserved; an older one of that name is gone.

        Args:
            name: of the file.
            size: in bytes, 0 or more.
        """

    def write(self, name: str, offset: int, data: bytes) -> None:
        """Write into a file; it grows where it must."""

    def sync(self, name: str) -> None:
        """Make durable what was written to a file."""

    def rename(self, name: str, new_name: str) -> None:
        """Give a file another name; an older one of that name is gone."""

    def delete(self, name: str) -> None:
        """Delete a file."""

    def sync_directory(self) -> None:
        """Make durable which files there are, and their names."""


def perform(disk, operations) -> None:
    """Carry out operations, in order; the first that fails ends it with its `OSError`."""
    for operation in operations:
        getattr(disk, operation[0])(*operation[1:])
