"""A ZeroMQ socket on gevent's loop.

The descriptor of a ZeroMQ socket does not say that something can be received: it says, once, that something may have
changed. What has is told by ZMQ_EVENTS. And any call on the socket may use up that signal, so whoever has called one
must look again before he waits.

So all sockets here are plain ones, used without blocking, and each has a watcher that looks after every signal and
after every time it let its owner work. Nothing switches greenlets for a message: the owner takes as much as it likes,
and is called again, after others have had their turn, while there is more.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import zmq
from gevent import get_hub

_READABLE = 1  # to libev: the descriptor signals by becoming readable, whatever has happened

# Plain numbers: those of pyzmq are enumerations, and take longer to use than the socket does.
NOBLOCK = int(zmq.NOBLOCK)
NOBLOCK_MORE = int(zmq.NOBLOCK | zmq.SNDMORE)  # not the last part
_EVENTS = int(zmq.EVENTS)


class Watcher:
    """Calls somebody as long as a socket is ready.

    Args:
        socket: the socket.
        event: for what it shall be ready, `zmq.POLLIN` or `zmq.POLLOUT`.
        on_ready: does some of what can be done, and returns whether there may be more; it must not say no before the
            socket has. It may stop the watcher, or close the socket.
    """

    def __init__(self, socket: zmq.Socket[bytes], event: int, on_ready: Callable[[], bool]) -> None:
        self._socket = socket
        self._event = int(event)
        self._on_ready = on_ready
        self._loop: Any = get_hub().loop
        self._io: Any = None
        self._next: Any = None  # the look that is on its way

    def watch_for(self, event: int) -> None:
        """Let it be another event from now on."""
        self._event = int(event)
        self.look_again()

    @property
    def active(self) -> bool:
        """Whether it watches."""
        return self._io is not None

    def start(self) -> None:
        """Begin to watch; what is ready already is noticed too."""
        if self._io is None:
            self._io = self._loop.io(self._socket.get(zmq.FD), _READABLE)
            self._io.start(self._look)
            self._look_soon()

    def stop(self) -> None:
        """Watch no more; must be called before the socket is closed."""
        if self._io is not None:
            self._io.stop()
            self._io.close()
            self._io = None
        if self._next is not None:
            self._next.stop()
            self._next = None

    def look_again(self) -> None:
        """Take note that the socket was used by somebody else than `on_ready`, which may have used up a signal."""
        if self._io is not None:
            self._look_soon()

    def _look_soon(self) -> None:
        if self._next is None:
            self._next = self._loop.run_callback(self._look_now)

    def _look_now(self) -> None:
        self._next = None
        self._look()

    def _look(self) -> None:
        if self._io is None or not self._socket.get(_EVENTS) & self._event:
            return
        more = True
        try:
            more = self._on_ready()
        except Exception:
            # The loop would report it too, and watch no more: one bad frame must not close a port.
            get_hub().handle_error(self, *sys.exc_info())
        if more:
            self.look_again()
