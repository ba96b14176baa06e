"""The keys that begin with some bytes, followed as they change."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from ..client import Deadline
from ..errors import Compacted
from ..kv_calls import KeyValueCalls
from ..kv_order import after_prefix
from ..ranges import Item

CALL_S = 5.0  # what one call may take where somebody waits for ever


class View:
    """Is read once, and follows every change from then on, in order.

    Args:
        calls: of the cluster.
        prefix: what the keys begin with.
        deadline: until when they must have been read; None for `CALL_S` each call.

    Raises:
        Unavailable, NotKeyValue: as for `range`.

    Attributes:
        revisions: by key, the revision of its last change.
        values: by key, what it holds.
        revision: up to which both are known.
    """

    def __init__(self, calls: KeyValueCalls, prefix: bytes, deadline: Deadline | None) -> None:
        self.revisions: dict[bytes, int] = {}
        self.values: dict[bytes, bytes] = {}
        self._calls = calls
        self._prefix = prefix
        self._read(deadline)

    def _read(self, deadline: Deadline | None) -> None:
        items, self.revision = items_under(self._calls, self._prefix, deadline)
        self.revisions = {item.key: item.revision for item in items}
        self.values = {item.key: item.value for item in items}
        self._watch = self._calls.watch(
            prefix=self._prefix, from_revision=self.revision + 1, timeout=seconds_of(deadline)
        )

    def next(self, deadline: Deadline | None) -> bool:
        """Wait for the next change and take it in; return whether there was one in time.

        When the cluster does not keep the changes since the last one any more, all is read anew, which may take longer.
        """
        try:
            event = self._watch.next(None if deadline is None else deadline.left_s)
        except Compacted:
            self.close()
            self._read(None)
            return True
        if event is None:
            return False
        self.revision = event.revision
        if event.value is None:
            self.revisions.pop(event.key, None)
            self.values.pop(event.key, None)
        else:
            self.revisions[event.key] = event.revision
            self.values[event.key] = event.value
        return True

    def close(self) -> None:
        """Follow them no more."""
        self._watch.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def items_under(calls: KeyValueCalls, prefix: bytes, deadline: Deadline | None) -> tuple[list[Item], int]:
    """Return all keys that begin with some bytes, and a revision: what changes after it, a watch from there tells."""
    page = calls.prefix(prefix, timeout=seconds_of(deadline))
    items, revision = page.items, page.revision
    while page.next_key is not None:
        page = calls.range(page.next_key, after_prefix(prefix), timeout=seconds_of(deadline))
        items += page.items
    return items, revision


def seconds_of(deadline: Deadline | None) -> float:
    """Return what one call may take."""
    return CALL_S if deadline is None else deadline.left_s
