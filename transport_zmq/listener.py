"""A port of a node: the one socket that everybody who sends here connects to."""

from __future__ import annotations

from collections.abc import Callable

import zmq

from . import silence
from .address import Address
from .errors import CannotListen
from .monitor import ACCEPTED, CONNECTED, HANDSHAKE_FAILED, Monitor
from .network import Network
from .refusal import HANDSHAKE, NOT_OURS
from .security import source_of
from .watcher import Watcher

TURN_FRAMES = 64  # so many frames, or so many bytes, are taken before others have their turn
TURN_BYTES = 4 * 1024 * 1024
WAITING_FRAMES = 16
HANDSHAKE_MS = 5000  # whoever has not said who he is by then is cut off
SILENCE_MS = 10_000
BACKLOG = 256


class Listener:
    """Takes frames from anybody who may connect.

    Args:
        network: of this node.
        address: where; port 0 for any that is free.
        role: which role whoever connects must have, with CURVE.
        frame_bytes: the largest frame that is of use. One of up to twice that size is still handed on, so that it
            can be counted; for a larger one the connection is cut off before anything is stored.
        on_frame: called with each frame, in one greenlet; must neither wait nor raise.
        kind: of the socket.
        waiting_frames: how many frames ZeroMQ may hold of each connection.

    Raises:
        CannotListen: something else listens there, or this machine has no such address.

    Attributes:
        address: where it listens, with the port that was chosen.
    """

    def __init__(
        self,
        network: Network,
        address: Address,
        role: str,
        frame_bytes: int,
        on_frame: Callable[[zmq.Frame], None],
        *,
        kind: int = zmq.PULL,
        waiting_frames: int = WAITING_FRAMES,
    ) -> None:
        self._network = network
        self._on_frame = on_frame
        self._in_parts = False  # whether the next frame is another part of one that was refused
        socket = self._socket = network.context.socket(kind)
        for option, value in (
            (zmq.IPV6, ":" in address.host),
            (zmq.LINGER, 0),
            (zmq.RCVHWM, waiting_frames),
            (zmq.MAXMSGSIZE, 2 * frame_bytes),
            (zmq.HANDSHAKE_IVL, HANDSHAKE_MS),
            (zmq.BACKLOG, BACKLOG),
        ):
            socket.set(option, int(value))
        silence.limit(socket, SILENCE_MS)
        self._prepare()
        if network.security is not None:
            network.security.serve(socket, role)
        self._monitor = Monitor(socket, ACCEPTED | CONNECTED | HANDSHAKE_FAILED, self._on_event)
        try:
            self.address = self._bind(address)
        except CannotListen:
            self._monitor.close()
            socket.close()
            raise
        self._watcher = Watcher(socket, zmq.POLLIN, self._take)
        self._watcher.start()

    def close(self) -> None:
        """Cut all connections off and give the port back."""
        self._watcher.stop()
        self._monitor.close()
        self._socket.close()

    def _prepare(self) -> None:
        """Set what else a socket of this kind needs."""

    def _bind(self, address: Address) -> Address:
        hosts = [address.host] if address.is_literal else self._network.resolve(address.host)
        if not hosts:
            raise CannotListen(str(address), "no such name")
        try:
            self._socket.bind(Address(hosts[0], address.port).endpoint)
        except zmq.ZMQError as error:
            raise CannotListen(str(address), error.strerror or str(error)) from error
        return address._replace(port=int(self._socket.get_string(zmq.LAST_ENDPOINT).rpartition(":")[2]))

    def _take(self) -> None:
        room = TURN_BYTES
        for _ in range(TURN_FRAMES):
            try:
                room -= self._take_one()
            except zmq.Again:
                return
            if room <= 0 or not self._watcher.active:
                return

    def _take_one(self) -> int:
        """Take a frame and return its size; raise `zmq.Again` when there is none."""
        frame = self._socket.recv(zmq.NOBLOCK, copy=False)
        if frame.more or self._in_parts:
            self._in_parts = frame.more
            self._refuse_part(frame)
        else:
            self._on_frame(frame)
        return len(frame)

    def _refuse_part(self, frame: zmq.Frame) -> None:
        self._network.statistics.refuse(NOT_OURS, "one of several parts", source_of(frame))

    def _on_event(self, event: int) -> None:
        statistics = self._network.statistics
        if event == ACCEPTED:
            statistics.connections += 1
        elif event == CONNECTED:
            statistics.handshakes += 1
        else:
            statistics.refuse(HANDSHAKE, "", "somebody who connected")
