"""CurveZMQ: who gets in, and who does not (contract C4)."""

import random

import gevent
import pytest
import zmq

from raft.membership import Configuration
from raft.messages import Heartbeat
from tests.transport_zmq import wire
from tests.transport_zmq.keyring import Keyring
from tests.transport_zmq.nodes import wait_until
from tests.transport_zmq.ports import Port, Stranger, refused, reopened
from transport_zmq.frame import PEER, Header
from transport_zmq.refusal import HANDSHAKE, NOT_OURS, REVOKED, ROLE, SENDER, TRUNCATED, UNKNOWN_KEY

pytestmark = pytest.mark.contract("C4")

BEAT = Heartbeat("n2", 1, 1)
FRAME = wire.frame_of(Header(PEER, 0, 0, "n2", "n1"), [BEAT])


@pytest.fixture
def ring(tmp_path):
    return Keyring(tmp_path, ["n1", "n2"])


@pytest.fixture
def n1(closing, ring):
    return closing(Port("n1", security=ring.security("n1")))


@pytest.fixture
def stranger(closing, ring, n1):
    """Makes a socket that speaks to n1 with some keys, or none, believing that n1 has some key."""

    def make(label, server="n1"):
        return closing(Stranger(n1.address, ring.keys.get(label), ring.keys[server].public if label else ""))

    return make


def let_in(n1, socket, frame=FRAME):
    """Sends a frame until it arrives."""
    before = len(n1.messages)

    def arrived():
        socket.send(frame)
        gevent.sleep(0.01)
        return len(n1.messages) > before

    wait_until(arrived, 10)


def gets_nowhere(n1, socket, reason=None):
    """Whether what a socket sends is refused for a reason, and brings no message."""
    before = len(n1.messages), n1.statistics.refused[reason]
    socket.send(FRAME)
    if reason is not None:
        refused(n1, reason, before[1] + 1)
    gevent.sleep(0.1)
    return len(n1.messages) == before[0]


def members(*ports):
    addresses = {port.transport.member: port.address for port in ports}
    return Configuration(tuple(sorted(addresses)), addresses=addresses)


def test_members_with_keys_reach_each_other(closing, ring, n1):
    n2 = closing(Port("n2", security=ring.security("n2")))
    for port in (n1, n2):
        port.transport.follow(members(n1, n2))

    wait_until(lambda: n1.is_connected_to("n2") and n2.is_connected_to("n1"))
    n2.transport.send([("n1", BEAT)])
    wait_until(lambda: n1.messages)

    assert n1.messages == [BEAT]
    assert n1.statistics.refused.total() == n2.statistics.refused.total() == 0


def test_whoever_has_no_keys_gets_nowhere(n1, stranger):
    assert gets_nowhere(n1, stranger(None), HANDSHAKE)


def test_whoever_has_unknown_keys_gets_nowhere(n1, ring, stranger):
    ring.add("somebody", None)

    assert gets_nowhere(n1, stranger("somebody"), UNKNOWN_KEY)


def test_whoever_believes_the_port_to_have_another_key_gets_nowhere(n1, stranger):
    assert gets_nowhere(n1, stranger("n2", server="n2"))
    assert n1.statistics.handshakes == 0


def test_the_key_of_a_client_is_no_key_of_a_peer(n1, ring, stranger):
    ring.add("alice", "n2", "client,admin")
    ring.write()
    n1.network.security.allow_list.reload()

    assert gets_nowhere(n1, stranger("alice"), ROLE)


def test_a_peer_that_sends_garbage_is_refused_frame_by_frame(n1, stranger):
    socket = stranger("n2")
    chance = random.Random(1)
    for _ in range(200):
        socket.send(chance.randbytes(chance.randint(0, 200)))
        socket.send(FRAME[: chance.randrange(4, len(FRAME))])
        gevent.sleep(0)
    let_in(n1, socket)

    refused(n1, NOT_OURS, 200)
    refused(n1, TRUNCATED, 200)
    assert n1.statistics.handshakes == 1, "and its connection stays as it was"


def test_a_peer_cannot_speak_for_another_one(n1, ring, stranger):
    ring.add("n3", "n3")
    ring.write()
    n1.network.security.allow_list.reload()

    assert gets_nowhere(n1, stranger("n3"), SENDER)


def test_a_key_is_worth_nothing_once_it_is_taken_off_the_list(n1, ring, stranger):
    socket = stranger("n2")
    let_in(n1, socket)

    del ring.lines["n2"]
    ring.write()
    assert not gets_nowhere(n1, socket), "nobody has read the list again yet"
    n1.network.security.allow_list.reload()

    assert gets_nowhere(n1, socket, REVOKED), "the connection is open, and of no use"
    assert gets_nowhere(n1, stranger("n2"), UNKNOWN_KEY), "and there will be no other"


def test_a_key_is_replaced_without_a_pause(closing, ring, n1):
    old = closing(Port("n2", security=ring.security("n2")))
    n1.transport.follow(members(n1, old))
    wait_until(lambda: n1.is_connected_to("n2"))

    ring.add("n2 anew", "n2")
    ring.write()
    n1.network.security.allow_list.reload()
    n1.transport.keys_changed()
    gevent.sleep(0.05)
    assert n1.is_connected_to("n2"), "the old key is as good as before"

    address = old.address
    old.transport.release()
    new = closing(reopened("n2", address, security=ring.security("n2 anew")))
    wait_until(lambda: n1.is_connected_to("n2"))
    new.transport.follow(members(n1, new))
    wait_until(lambda: new.is_connected_to("n1"))
    new.transport.send([("n1", BEAT)])
    wait_until(lambda: n1.messages)

    del ring.lines["n2"]
    ring.write()
    n1.network.security.allow_list.reload()
    n1.transport.keys_changed()
    gevent.sleep(0.05)
    assert n1.is_connected_to("n2")
    new.transport.send([("n1", BEAT)])
    wait_until(lambda: len(n1.messages) == 2)


def test_nothing_is_sent_to_a_peer_whose_key_was_taken_off_the_list(closing, ring, n1):
    n2 = closing(Port("n2", security=ring.security("n2")))
    n1.transport.follow(members(n1, n2))
    wait_until(lambda: n1.is_connected_to("n2"))

    del ring.lines["n2"]
    ring.write()
    n1.network.security.allow_list.reload()
    n1.transport.keys_changed()
    gevent.sleep(0)

    assert not n1.is_connected_to("n2")


def test_nobody_listens_to_a_port_that_only_pretends_to_be_a_member(closing, ring, n1):
    ring.add("impostor", None)
    impostor = closing(Stranger("127.0.0.1:1", kind=zmq.PULL)).socket
    ring.keys["impostor"].apply_to(impostor)
    impostor.set(zmq.CURVE_SERVER, 1)
    port = impostor.bind_to_random_port("tcp://127.0.0.1")
    n1.transport.follow(Configuration(("n1", "n2"), addresses={"n2": f"127.0.0.1:{port}"}))

    gevent.sleep(0.3)
    n1.transport.send([("n2", BEAT)])

    assert not n1.is_connected_to("n2")
    assert n1.statistics.frames_sent == 0


def test_with_keys_a_port_may_be_reached_from_everywhere(closing, ring):
    closing(Port("n1", listen="0.0.0.0:0", security=ring.security("n1")))


def test_no_secret_is_shown_or_logged(tmp_path, ring, n1, stranger, logged):
    ring.add("somebody", None)
    gets_nowhere(n1, stranger("somebody"), UNKNOWN_KEY)
    secrets = []
    for label, pair in ring.keys.items():
        pair.save(tmp_path / label)
        secrets.append((tmp_path / label).read_text().strip())

    shown = "".join(logged) + repr(vars(n1.network.security)) + repr(n1.network.security.keys)
    assert ring.keys["somebody"].public in shown
    assert not [secret for secret in secrets if secret in shown]
