"""Results of a state machine as bytes, so that the reply to a command can be kept, saved and given again.

What can be encoded: None, bool, int, float, str, bytes, and tuples, lists and dicts of these, nested at most
`MAX_DEPTH` deep. What comes back is equal to what was encoded and of the same types, subclasses excepted, which are
refused. The items of a dict are in the order of their encoded keys, so that equal results have equal bytes on every
member.

A value is one byte that tells its type, then its contents: lengths and counts have 4 bytes, big-endian; an int is its
hexadecimal digits, a float its 8 bytes of IEEE 754.

Keeps to what MicroPython understands: boards run this file too.
"""

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_DEPTH = 16  # so that a result that contains itself ends in an error and not in the interpreter's


class UnsupportedResult(ValueError):
    """The result has no encoding here. The text names types only, so that it is the same on every member."""


class MalformedResult(ValueError):
    """The bytes encode no result; the text says where they go wrong."""


def encode(result: "Any") -> bytes:
    """Return the bytes of a result.

    Raises:
        UnsupportedResult: when it has none.
    """
    return _encode(result, 0)


def decode(data: bytes) -> "Any":
    """Return the result that the bytes encode.

    Raises:
        MalformedResult: when they encode none.
    """
    result, end = _decode(data, 0, 0)
    if end != len(data):
        raise MalformedResult(f"{len(data) - end} bytes follow its end")
    return result


def _encode(value: "Any", depth: int) -> bytes:
    kind = type(value)
    if value is None:
        return b"n"
    if kind is bytes:
        return b"".join((b"b", _length(value), value))
    if kind is int:
        digits = f"{value:x}".encode()  # decimal digits would take quadratic time
        return b"".join((b"i", _length(digits), digits))
    if kind is bool:
        return b"t" if value else b"f"
    if kind is str:
        try:
            text = value.encode()
        except UnicodeError:
            raise UnsupportedResult("a str that UTF-8 cannot encode") from None
        return b"".join((b"s", _length(text), text))
    if kind is float:
        return b"d" + struct.pack(">d", value)
    if kind is not tuple and kind is not list and kind is not dict:
        raise UnsupportedResult(f"a {kind.__name__} is no None, bool, int, float, str, bytes, tuple, list or dict")
    if depth == MAX_DEPTH:
        raise UnsupportedResult(f"it is nested more than {MAX_DEPTH} deep")
    if kind is dict:
        items = [(_encode(key, depth + 1), _encode(item, depth + 1)) for key, item in value.items()]
        return b"m" + _length(items) + b"".join([key + item for key, item in sorted(items)])
    parts = [_encode(item, depth + 1) for item in value]
    return (b"u" if kind is tuple else b"l") + _length(parts) + b"".join(parts)


def _length(value: "bytes | list[bytes] | list[tuple[bytes, bytes]]") -> bytes:
    if len(value) >> 32:
        raise UnsupportedResult("a part of it is 4 GiB long or longer")
    return len(value).to_bytes(4, "big")


def _decode(data: bytes, at: int, depth: int) -> "tuple[Any, int]":
    """Return the value at a position, and the position behind it."""
    tag = data[at : at + 1]
    at += 1
    if tag == b"n":
        return None, at
    if tag == b"t" or tag == b"f":
        return tag == b"t", at
    if tag == b"d":
        return struct.unpack(">d", _bytes(data, at, 8))[0], at + 8
    if tag not in (b"b", b"i", b"s", b"u", b"l", b"m"):
        raise MalformedResult(f"there is no type {tag!r}")
    length = int.from_bytes(_bytes(data, at, 4), "big")
    at += 4
    if tag == b"u" or tag == b"l" or tag == b"m":
        if depth == MAX_DEPTH:
            raise MalformedResult(f"it is nested more than {MAX_DEPTH} deep")
        return _decode_many(data, at, depth + 1, tag, length)
    contents = _bytes(data, at, length)
    at += length
    if tag == b"b":
        return contents, at
    try:
        text = contents.decode()
        if tag == b"s":
            return text, at
        number = int(text, 16)
    except ValueError:  # UnicodeError is one
        raise MalformedResult("a str or an int is none") from None
    if f"{number:x}" != text:
        raise MalformedResult("an int has another encoding than its own")
    return number, at


def _decode_many(data: bytes, at: int, depth: int, tag: bytes, length: int) -> "tuple[Any, int]":
    if tag == b"m":
        items = {}
        last = b""
        for _ in range(length):
            key, end = _decode(data, at, depth)
            if data[at:end] <= last:
                raise MalformedResult("the keys of a dict are out of order")
            last = data[at:end]
            try:
                items[key], at = _decode(data, end, depth)
            except TypeError:
                raise MalformedResult("a key of a dict is a list or a dict") from None
        return items, at
    parts = []
    for _ in range(length):
        part, at = _decode(data, at, depth)
        parts.append(part)
    return (tuple(parts) if tag == b"u" else parts), at


def _bytes(data: bytes, at: int, length: int) -> bytes:
    if at + length > len(data):
        raise MalformedResult("it ends too early")
    return data[at : at + length]
