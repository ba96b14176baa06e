"""A connection of a client to a node: a DEALER socket, over which answers come back."""

from __future__ import annotations

from collections.abc import Callable

import zmq

from . import silence
from .connection import Connection, Route
from .network import Network

ANSWER_BYTES = 64 * 1024 * 1024  # nodes are believed, but not for more than this at a time
WAITING_ANSWERS = 64
QUEUE_BYTES = 256 * 1024 * 1024  # a session and the node's own limits bound what is under way far below
SILENCE_MS = 2000  # as `connection.SILENCE_MS`, and shorter: somebody waits, and another node may answer sooner


class ClientConnection(Connection):
    """Keeps one route to a node connected until it is closed.

    Args:
        network, route, on_change: as for `Connection`.
        on_answer: called with each frame that comes back; must neither wait nor raise.
        on_close: called when it was closed.
    """

    KIND = zmq.DEALER

    def __init__(
        self,
        network: Network,
        route: Route,
        on_change: Callable[[], None],
        on_answer: Callable[[bytes], None],
        on_close: Callable[[], None],
    ) -> None:
        super().__init__(network, route, QUEUE_BYTES, on_change)
        self._on_answer = on_answer
        self._on_close = on_close
        self._watcher.watch_for(zmq.POLLIN)
        self._watcher.start()

    def send(self, frame: bytes) -> None:
        """Send a frame, or let it go and count it."""
        super().send(frame)
        self._watcher.look_again()

    def close(self) -> None:
        """Close it at once; what waits is lost."""
        super().close()
        self._on_close()

    def _prepare(self) -> None:
        for option, value in (
            (zmq.RCVHWM, WAITING_ANSWERS),
            (zmq.MAXMSGSIZE, ANSWER_BYTES),
            (zmq.RECONNECT_IVL_MAX, 0),  # people wait for it
        ):
            self._socket.set(option, value)
        silence.limit(self._socket, SILENCE_MS)

    def _watch_for_room(self, wanted: bool) -> None:
        # One watcher for both: a second one would use up the signals of the first.
        self._watcher.watch_for(zmq.POLLIN | zmq.POLLOUT if wanted else zmq.POLLIN)

    def _on_ready(self) -> None:
        for _ in range(WAITING_ANSWERS):
            try:
                frame = self._socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                break
            self._on_answer(frame)
            if not self._watcher.active:
                return
        self._flush()
