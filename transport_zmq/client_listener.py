"""The socket of the client port: a ROUTER, which knows each connection by a name of its own and can answer it."""

from __future__ import annotations

from collections.abc import Callable

import zmq

from .address import Address
from .allow_list import CLIENT
from .listener import Listener
from .network import Network
from .watcher import NOBLOCK, NOBLOCK_MORE

WAITING_FRAMES = 4  # of answers, that ZeroMQ may hold for each connection

SENT = "sent"
FULL = "full"
GONE = "gone"


class ClientListener(Listener):
    """Takes frames of clients, and sends them answers without ever waiting.

    Args:
        network, address, frame_bytes, connections: as for `Listener`.
        on_request: called with the name of a connection and a frame; must neither wait nor raise.
    """

    def __init__(
        self,
        network: Network,
        address: Address,
        frame_bytes: int,
        connections: int,
        on_request: Callable[[bytes, zmq.Frame], None],
    ) -> None:
        self._on_request = on_request
        self._name = b""  # of the connection whose message is taken
        super().__init__(
            network,
            address,
            CLIENT,
            frame_bytes,
            connections,
            self._hand_on,
            kind=zmq.ROUTER,
        )

    def send(self, connection: bytes, frame: bytes) -> str:
        """Send a frame: `SENT`; `FULL` when the client reads too slowly; `GONE` when there is no such connection."""
        try:
            self._socket.send(connection, NOBLOCK_MORE)
            self._socket.send(frame, NOBLOCK)
        except zmq.Again:
            return FULL
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            return GONE
        finally:
            self._watcher.look_again()
        return SENT

    def _prepare(self) -> None:
        self._socket.set(zmq.SNDHWM, WAITING_FRAMES)
        self._socket.set(zmq.ROUTER_MANDATORY, 1)  # or what cannot be sent would be lost without a word

    def _take_one(self) -> int:
        # Never all parts at once: there may be any number of them, and there should be one behind the name.
        if not self._in_parts:
            self._name = self._socket.recv(NOBLOCK)
        return super()._take_one()

    def _hand_on(self, frame: zmq.Frame) -> None:
        self._on_request(self._name, frame)
