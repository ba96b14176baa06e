"""The commands and the contents of the key-value store as bytes.

A command is one byte that names the operation, then its fields: a key is its length in 2 bytes and itself, a value its
length in 4 bytes and itself, an expected value one byte, 0 for "absent" or 1, and in the latter case the value. Numbers
are big-endian. A command has exactly one encoding, and nothing may follow it. Contents are all keys, each followed by
its value.

Keeps to what MicroPython understands: boards run this file too.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PUT = 1
GET = 2
DELETE = 3
CAS = 4

MAX_KEY_BYTES = 1024  # keys stay in memory and in every listing; what is longer is a value
MAX_VALUE_BYTES = 1024 * 1024  # so that one command never holds up replication for long


class OutOfBounds(ValueError):
    """A key or a value is no bytes object, or too short or too long; nothing was encoded.

    Attributes:
        field: "key", "value" or "expected".
        bound: what is allowed, in words.
    """

    def __init__(self, field: str, got: str, bound: str) -> None:
        super().__init__(f"the {field} is {got}; it must be {bound}")
        self.field = field
        self.bound = bound


class MalformedCommand(ValueError):
    """The bytes are no command, or no contents; the text says where they go wrong."""


class Command:
    """A decoded command.

    Attributes:
        operation: `PUT`, `GET`, `DELETE` or `CAS`.
        key: 1 to `MAX_KEY_BYTES` bytes.
        value: the new value of a put or cas, else None.
        expected: the value a cas expects, or None for "absent".
    """

    __slots__ = ("expected", "key", "operation", "value")

    def __init__(
        self, operation: int, key: bytes, value: "bytes | None" = None, expected: "bytes | None" = None
    ) -> None:
        self.operation = operation
        self.key = key
        self.value = value
        self.expected = expected


def put(key: bytes, value: bytes) -> bytes:
    """Encode "store the value under the key".

    Args:
        key: 1 to `MAX_KEY_BYTES` bytes.
        value: 0 to `MAX_VALUE_BYTES` bytes.

    Raises:
        OutOfBounds: when either is something else; as for all encoders here.
    """
    return bytes([PUT]) + _key(key) + _value("value", value)


def get(key: bytes) -> bytes:
    """Encode "tell the value of the key"."""
    return bytes([GET]) + _key(key)


def delete(key: bytes) -> bytes:
    """Encode "remove the key and its value"."""
    return bytes([DELETE]) + _key(key)


def cas(key: bytes, expected: "bytes | None", value: bytes) -> bytes:
    """Encode "store the value under the key if it holds what is expected" (compare and set).

    Args:
        key: 1 to `MAX_KEY_BYTES` bytes.
        expected: the value that must be there now, or None for "absent".
        value: 0 to `MAX_VALUE_BYTES` bytes.
    """
    if expected is None:
        return bytes([CAS]) + _key(key) + b"\x00" + _value("value", value)
    return bytes([CAS]) + _key(key) + b"\x01" + _value("expected", expected) + _value("value", value)


def decode(data: bytes) -> Command:
    """Return the command that the bytes encode.

    Raises:
        MalformedCommand: when they encode none.
    """
    if not data:
        raise MalformedCommand("it is empty")
    operation = data[0]
    if not PUT <= operation <= CAS:
        raise MalformedCommand(f"there is no operation {operation}")
    key, at = _take(data, 1, 2, "key", 1, MAX_KEY_BYTES)
    value = None
    expected = None
    if operation == CAS:
        flag = data[at : at + 1]
        at += 1
        if flag == b"\x01":
            expected, at = _take(data, at, 4, "expected", 0, MAX_VALUE_BYTES)
        elif flag != b"\x00":
            raise MalformedCommand("whether a value is expected must be told by 0 or 1")
    if operation in (PUT, CAS):
        value, at = _take(data, at, 4, "value", 0, MAX_VALUE_BYTES)
    if at != len(data):
        raise MalformedCommand(f"{len(data) - at} bytes follow its end")
    return Command(operation, key, value, expected)


def encode_pairs(pairs: "Iterable[tuple[bytes, bytes]]") -> "Iterator[bytes]":
    """Encode contents, one piece for each key and its value."""
    for key, value in pairs:
        yield _key(key) + _value("value", value)


def decode_pairs(chunks: "Iterable[bytes]") -> "Iterator[tuple[bytes, bytes]]":
    """Yield the keys and values that contents encode, whatever pieces they come in.

    Raises:
        MalformedCommand: when they end within a pair, or a length is out of bounds.
    """
    rest = bytearray()
    for chunk in chunks:
        rest += chunk
        at = 0
        while at < len(rest):
            try:
                key, value, end = _take_pair(rest, at)
            except MalformedCommand:
                break  # it may go on in the next chunk
            yield key, value
            at = end
        if at:
            rest = rest[at:]
    if rest:
        _take_pair(rest, 0)  # says what is wrong


def _take_pair(data: "bytes | bytearray", at: int) -> "tuple[bytes, bytes, int]":
    """Return the key and the value at a position, and the position behind them."""
    key, at = _take(data, at, 2, "key", 1, MAX_KEY_BYTES)
    value, at = _take(data, at, 4, "value", 0, MAX_VALUE_BYTES)
    return key, value, at


def _key(key: bytes) -> bytes:
    return _prefixed("key", key, 2, 1, MAX_KEY_BYTES)


def _value(field: str, value: bytes) -> bytes:
    return _prefixed(field, value, 4, 0, MAX_VALUE_BYTES)


def _prefixed(field: str, data: bytes, width: int, shortest: int, longest: int) -> bytes:
    if type(data) is bytes and shortest <= len(data) <= longest:
        return len(data).to_bytes(width, "big") + data
    got = f"{len(data)} bytes" if type(data) is bytes else type(data).__name__
    raise OutOfBounds(field, got, f"{shortest} to {longest} bytes")


def _take(
    data: "bytes | bytearray", at: int, width: int, field: str, shortest: int, longest: int
) -> "tuple[bytes, int]":
    """Return the length-prefixed bytes at a position, and the position behind them."""
    start = at + width
    if start > len(data):
        raise MalformedCommand(f"it ends before the length of the {field}")
    length = int.from_bytes(data[at:start], "big")
    if not shortest <= length <= longest:
        raise MalformedCommand(f"the {field} has {length} bytes; it must have {shortest} to {longest}")
    if start + length > len(data):
        raise MalformedCommand(f"it ends within the {field}")
    return bytes(data[start : start + length]), start + length
