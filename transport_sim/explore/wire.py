"""Arrays of numbers under a header, as bytes: between processes and in files."""

from __future__ import annotations

import json
import sys
from array import array
from collections.abc import Mapping
from typing import Any

_LENGTH_BYTES = 4


def packed(header: Mapping[str, Any], **arrays: array[int]) -> bytes:
    """Return a header, of whatever JSON can say, and named arrays as bytes."""
    sections = [(name, numbers.typecode, len(numbers)) for name, numbers in arrays.items()]
    head = json.dumps({"header": header, "sections": sections}).encode()
    parts = [len(head).to_bytes(_LENGTH_BYTES, "little"), head]
    for numbers in arrays.values():
        parts.append(_little(numbers).tobytes())
    return b"".join(parts)


def unpacked(data: bytes) -> tuple[dict[str, Any], dict[str, array[int]]]:
    """Return the header and the arrays that `packed` made these bytes of.

    Raises:
        ValueError: when they are none.
    """
    view = memoryview(data)
    at = _LENGTH_BYTES + int.from_bytes(view[:_LENGTH_BYTES], "little")
    try:
        head = json.loads(bytes(view[_LENGTH_BYTES:at]))
        header, sections = head["header"], head["sections"]
        arrays = {}
        for name, kind, length in sections:
            numbers = array(kind)
            end = at + length * numbers.itemsize
            if end > len(view):
                raise ValueError("it is cut off")
            numbers.frombytes(view[at:end])
            arrays[name] = _little(numbers)
            at = end
    except (KeyError, TypeError) as error:
        raise ValueError(f"its header is of another form: {error}") from None
    if at != len(view):
        raise ValueError("it is longer than it says")
    return header, arrays


def _little(numbers: array[int]) -> array[int]:
    """Return numbers as they are in little-endian bytes, or back."""
    if sys.byteorder == "little":
        return numbers
    turned = array(numbers.typecode, numbers)
    turned.byteswap()
    return turned
