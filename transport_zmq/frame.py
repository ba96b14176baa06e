"""Frames: what one peer sends to another at a time, a header and a body.

    magic    4 bytes   b"QUOR"
    version  1 byte    of everything behind it
    kind     1 byte    who is to read the body
    cluster  8 bytes   id of the cluster the sender belongs to, 0 while it knows none
    incarnation 8      of the sender's storage, 0 for none
    lengths  3 x 2     of the three texts that follow, in bytes
    sender             the member that sends it
    receiver           the member that it is meant for
    address            where the sender can be reached, empty when it does not say

All numbers are big-endian. The receiver is named because addresses are used again: a vote that was meant for somebody
else must not count here. The address lets a member answer one that its configuration does not know yet.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import NamedTuple

from raft.membership import MAX_ADDRESS_LENGTH, MAX_ID_LENGTH

from .refusal import CLUSTER, FRAME_KIND, NOT_OURS, RECEIVER, TRUNCATED, VERSION, Refusal
from .versions import OLDEST, SENT_FROM

MAGIC = b"QUOR"
PEER = 1  # the kind of frame whose body is messages of the core

_HEAD = struct.Struct(">4sBBQQHHH")
_LENGTHS = struct.Struct(">HHH")
HEAD_BYTES = _HEAD.size
MAX_HEADER_BYTES = HEAD_BYTES + 4 * (2 * MAX_ID_LENGTH + MAX_ADDRESS_LENGTH)  # a character has at most four bytes
KEPT_HEADERS = 64  # a cluster has no more members that speak


class Header(NamedTuple):
    """What a frame says before its body.

    Attributes:
        kind: who is to read the body.
        cluster, incarnation, sender, receiver, address: see above.
    """

    kind: int
    cluster: int
    incarnation: int
    sender: str
    receiver: str
    address: str = ""

    def encode(self, version: int = OLDEST) -> bytes:
        """Return the header as bytes, in one of the versions that are sent."""
        sender, receiver, address = self.sender.encode(), self.receiver.encode(), self.address.encode()
        head = _HEAD.pack(
            MAGIC,
            version,
            self.kind,
            self.cluster,
            self.incarnation,
            len(sender),
            len(receiver),
            len(address),
        )
        return head + sender + receiver + address

    def check(self, kind: int, receiver: str, cluster: int) -> None:
        """Check that a frame is meant for this place.

        Args:
            kind: the only one that is read here.
            receiver: the member that has received it.
            cluster: the receiver's, 0 when it does not know it yet; then any will do.

        Raises:
            Refusal: it is not.
        """
        if self.kind != kind:
            raise Refusal(FRAME_KIND, f"{self.kind}, here only {kind}")
        if self.receiver != receiver:
            raise Refusal(RECEIVER, f"this is {receiver}")
        if cluster and self.cluster and self.cluster != cluster:
            raise Refusal(CLUSTER, f"{self.cluster:x}, this is {cluster:x}")


def split(frame: bytes) -> tuple[Header, memoryview]:
    """Return header and body of a frame that anybody may have sent.

    Raises:
        Refusal: it has no header that can be read. Nothing else is ever raised, whatever the bytes.
    """
    if frame[:4] != MAGIC:
        raise Refusal(NOT_OURS)
    if len(frame) < HEAD_BYTES:
        raise Refusal(TRUNCATED, "in the header")
    end = HEAD_BYTES + sum(_LENGTHS.unpack_from(frame, HEAD_BYTES - _LENGTHS.size))
    head = frame[: min(end, MAX_HEADER_BYTES)]
    return _header(head), memoryview(frame)[end:]


@lru_cache(maxsize=KEPT_HEADERS)
def _header(head: bytes) -> Header:
    """Return the header that these bytes are; those that come again and again are read once."""
    _, version, kind, cluster, incarnation, *lengths = _HEAD.unpack_from(head)
    if version not in SENT_FROM:
        raise Refusal(VERSION, f"{version}, this program reads up to {max(SENT_FROM)}")
    end = HEAD_BYTES
    texts = []
    for length, longest in zip(lengths, (MAX_ID_LENGTH, MAX_ID_LENGTH, MAX_ADDRESS_LENGTH), strict=True):
        begin, end = end, end + length
        if length > 4 * longest:
            raise Refusal(NOT_OURS, "an id or address is too long")
        if end > len(head):
            raise Refusal(TRUNCATED, "in the header")
        try:
            text = head[begin:end].decode()
        except UnicodeDecodeError:
            raise Refusal(NOT_OURS, "an id or address is no text") from None
        if len(text) > longest:
            raise Refusal(NOT_OURS, "an id or address is too long")
        texts.append(text)
    sender, receiver, address = texts
    if not sender or not receiver:
        raise Refusal(NOT_OURS, "it names no sender or no receiver")
    return Header(kind, cluster, incarnation, sender, receiver, address)
