"""A process that is busy while the other end of a connection goes away must not be taken down by ZeroMQ."""

import subprocess
import sys

import pytest
import zmq

from tests.transport_zmq.daemon.daemons import CHECKOUT
from transport_zmq.address import Address
from transport_zmq.client_connection import ClientConnection
from transport_zmq.connection import Route
from transport_zmq.watcher import UNBOUNDED


@pytest.mark.parametrize("who", ["node", "client"])
def test_who_is_held_up_lives_on_when_whoever_sends_goes_away_meanwhile(who):
    """libzmq 4.3.5 ends the process when a heartbeat comes due, or to light, on a broken connection."""
    command = [sys.executable, "-m", "tests.transport_zmq.held_up", who]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr


def test_no_socket_stops_reading_since_any_could_be_the_one(pair, closing):
    n1, n2 = pair
    address = Address.parse(n2.address)
    route = Route(address, address.endpoint, None)
    asking = closing(
        ClientConnection(n1.network, route, lambda: None, lambda frame: None, lambda: None, lambda refusal: None)
    )
    senders = [
        n1.transport._peers["n2"]._lane._connection,
        n1.transport._peers["n2"]._snapshot_lane._connection,
        asking,
    ]

    for one in (n1.transport._listener, *senders):
        assert one._socket.get(zmq.RCVHWM) == UNBOUNDED
