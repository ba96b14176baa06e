"""Reading the directory of a member that may run meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from storage.errors import DamagedStorage

from .real_disk import ReadableDirectory

ATTEMPTS = 5
PAUSE_S = 0.1

Found = TypeVar("Found")


def read_steadily(directory: Path, read: Callable[[ReadableDirectory], Found]) -> tuple[ReadableDirectory, Found]:
    """Read a directory, and again if that fails: its member may have deleted a file, or be in the middle of a write.

    Args:
        directory: the data directory.
        read: reads it.

    Returns:
        The directory with every file open that was read, to be closed by the caller; and what `read` has returned.

    Raises:
        DamagedStorage, FileNotFoundError: it failed so each time.
        Exception: whatever else `read` raises.
    """
    for attempt in range(ATTEMPTS):
        disk = ReadableDirectory(directory)
        try:
            return disk, read(disk)
        except (DamagedStorage, FileNotFoundError):
            disk.close()
            if attempt == ATTEMPTS - 1 or not directory.is_dir():
                raise
        except BaseException:
            disk.close()
            raise
        time.sleep(PAUSE_S)
    raise AssertionError("the last attempt returns or raises")
