"""A process too busy to read while whoever sends to it goes away: python -m tests.transport_zmq.held_up node|client

Its exit code is 0 when it has lived through that.
"""

import socket
import struct
import sys
import time

import gevent
import zmq

from tests.transport_zmq.nodes import wait_until
from tests.transport_zmq.ports import Port
from transport_zmq.address import Address
from transport_zmq.client_connection import ClientConnection
from transport_zmq.connection import Route
from transport_zmq.network import Network

# As a PUSH socket of ZeroMQ begins: its version and mechanism, its type, a frame of one byte.
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
READY = b"\x04\x1a\x05READY\x0bSocket-Type\x00\x00\x00\x04PUSH"
FRAME = b"\x00\x01x"
FRAMES = 500  # far more than ZeroMQ holds of a connection
BUSY_S = 3.0  # longer than the time between two heartbeats


def node():
    port = Port("n1")
    stranger = socket.create_connection(("127.0.0.1", Address.parse(port.address).port))
    stranger.sendall(GREETING + READY)
    wait_until(lambda: port.statistics.handshakes == 1)
    stranger.sendall(FRAME * FRAMES)
    time.sleep(0.3)
    stranger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # it goes with a reset
    stranger.close()
    time.sleep(BUSY_S)
    wait_until(lambda: sum(port.statistics.refused.values()) > 0)
    port.close()


def client():
    context, network = zmq.Context(), Network(None)
    server = context.socket(zmq.ROUTER)
    server.set(zmq.LINGER, 0)
    number = server.bind_to_random_port("tcp://127.0.0.1")
    address = Address("127.0.0.1", number)
    route = Route(address, address.endpoint, None)
    asking = ClientConnection(network, route, lambda: None, lambda frame: None, lambda: None, lambda refusal: None)
    wait_until(lambda: asking.connected)
    asking.send(b"x")
    gevent.sleep(0.1)
    name, _ = server.recv_multipart()
    for _ in range(FRAMES):
        server.send_multipart([name, b"y"])
    asking.send(b"what the server does not read, so that it goes with a reset")
    time.sleep(0.3)
    server.close()
    context.term()
    time.sleep(BUSY_S)
    wait_until(lambda: not asking.connected)
    asking.close()
    network.close()


if __name__ == "__main__":
    {"node": node, "client": client}[sys.argv[1]]()
