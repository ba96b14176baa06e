"""A port of a node: the one socket that everybody who sends here connects to."""

from __future__ import annotations

import time
from collections.abc import Callable

import zmq

from .address import Address
from .errors import CannotListen
from .inbound import Inbound
from .monitor import ACCEPTED, CONNECTED, DISCONNECTED, HANDSHAKE_FAILED, Monitor
from .network import Network
from .refusal import HANDSHAKE
from .watcher import FEW, NOBLOCK, UNBOUNDED, Watcher

TURN_FRAMES = 64  # so many frames, or so many bytes, are taken before others have their turn
TURN_BYTES = 4 * 1024 * 1024
TURN_S = 0.01  # or for so long
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
            can be counted; for a larger one the connection is cut off before anything is stored. The same is the
            bound of a message of several parts, which is of no use at all.
        connections: how many there may be.
        on_frame: called with each frame, in one greenlet; must neither wait nor raise.
        kind: of the socket.

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
        connections: int,
        on_frame: Callable[[zmq.Frame], None],
        *,
        kind: int = zmq.PULL,
    ) -> None:
        self._network = network
        self._role = role
        self._on_frame = on_frame
        self._in_parts = False  # whether the next frame is another part of one that was refused
        socket = self._socket = network.context.socket(kind)
        for option, value in (
            (zmq.IPV6, ":" in address.host),
            (zmq.LINGER, 0),
            (zmq.RCVHWM, UNBOUNDED),
            (zmq.MAXMSGSIZE, 2 * frame_bytes),
            (zmq.HANDSHAKE_IVL, HANDSHAKE_MS),
            (zmq.HEARTBEAT_IVL, SILENCE_MS // 4),
            (zmq.HEARTBEAT_TIMEOUT, SILENCE_MS),
            (zmq.BACKLOG, BACKLOG),
        ):
            socket.set(option, int(value))
        self._prepare()
        if network.security is not None:
            network.security.serve(socket, role)
        self._monitor = Monitor(socket, ACCEPTED | CONNECTED | DISCONNECTED | HANDSHAKE_FAILED, self._on_event)
        self._inbound = Inbound(
            network.statistics,
            connections,
            frame_bytes,
            lambda: self._watcher.is_ready,
            network.security is not None,
        )
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
        self._inbound.close()
        self._monitor.close()
        self._socket.close()

    def keys_changed(self) -> None:
        """Cut off those whose keys are not good for this port any more; called after `reload` of the allow-list."""
        security = self._network.security
        if security is not None:
            self._inbound.keys_changed(lambda key: security.allow_list.allows(key, self._role))

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

    def _take(self) -> bool:
        """Take the frames that are there, but no more than is good for others; return whether there may be more."""
        room = TURN_BYTES
        until_s = time.monotonic() + TURN_S
        for taken in range(TURN_FRAMES):
            try:
                room -= self._take_one()
            except zmq.Again:
                return False
            if room <= 0 or time.monotonic() > until_s or not self._watcher.active:
                break
            if taken < FEW and not self._watcher.is_still_ready:
                return False
        return True

    def _take_one(self) -> int:
        """Take a frame and return its size; raise `zmq.Again` when there is none."""
        frame = self._socket.recv(NOBLOCK, copy=False)
        if self._is_whole(frame):
            self._on_frame(frame)
        return len(frame)

    def _is_whole(self, frame: zmq.Frame) -> bool:
        """Whether a frame is a message, not one of several parts; whoever sends these is cut off."""
        begins, self._in_parts = not self._in_parts, frame.more
        self._inbound.bring(frame)
        if begins and frame.more:
            self._inbound.refuse_parts(frame)
        return begins and not frame.more

    def _on_event(self, event: int, value: int) -> None:
        statistics = self._network.statistics
        if event == ACCEPTED:
            statistics.connections += 1
            self._inbound.accept(value)
        elif event == DISCONNECTED:
            self._inbound.forget(value)
        elif event == CONNECTED:
            statistics.handshakes += 1
        else:
            statistics.refuse(HANDSHAKE, "", "somebody who connected")
