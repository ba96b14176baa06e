"""The contents of a store that counts its changes, as bytes.

Two zero bytes, with which no contents without revisions begin (see `kv_commands.encode_pairs`), and a byte that tells
the format, 1. The id of the newest lease and the number of leases; for each its id, its time to live and its end. The
revision of the first change in the history and how many there are; for each its key and a byte, 0 for a deletion or 1
and the value. The number of keys; for each the key, the value, the revision of its last change and its lease. Numbers
have 8 bytes and are big-endian. The revision of the store is that of the last change in the history.

Keeps to what MicroPython understands: boards run this file too.
"""

from .chunks import MalformedSnapshot, Reader
from .kv_commands import MAX_KEY_BYTES, MAX_VALUE_BYTES, MalformedCommand, key_field, value_field
from .kv_history import History
from .kv_leases import Lease, Leases

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    # A key, its value, the revision of its last change, and its lease or 0.
    Item = tuple[bytes, bytes, int, int]

MARK = b"\x00\x00\x01"


def encode(
    last_lease: int,
    leases: "list[tuple[int, int, int]]",
    first: int,
    changes: "list[tuple[bytes, bytes | None]]",
    count: int,
    items: "Iterable[Item]",
) -> "Iterator[bytes]":
    """Encode contents, piece by piece; `count` tells how many items there are."""
    yield MARK + _numbers(last_lease, len(leases))
    for id, ttl_ms, until_ms in leases:
        yield _numbers(id, ttl_ms, until_ms)
    yield _numbers(first, len(changes))
    for key, value in changes:
        yield key_field(key) + (b"\x00" if value is None else b"\x01" + value_field("value", value))
    yield _numbers(count)
    for key, value, revision, lease in items:
        yield key_field(key) + value_field("value", value) + _numbers(revision, lease)


def decode(chunks: "Iterable[bytes]") -> "tuple[Leases, History, list[Item]]":
    """Return the contents that the bytes encode, however they are cut; the leases have their keys.

    Raises:
        MalformedCommand: when they encode none.
    """
    try:
        return _decode(Reader(chunks))
    except MalformedSnapshot as error:
        raise MalformedCommand(str(error)) from None


def _decode(reader: Reader) -> "tuple[Leases, History, list[Item]]":
    if reader.take(len(MARK)) != MARK:
        raise MalformedCommand("these contents are of a later format")
    leases = Leases()
    leases.last = _number(reader)
    for _ in range(_number(reader)):
        id = _number(reader)
        ttl_ms = _number(reader)
        leases.add(id, Lease(ttl_ms, _number(reader)))
    history = History(_number(reader))
    for _ in range(_number(reader)):
        key = _key(reader)
        history.add(key, None if reader.take(1) == b"\x00" else _value(reader))
    items: list[Item] = []
    for _ in range(_number(reader)):
        key = _key(reader)
        value = _value(reader)
        revision = _number(reader)
        lease = _number(reader)
        if lease:
            if lease not in leases:
                raise MalformedCommand(f"there is no lease {lease}")
            leases.attach(key, lease)
        items.append((key, value, revision, lease))
    if any(reader.rest()):
        raise MalformedCommand("bytes follow its end")
    return leases, history, items


def _numbers(*numbers: int) -> bytes:
    return b"".join([number.to_bytes(8, "big") for number in numbers])


def _number(reader: Reader) -> int:
    return int.from_bytes(reader.take(8), "big")


def _key(reader: Reader) -> bytes:
    length = int.from_bytes(reader.take(2), "big")
    if not 1 <= length <= MAX_KEY_BYTES:
        raise MalformedCommand(f"the key has {length} bytes; it must have 1 to {MAX_KEY_BYTES}")
    return reader.take(length)


def _value(reader: Reader) -> bytes:
    length = int.from_bytes(reader.take(4), "big")
    if length > MAX_VALUE_BYTES:
        raise MalformedCommand(f"the value has {length} bytes; it must have 0 to {MAX_VALUE_BYTES}")
    return reader.take(length)
