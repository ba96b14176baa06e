"""Small pieces of every file: checksums over fields, and texts."""

import struct
from binascii import crc32


def seal(body: bytes, seed: int = 0) -> bytes:
    """Return a checksum of 4 bytes, and behind it the body."""
    return struct.pack("<I", crc32(body, seed)) + body


def is_sealed(data: bytes, seed: int = 0) -> bool:
    """Whether data begins with the checksum of the rest."""
    return len(data) > 4 and struct.unpack("<I", data[:4])[0] == crc32(data[4:], seed)


def pack_text(text: "str | None") -> bytes:
    """Return a text with its length; None is told from an empty one."""
    if text is None:
        return struct.pack("<H", 0)
    data = text.encode()
    return struct.pack("<H", len(data) + 1) + data


def unpack_text(data: bytes, offset: int) -> "tuple[str | None, int]":
    """Return the text that `pack_text` has put at an offset, and where it ends."""
    size = struct.unpack("<H", data[offset : offset + 2])[0]
    if size == 0:
        return None, offset + 2
    end = offset + 1 + size
    return str(data[offset + 2 : end], "utf-8"), end
