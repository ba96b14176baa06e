"""One outgoing connection: a PUSH socket to one place, and what waits to be sent there.

What is sent may be lost, so nothing is kept for a peer that is not connected, and nothing ever blocks. ZeroMQ itself
holds few frames. What it has no room for waits here, up to a number of bytes: a limit in frames would bound nothing,
since one frame may be an empty heartbeat or an entry of megabytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import zmq

from . import silence
from .address import Address
from .monitor import CONNECTED, DISCONNECTED, Monitor
from .network import Network
from .statistics import QUEUE_FULL, UNCONNECTED
from .watcher import Watcher

ZEROMQ_FRAMES = 16  # what ZeroMQ may hold of one connection
RECONNECT_MS = 100
MAX_RECONNECT_MS = 2000  # the pause between attempts doubles up to this
ANSWER_BYTES = 4096  # room for a handshake; nothing else comes back
SILENCE_MS = 5000  # a connection from which nothing is heard for so long is dead, however much waits on it


class Route(NamedTuple):
    """One way to a peer.

    Attributes:
        address: as it was given.
        endpoint: the same with its name looked up, for ZeroMQ.
        server_key: the public key that whoever answers must have; None without CURVE.
    """

    address: Address
    endpoint: str
    server_key: str | None


class Connection:
    """Keeps one route connected until it is closed.

    Args:
        network: of this node.
        route: whereto.
        queue_bytes: how much may wait here; one frame always may.
        on_change: called when it was connected, or is not any more.

    Attributes:
        route: see above.
        connected: whether frames can go.
    """

    KIND = zmq.PUSH

    def __init__(
        self,
        network: Network,
        route: Route,
        queue_bytes: int,
        on_change: Callable[[], None],
    ) -> None:
        self.route = route
        self.connected = False
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
        self._queue_bytes = queue_bytes
        self._statistics = network.statistics
        self._on_change = on_change
        socket = self._socket = network.context.socket(self.KIND)
        for option, value in (
            (zmq.IPV6, 1),
            (zmq.LINGER, 0),
            (zmq.IMMEDIATE, 1),  # frames wait for no connection, and are forgotten with it
            (zmq.SNDHWM, ZEROMQ_FRAMES),
            (zmq.RCVHWM, 1),  # nobody is to answer here
            (zmq.MAXMSGSIZE, ANSWER_BYTES),
            (zmq.RECONNECT_IVL, RECONNECT_MS),
            (zmq.RECONNECT_IVL_MAX, MAX_RECONNECT_MS),
            (zmq.CONNECT_TIMEOUT, SILENCE_MS),
            (zmq.HANDSHAKE_IVL, SILENCE_MS),
        ):
            socket.set(option, value)
        silence.limit(socket, SILENCE_MS)
        self._prepare()
        if network.security is not None:
            assert route.server_key is not None, "with CURVE a route has a key"
            network.security.connect(socket, route.server_key)
        self._watcher = Watcher(socket, zmq.POLLOUT, self._on_ready)
        self._monitor = Monitor(socket, CONNECTED | DISCONNECTED, self._on_event)
        socket.connect(route.endpoint)

    def send(self, frame: bytes) -> None:
        """Send a frame, or let it go and count it."""
        if not self.connected:
            self._statistics.dropped[UNCONNECTED] += 1
        elif self._queue:
            self._wait(frame)
        elif not self._sent(frame):
            self._wait(frame)
            self._watch_for_room(True)

    def close(self) -> None:
        """Close it at once; what waits is lost."""
        self._watcher.stop()
        self._monitor.close()
        self._socket.close()
        self._forget()

    def _prepare(self) -> None:
        """Set what else a socket of this kind needs."""

    def _on_ready(self) -> None:
        """Use the socket, which is ready."""
        self._flush()

    def _watch_for_room(self, wanted: bool) -> None:
        """Have `_on_ready` called when there is room for frames, or not any more."""
        if wanted:
            self._watcher.start()
        else:
            self._watcher.stop()

    def _wait(self, frame: bytes) -> None:
        if self._queue and self._queued_bytes + len(frame) > self._queue_bytes:
            self._statistics.dropped[QUEUE_FULL] += 1
            return
        self._queue.append(frame)
        self._queued_bytes += len(frame)

    def _sent(self, frame: bytes) -> bool:
        try:
            # Copied: without that a thread of pyzmq's would have to tell when the bytes can be let go.
            self._socket.send(frame, zmq.NOBLOCK, copy=True)
        except zmq.Again:
            return False
        self._statistics.frames_sent += 1
        self._statistics.bytes_sent += len(frame)
        return True

    def _flush(self) -> None:
        while self._queue and self._sent(self._queue[0]):
            self._queued_bytes -= len(self._queue.popleft())
        if not self._queue:
            self._watch_for_room(False)

    def _on_event(self, event: int) -> None:
        was_connected, self.connected = self.connected, event == CONNECTED
        if not self.connected:
            self._watch_for_room(False)
            self._forget()
        if self.connected or was_connected:  # a failed attempt is no news: the next one has its time
            self._on_change()

    def _forget(self) -> None:
        if self._queue:
            self._statistics.dropped[UNCONNECTED] += len(self._queue)
            self._queue.clear()
        self._queued_bytes = 0
        self.connected = False
