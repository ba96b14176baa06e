"""Leases: each lives for a while unless it is kept alive, and the keys that are attached to it go with it.

Time is log time (see `raft.entries.Entry`), so a lease ends at the same entry everywhere. Log time runs no faster than
the clocks that made it: a lease lives for no less than its time, counted from when it was asked for.

A command is one byte, `GRANT` with the time to live in milliseconds, `KEEP_ALIVE` or `REVOKE` with the lease, in 8
bytes each.

Keeps to what MicroPython understands: boards run this file too.
"""

import heapq

from .kv_commands import GRANT, KEEP_ALIVE, REVOKE, MalformedCommand, OutOfBounds, check_end, take_number
from .kv_transactions import number_field, take_revision

MIN_TTL_MS = 100  # below, the round trips of keeping it alive are all that it is good for
MAX_TTL_MS = 365 * 24 * 3_600_000
MAX_LEASES = 100_000
_SPARE = 64  # how many entries of the heap may be stale before it is made anew


def grant(ttl_ms: int) -> bytes:
    """Encode "make a lease".

    Args:
        ttl_ms: for how long it lives without being kept alive, in milliseconds of log time, `MIN_TTL_MS` to
            `MAX_TTL_MS`.

    Raises:
        OutOfBounds: when it is something else.
    """
    if type(ttl_ms) is not int or not MIN_TTL_MS <= ttl_ms <= MAX_TTL_MS:
        raise OutOfBounds("ttl", f"{ttl_ms!r} ms", f"{MIN_TTL_MS} to {MAX_TTL_MS} ms")
    return bytes([GRANT]) + ttl_ms.to_bytes(8, "big")


def keep_alive(lease: int) -> bytes:
    """Encode "let the lease live for its whole time again"."""
    return bytes([KEEP_ALIVE]) + number_field("lease", lease)


def revoke(lease: int) -> bytes:
    """Encode "end the lease now"."""
    return bytes([REVOKE]) + number_field("lease", lease)


def decode(data: bytes) -> int:
    """Return the time to live, or the lease, of a command that begins with one of the three bytes.

    Raises:
        MalformedCommand: when it is none.
    """
    if data[0] == GRANT:
        number, at = take_number(data, 1, 8, "ttl")
        if not MIN_TTL_MS <= number <= MAX_TTL_MS:
            raise MalformedCommand(f"the ttl is {number} ms; it must be {MIN_TTL_MS} to {MAX_TTL_MS} ms")
    else:
        number, at = take_revision(data, 1, "lease")
    check_end(data, at)
    return number


class Lease:
    """One lease.

    Attributes:
        ttl_ms: for how long it lives when it is kept alive.
        until_ms: the log time after which it ends.
        keys: those attached to it.
    """

    __slots__ = ("keys", "ttl_ms", "until_ms")

    def __init__(self, ttl_ms: int, until_ms: int) -> None:
        self.ttl_ms = ttl_ms
        self.until_ms = until_ms
        self.keys: set[bytes] = set()


class Leases:
    """All leases.

    Attributes:
        by_id: every lease that lives, by its id.
        of: the lease of each key that has one.
        last: the id of the one that was made last, 0 when there was none.
    """

    def __init__(self) -> None:
        self.of: dict[bytes, int] = {}
        self.last = 0
        self.by_id: dict[int, Lease] = {}
        # A heap of (a time until which the lease was to live, its id). The time may be an old one, and the lease gone.
        self._by_end: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self.by_id)

    def __contains__(self, id: int) -> bool:
        return id in self.by_id

    def grant(self, ttl_ms: int, now_ms: int) -> int:
        """Make a lease, and return its id, which no other ever has."""
        self.last += 1
        self.add(self.last, Lease(ttl_ms, now_ms + ttl_ms))
        return self.last

    def add(self, id: int, lease: Lease) -> None:
        """Take up a lease, new or of a snapshot."""
        self.by_id[id] = lease
        heapq.heappush(self._by_end, (lease.until_ms, id))
        if len(self._by_end) > 2 * len(self.by_id) + _SPARE:
            self._by_end = [(lease.until_ms, id) for id, lease in self.by_id.items()]
            heapq.heapify(self._by_end)

    def keep_alive(self, id: int, now_ms: int) -> "int | None":
        """Let a lease live anew; return for how long, or None when there is no such lease (any more)."""
        lease = self.by_id.get(id)
        if lease is None:
            return None
        lease.until_ms = now_ms + lease.ttl_ms
        return lease.ttl_ms

    def attach(self, key: bytes, id: int) -> None:
        """Let a key go with a lease, which there is, and with no other."""
        self.detach(key)
        self.of[key] = id
        self.by_id[id].keys.add(key)

    def detach(self, key: bytes) -> None:
        """Let a key stay whatever becomes of its lease, if it has one."""
        id = self.of.pop(key, None)
        if id is not None:
            self.by_id[id].keys.discard(key)

    def end(self, id: int) -> "list[bytes] | None":
        """End a lease; return the keys that were attached to it, in order, or None when there is no such lease."""
        lease = self.by_id.pop(id, None)
        if lease is None:
            return None
        keys = sorted(lease.keys)
        for key in keys:
            del self.of[key]
        return keys

    @property
    def due_ms(self) -> "int | None":
        """The log time at which the next lease ends, or None when there is none."""
        by_end = self._by_end
        while by_end:
            until_ms, id = by_end[0]
            lease = self.by_id.get(id)
            if lease is not None and lease.until_ms == until_ms:
                return until_ms + 1  # stamps are whole milliseconds, so the last one may not have passed all of it
            heapq.heappop(by_end)
            if lease is not None:
                heapq.heappush(by_end, (lease.until_ms, id))
        return None

    def expire(self, now_ms: int) -> "list[bytes]":
        """End all leases that do not live at some log time; return their keys, those of the earliest first."""
        gone: list[bytes] = []
        while True:
            due_ms = self.due_ms
            if due_ms is None or due_ms > now_ms:
                return gone
            gone.extend(self.end(heapq.heappop(self._by_end)[1]) or ())

    def items(self) -> "list[tuple[int, int, int]]":
        """Return the id, the time to live and the end of every lease, in order of id."""
        return [(id, lease.ttl_ms, lease.until_ms) for id, lease in sorted(self.by_id.items())]
