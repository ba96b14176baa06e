"""A connection of a client to a node: a DEALER socket, over which answers come back."""

from __future__ import annotations

from collections.abc import Callable

import zmq

from .connection import Connection, Route
from .network import Network

ANSWER_BYTES = 64 * 1024 * 1024  # nodes are believed, but not for more than this at a time
TURN_ANSWERS = 64  # so many are taken before others have their turn
QUEUE_BYTES = 256 * 1024 * 1024  # a session and the node's own limits bound what is under way far below
SILENCE_MS = 2000  # as `connection.SILENCE_MS`, and shorter: somebody waits, and another node may answer sooner
HEARTBEAT_MS = 500


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
            # Nothing comes that was not asked for, so ZeroMQ may hold all of it. It must: when it stops reading because a
            # program is too busy, and the connection breaks off then, it ends the process (libzmq issue 3937).
            (zmq.RCVHWM, 0),
            (zmq.MAXMSGSIZE, ANSWER_BYTES),
            (zmq.HEARTBEAT_IVL, HEARTBEAT_MS),
            (zmq.HEARTBEAT_TIMEOUT, SILENCE_MS),
            (zmq.RECONNECT_IVL_MAX, 0),  # people wait for it
        ):
            self._socket.set(option, value)

    def _watch_for_room(self, wanted: bool) -> None:
        # One watcher for both: a second one would use up the signals of the first.
        self._watcher.watch_for(zmq.POLLIN | zmq.POLLOUT if wanted else zmq.POLLIN)

    def _on_ready(self) -> None:
        for _ in range(TURN_ANSWERS):
            try:
                frame = self._socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                break
            self._on_answer(frame)
            if not self._watcher.active:
                return
        self._flush()
