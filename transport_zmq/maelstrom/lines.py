"""Lines from stdin and to stdout, none of which makes the loop wait."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator

import gevent
from gevent.event import Event
from gevent.os import make_nonblocking, nb_read, nb_write
from loguru import logger

READ_BYTES = 64 * 1024


class Lines:
    """Reads lines from one file descriptor and writes lines to another: pipes, sockets or terminals.

    Args:
        incoming: where lines come from.
        outgoing: where they go.
        longest_bytes: the longest line that is read; longer ones are dropped, which is logged now and then.
        waiting_bytes: how much may wait to be written; beyond, lines are dropped, as a network may do.

    Attributes:
        dropped: how many lines were dropped, in either direction.
    """

    def __init__(self, incoming: int, outgoing: int, longest_bytes: int, waiting_bytes: int) -> None:
        self.dropped = 0
        self._incoming = incoming
        self._outgoing = outgoing
        self._longest_bytes = longest_bytes
        self._waiting_bytes = waiting_bytes
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._closing = False
        self._some = Event()
        make_nonblocking(incoming)
        make_nonblocking(outgoing)
        self._writer = gevent.spawn(self._write_all)

    def read(self) -> Iterator[bytes]:
        """Yield lines, without their ends, until there will be no more."""
        rest = bytearray()
        skips = False  # what follows is the rest of a line that was too long
        while data := nb_read(self._incoming, READ_BYTES):
            *ends, beginning = data.split(b"\n")
            for end in ends:
                line = bytes(rest + end)
                rest.clear()
                if skips or len(line) > self._longest_bytes:
                    self._drop(f"a line of more than {self._longest_bytes} bytes")
                    skips = False
                elif line:
                    yield line
            rest += beginning
            if len(rest) > self._longest_bytes:
                rest.clear()
                skips = True

    def write(self, line: bytes) -> None:
        """Have a line, with its end, written soon."""
        if self._waiting and self._size + len(line) > self._waiting_bytes:
            self._drop("a line that finds too much waiting to be read by Maelstrom")
            return
        self._waiting.append(line)
        self._size += len(line)
        self._some.set()

    def close(self, timeout_s: float) -> None:
        """Write what waits, as far as somebody reads it in time, and leave the descriptors as they were."""
        self._closing = True
        self._some.set()
        self._writer.join(timeout_s)
        self._writer.kill()
        os.set_blocking(self._incoming, True)
        os.set_blocking(self._outgoing, True)

    def _write_all(self) -> None:
        try:
            while self._waiting or not self._closing:
                self._some.wait()
                self._some.clear()
                while self._waiting:
                    self._write_line(self._waiting[0])
                    self._size -= len(self._waiting.popleft())
        except OSError as error:  # nobody reads any more, so the end of what comes in is near
            logger.warning("stdout cannot be written to: {}", error.strerror or error)

    def _write_line(self, line: bytes) -> None:
        left = memoryview(line)
        while left:
            left = left[nb_write(self._outgoing, left) :]

    def _drop(self, what: str) -> None:
        self.dropped += 1
        if self.dropped & (self.dropped - 1) == 0:  # the first, second, fourth, eighth, …
            logger.warning("dropped {} ({} lines so far)", what, self.dropped)
