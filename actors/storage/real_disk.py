"""A directory of the file system as a disk (see `storage/disk.py`)."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

LOCK = "lock"


class DirectoryInUse(Exception):
    """Another process, or another node of this one, has the data directory open.

    Attributes:
        directory: the directory.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(f"{directory} is in use by another node: stop that one first, or name another directory")
        self.directory = directory


class ReadableDirectory:
    """The files of one directory, to be read only; somebody else may be writing to them.

    Args:
        directory: where the files are.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._files: dict[str, int] = {}
        self._flags = os.O_RDONLY | os.O_CLOEXEC

    def close(self) -> None:
        """Close every file; may be called again."""
        for name in list(self._files):
            self._close(name)

    def names(self) -> list[str]:
        """Return the names of all files but the lock."""
        return sorted(entry.name for entry in os.scandir(self.directory) if entry.is_file() and entry.name != LOCK)

    def size(self, name: str) -> int:
        """Return the size of a file in bytes."""
        return os.fstat(self._open(name)).st_size

    def read(self, name: str, offset: int, limit: int) -> bytes:
        """Return what stands from an offset on, at most `limit` bytes; less only at the end of the file."""
        file = self._open(name)
        data = os.pread(file, limit, offset)
        while 0 < len(data) < limit:
            more = os.pread(file, limit - len(data), offset + len(data))
            if not more:
                break
            data += more
        return data

    def _open(self, name: str) -> int:
        file = self._files.get(name)
        if file is None:
            file = self._files[name] = os.open(self.directory / name, self._flags)
        return file

    def _close(self, name: str) -> None:
        file = self._files.pop(name, None)
        if file is not None:
            os.close(file)


class WritableDirectory(ReadableDirectory):
    """The files of one directory, which nobody else may be writing to.

    Args:
        directory: where the files are.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._flags = os.O_RDWR | os.O_CLOEXEC

    def create(self, name: str, size: int) -> None:
        """Create a file of zeros, with its space reserved; without space there is none."""
        self._close(name)
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        file = self._files[name] = os.open(self.directory / name, flags, 0o600)
        if size:
            try:
                os.posix_fallocate(file, 0, size)
            except OSError:
                self.delete(name)  # it may hold a part of the space
                raise

    def write(self, name: str, offset: int, data: bytes) -> None:
        """Write into a file; it grows where it must."""
        file = self._open(name)
        written = os.pwrite(file, data, offset)
        while written < len(data):
            more = os.pwrite(file, data[written:], offset + written)
            if not more:
                raise OSError(errno.EIO, "nothing more can be written", name)
            written += more

    def sync(self, name: str) -> None:
        """Make durable what was written to a file."""
        os.fdatasync(self._open(name))

    def rename(self, name: str, new_name: str) -> None:
        """Give a file another name; an older one of that name is gone."""
        self._close(new_name)
        (self.directory / name).rename(self.directory / new_name)
        if name in self._files:
            self._files[new_name] = self._files.pop(name)

    def delete(self, name: str) -> None:
        """Delete a file."""
        self._close(name)
        (self.directory / name).unlink()

    def sync_directory(self) -> None:
        """Make durable which files there are, and their names."""
        sync_directory(self.directory)


class RealDisk(WritableDirectory):
    """The files of one directory. It is made when it is missing, and locked against everybody else until `close`.

    The methods may be called from any thread, but from one at a time.

    Args:
        directory: where the files are.

    Raises:
        DirectoryInUse: somebody else has locked it.
        OSError: it cannot be made, or not be written to.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        if not directory.is_dir():
            directory.mkdir(mode=0o700, parents=True)
            sync_directory(directory.parent)
        self._lock = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise DirectoryInUse(directory) from None

    def close(self) -> None:
        """Close every file and let others have the directory; may be called again."""
        super().close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def sync_directory(directory: Path) -> None:
    """Make durable which files there are in a directory, and their names."""
    file = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
