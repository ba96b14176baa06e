"""How a transport finds its peers, keeps to them, and gives them up."""

import os

import gevent
import gevent.socket

from raft.entries import COMMAND, Entry
from raft.messages import Append, Heartbeat, HeartbeatEcho
from raft.observer import DEBUG, ESSENTIAL, ConfigurationChanged
from tests.transport_zmq import wire
from tests.transport_zmq.keyring import Keyring
from tests.transport_zmq.nodes import wait_until
from tests.transport_zmq.ports import Port, configuration, refused, reopened
from transport_zmq import connection, lane
from transport_zmq.address import Address
from transport_zmq.frame import PEER, Header
from transport_zmq.network import Network
from transport_zmq.peers import RoutingObserver
from transport_zmq.refusal import HANDSHAKE, RECEIVER
from transport_zmq.statistics import NO_PEER

BEAT = Heartbeat("n1", 1, 1)


def test_members_that_leave_are_forgotten_and_new_ones_connected(closing, pair):
    n1, n2 = pair
    n3 = closing(Port("n3"))

    n1.transport.follow(configuration(n1=n1.address, n3=n3.address))
    wait_until(lambda: n1.is_connected_to("n3"))
    n1.transport.send([("n2", BEAT), ("n3", BEAT)])
    wait_until(lambda: n3.messages)

    assert set(n1.transport.connected) == {"n3"}
    assert n2.messages == []
    assert n1.statistics.dropped == {NO_PEER: 1}


def test_a_peer_is_followed_to_another_address(closing, pair):
    n1, n2 = pair
    moved = closing(Port("n2"))

    n1.transport.follow(configuration(n1=n1.address, n2=moved.address))
    gevent.sleep(0)
    assert not n1.is_connected_to("n2"), "it hangs up at once"
    wait_until(lambda: n1.is_connected_to("n2"))
    n1.transport.send([("n2", BEAT)])
    wait_until(lambda: moved.messages)

    assert n2.messages == []


def test_a_peer_that_was_away_is_connected_again(closing, pair):
    n1, n2 = pair
    address = n2.address
    n2.transport.release()
    wait_until(lambda: not n1.is_connected_to("n2"))
    n1.transport.send([("n2", BEAT)])

    back = closing(reopened("n2", address))
    wait_until(lambda: n1.is_connected_to("n2"))
    n1.transport.send([("n2", HeartbeatEcho("n1", 1, 1, 1))])
    wait_until(lambda: back.messages)

    assert back.messages == [HeartbeatEcho("n1", 1, 1, 1)], "what was sent meanwhile is forgotten"


def silent_peer(listening):
    """Takes one connection as ZeroMQ would, and then neither reads nor writes any more."""
    connection, _ = listening.accept()
    connection.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(16 + 32))
    body = b"\x05READY\x0bSocket-Type\x00\x00\x00\x04PULL"
    connection.sendall(b"\x04" + bytes([len(body)]) + body)
    return connection


def test_a_peer_that_does_not_read_any_more_is_given_up(closing, monkeypatch):
    monkeypatch.setattr(connection, "SILENCE_MS", 2000)
    n1 = closing(Port("n1"))
    listening = closing(gevent.socket.socket())
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    accepting = gevent.spawn(silent_peer, listening)
    n1.transport.follow(configuration(n1=n1.address, n2=f"127.0.0.1:{listening.getsockname()[1]}"))
    closing(accepting.get())
    peer = n1.transport._peers["n2"]
    wait_until(lambda: peer._lane.connected or peer._snapshot_lane.connected)
    given_up = peer._lane if peer._lane.connected else peer._snapshot_lane

    append = Append("n1", 3, 4, 3, 4, (Entry(5, 3, COMMAND, bytes(900_000), 9),))
    for _ in range(50):
        given_up.send(wire.frame_of(Header(PEER, 0, 0, "n1", "n2"), [append]))

    wait_until(lambda: not given_up.connected)


def test_names_are_looked_up_again_when_a_connection_is_lost(closing):
    where = {"n2.example": ["127.0.0.2"]}
    looked_up = []

    def resolve(host):
        looked_up.append(host)
        gevent.sleep(0.01)
        return where.get(host, [])

    n1 = closing(Port("n1", resolve=resolve))
    first = closing(Port("n2", listen="127.0.0.2:0"))
    port = first.address.rpartition(":")[2]
    n1.transport.follow(configuration(n1=n1.address, n2=f"n2.example:{port}"))
    wait_until(lambda: n1.is_connected_to("n2"))
    n1.transport.send([("n2", BEAT)])
    wait_until(lambda: first.messages)
    assert len(looked_up) == 2, "once for each lane, and no more while they are connected"

    del where["n2.example"]
    first.transport.release()
    second = closing(Port("n2", listen=f"127.0.0.3:{port}"))
    wait_until(lambda: len(looked_up) > 3)
    assert not n1.is_connected_to("n2")
    where["n2.example"] = ["127.0.0.3"]
    wait_until(lambda: n1.is_connected_to("n2"))
    n1.transport.send([("n2", BEAT)])
    wait_until(lambda: second.messages)


def test_a_peer_whose_name_leads_elsewhere_is_followed_though_something_answers_at_the_old_place(closing, monkeypatch):
    monkeypatch.setattr(lane, "LOOK_AGAIN_S", 0.05)
    where = ["127.0.0.2"]
    n1 = closing(Port("n1", resolve=lambda host: where))
    old = closing(Port("n3", listen="127.0.0.2:0"))
    port = old.address.rpartition(":")[2]
    n2 = closing(Port("n2", listen=f"127.0.0.3:{port}"))
    n1.transport.follow(configuration(n1=n1.address, n2=f"n2.example:{port}"))
    wait_until(lambda: n1.is_connected_to("n2"))
    n1.transport.send([("n2", BEAT)])
    refused(old, RECEIVER)

    where[:] = []
    gevent.sleep(0.2)
    assert n1.is_connected_to("n2"), "a name server that knows nothing is no reason to hang up"
    where[:] = ["127.0.0.3"]

    def arrived():
        n1.transport.send([("n2", BEAT)])
        gevent.sleep(0.02)
        return n2.messages

    wait_until(arrived)


def test_connections_that_come_and_go_leave_nothing(closing):
    n1, n2 = closing(Port("n1")), closing(Port("n2"))
    files = len(os.listdir("/proc/self/fd"))

    for _ in range(30):
        n1.transport.follow(configuration(n1=n1.address, n2=n2.address, n3="127.0.0.1:1"))
        wait_until(lambda: n1.is_connected_to("n2"))
        n1.transport.follow(configuration(n1=n1.address))

    wait_until(lambda: len(os.listdir("/proc/self/fd")) <= files)


def test_an_observer_tells_the_transport_of_every_new_configuration_and_passes_all_on(pair):
    class Watcher:
        level = DEBUG
        seen = ()

        def observe(self, event):
            self.seen += (event,)

    n1, _ = pair
    watcher = Watcher()
    observer = RoutingObserver(n1.transport, watcher)
    changed = ConfigurationChanged("n1", 7, configuration(n1=n1.address, n5="127.0.0.1:1"))

    observer.observe(changed)
    observer.observe("another")

    assert set(n1.transport.connected) == {"n5"}
    assert watcher.seen == (changed, "another")
    assert observer.level == DEBUG
    assert RoutingObserver(n1.transport).level == ESSENTIAL


def test_of_several_addresses_of_a_name_one_that_works_is_found(closing):
    n2 = closing(Port("n2", listen="127.0.0.3:0"))
    n1 = closing(Port("n1", resolve=lambda host: ["127.0.0.2", "127.0.0.3"]))

    n1.transport.follow(configuration(n1=n1.address, n2=f"n2.example:{n2.address.rpartition(':')[2]}"))

    wait_until(lambda: n1.is_connected_to("n2"))


def test_a_member_that_no_configuration_names_yet_is_answered_where_it_says_it_is(closing):
    joiner = closing(Port("n9"))
    leader = closing(Port("n1", advertise="127.0.0.1:0"))
    leader.transport.follow(configuration(n1=leader.address, n9=joiner.address))
    wait_until(lambda: leader.is_connected_to("n9"))

    leader.transport.send([("n9", BEAT)])
    wait_until(lambda: joiner.is_connected_to("n1"))
    joiner.transport.send([("n1", HeartbeatEcho("n9", 1, 1, 0))])
    wait_until(lambda: leader.messages)

    assert leader.messages == [HeartbeatEcho("n9", 1, 1, 0)]


def test_a_peer_that_was_away_for_very_long_is_found_again(closing, monkeypatch):
    monkeypatch.setattr(lane, "FIRST_PATIENCE_S", 0.0001)
    monkeypatch.setattr(lane, "MAX_PATIENCE_S", 0.0001)
    network = closing(Network())
    away = Port("n2")
    address = Address.parse(away.address)
    away.close()
    attempts = []

    def connect(route, on_change):
        attempts.append(route)
        return connection.Connection(network, route, 1000, on_change)

    way = closing(lane.Lane(network.resolve, lambda: [None], connect))
    way.lead_to([address])
    wait_until(lambda: len(attempts) > 1100)  # the pause between them doubles, but not for ever
    monkeypatch.setattr(lane, "MAX_PATIENCE_S", 1.0)
    closing(Port("n2", listen=str(address)))

    wait_until(lambda: way.connected)


def test_who_is_turned_away_does_not_knock_all_the_time(closing, tmp_path):
    """A member without keys, at the port of one with keys: each attempt fails at once; the next one has its time."""
    ring = Keyring(tmp_path, ["n1", "n2"])
    n2 = closing(Port("n2", security=ring.security("n2")))
    n1 = closing(Port("n1"))

    n1.transport.follow(configuration(n1=n1.address, n2=n2.address))
    refused(n2, HANDSHAKE, 2)
    gevent.sleep(1.5)

    assert n2.statistics.connections < 50
