"""What a log needs when nothing is written to it for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gevent import get_hub

from storage.store import Store

from .policy import SyncPolicy

if TYPE_CHECKING:
    from storage.disk import Operations

IDLE_S = 1.0  # after so long without a write the log says how far it is durable


class Upkeep:
    """Sees to it that what is not durable becomes so, or that the log says that it is, if no write does.

    Args:
        store: whose log it is.
        policy: when entries are synced.
        do: do(operations, done): carries out operations behind all others, then calls done in the loop.
        is_busy: tells whether there are writes that are not done.
    """

    def __init__(
        self,
        store: Store,
        policy: SyncPolicy,
        do: Callable[[Operations, Callable[[], object]], None],
        is_busy: Callable[[], bool],
    ) -> None:
        self._store = store
        self._policy = policy
        self._do = do
        self._is_busy = is_busy
        self._alarm: Any = None
        self._written_s = 0.0  # when the last write was done

    def written(self) -> None:
        """Take note that something was written."""
        interval_ms = self._policy.interval_ms
        if interval_ms is None:
            return
        if interval_ms:
            if self._alarm is None:
                self._set_alarm(interval_ms / 1000, self._sync)
            return
        # An alarm for each write would cost more than one that finds, when it rings, that it is too early.
        self._written_s = time.monotonic()
        if self._alarm is None:
            self._set_alarm(IDLE_S, self._mark)

    def close(self) -> None:
        """Do nothing more."""
        if self._alarm is not None:
            self._alarm.stop()
            self._alarm = None

    def _set_alarm(self, seconds: float, action: Callable[[], None]) -> None:
        self._alarm = get_hub().loop.timer(seconds, ref=False)
        self._alarm.start(action)

    def _sync(self) -> None:
        self._alarm = None
        operations, position = self._store.sync()
        self._do(operations, lambda: self._store.synced(position))

    def _mark(self) -> None:
        self._alarm = None
        early_s = self._written_s + IDLE_S - time.monotonic()
        if early_s > 0:
            self._set_alarm(early_s, self._mark)
            return
        if not self._is_busy() and self._store.wants_mark:
            operations, position = self._store.mark()
            self._do(operations, lambda: self._store.synced(position))
