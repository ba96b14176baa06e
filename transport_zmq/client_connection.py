"""A connection of a client to a node: a DEALER socket, over which answers come back."""

from __future__ import annotations

import errno
from collections.abc import Callable

import zmq

from .connection import Connection, Route
from .errors import NotAdmitted
from .monitor import BROKEN_OFF, CONNECTED, MISUNDERSTOOD, NOT_ADMITTED
from .network import Network
from .watcher import FEW, NOBLOCK, UNBOUNDED

ANSWER_BYTES = 64 * 1024 * 1024  # nodes are believed, but not for more than this at a time
TURN_ANSWERS = 64  # so many frames are taken before others have their turn
QUEUE_BYTES = 256 * 1024 * 1024  # a session and the node's own limits bound what is under way far below
SILENCE_MS = 2000  # as `connection.SILENCE_MS`, and shorter: somebody waits, and another node may answer sooner
HEARTBEAT_MS = 500
HUNG_UP = (errno.EPIPE, errno.ECONNRESET)
BREAKS = 3  # a handshake that is broken off so often in a row is no accident


class ClientConnection(Connection):
    """Keeps one route to a node connected until it is closed.

    Args:
        network, route, on_change: as for `Connection`.
        on_answer: called with each frame that comes back; must neither wait nor raise.
        on_close: called when it was closed.
        on_refusal: called with why the node does not let this client in.
    """

    KIND = zmq.DEALER
    EVENTS = Connection.EVENTS | NOT_ADMITTED | MISUNDERSTOOD | BROKEN_OFF

    def __init__(
        self,
        network: Network,
        route: Route,
        on_change: Callable[[], None],
        on_answer: Callable[[bytes], None],
        on_close: Callable[[], None],
        on_refusal: Callable[[NotAdmitted], None],
    ) -> None:
        self._key = None if network.security is None else network.security.keys.public
        self._breaks = 0
        self._on_refusal = on_refusal
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
            (zmq.RCVHWM, UNBOUNDED),  # what is asked bounds it
            (zmq.MAXMSGSIZE, ANSWER_BYTES),
            (zmq.HEARTBEAT_IVL, HEARTBEAT_MS),
            (zmq.HEARTBEAT_TIMEOUT, SILENCE_MS),
            (zmq.RECONNECT_IVL_MAX, 0),  # people wait for it
        ):
            self._socket.set(option, value)

    def _watch_for_room(self, wanted: bool) -> None:
        # One watcher for both: a second one would use up the signals of the first.
        self._watcher.watch_for(zmq.POLLIN | zmq.POLLOUT if wanted else zmq.POLLIN)

    def _on_event(self, event: int, value: int) -> None:
        if event not in (NOT_ADMITTED, MISUNDERSTOOD, BROKEN_OFF):
            if event == CONNECTED:
                self._breaks = 0
            super()._on_event(event, value)
            return
        node = str(self.route.address)
        if event == NOT_ADMITTED and self._key is not None:
            self._on_refusal(NotAdmitted.key(node, self._key))
        elif event == MISUNDERSTOOD and value == zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH:
            self._on_refusal(NotAdmitted.no_keys(node) if self._key is None else NotAdmitted.plain(node))
        elif self._key is not None and value in HUNG_UP:  # not: the time was up, which says nothing of keys
            self._breaks += 1  # a node with another key than was expected cannot say so, and hangs up
            if self._breaks >= BREAKS:
                self._on_refusal(NotAdmitted.server_key(node))

    def _on_ready(self) -> bool:
        more = self._take()
        if self._queue and self._watcher.active:
            self._flush()
            more = True
        return more

    def _take(self) -> bool:
        """Take the answers that are there, but not too many; return whether there may be more."""
        for taken in range(TURN_ANSWERS):
            try:
                frame = self._socket.recv(NOBLOCK)
            except zmq.Again:
                return False
            self._on_answer(frame)
            if not self._watcher.active or (taken < FEW and not self._watcher.is_still_ready):
                return False
        return True
