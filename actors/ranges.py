"""Calls that read many keys of the key-value store at once."""

from __future__ import annotations

from dataclasses import dataclass

from raft.actor import LEASE, LINEARIZABLE
from raft.errors import InvalidConfig

from . import kv_order
from .arguments import as_bytes
from .kv import Result
from .kv_access import KeyValueAccess


@dataclass(frozen=True)
class Item:
    """What the store holds under one key.

    Attributes:
        key: the key.
        value: its value.
        revision: that of its last change; 0 in a store that does not count yet.
        lease: the id of the lease that it is attached to, 0 for none.
    """

    key: bytes
    value: bytes
    revision: int
    lease: int


@dataclass(frozen=True)
class Page:
    """Some keys in order, all as of one moment.

    Attributes:
        items: what they hold.
        revision: that of the store at that moment; 0 when it does not count yet.
        next_key: the first key that was left out, None when that was all.
    """

    items: list[Item]
    revision: int
    next_key: bytes | None


class RangeCalls(KeyValueAccess):
    """Reads of ranges."""

    def range(
        self,
        start: bytes | str = b"",
        end: bytes | str | None = None,
        *,
        limit: int = kv_order.MAX_LIMIT,
        timeout: float = 5.0,
        consistency: str = LINEARIZABLE,
    ) -> Page:
        """Return the keys from `start` on and below `end`, with what they hold, in order.

        Args:
            start: where to begin, 0 to 1024 bytes; the first key of all when empty.
            end: the first key that is not wanted; None for all keys to the last.
            limit: how many to return at most, 1 to 1000. There are fewer when they have a mebibyte together; go on with
                `next_key`.
            timeout: seconds, 0 or more.
            consistency: as for `get`.

        Raises:
            OutOfBounds: when an argument is too long, or no key; nothing was asked.
            InvalidConfig, Unavailable, NotKeyValue, ClusterClosed: as for `get`.
        """
        last = None if end is None else as_bytes("key", end)
        return self._page(kv_order.between(as_bytes("key", start), last, limit), timeout, consistency)

    def prefix(
        self,
        prefix: bytes | str,
        *,
        limit: int = kv_order.MAX_LIMIT,
        timeout: float = 5.0,
        consistency: str = LINEARIZABLE,
    ) -> Page:
        """Return the keys that begin with some bytes, with what they hold, in order; otherwise as `range`.

        To go on after a page, ask for `range(page.next_key, after_prefix(prefix))`; see `kv_order.after_prefix`.
        """
        begin = as_bytes("key", prefix)
        return self._page(kv_order.between(begin, kv_order.after_prefix(begin), limit), timeout, consistency)

    def _page(self, query: bytes, timeout: float, consistency: str) -> Page:
        if consistency not in (LINEARIZABLE, LEASE):
            raise InvalidConfig("consistency", consistency, f'"{LINEARIZABLE}" or "{LEASE}"')
        return page_of(self._query(query, timeout, consistency))


def page_of(result: Result) -> Page:
    """Return a page, of the store's result."""
    revision, items, next_key = result.value
    return Page([Item(*item) for item in items], revision, next_key)
