"""Those who watch a node live: server-sent events, pushed when something has changed, made only while somebody looks.

Nothing is queued for a watcher. Each is sent what is so at the moment, as soon as it has taken what it was sent before:
who reads slowly misses states in between, and costs no memory.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from socket import SO_SNDBUF, SOL_SOCKET
from typing import Any, Protocol

import gevent
from gevent import get_hub
from gevent.event import Event

from ..alarm import Alarm
from .ticker import Ticker

MOST_STREAMS = 16  # the other connections are left to those who only ask
PUSH_S = 0.2  # what happens within is told at once
BEAT_S = 5.0  # so often something is sent in any case: a page must notice that its node is frozen
SEND_S = 10.0  # who has not taken what he was sent within is given up
BUFFER_BYTES = 64 * 1024  # the kernel holds for a watcher who does not read
RETRY_MS = 1000
MOST_DIGITS = 16  # of the number of an event

# What changes with the time alone, or with every message, is told beside what has changed, and is no change itself.
_FLEETING = ("uptime_s", "staleness_ms", "disk_bytes", "transport")

_READ = 1
_END = b"event: end\ndata: {}\n\n"


class Connection(Protocol):
    """The connection of a watcher."""

    @property
    def socket(self) -> Any:
        """Its socket."""


class Streams:
    """Tells watchers how a node is, and what happens.

    Args:
        tell: returns all that can be told of the node, as values that JSON has; must neither wait nor raise.

    Attributes:
        ticker: what has happened; told to watchers too.
    """

    def __init__(self, tell: Callable[[], dict[str, Any]]) -> None:
        self.ticker = Ticker(self.stir)
        self._tell = tell
        self._streams: set[_Stream] = set()
        self._alarm = Alarm(PUSH_S, self._push)
        self._closed = False

    @property
    def full(self) -> bool:
        """Whether there are as many watchers as there may be."""
        return len(self._streams) >= MOST_STREAMS

    def stir(self) -> None:
        """Take note that something may have changed. Costs nothing while nobody watches."""
        if self._streams:
            self._alarm.set()

    def serve(self, connection: Connection, write: Callable[[bytes], object], last_seen: str) -> None:
        """Tell one watcher everything until he goes, or all is closed.

        Args:
            connection: to him.
            write: sends him bytes.
            last_seen: the id of the last event that he was sent by another stream; empty for none.

        Raises:
            OSError: he went, or did not take what he was sent.
        """
        stream = _Stream(connection.socket, self._number_in(last_seen))
        self._streams.add(stream)
        try:
            _send(write, b"retry: %d\n\n" % RETRY_MS)
            while not self._closed and not stream.gone:
                stream.stirred.clear()
                _send(write, self._frame(stream))
                stream.stirred.wait(BEAT_S)
            if self._closed:
                _send(write, self._frame(stream) + _END)
        finally:
            self._streams.discard(stream)
            stream.close()

    def close(self) -> None:
        """End all streams, and let none begin."""
        self._closed = True
        self._alarm.cancel()
        for stream in self._streams:
            stream.stirred.set()

    def _push(self) -> None:
        lasting = _lasting(self._tell())
        for stream in self._streams:
            if stream.lasting != lasting or stream.number != self.ticker.newest:
                stream.stirred.set()

    def _frame(self, stream: _Stream) -> bytes:
        told = self._tell()
        stream.lasting = _lasting(told)
        frame = f"event: status\ndata: {json.dumps(told)}\n\n"
        events = self.ticker.after(stream.number)
        if events:
            stream.number = self.ticker.newest
            frame += f"id: {self.ticker.run}.{stream.number}\nevent: happened\ndata: {json.dumps(events)}\n\n"
        return frame.encode()

    def _number_in(self, last_seen: str) -> int:
        run, _, number = last_seen.partition(".")
        is_known = run == self.ticker.run and number.isascii() and number.isdigit() and len(number) < MOST_DIGITS
        return min(int(number), self.ticker.newest) if is_known else 0


class _Stream:
    """One watcher.

    Attributes:
        number: of the last event that he was sent.
        lasting: what he was sent last of the status, without what changes all the time.
        stirred: set when there is something to tell, or he has gone.
        gone: whether he has closed the connection; who says anything more on it counts as gone, too.
    """

    def __init__(self, socket: Any, number: int) -> None:
        self.number = number
        self.lasting: dict[str, Any] = {}
        self.stirred = Event()
        self.gone = False
        socket.setsockopt(SOL_SOCKET, SO_SNDBUF, BUFFER_BYTES)
        self._heard: Any = get_hub().loop.io(socket.fileno(), _READ)
        self._heard.start(self._went)

    def close(self) -> None:
        """Look after the connection no more."""
        self._heard.stop()
        self._heard.close()

    def _went(self) -> None:
        self._heard.stop()
        self.gone = True
        self.stirred.set()


def _send(write: Callable[[bytes], object], data: bytes) -> None:
    with gevent.Timeout(SEND_S, BrokenPipeError(errno.EPIPE, "a watcher does not read")):
        write(data)


def _lasting(told: dict[str, Any]) -> dict[str, Any]:
    """Return what of a status is as it is until something happens."""
    lasting = {name: value for name, value in told.items() if name not in _FLEETING}
    lasting["connected"] = told.get("transport", {}).get("connected")
    followers = told.get("followers", ())
    lasting["followers"] = [{**follower, "silent_ms": None} for follower in followers]
    return lasting
