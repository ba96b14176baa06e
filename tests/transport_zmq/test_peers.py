"""Transports and the sockets between them, without nodes."""

import os
import socket
import time

import gevent
import gevent.socket
import pytest
import zmq

from raft.entries import COMMAND, Entry
from raft.membership import Configuration
from raft.messages import Append, Heartbeat, HeartbeatEcho, SnapshotChunk
from raft.observer import DEBUG, ESSENTIAL, ConfigurationChanged
from raft.snapshot import Snapshot
from tests.transport_zmq import wire
from tests.transport_zmq.nodes import wait_until
from tests.transport_zmq.ports import LIMITS, Port, Stranger, refused, reopened
from transport_zmq import connection, lane
from transport_zmq.connection import ZEROMQ_FRAMES
from transport_zmq.errors import CannotListen, InsecureBind, InvalidAddress
from transport_zmq.frame import PEER, Header
from transport_zmq.limits import FULL_BYTES, FULL_ITEMS
from transport_zmq.listener import TURN_FRAMES
from transport_zmq.peers import RoutingObserver
from transport_zmq.refusal import (
    CLUSTER,
    FRAME_KIND,
    MALFORMED,
    MESSAGE_KIND,
    NOT_OURS,
    RECEIVER,
    TOO_LARGE,
    TRUNCATED,
    VERSION,
)
from transport_zmq.statistics import NO_PEER, NODE_DOWN, QUEUE_FULL, TOO_LARGE_TO_SEND, UNCONNECTED

BEAT = Heartbeat("n1", 1, 1)


def configuration(**addresses):
    return Configuration(tuple(sorted(addresses)), addresses={name: at for name, at in addresses.items() if at})


@pytest.fixture
def pair(closing):
    n1, n2 = closing(Port("n1")), closing(Port("n2"))
    both = configuration(n1=n1.address, n2=n2.address)
    for port in (n1, n2):
        port.transport.follow(both)
    wait_until(lambda: n1.is_connected_to("n2") and n2.is_connected_to("n1"))
    return n1, n2


def test_the_messages_of_a_turn_travel_in_one_frame(pair):
    n1, n2 = pair
    append = Append("n1", 3, 4, 2, 4, (Entry(5, 3, COMMAND, b"x", 9),))
    echo = HeartbeatEcho("n1", 3, 7, 4)
    append.incarnation = echo.incarnation = 77

    n1.transport.send([("n2", append), ("n2", echo)])
    wait_until(lambda: len(n2.messages) == 2)

    assert n2.messages == [append, echo]
    assert n1.statistics.frames_sent == n2.statistics.frames_received == 1
    assert n1.statistics.bytes_sent == n2.statistics.bytes_received
    assert n1.statistics.messages_sent == n2.statistics.messages_received == 2


def test_what_would_make_too_large_a_frame_travels_in_several(pair):
    n1, n2 = pair
    appends = [
        Append("n1", 3, index, 3, 4, (Entry(index + 1, 3, COMMAND, b"x" * 400_000, 9),)) for index in range(4, 11)
    ]

    n1.transport.send([("n2", append) for append in appends])
    wait_until(lambda: len(n2.messages) == len(appends))

    assert n2.messages == appends
    assert n1.statistics.frames_sent == 4
    assert n1.statistics.bytes_sent < 4 * FULL_BYTES

    n1.transport.send([("n2", BEAT)] * (FULL_ITEMS + 1))
    wait_until(lambda: n2.messages[-1] == BEAT and len(n2.messages) == len(appends) + FULL_ITEMS + 1)
    assert n1.statistics.frames_sent == 6


def test_a_message_that_no_receiver_would_take_is_not_sent(pair, logged):
    n1, n2 = pair
    huge = Append("n1", 3, 4, 3, 4, (Entry(5, 3, COMMAND, b"x" * (LIMITS.frame_bytes + 1), 9),))

    n1.transport.send([("n2", huge)])
    n1.transport.send([("n2", BEAT)])
    wait_until(lambda: n2.messages)

    assert n2.messages == [BEAT]
    assert n1.statistics.dropped == {TOO_LARGE_TO_SEND: 1}
    assert "are not sent" in logged[-1]


def test_what_cannot_be_sent_is_dropped_at_once(closing):
    n1 = closing(Port("n1"))
    n1.transport.follow(configuration(n1=n1.address, n2="127.0.0.1:1", n3=""))
    gevent.sleep(0.1)

    started = time.monotonic()
    for _ in range(1000):
        n1.transport.send([("n2", BEAT), ("n3", BEAT), ("n4", BEAT)])

    assert time.monotonic() - started < 1
    assert n1.statistics.dropped == {UNCONNECTED: 1000, NO_PEER: 2000}
    assert n1.statistics.frames_sent == 0
    assert n1.transport.connected == {"n2": False, "n3": False}


def test_a_peer_that_does_not_read_costs_bounded_memory_and_no_time(closing):
    n1 = closing(Port("n1"))
    slow = closing(Stranger("127.0.0.1:1", kind=zmq.PULL)).socket
    slow.set(zmq.RCVHWM, 1)
    port = slow.bind_to_random_port("tcp://127.0.0.1")
    n1.transport.follow(configuration(n1=n1.address, n2=f"127.0.0.1:{port}"))
    wait_until(lambda: n1.is_connected_to("n2"))
    append = Append("n1", 3, 4, 3, 4, (Entry(5, 3, COMMAND, b"x" * 900_000, 9),))

    started = time.monotonic()
    for _ in range(100):
        n1.transport.send([("n2", append)])
        gevent.sleep(0)
    assert time.monotonic() - started < 5

    # 100 frames are 90 MB; what is not dropped is in the sockets of the kernel, in ZeroMQ, and in the queue.
    kept = 100 - n1.statistics.dropped[QUEUE_FULL]
    queued = LIMITS.queue_bytes // 900_000
    assert queued + ZEROMQ_FRAMES <= kept <= queued + ZEROMQ_FRAMES + 30
    received = []
    while len(received) < kept:
        wait_until(lambda: slow.get(zmq.EVENTS) & zmq.POLLIN)
        received.append(slow.recv())
    n1.transport.send([("n2", BEAT)])
    wait_until(lambda: slow.get(zmq.EVENTS) & zmq.POLLIN)
    assert slow.recv()[-len(wire.frame_of(Header(PEER, 0, 0, "", "", ""), [BEAT])) :]
    assert n1.statistics.frames_sent == kept + 1


def test_no_heartbeat_waits_behind_a_snapshot(closing):
    n1 = closing(Port("n1"))
    slow = closing(Stranger("127.0.0.1:1", kind=zmq.PULL)).socket
    slow.set(zmq.RCVHWM, 1)
    port = slow.bind_to_random_port("tcp://127.0.0.1")
    n1.transport.follow(configuration(n1=n1.address, n2=f"127.0.0.1:{port}"))
    chunk = SnapshotChunk("n1", 3, Snapshot(5, 3, 0, configuration(n1="")), 0, b"x" * 900_000, False)
    wait_until(lambda: n1.is_connected_to("n2") and n1.transport._peers["n2"]._snapshot_lane.connected)
    while not n1.statistics.dropped[QUEUE_FULL]:
        n1.transport.send([("n2", chunk)])

    n1.transport.send([("n2", BEAT), ("n2", chunk)])
    gevent.sleep(0.1)
    sizes = []
    for _ in range(4):
        wait_until(lambda: slow.get(zmq.EVENTS) & zmq.POLLIN)
        sizes.append(len(slow.recv()))

    assert min(sizes) < 100, "it is one of the next few, though dozens of chunks were there first"


def test_a_flooded_port_lets_others_run(closing):
    n1 = closing(Port("n1"))
    stranger = closing(Stranger(n1.address))
    frame = wire.frame_of(Header(PEER, 0, 0, "n2", "n1"), [Heartbeat("n2", 1, 1)])
    seen = []

    def watch():
        while len(n1.messages) < 5000:
            seen.append(len(n1.messages))
            gevent.sleep(0)

    watching = gevent.spawn(watch)
    sent = 0
    while sent < 5000:
        try:
            stranger.send(frame)
            sent += 1
        except zmq.Again:
            gevent.sleep(0)
    watching.join(10)

    steps = [after - before for before, after in zip(seen, seen[1:], strict=False)]
    assert len(n1.messages) == 5000
    assert max(steps) <= TURN_FRAMES


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


@pytest.mark.parametrize("load", [0, 900_000], ids=["idle", "full"])
def test_a_peer_that_has_gone_silent_is_given_up(closing, monkeypatch, load):
    monkeypatch.setattr(connection, "HEARTBEAT_MS", 100)
    monkeypatch.setattr(connection, "SILENCE_MS", 500)
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

    append = Append("n1", 3, 4, 3, 4, (Entry(5, 3, COMMAND, b"x" * load, 9),))
    for _ in range(50 if load else 0):
        given_up.send(wire.frame_of(Header(PEER, 0, 0, "n1", "n2"), [append]))

    wait_until(lambda: not given_up.connected, 5)


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


def test_a_port_without_keys_is_for_this_machine_only(closing, logged):
    for address in ("0.0.0.0:0", "[::]:0"):
        with pytest.raises(InsecureBind, match="insecure_bind=True"):
            Port("n1", listen=address)

    closing(Port("n1", listen="0.0.0.0:0", insecure=True))

    assert [line for line in logged if line.startswith("WARNING INSECURE")]


def test_a_port_that_is_taken_is_named(closing):
    n1 = closing(Port("n1"))

    with pytest.raises(CannotListen, match=rf"cannot listen on {n1.address}: Address already in use"):
        Port("n2", listen=n1.address)
    with pytest.raises(CannotListen, match="no such name"):
        Port("n2", listen="localhost:0", resolve=lambda host: [])
    with pytest.raises(InvalidAddress):
        Port("n2", listen="nowhere")


def test_a_port_can_have_a_name_or_an_ipv6_address(closing):
    for listen in ("localhost:0", "[::1]:0"):
        n1 = closing(Port("n1", listen=listen))
        n2 = closing(Port("n2"))
        n2.transport.follow(configuration(n1=n1.address, n2=n2.address))
        wait_until(lambda n2=n2: n2.is_connected_to("n1"))


def test_while_its_node_is_down_a_member_takes_nothing(pair):
    n1, n2 = pair
    n2.transport.close()
    n2.transport.close()

    n1.transport.send([("n2", BEAT)])
    wait_until(lambda: n2.statistics.dropped[NODE_DOWN])
    n2.transport.open(n2.inbox)
    n1.transport.send([("n2", BEAT)])
    wait_until(lambda: n2.messages)

    assert len(n2.messages) == 1


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
def test_a_frame_of_several_parts_is_refused_part_by_part(closing):
    n1 = closing(Port("n1"))
    stranger = closing(Stranger(n1.address))
    frame = wire.frame_of(Header(PEER, 0, 0, "n2", "n1"), [Heartbeat("n2", 1, 1)])

    stranger.socket.send_multipart([frame, frame, frame])
    stranger.send(frame)
    wait_until(lambda: n1.messages)

    assert n1.messages == [Heartbeat("n2", 1, 1)]
    assert n1.statistics.refused == {NOT_OURS: 3}


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
