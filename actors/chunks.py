"""Snapshots come in pieces, cut anywhere; who restores one takes from them what it needs next.

Keeps to what MicroPython understands: boards run this file too.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class MalformedSnapshot(ValueError):
    """The bytes are not what they should be; the text says where they go wrong."""


class Reader:
    """Reads bytes that come in chunks.

    Args:
        chunks: the bytes, however they are cut.
    """

    def __init__(self, chunks: "Iterable[bytes]") -> None:
        self._chunks = iter(chunks)
        self._ahead = bytearray()
        self._at = 0  # where what was not taken yet begins

    def take(self, count: int) -> bytes:
        """Return the next bytes.

        Raises:
            MalformedSnapshot: when there are not so many.
        """
        while len(self._ahead) - self._at < count:
            chunk = next(self._chunks, None)
            if chunk is None:
                raise MalformedSnapshot("it ends too early")
            if self._at:
                self._ahead = self._ahead[self._at :]
                self._at = 0
            self._ahead.extend(chunk)
        start = self._at
        self._at += count
        return bytes(self._ahead[start : self._at])

    def rest(self) -> "Iterator[bytes]":
        """Yield all bytes that were not taken."""
        if self._at < len(self._ahead):
            yield bytes(self._ahead[self._at :])
        yield from self._chunks
