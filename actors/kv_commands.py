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
# Of other modules; their numbers stand here since none is ever used again for something else.
TRANSACTION = 5  # see `kv_transactions`
GRANT = 6  # see `kv_leases`, as for the next two
KEEP_ALIVE = 7
REVOKE = 8
RANGE = 9  # see `kv_order`
CHANGES = 10  # see `kv_history`

MAX_KEY_BYTES = 1024  # keys stay in memory and in every listing; what is longer is a value
MAX_VALUE_BYTES = 1024 * 1024  # so that one command never holds up replication for long

_SHORTEST_PUT = 8  # bytes: with a key of one and an empty value
_PIECE_BYTES = 16 * 1024  # of contents: as many short values as are worth one step of whoever takes them


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
    if type(key) is bytes and type(value) is bytes and 1 <= len(key) <= MAX_KEY_BYTES and len(value) <= MAX_VALUE_BYTES:
        return b"".join((b"\x01", len(key).to_bytes(2, "big"), key, len(value).to_bytes(4, "big"), value))
    return bytes([PUT]) + key_field(key) + value_field("value", value)  # which says what is wrong


def get(key: bytes) -> bytes:
    """Encode "tell the value of the key"."""
    return bytes([GET]) + key_field(key)


def delete(key: bytes) -> bytes:
    """Encode "remove the key and its value"."""
    return bytes([DELETE]) + key_field(key)


def cas(key: bytes, expected: "bytes | None", value: bytes) -> bytes:
    """Encode "store the value under the key if it holds what is expected" (compare and set).

    Args:
        key: 1 to `MAX_KEY_BYTES` bytes.
        expected: the value that must be there now, or None for "absent".
        value: 0 to `MAX_VALUE_BYTES` bytes.
    """
    if expected is None:
        return bytes([CAS]) + key_field(key) + b"\x00" + value_field("value", value)
    return bytes([CAS]) + key_field(key) + b"\x01" + value_field("expected", expected) + value_field("value", value)


def put_in(data: bytes) -> "tuple[bytes, bytes] | None":
    """Return key and value of a put, which most commands are; None when `decode` must look what the bytes are."""
    size = len(data)
    if size < _SHORTEST_PUT or data[0] != PUT:
        return None
    key_end = 3 + (data[1] << 8) + data[2]
    start = key_end + 4
    if (
        3 < key_end <= 3 + MAX_KEY_BYTES
        and size - start <= MAX_VALUE_BYTES
        and size == start + int.from_bytes(data[key_end:start], "big")
    ):
        return data[3:key_end], data[start:]
    return None


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
    if operation != CAS:
        decoded = _decode_common(operation, data)
        if decoded is not None:
            return decoded
    key, at = take_key(data, 1)
    value = None
    expected = None
    if operation == CAS:
        flag = data[at : at + 1]
        at += 1
        if flag == b"\x01":
            expected, at = take_value(data, at, "expected")
        elif flag != b"\x00":
            raise MalformedCommand("whether a value is expected must be told by 0 or 1")
    if operation in (PUT, CAS):
        value, at = take_value(data, at)
    check_end(data, at)
    return Command(operation, key, value, expected)


def _decode_common(operation: int, data: bytes) -> "Command | None":
    """Return a command of a key alone or with a value, None when something is wrong; most commands are these."""
    size = len(data)
    if size < 4:
        return None
    end = 3 + (data[1] << 8) + data[2]
    if operation != PUT:
        return Command(operation, data[3:end]) if 3 < end == size and end - 3 <= MAX_KEY_BYTES else None
    start = end + 4
    if end == 3 or end - 3 > MAX_KEY_BYTES or int.from_bytes(data[end:start], "big") != size - start:
        return None
    return Command(PUT, data[3:end], data[start:]) if size - start <= MAX_VALUE_BYTES else None


def encode_pairs(pairs: "Iterable[tuple[bytes, bytes]]") -> "Iterator[bytes]":
    """Encode contents, of which every key and value is one; a piece for many of them, unless they are large."""
    parts: list[bytes] = []
    size = 0
    for key, value in pairs:
        parts += (len(key).to_bytes(2, "big"), key, len(value).to_bytes(4, "big"), value)
        size += len(key) + len(value)
        if size >= _PIECE_BYTES:
            yield b"".join(parts)
            parts = []
            size = 0
    if parts:
        yield b"".join(parts)


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
    key, at = take_key(data, at)
    value, at = take_value(data, at)
    return key, value, at


def key_field(key: bytes, shortest: int = 1) -> bytes:
    """Encode a key.

    Args:
        key: `shortest` to `MAX_KEY_BYTES` bytes.
        shortest: 0 for a prefix, or where a range begins.
    """
    return _prefixed("key", key, 2, shortest, MAX_KEY_BYTES)


def value_field(field: str, value: bytes) -> bytes:
    """Encode a value.

    Args:
        field: what it is, for the error.
        value: 0 to `MAX_VALUE_BYTES` bytes.
    """
    return _prefixed(field, value, 4, 0, MAX_VALUE_BYTES)


def _prefixed(field: str, data: bytes, width: int, shortest: int, longest: int) -> bytes:
    if type(data) is bytes and shortest <= len(data) <= longest:
        return len(data).to_bytes(width, "big") + data
    got = f"{len(data)} bytes" if type(data) is bytes else type(data).__name__
    raise OutOfBounds(field, got, f"{shortest} to {longest} bytes")


def _take(
    data: "bytes | bytearray", at: int, width: int, field: str, shortest: int, longest: int
) -> "tuple[bytes, int]":
    """Return the length-prefixed bytes at a position, and the position behind them.

    Args:
        data: anything.
        at: where the length is.
        width: how many bytes that has.
        field: what it is, for the error.
        shortest: how many bytes must follow it at least.
        longest: and at most.

    Raises:
        MalformedCommand: when they are not there, or too few or too many.
    """
    start = at + width
    if start > len(data):
        raise MalformedCommand(f"it ends before the length of the {field}")
    length = int.from_bytes(data[at:start], "big")
    if not shortest <= length <= longest:
        raise MalformedCommand(f"the {field} has {length} bytes; it must have {shortest} to {longest}")
    if start + length > len(data):
        raise MalformedCommand(f"it ends within the {field}")
    return bytes(data[start : start + length]), start + length


def take_key(data: "bytes | bytearray", at: int, shortest: int = 1) -> "tuple[bytes, int]":
    """Return the key at a position, and the position behind it; see `key_field`."""
    return _take(data, at, 2, "key", shortest, MAX_KEY_BYTES)


def take_value(data: "bytes | bytearray", at: int, field: str = "value") -> "tuple[bytes, int]":
    """Return the value at a position, and the position behind it; see `value_field`."""
    return _take(data, at, 4, field, 0, MAX_VALUE_BYTES)


def take_number(data: "bytes | bytearray", at: int, width: int, field: str) -> "tuple[int, int]":
    """Return the number of `width` bytes at a position, and the position behind it.

    Raises:
        MalformedCommand: when they are not there.
    """
    end = at + width
    if end > len(data):
        raise MalformedCommand(f"it ends within the {field}")
    return int.from_bytes(data[at:end], "big"), end


def check_end(data: "bytes | bytearray", at: int) -> None:
    """Raise `MalformedCommand` unless a position is the end."""
    if at != len(data):
        raise MalformedCommand(f"{len(data) - at} bytes follow its end")
