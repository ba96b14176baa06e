"""The latest changes of the store, so that whoever watches it can go on from where it was, at any member.

The history is part of the snapshots and has the same bounds on every member. A query of changes is the byte `CHANGES`,
a key, a byte that tells whether all keys that begin with it are meant, 0 or 1, and the revision from which on, in 8
bytes.

Keeps to what MicroPython understands: boards run this file too.
"""

from .kv_commands import CHANGES, MalformedCommand, check_end, key_field, take_key, take_number
from .kv_transactions import number_field, take_revision

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    # A key, and the value that it was given; None when it was deleted.
    Change = tuple[bytes, bytes | None]

MAX_CHANGES = 8192
MAX_BYTES = 4 * 1024 * 1024
# Beyond the bounds so much is left, so that forgetting is rare.
_LEFT_CHANGES = MAX_CHANGES * 15 // 16
_LEFT_BYTES = MAX_BYTES * 15 // 16
OVERHEAD_BYTES = 64  # what a change is charged beside its key and value, so that empty ones are bounded too
MAX_TOLD = 1024  # how many changes one answer tells
MAX_TOLD_BYTES = 1024 * 1024  # it ends with the change that brings it to so much

FIRST_REVISION = 1  # that of a store that begins to count, and of all that it has then


def changes(key: bytes, is_prefix: bool, revision: int) -> bytes:
    """Encode "tell what has changed".

    Args:
        key: which, 1 to 1024 bytes; a prefix may be empty, too.
        is_prefix: whether all keys that begin with it are meant.
        revision: from which on, 1 or more.

    Raises:
        OutOfBounds: when either is something else.
    """
    shortest = 0 if is_prefix else 1
    return bytes([CHANGES]) + key_field(key, shortest) + bytes([is_prefix]) + number_field("revision", revision)


def decode(data: bytes) -> "tuple[bytes, bool, int]":
    """Return the key, whether it is a prefix, and the revision of a query of changes.

    Raises:
        MalformedCommand: when it is none.
    """
    key, at = take_key(data, 1, 0)
    flag, at = take_number(data, at, 1, "flag")
    if flag > 1 or not (key or flag):
        raise MalformedCommand("whether a prefix is meant must be told by 0 or 1, and a key have a byte")
    revision, at = take_revision(data, at, "revision")
    check_end(data, at)
    return key, flag == 1, revision


class History:
    """The latest changes.

    Args:
        first: the revision that the next change has.

    Attributes:
        first: the revision of the earliest change that is kept, or of the next one when none is.
    """

    def __init__(self, first: int) -> None:
        self.first = first
        self._kept: list[Change] = []
        self._bytes = 0

    @property
    def next(self) -> int:
        """The revision that the next change has."""
        return self.first + len(self._kept)

    def add(self, key: bytes, value: "bytes | None") -> None:
        """Take note of a change; beyond the bounds the earliest ones are forgotten, many at once."""
        self._kept.append((key, value))
        self._bytes += OVERHEAD_BYTES + len(key) + (0 if value is None else len(value))
        if self._bytes > MAX_BYTES or len(self._kept) > MAX_CHANGES:
            self._forget()

    def _forget(self) -> None:
        kept = self._kept
        count = 0
        while len(kept) - count > _LEFT_CHANGES or self._bytes > _LEFT_BYTES:
            key, value = kept[count]
            self._bytes -= OVERHEAD_BYTES + len(key) + (0 if value is None else len(value))
            count += 1
        del kept[:count]
        self.first += count

    def items(self) -> "list[Change]":
        """Return all changes that are kept, the earliest first."""
        return list(self._kept)

    def told(
        self, revision: int, is_meant: "Callable[[bytes], bool]"
    ) -> "tuple[int, list[tuple[int, bytes, bytes | None]]]":
        """Return changes from some revision on, as many as one answer tells, and the revision from which on to go on.

        Args:
            revision: from `first` on.
            is_meant: whether the changes of a key are to be told.
        """
        found: list[tuple[int, bytes, bytes | None]] = []
        size_bytes = 0
        for at in range(revision - self.first, len(self._kept)):
            key, value = self._kept[at]
            if is_meant(key):
                found.append((self.first + at, key, value))
                size_bytes += OVERHEAD_BYTES + len(key) + (0 if value is None else len(value))
                if len(found) == MAX_TOLD or size_bytes >= MAX_TOLD_BYTES:
                    return self.first + at + 1, found
        return self.next, found
