"""Transports without nodes behind them, and sockets that speak to them as anybody could."""

import time

import gevent
import zmq

from raft.membership import Configuration
from tests.transport_zmq.nodes import wait_until
from transport_zmq.address import resolve
from transport_zmq.errors import CannotListen, TransportError
from transport_zmq.limits import Limits
from transport_zmq.network import Network
from transport_zmq.peers import PeerTransport

LIMITS = Limits(frame_bytes=2_000_000, frame_items=100_000, queue_bytes=4_000_000)


class Inbox:
    """Keeps what it is told."""

    def __init__(self):
        self.messages = []

    def tell(self, message):
        self.messages.append(message)


class Port:
    """A transport that listens, and the inbox it delivers to."""

    def __init__(
        self, name, *, listen="127.0.0.1:0", security=None, limits=LIMITS, advertise="", resolve=resolve, insecure=False
    ):
        self.network = Network(security, resolve=resolve, insecure_bind=insecure)
        self.transport = PeerTransport(self.network, name, listen, limits, advertise)
        self.inbox = Inbox()
        try:
            self.transport.open(self.inbox)
        except TransportError:
            self.close()
            raise

    @property
    def address(self):
        return self.transport.address

    @property
    def messages(self):
        return self.inbox.messages

    @property
    def statistics(self):
        return self.network.statistics

    def is_connected_to(self, *names):
        return all(self.transport.connected.get(name) for name in names)

    def close(self):
        self.transport.release()
        self.network.close()


def reopened(name, address, **settings):
    """A port at the address of one that was just released: ZeroMQ's own thread gives it back a moment later."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return Port(name, listen=address, **settings)
        except CannotListen:
            assert time.monotonic() < deadline, f"{address} is not given back"
            gevent.sleep(0.01)


def configuration(**addresses):
    """The voters of these names, at these addresses; those without one stand nowhere."""
    return Configuration(tuple(sorted(addresses)), addresses={name: at for name, at in addresses.items() if at})


class Stranger:
    """A socket of whoever likes to send something to a port.

    Args:
        address: of the port.
        keys: a pair of keys to speak with; None for no CURVE.
        server_key: the public key that the port is believed to have.
    """

    def __init__(self, address, keys=None, server_key="", kind=zmq.PUSH):
        self._context = zmq.Context()
        self.socket = self._context.socket(kind)
        self.socket.set(zmq.LINGER, 0)
        self.socket.set(zmq.RECONNECT_IVL, 20)
        if server_key:
            keys.apply_to(self.socket)
            self.socket.set(zmq.CURVE_SERVERKEY, server_key.encode())
        self.socket.connect(f"tcp://{address}")

    def send(self, *frames):
        for frame in frames:
            self.socket.send(frame, zmq.NOBLOCK)

    def close(self):
        self.socket.close()
        self._context.term()


def refused(port, reason, count=1):
    """Waits until so much was refused for a reason."""
    wait_until(lambda: port.statistics.refused[reason] >= count, 10)
