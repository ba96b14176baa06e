"""Frames of what one turn sends: as few as can be, each no larger than is good for whoever reads it."""

from __future__ import annotations

from collections.abc import Iterator

from raft.messages import Message

from .codec import END, MessagePacker
from .frame import PEER, Header
from .limits import FULL_BYTES, FULL_ITEMS
from .versions import OLDEST

KEPT_HEADERS = 256


class Framer:
    """Makes frames of one member's messages.

    Args:
        member: its id.
        address: where it tells others that they reach it, empty for nothing.

    Attributes:
        version: of the frames that it makes.
    """

    def __init__(self, member: str, address: str) -> None:
        self._member = member
        self._address = address
        self._packer = MessagePacker()
        self._headers: dict[tuple[str, int, int], bytes] = {}
        self.version = OLDEST

    def speak(self, version: int) -> None:
        """Make frames of this version from now on."""
        if version != self.version:
            self.version = version
            self._headers.clear()

    def forget(self) -> None:
        """End the turn: an append that went to several peers in it was packed once."""
        self._packer.forget()

    def frames(self, receiver: str, messages: list[Message]) -> Iterator[bytes]:
        """Yield the frames that bring these messages to a receiver, in their order.

        The messages must live until the next `forget`.
        """
        pieces: list[bytes] = []
        size = items = 0
        signature = (0, 0)
        for message in messages:
            piece, count = self._packer.pack(message)
            signed = (message.cluster, message.incarnation)
            if pieces and (signed != signature or size + len(piece) > FULL_BYTES or items + count > FULL_ITEMS):
                yield b"".join((self._header(receiver, *signature), *pieces, END))
                pieces, size, items = [], 0, 0
            signature = signed
            pieces.append(piece)
            size += len(piece)
            items += count
        if pieces:
            yield b"".join((self._header(receiver, *signature), *pieces, END))

    def _header(self, receiver: str, cluster: int, incarnation: int) -> bytes:
        known = (receiver, cluster, incarnation)
        header = self._headers.get(known)
        if header is None:
            if len(self._headers) >= KEPT_HEADERS:
                self._headers.clear()
            header = Header(PEER, cluster, incarnation, self._member, receiver, self._address).encode(self.version)
            self._headers[known] = header
        return header
