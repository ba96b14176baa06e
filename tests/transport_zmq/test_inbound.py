"""The connections of a port: how many there may be, who has to go, and who is cut off (contract C4)."""

from contextlib import suppress

import gevent
import pytest
import zmq

from raft.messages import Heartbeat
from tests.transport_zmq import wire
from tests.transport_zmq.keyring import Keyring
from tests.transport_zmq.nodes import wait_until
from tests.transport_zmq.ports import LIMITS, Port, Stranger, refused
from tests.transport_zmq.test_hostile import half_open
from transport_zmq import inbound
from transport_zmq.frame import PEER, Header
from transport_zmq.limits import Limits
from transport_zmq.refusal import FLOOD, HANDSHAKE, PARTS, REVOKED, TOO_MANY_CONNECTIONS

pytestmark = pytest.mark.contract("C4")

FRAME = wire.frame_of(Header(PEER, 0, 0, "n2", "n1"), [Heartbeat("n2", 1, 1)])
FEW = Limits(LIMITS.frame_bytes, LIMITS.frame_items, LIMITS.queue_bytes, connections=5)


def speaking(port, closing, *keys):
    """Somebody who has brought a frame."""
    stranger = closing(Stranger(port.address, *keys))
    before = len(port.messages)
    stranger.send(FRAME)
    wait_until(lambda: len(port.messages) > before)
    return stranger


def test_the_oldest_that_has_said_nothing_has_to_go_and_whoever_has_spoken_stays(closing):
    n1 = closing(Port("n1", limits=FEW))
    first = speaking(n1, closing)
    silent = [closing(half_open(n1.address)) for _ in range(4)]
    wait_until(lambda: n1.statistics.connections == 5)

    second = speaking(n1, closing)

    refused(n1, TOO_MANY_CONNECTIONS)
    silent[0].settimeout(5)
    while silent[0].recv(100):
        pass  # the greeting, and then its end
    assert n1.statistics.refused[TOO_MANY_CONNECTIONS] == 1
    for stranger in (first, second):
        before = len(n1.messages)
        stranger.send(FRAME)
        wait_until(lambda before=before: len(n1.messages) > before)
    assert n1.statistics.handshakes == 2, "neither had to connect again"


def test_the_newest_has_to_go_where_all_have_spoken(closing):
    n1 = closing(Port("n1", limits=FEW))
    strangers = [speaking(n1, closing) for _ in range(5)]

    closing(half_open(n1.address))

    refused(n1, TOO_MANY_CONNECTIONS)
    for stranger in strangers:
        stranger.send(FRAME)
    wait_until(lambda: len(n1.messages) == 10)


def test_each_connection_comes_to_its_turn_to_be_looked_at(closing, monkeypatch):
    monkeypatch.setattr(inbound, "LOOK_GUESTS", 2)
    n1 = closing(Port("n1"))
    for _ in range(5):
        speaking(n1, closing)
    attacker = closing(Stranger(n1.address))
    wait_until(lambda: n1.statistics.handshakes == 6)

    attacker.socket.send_multipart([bytes(1 << 20)] * 200)

    refused(n1, PARTS)


def test_a_frame_that_comes_slowly_is_not_taken_for_one_without_end(closing):
    n1 = closing(Port("n1"))
    raw = closing(half_open(n1.address, b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(16) + bytes(32)))
    ready = b"\x05READY\x0bSocket-Type\x00\x00\x00\x04PUSH"
    large = bytes(LIMITS.frame_bytes)
    raw.sendall(bytes([4, len(ready)]) + ready + b"\x02" + len(large).to_bytes(8, "big"))

    for begin in range(0, len(large), 200_000):
        raw.sendall(large[begin : begin + 200_000])
        gevent.sleep(0.05)
    size = len(FRAME)
    raw.sendall(bytes([0, size]) + FRAME)

    wait_until(lambda: n1.messages)
    assert n1.statistics.refused[PARTS] == 0


def test_when_keys_change_those_whose_key_is_gone_are_cut_off_and_the_silent_are_asked_again(tmp_path, closing):
    ring = Keyring(tmp_path, ["n1", "n2", "n3"])
    n1 = closing(Port("n1", security=ring.security("n1")))
    server = ring.keys["n1"].public
    gone = speaking(n1, closing, ring.keys["n2"], server)
    silent = closing(Stranger(n1.address, ring.keys["n3"], server))
    wait_until(lambda: n1.statistics.handshakes == 2)

    del ring.lines["n2"]
    ring.write()
    n1.network.security.allow_list.reload()
    n1.transport.keys_changed()

    assert n1.statistics.refused == {REVOKED: 1}
    wait_until(lambda: n1.statistics.handshakes == 3, 10)  # n3's, and never again n2's
    with suppress(zmq.Again):  # it has nowhere to send it to
        gone.send(FRAME)
    silent.send(wire.frame_of(Header(PEER, 0, 0, "n3", "n1"), [Heartbeat("n3", 1, 1)]))
    wait_until(lambda: Heartbeat("n3", 1, 1) in n1.messages)
    assert n1.messages.count(Heartbeat("n2", 1, 1)) == 1
    assert n1.statistics.refused[HANDSHAKE] == 0


def test_to_look_at_connections_uses_up_no_signal(closing, monkeypatch):
    monkeypatch.setattr(inbound, "LOOK_S", 0.0001)
    n1 = closing(Port("n1"))
    stranger = speaking(n1, closing)
    for count in range(2, 1500):
        stranger.send(FRAME)
        wait_until(lambda count=count: len(n1.messages) == count)


def test_who_sends_faster_than_can_be_taken_is_cut_off_and_others_stay(closing, monkeypatch):
    monkeypatch.setattr(inbound, "BACKLOG_BYTES", 200_000)
    n1 = closing(Port("n1", limits=Limits(frame_bytes=50_000, frame_items=1000, queue_bytes=100_000)))
    quiet, loud = speaking(n1, closing), closing(Stranger(n1.address))
    loud.socket.set(zmq.SNDHWM, 0)

    for _ in range(100_000):
        loud.socket.send(FRAME)

    refused(n1, FLOOD)
    loud.close()
    quiet.send(wire.frame_of(Header(PEER, 0, 0, "n3", "n1"), [Heartbeat("n3", 7, 1)]))
    wait_until(lambda: any(message.term == 7 for message in n1.messages), 30)
    assert n1.statistics.refused[FLOOD] == 1, "the quiet one was not cut off"


def test_who_brings_much_that_can_be_taken_is_not_cut_off(closing, monkeypatch):
    monkeypatch.setattr(inbound, "BACKLOG_BYTES", 200_000)
    monkeypatch.setattr(inbound, "LOOK_S", 0.001)
    n1 = closing(Port("n1", limits=Limits(frame_bytes=50_000, frame_items=1000, queue_bytes=100_000)))
    stranger = speaking(n1, closing)
    for count in range(2, 300):
        for _ in range(100):
            stranger.send(FRAME)
        wait_until(lambda count=count: len(n1.messages) == 100 * (count - 1) + 1)
    assert n1.statistics.refused[FLOOD] == 0
