"""What happens when the disk is full: nothing is lost, nothing fails, all goes on when there is space (contract D2).

The log is never short of space: what is promised to the node was reserved before. A snapshot that finds none takes that
of the ballast. Then one of the own state machine waits, and the download of another is given up and begun anew.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gevent import get_hub

from raft.actor import RoomLeft
from storage.disk import CREATE, SYNC, WRITE, perform
from storage.store import Store

from .real_disk import RealDisk

if TYPE_CHECKING:
    from storage.disk import Operations

RETRY_S = 1.0
"""How long to wait before space is looked for again."""

SMALL_BYTES = 128 * 1024
"""A write of no more than that is small."""

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


def carry_out(disk: RealDisk, operations: Operations, make_space: Callable[[], bool] = lambda: False) -> int:
    """Carry out operations, in order, as far as there is space.

    An operation without space may be tried again: what it has written is written over. A sync may not, since what it
    could not write may be gone from memory, so it fails for good.

    Args:
        disk: where.
        operations: see `storage/disk.py`.
        make_space: called when there is none; returns whether there is some now.

    Returns:
        How many were carried out; the next one has no space.

    Raises:
        OSError: the disk fails.
    """
    done = 0
    while done < len(operations):
        operation = operations[done]
        try:
            perform(disk, [operation])
            done += 1
        except OSError as error:
            if error.errno not in _NO_SPACE or operation[0] not in (CREATE, WRITE):
                raise
            if not make_space():
                break
    return done


def is_small(operations: Operations) -> bool:
    """Whether operations do nothing but to write and sync, and no more than `SMALL_BYTES`."""
    size_bytes = 0
    for operation in operations:
        if operation[0] == WRITE:
            size_bytes += len(operation[3])
        elif operation[0] != SYNC:
            return False
    return size_bytes <= SMALL_BYTES


class Reserve:
    """Keeps space reserved for one store, and tells its node how much it may take.

    Args:
        store: whose reserve it is.
        run: run(operations, done): carries out operations in the thread as far as there is space, then calls
            done(how many were) in the loop.
        tell: puts a message in the mailbox of the node.

    Attributes:
        is_full: whether the last attempt to reserve something has found no space.
    """

    def __init__(
        self,
        store: Store,
        run: Callable[[Operations, Callable[[int], None]], None],
        tell: Callable[[object], None],
    ) -> None:
        self.is_full = False
        self._store = store
        self._run = run
        self._tell = tell
        self._told_bytes = 0
        self._is_filling = False
        self._alarm: Any = None

    def begin(self, is_full: bool) -> None:
        """Tell a node that starts what there is; it has been tried to fill the reserve, with this success."""
        self.is_full = is_full
        self._tell_limit()
        if is_full:
            self._try_later()

    def keep(self) -> None:
        """Reserve what has been used, and tell the node before it comes to the end of what it knows of."""
        if self._store.is_short:
            if self._alarm is None:
                self._fill()
        elif 2 * (self._store.limit_bytes - self._told_bytes) > self._store.room_bytes:
            self._tell_limit()

    def close(self) -> None:
        """Do nothing more."""
        if self._alarm is not None:
            self._alarm.stop()
            self._alarm = None

    def _fill(self) -> None:
        self._alarm = None
        if not self._is_filling:
            self._is_filling = True
            wanted = self._store.reserve()
            self._run(wanted, lambda number: self._filled(wanted, number))

    def _filled(self, wanted: Operations, number: int) -> None:
        self._is_filling = False
        self._store.reserved(wanted[:number])
        self.is_full = number < len(wanted)
        if self.is_full:
            self._try_later()
        self._tell_limit()

    def _try_later(self) -> None:
        self._alarm = get_hub().loop.timer(RETRY_S, ref=False)
        self._alarm.start(self._fill)

    def _tell_limit(self) -> None:
        self._told_bytes = self._store.limit_bytes
        self._tell(RoomLeft(self._told_bytes, self.is_full))
