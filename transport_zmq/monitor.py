"""What ZeroMQ reports of the connections of a socket."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import zmq
from zmq.utils.monitor import parse_monitor_message

from actors.loop import GEVENT, Loop

from .watcher import NOBLOCK, Watcher

ACCEPTED = zmq.EVENT_ACCEPTED
CONNECTED = zmq.EVENT_HANDSHAKE_SUCCEEDED
DISCONNECTED = zmq.EVENT_DISCONNECTED
NOT_ADMITTED = zmq.EVENT_HANDSHAKE_FAILED_AUTH  # by ZAP's answer, which comes as the code
MISUNDERSTOOD = zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
BROKEN_OFF = zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
HANDSHAKE_FAILED = BROKEN_OFF | MISUNDERSTOOD

_numbers = count()


class Monitor:
    """Tells somebody of the events of one socket, until it is closed.

    Args:
        socket: the socket, not connected or bound yet.
        events: which.
        on_event: called with each, and with what ZeroMQ says with it, a descriptor or a code; must not raise.
        loop: the event loop.
    """

    def __init__(
        self, socket: zmq.Socket[bytes], events: int, on_event: Callable[[int, int], None], loop: Loop = GEVENT
    ) -> None:
        self._socket = socket
        self._on_event = on_event
        name = f"inproc://monitor-{next(_numbers)}"
        socket.monitor(name, events)
        self._reports = socket.context.socket(zmq.PAIR)
        # ZeroMQ's own thread writes the reports, and would wait if there were no room.
        self._reports.set(zmq.RCVHWM, 0)
        self._reports.set(zmq.LINGER, 0)
        self._reports.connect(name)
        self._watcher = Watcher(self._reports, zmq.POLLIN, self._read, loop)
        self._watcher.start()

    def close(self) -> None:
        """Report nothing more; must be called before the socket is closed."""
        self._watcher.stop()
        self._socket.disable_monitor()
        self._reports.close()

    def _read(self) -> bool:
        while self._watcher.active:
            try:
                report = self._reports.recv_multipart(NOBLOCK)
            except zmq.Again:
                break
            told = parse_monitor_message(report)
            self._on_event(told["event"], told["value"])
        return False
