"""The keys in order, for whoever asks for a range of them.

A query of a range is the byte `RANGE`, the key with which it begins, which may be empty; a byte that tells whether it
ends somewhere, 0 or 1, and in the latter case the first key that is not in it, which may be empty too; and the limit,
in 2 bytes.

Keeps to what MicroPython understands: boards run this file too.
"""

from .kv_commands import RANGE, MalformedCommand, OutOfBounds, check_end, key_field, take_key, take_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LIMIT = 1000
MAX_ANSWER_BYTES = 1024 * 1024  # an answer ends with the key and value that bring it to so much
_FEW = 64  # so many new keys are put in their places one by one; with more all are sorted, which finds most in order


def between(start: bytes, end: "bytes | None", limit: int) -> bytes:
    """Encode "tell the keys of a range, and what they hold".

    Args:
        start: where it begins; 0 to 1024 bytes.
        end: the first key that is not in it; None when it goes on to the last key.
        limit: how many keys to tell at most, 1 to `MAX_LIMIT`.

    Raises:
        OutOfBounds: when one of them is something else.
    """
    if type(limit) is not int or not 1 <= limit <= MAX_LIMIT:
        raise OutOfBounds("limit", repr(limit), f"an integer from 1 to {MAX_LIMIT}")
    bound = b"\x00" if end is None else b"\x01" + key_field(end, 0)
    return bytes([RANGE]) + key_field(start, 0) + bound + limit.to_bytes(2, "big")


def after_prefix(prefix: bytes) -> "bytes | None":
    """Return the first key behind all that begin with a prefix, or None when there can be none."""
    for at in range(len(prefix) - 1, -1, -1):
        if prefix[at] < 255:
            return prefix[:at] + bytes([prefix[at] + 1])
    return None


def decode(data: bytes) -> "tuple[bytes, bytes | None, int]":
    """Return start, end and limit of a query of a range.

    Raises:
        MalformedCommand: when it is none.
    """
    start, at = take_key(data, 1, 0)
    flag, at = take_number(data, at, 1, "flag")
    end = None
    if flag == 1:
        end, at = take_key(data, at, 0)
    elif flag:
        raise MalformedCommand("whether the range ends somewhere must be told by 0 or 1")
    limit, at = take_number(data, at, 2, "limit")
    if not 1 <= limit <= MAX_LIMIT:
        raise MalformedCommand(f"the limit is {limit}; it must be 1 to {MAX_LIMIT}")
    check_end(data, at)
    return start, end, limit


class Order:
    """The keys of a store in order.

    Only who asks pays: what was added since the last time is put in its place then, and what was removed passed over.

    Args:
        values: those of the store, by key.
    """

    def __init__(self, values: "dict[bytes, bytes]") -> None:
        self._values = values
        self._sorted: list[bytes] = []
        self._gone = 0  # how many of them are there no more, at most
        self._added: dict[bytes, None] = dict.fromkeys(values)

    def add(self, key: bytes) -> None:
        """There is a new key."""
        self._added[key] = None

    def remove(self, key: bytes) -> None:
        """There is a key no more."""
        if self._added:
            self._added.pop(key, None)
        self._gone += 1

    def keys(self) -> "list[bytes]":
        """Return all keys, in order."""
        self._settle()
        values = self._values
        return [key for key in self._sorted if key in values] if self._gone else self._sorted[:]

    def since(self, start: bytes) -> "Iterator[bytes]":
        """Yield the keys from some key on; the store must not change meanwhile."""
        self._settle()
        keys, values = self._sorted, self._values
        for at in range(_place(keys, start), len(keys)):
            if keys[at] in values:
                yield keys[at]

    def _settle(self) -> None:
        added, keys = self._added, self._sorted
        if len(added) > _FEW or self._gone * 2 > len(keys):
            if self._gone:
                keys = self._sorted = [key for key in keys if key in self._values and key not in added]
                self._gone = 0
            keys += added
            keys.sort()
        else:
            for key in added:
                at = _place(keys, key)
                if at == len(keys) or keys[at] != key:  # one that was removed, and is there again, has its place
                    keys.insert(at, key)
        self._added = {}


def _place(keys: "list[bytes]", key: bytes) -> int:
    """Return where in order a key is, or would be."""
    low = 0
    high = len(keys)
    while low < high:
        middle = (low + high) // 2
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low
