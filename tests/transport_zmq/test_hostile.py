"""A cluster whose ports are attacked: it stays available, its memory bounded, and what was refused is counted."""

import random
import socket
import time

import gevent
import pytest
import zmq

from raft.membership import Configuration
from raft.messages import Heartbeat, HigherTerm, VoteRequest
from tests.golden.wire import samples
from tests.transport_zmq import wire
from tests.transport_zmq.keyring import Keyring
from tests.transport_zmq.nodes import CONFIG, Node, configuration_of, have, leader_of, put, wait_until
from tests.transport_zmq.ports import Stranger
from transport_zmq import listener
from transport_zmq.frame import PEER, Header
from transport_zmq.limits import Limits
from transport_zmq.refusal import (
    CLUSTER,
    HANDSHAKE,
    NOT_OURS,
    RECEIVER,
    SENDER,
    TOO_LARGE,
    TRUNCATED,
    UNKNOWN_KEY,
    VERSION,
)

pytestmark = pytest.mark.contract("C4")

MEBIBYTE = 1 << 20
IDS = ("n1", "n2", "n3")


def resident_bytes():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


class Client:
    """Puts one value after the other, and remembers the longest time that one took."""

    def __init__(self, nodes):
        self.puts = 0
        self.longest_s = 0.0
        self._nodes = nodes
        self._greenlet = gevent.spawn(self._run)

    def _run(self):
        while True:
            started = time.monotonic()
            put(self._nodes, b"counter", b"%d" % (self.puts + 1))
            self.puts += 1
            self.longest_s = max(self.longest_s, time.monotonic() - started)

    def close(self):
        self._greenlet.kill()

    def goes_on(self, puts=5):
        wanted = self.puts + puts
        wait_until(lambda: self.puts >= wanted, 10)


@pytest.fixture
def ring(tmp_path, monkeypatch):
    monkeypatch.setattr(listener, "HANDSHAKE_MS", 1000)  # so that the tests need not wait for long
    return Keyring(tmp_path, IDS)


def run(nodes, configuration):
    for node in nodes:
        node.start(configuration)
    put(nodes, b"k", b"1")
    wait_until(lambda: all(node.transport._cluster for node in nodes))
    wait_until(lambda: all(len(node.status.configuration.incarnations) == 3 for node in nodes))


@pytest.fixture
def plain(tmp_path, closing, ring):
    nodes = [closing(Node(id, tmp_path)) for id in IDS]
    run(nodes, configuration_of(nodes))
    return nodes


@pytest.fixture
def curve(tmp_path, closing, ring):
    nodes = [closing(Node(id, tmp_path, security=ring.security(id))) for id in IDS]
    run(nodes, configuration_of(nodes))
    return nodes


def half_open(address, greeting=b""):
    """A TCP connection that says nothing more than this."""
    host, _, port = address.rpartition(":")
    connection = socket.create_connection((host, int(port)))
    if greeting:
        connection.sendall(greeting)
    return connection


@pytest.mark.parametrize("kind", ["plain", "curve"])
def test_hundreds_of_half_open_connections_and_garbage(request, kind, closing):
    nodes = request.getfixturevalue(kind)
    chance = random.Random(1)
    client = closing(Client(nodes))
    client.goes_on()
    before = resident_bytes()
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x01NULL" + bytes(16)  # as ZeroMQ would begin

    for number in range(300):
        node = nodes[number % 3]
        said = (b"", greeting, greeting[:9], chance.randbytes(200))[number % 4]
        closing(half_open(node.transport.address, said))
        gevent.sleep(0)
    client.goes_on(20)
    client.close()

    assert client.longest_s < 5
    assert resident_bytes() - before < 60 * MEBIBYTE
    wait_until(lambda: sum(node.statistics.refused[HANDSHAKE] for node in nodes) >= 75, 10)
    wait_until(
        lambda: have(nodes, b"counter", b"%d" % client.puts) or have(nodes, b"counter", b"%d" % (client.puts + 1))
    )


def test_a_member_that_takes_its_messages_and_never_reads_them_holds_up_nobody(tmp_path, closing):
    nodes = [closing(Node(id, tmp_path)) for id in IDS]
    deaf = closing(Stranger("127.0.0.1:1", kind=zmq.PULL)).socket
    deaf.set(zmq.RCVHWM, 1)
    addresses = {node.id: node.transport.address for node in nodes}
    addresses["n4"] = f"127.0.0.1:{deaf.bind_to_random_port('tcp://127.0.0.1')}"
    for node in nodes:
        node.start(Configuration((*IDS, "n4"), addresses=addresses))
    put(nodes, b"k", b"1")
    leader = leader_of(nodes)
    before = resident_bytes()

    started = time.monotonic()
    for number in range(60):
        put(nodes, b"k", b"%d" % number + bytes(500_000))

    assert time.monotonic() - started < 20
    assert leader.statistics.bytes_sent > 2 * 60 * 500_000
    assert resident_bytes() - before < 200 * MEBIBYTE, "60 MB of log in three nodes, and what is sent"
    wait_until(lambda: have(nodes, b"k", b"59" + bytes(500_000)))


def bad_frames(chance, cluster, receiver):
    """Frames that are refused."""
    good = Header(PEER, cluster, 0, "n2" if receiver != "n2" else "n3", receiver)
    beat = Heartbeat(good.sender, 1 << 40, 1)
    whole = wire.frame_of(good, [beat])
    return [
        chance.randbytes(chance.randint(0, 500)),
        whole[: chance.randrange(4, len(whole))],
        whole[:4] + b"\x02" + whole[5:],
        wire.frame_of(good._replace(cluster=cluster ^ 1), [beat]),
        wire.frame_of(good._replace(receiver="n9"), [beat]),
    ]


def test_frames_that_are_no_frames_or_not_meant_for_the_port(plain, closing):
    chance = random.Random(2)
    client = closing(Client(plain))
    client.goes_on()
    before = resident_bytes()

    for node in plain:
        stranger = closing(Stranger(node.transport.address))
        for _ in range(50):
            stranger.send(*bad_frames(chance, node.transport._cluster, node.id))
            gevent.sleep(0)
        stranger.send(bytes(Limits.of(CONFIG).frame_bytes + 1))
        stranger.send(bytes(3 * Limits.of(CONFIG).frame_bytes))  # for this ZeroMQ cuts the connection off
    wait_until(lambda: all(node.statistics.refused[TOO_LARGE] for node in plain), 10)
    client.goes_on(20)
    client.close()

    for node in plain:
        for reason in (NOT_OURS, TRUNCATED, VERSION, CLUSTER, RECEIVER):
            assert node.statistics.refused[reason] == 50, reason
        assert node.statistics.refused[TOO_LARGE] == 1
        assert node.status.term < 1 << 40, "no heartbeat of the strangers has reached a node"
    assert resident_bytes() - before < 150 * MEBIBYTE


def test_messages_that_no_member_would_send_are_the_cores_to_refuse(plain, closing):
    client = closing(Client(plain))
    for node in plain:
        stranger = closing(Stranger(node.transport.address))
        for sender in IDS:
            header = Header(PEER, node.transport._cluster, 12345, sender, node.id)
            stranger.send(wire.frame_of(header, [VoteRequest(sender, 1 << 40, 1 << 40, 1 << 40)]))
            stranger.send(wire.frame_of(header, [HigherTerm(sender, 1 << 40)]))
            stranger.send(wire.frame_of(header, [Heartbeat("\N{GRINNING FACE}", 0, -1), HigherTerm(sender, 0)]))
    client.goes_on(20)
    client.close()

    assert max(node.status.term for node in plain) < 1 << 40, "their incarnation is not the one that is bound"


def test_frames_sent_again_and_in_any_order_change_nothing(tmp_path, closing):
    nodes = [closing(Node(id, tmp_path)) for id in IDS]
    addresses = {node.id: node.transport.address for node in nodes}
    middle = closing(Stranger(addresses["n2"]))
    caught = []
    ear = closing(Stranger("127.0.0.1:1", kind=zmq.PULL)).socket
    addresses["n2"] = f"127.0.0.1:{ear.bind_to_random_port('tcp://127.0.0.1')}"

    def pass_on():
        while True:
            while ear.get(zmq.EVENTS) & zmq.POLLIN:
                caught.append(ear.recv())
                middle.send(caught[-1])
            gevent.sleep(0.002)

    passing = gevent.spawn(pass_on)
    run(nodes, Configuration(IDS, addresses=addresses))
    client = closing(Client(nodes))
    client.goes_on(50)

    chance = random.Random(3)
    for _ in range(5):
        for frame in chance.sample(caught, len(caught)):
            middle.send(frame)
        client.goes_on(5)
    client.close()
    put(nodes, b"last", b"1")

    wait_until(lambda: have(nodes, b"last", b"1"))
    assert len({tuple(node.machine.items()) for node in nodes}) == 1
    passing.kill()


def test_whoever_has_no_right_key_gets_nowhere(curve, closing, ring):
    ring.add("somebody", None)
    client = closing(Client(curve))
    client.goes_on()
    frames = [wire.frame_of(Header(PEER, 0, 0, "n2", node.id), samples.MESSAGES) for node in curve]
    received = [node.statistics.frames_received for node in curve]

    for node, frame in zip(curve, frames, strict=True):
        server_key = ring.keys[node.id].public
        closing(Stranger(node.transport.address)).send(frame)
        closing(Stranger(node.transport.address, ring.keys["somebody"], server_key)).send(frame)
        wrong = next(id for id in IDS if id != node.id)
        closing(Stranger(node.transport.address, ring.keys[wrong], ring.keys[wrong].public)).send(frame)
        third = next(id for id in IDS if id not in (node.id, "n2")) if node.id != "n2" else "n1"
        closing(Stranger(node.transport.address, ring.keys[third], server_key)).send(
            wire.frame_of(Header(PEER, node.transport._cluster, 0, "n9", node.id), [Heartbeat("n9", 1 << 40, 1)])
        )
    for node in curve:
        for reason in (HANDSHAKE, UNKNOWN_KEY, SENDER):
            wait_until(lambda node=node, reason=reason: node.statistics.refused[reason], 10)
    client.goes_on(20)
    client.close()

    assert all(now.statistics.frames_received > then for now, then in zip(curve, received, strict=True))
    assert max(node.status.term for node in curve) < 1 << 40


def test_a_member_whose_key_is_taken_away_is_shut_out_and_the_others_go_on(curve, ring, closing):
    client = closing(Client(curve))
    client.goes_on()
    leader = leader_of(curve)
    rest = [node for node in curve if node is not leader]

    del ring.lines[leader.id]
    ring.write()
    for node in rest:
        node.network.security.allow_list.reload()
        node.transport.keys_changed()
    client.close()
    put(rest, b"after", b"1")

    wait_until(lambda: have(rest, b"after", b"1"))
    assert not have([leader], b"after", b"1")
    assert not any(node.transport.connected[leader.id] for node in rest)
