"""What a port refuses, and that it goes on (contract C4)."""

import socket

import gevent
import gevent.socket
import pytest
import zmq

from raft.messages import Heartbeat, HeartbeatEcho
from tests.transport_zmq import wire
from tests.transport_zmq.nodes import wait_until
from tests.transport_zmq.ports import LIMITS, Port, Stranger, refused
from transport_zmq.frame import PEER, Header
from transport_zmq.refusal import (
    CLUSTER,
    FRAME_KIND,
    MALFORMED,
    MESSAGE_KIND,
    NOT_OURS,
    PARTS,
    RECEIVER,
    TOO_LARGE,
    TRUNCATED,
    VERSION,
)


@pytest.mark.contract("C4")
def test_each_frame_that_is_refused_is_counted_by_its_reason(closing, pair, logged):
    n1, n2 = pair
    mine = HeartbeatEcho("n1", 1, 1, 0)
    mine.cluster, mine.incarnation = 7, 1
    n1.transport.send([("n2", mine)])  # from now on n1 is known to be of cluster 7
    stranger = closing(Stranger(n1.address))
    header = Header(PEER, 7, 1, "n2", "n1")
    beat = Heartbeat("n2", 1, 1)
    good = wire.frame_of(header, [beat])

    for frame, reason in (
        (b"garbage", NOT_OURS),
        (b"", NOT_OURS),
        (good[:4] + b"\x63" + good[5:], VERSION),
        (good[:10], TRUNCATED),
        (good[:-2], TRUNCATED),
        (good + b"x", MALFORMED),
        (header.encode() + b"\xc1", MALFORMED),
        (header.encode() + b"\x92\x63\x01\xc0", MESSAGE_KIND),
        (wire.frame_of(header._replace(kind=9), [beat]), FRAME_KIND),
        (wire.frame_of(header._replace(receiver="n3"), [beat]), RECEIVER),
        (wire.frame_of(header._replace(cluster=8), [beat]), CLUSTER),
        (good + bytes(LIMITS.frame_bytes), TOO_LARGE),
    ):
        before = n1.statistics.refused.total(), n1.statistics.refused[reason]
        stranger.send(frame)
        wait_until(lambda before=before: n1.statistics.refused.total() > before[0])
        assert (n1.statistics.refused.total(), n1.statistics.refused[reason]) == (before[0] + 1, before[1] + 1), reason
        assert any(reason in line for line in logged), "the first of each reason is logged at once"

    assert n1.messages == []
    stranger.send(good)
    wait_until(lambda: n1.messages)
    beat.cluster, beat.incarnation = 7, 1
    assert n1.messages == [beat], "whatever else came, the port goes on"


@pytest.mark.contract("C4")
def test_a_frame_of_several_parts_is_refused_and_ends_its_connection(closing):
    n1 = closing(Port("n1"))
    stranger, other = closing(Stranger(n1.address)), closing(Stranger(n1.address))
    frame = wire.frame_of(Header(PEER, 0, 0, "n2", "n1"), [Heartbeat("n2", 1, 1)])
    wait_until(lambda: n1.statistics.handshakes == 2)

    stranger.socket.send_multipart([frame] * 1000)
    refused(n1, PARTS)
    wait_until(lambda: n1.statistics.handshakes == 3)  # it has to connect again
    other.send(frame)
    wait_until(lambda: n1.messages)

    assert n1.messages == [Heartbeat("n2", 1, 1)]
    assert n1.statistics.refused == {PARTS: 1}


@pytest.mark.contract("C4")
def test_a_frame_that_breaks_something_does_not_close_the_port(closing, monkeypatch):
    n1 = closing(Port("n1"))
    stranger = closing(Stranger(n1.address))
    failed = []
    monkeypatch.setattr(gevent.get_hub(), "handle_error", lambda *error: failed.append(error))
    receive = n1.transport._listener._on_frame

    def break_once(frame):
        n1.transport._listener._on_frame = receive
        raise ZeroDivisionError

    n1.transport._listener._on_frame = break_once
    for round in (1, 2):
        stranger.send(wire.frame_of(Header(PEER, 0, 0, "n2", "n1"), [Heartbeat("n2", 1, round)]))
    wait_until(lambda: n1.messages)

    assert n1.messages == [Heartbeat("n2", 1, 2)]
    assert [error[1] for error in failed] == [ZeroDivisionError]


@pytest.mark.contract("C4")
def test_whoever_speaks_the_oldest_protocol_of_all_is_refused_too(closing):
    n1 = closing(Port("n1"))
    host, _, port = n1.address.rpartition(":")

    old = closing(socket.create_connection((host, int(port))))
    old.sendall(b"\x01\x00" + b"\x08\x00garbage")  # ZMTP 1.0: no greeting, and no properties of the connection

    refused(n1, NOT_OURS)


@pytest.mark.contract("C4")
def test_a_flood_of_refusals_is_not_a_flood_of_lines(closing, logged):
    n1 = closing(Port("n1"))
    stranger = closing(Stranger(n1.address))

    for _ in range(500):
        stranger.send(b"garbage")
        gevent.sleep(0)
    refused(n1, NOT_OURS, 500)

    assert len([line for line in logged if NOT_OURS in line]) == 1


@pytest.mark.contract("C4")
def test_a_frame_that_is_much_too_large_ends_its_connection_before_it_is_stored(closing):
    n1 = closing(Port("n1"))
    stranger = closing(Stranger(n1.address))

    stranger.send(bytes(2 * LIMITS.frame_bytes + 1))
    stranger.send(wire.frame_of(Header(PEER, 0, 0, "n2", "n1"), [Heartbeat("n2", 1, 1)]))
    other = closing(Stranger(n1.address))
    other.send(wire.frame_of(Header(PEER, 0, 0, "n2", "n1"), [Heartbeat("n2", 1, 2)]))
    wait_until(lambda: n1.messages)

    assert Heartbeat("n2", 1, 2) in n1.messages
    assert n1.statistics.refused[TOO_LARGE] == 0, "nobody but ZeroMQ has seen it"


@pytest.mark.contract("C4")
def test_whoever_does_not_send_frames_cannot_even_connect(closing):
    n1 = closing(Port("n1"))
    dealer = closing(Stranger(n1.address, kind=zmq.DEALER))
    dealer.send(wire.frame_of(Header(PEER, 0, 0, "n2", "n1"), [Heartbeat("n2", 1, 1)]))

    wait_until(lambda: n1.statistics.connections)
    gevent.sleep(0.1)
    assert n1.statistics.handshakes == 0
    assert n1.messages == []
