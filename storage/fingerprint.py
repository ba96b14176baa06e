"""The fingerprint of a content: the same for the same bytes on every member, whatever they are stored in.

It tells a follower whether another leader has the very bytes of which it has received some, and whether what it has put
together is what was sent. It guards against chance, not against malice: a checksum and the size, 32 bits each.
"""

from binascii import crc32

EMPTY = 0
"""The fingerprint of no bytes at all."""


def extended(fingerprint: int, data: bytes) -> int:
    """Return the fingerprint of a content that goes on with `data` behind what `fingerprint` is of."""
    size = (fingerprint >> 32) + len(data) & 0xFFFFFFFF
    return size << 32 | crc32(data, fingerprint & 0xFFFFFFFF)
