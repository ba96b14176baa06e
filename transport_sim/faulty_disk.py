"""A disk, byte by byte, that forgets in a crash whatever was not synced, or not all of it (contract D3).

It is what the storage sees of any disk (see `storage/disk.py`): what was written but not synced may be lost, kept, or
kept in part, write by write and sector by sector. Names are as journalling file systems keep them: a crash takes back
the last changes to the directory, as many as it likes, but never one of them without those after it.
"""

from __future__ import annotations

import copy
import errno
from collections.abc import Callable

from .chance import Chance

SECTOR_BYTES = 512


class _File:
    """What a file holds: as it is read now, as it is durable, and the writes between the two."""

    def __init__(self, size: int) -> None:
        self.content = bytearray(size)
        self.durable = bytearray(size)
        self.unsynced: list[tuple[int, bytes]] = []


class FaultyDisk:
    """A disk of one machine.

    Args:
        sector_bytes: what is written whole or not at all; of less, a crash can keep less.

    Attributes:
        capacity: how many bytes all files may have together, or None for no limit; files that have more do not grow.
        before: called with every operation that changes anything before it is carried out; what it raises, the
            operation raises.
    """

    def __init__(self, sector_bytes: int = SECTOR_BYTES) -> None:
        self.capacity: int | None = None
        self.before: Callable[[tuple[object, ...]], None] = lambda operation: None
        self._sector_bytes = sector_bytes
        self._files: dict[str, _File] = {}
        self._durable: dict[str, _File] = {}
        self._changes: list[dict[str, _File]] = []  # the directory after each change since it was synced

    def names(self) -> list[str]:
        """Return the names of all files."""
        return sorted(self._files)

    def size(self, name: str) -> int:
        """Return the size of a file in bytes."""
        return len(self._file(name).content)

    def read(self, name: str, offset: int, limit: int) -> bytes:
        """Return what stands from an offset on, at most `limit` bytes."""
        return bytes(self._file(name).content[offset : offset + limit])

    @property
    def used(self) -> int:
        """How many bytes all files have together."""
        return sum(len(file.content) for file in self._files.values())

    def create(self, name: str, size: int) -> None:
        """Create a file of zeros."""
        self.before(("create", name, size))
        self._reserve(size)
        self._files = {**self._files, name: _File(size)}
        self._changes.append(self._files)

    def write(self, name: str, offset: int, data: bytes) -> None:
        """Write into a file."""
        self.before(("write", name, offset, data))
        file = self._file(name)
        self._reserve(max(offset + len(data) - len(file.content), 0))
        _put(file.content, offset, data)
        file.unsynced.append((offset, data))

    def sync(self, name: str) -> None:
        """Make durable what was written to a file."""
        self.before(("sync", name))
        file = self._file(name)
        for offset, data in file.unsynced:
            _put(file.durable, offset, data)
        file.unsynced = []

    def rename(self, name: str, new_name: str) -> None:
        """Give a file another name."""
        self.before(("rename", name, new_name))
        file = self._file(name)
        self._files = {**{kept: self._files[kept] for kept in self._files if kept != name}, new_name: file}
        self._changes.append(self._files)

    def delete(self, name: str) -> None:
        """Delete a file."""
        self.before(("delete", name))
        self._file(name)
        self._files = {kept: self._files[kept] for kept in self._files if kept != name}
        self._changes.append(self._files)

    def sync_directory(self) -> None:
        """Make durable which files there are."""
        self.before(("sync_directory",))
        self._durable = self._files
        self._changes = []

    def crash(self, chance: Chance, kept: float, tears: bool = False) -> None:
        """Lose power.

        Args:
            chance: decides what of the unsynced is kept.
            kept: how likely each write, and each part of it, is kept: 0 loses all, 1 nothing.
            tears: whether a sector that is not kept whole may be so in part, as on a disk that is worse than most.
        """
        count = round(kept * len(self._changes)) if kept in (0, 1) else chance.between(0, len(self._changes))
        self._durable = self._changes[count - 1] if count else self._durable
        for name in sorted(self._durable):
            file = self._durable[name]
            for offset, data in file.unsynced:
                for at, sector in _sectors(offset, data, self._sector_bytes):
                    if chance.happens(kept):
                        _put(file.durable, at, sector)
                    elif tears:
                        _put(file.durable, at, sector[: chance.between(0, len(sector))])
            file.unsynced = []
            file.content = bytearray(file.durable)
        self._files = self._durable
        self._changes = []

    def copy(self) -> FaultyDisk:
        """Return a disk that holds the same, synced or not."""
        other = FaultyDisk(self._sector_bytes)
        other._files, other._durable, other._changes = copy.deepcopy((self._files, self._durable, self._changes))
        return other

    def flip(self, name: str, offset: int, mask: int) -> None:
        """Let a byte rot: change some of its bits."""
        file = self._file(name)
        file.content[offset] ^= mask
        file.durable[offset] ^= mask

    def replace(self, name: str, content: bytes) -> None:
        """Let a file hold something else, durably."""
        file = self._file(name)
        file.content, file.durable, file.unsynced = bytearray(content), bytearray(content), []

    def _file(self, name: str) -> _File:
        try:
            return self._files[name]
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, "there is no such file", name) from None

    def _reserve(self, more: int) -> None:
        if self.capacity is not None and more > 0 and self.used + more > self.capacity:
            raise OSError(errno.ENOSPC, "no space is left on the disk")


def _put(content: bytearray, offset: int, data: bytes) -> None:
    if offset > len(content):
        content += bytes(offset - len(content))
    content[offset : offset + len(data)] = data


def _sectors(offset: int, data: bytes, size: int) -> list[tuple[int, bytes]]:
    """Cut a write at the borders of sectors: each of them is written whole or not at all."""
    pieces = []
    at = 0
    while at < len(data):
        end = min(at + size - (offset + at) % size, len(data))
        pieces.append((offset + at, data[at:end]))
        at = end
    return pieces
