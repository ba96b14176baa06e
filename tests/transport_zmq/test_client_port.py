"""The client port under attack: it goes on, its memory is bounded, and what was refused is counted."""

import random
import time

import gevent
import pytest
import zmq

from actors import kv_commands, kv_history, results
from actors.errors import NodeStopped
from actors.session_commands import plain
from raft.changes import VOTER, Change
from raft.errors import NotLeader
from tests.transport_zmq.keyring import Keyring
from tests.transport_zmq.nodes import CONFIG, leader_of, wait_until
from tests.transport_zmq.ports import Stranger
from tests.transport_zmq.served import ServedNode, cluster, endpoints_of, leading
from tests.transport_zmq.test_hostile import MEBIBYTE, half_open, resident_bytes
from transport_zmq import Client, ClientLimits, PortOverloaded, Unauthorized, caller, client_port, listener
from transport_zmq.client_answers import DONE, error_in
from transport_zmq.client_codec import (
    ANSWERS,
    CHANGE,
    HELLO,
    MAX_PATIENCE_MS,
    PROPOSE,
    READ,
    REQUESTS,
    STATUS,
    TRANSFER,
    WATCH,
    Request,
    RowPacker,
    RowReader,
    frame_of,
    split,
)
from transport_zmq.errors import NotUnderstood
from transport_zmq.frame import PEER, Header
from transport_zmq.refusal import (
    CLUSTER,
    FRAME_KIND,
    HANDSHAKE,
    MALFORMED,
    MESSAGE_KIND,
    NOT_ADMIN,
    NOT_OURS,
    PARTS,
    REVOKED,
    ROLE,
    TOO_LARGE,
    TOO_MANY_CLIENTS,
    TOO_MANY_REQUESTS,
    TRUNCATED,
    UNKNOWN_KEY,
    VERSION,
)
from transport_zmq.statistics import SLOW_CLIENT, TOO_LATE

pytestmark = pytest.mark.contract("C4")

IDS = ("n1", "n2", "n3")
GET = results.encode(kv_commands.get(b"k"))
PATIENCE_MS = 5000


class RawClient(Stranger):
    """Speaks to a port as it likes."""

    def __init__(self, address, keys=None, server_key=""):
        super().__init__(address, keys, server_key, kind=zmq.DEALER)
        self._reader = RowReader(64 * MEBIBYTE)
        self._last = 0

    def ask(self, *asked, cluster=0, patience_ms=PATIENCE_MS):
        """Sends requests, each a kind and an argument, in one frame."""
        packer = RowPacker()
        pieces = []
        for kind, argument in asked:
            self._last += 1
            pieces.append(packer.pack(Request(kind, self._last, patience_ms, argument)))
        self.send(frame_of(REQUESTS, cluster, pieces))

    def answers(self, count):
        found = []

        def enough():
            while self.socket.get(zmq.EVENTS) & zmq.POLLIN:
                _, body = split(self.socket.recv(), ANSWERS)
                found.extend(self._reader.answers(body))
            return len(found) >= count

        wait_until(enough, 10)
        return found


class Load:
    """A client that goes on counting; `longest_s` is the longest time that one step took."""

    def __init__(self, client):
        self.count = 0
        self.longest_s = 0.0
        self._client = client
        self._greenlet = gevent.spawn(self._run)

    def _run(self):
        while True:
            started = time.monotonic()
            self._client.put("count", str(self.count + 1), 20)
            self.count += 1
            self.longest_s = max(self.longest_s, time.monotonic() - started)

    def goes_on(self, steps=20):
        wanted = self.count + steps
        wait_until(lambda: self.count >= wanted, 15)

    def close(self):
        self._greenlet.kill()


@pytest.fixture
def ring(tmp_path, monkeypatch):
    monkeypatch.setattr(listener, "HANDSHAKE_MS", 1000)  # so that the tests need not wait for long
    ring = Keyring(tmp_path, IDS)
    ring.add("alice", "alice", "client")
    ring.add("root", "root", "admin")
    ring.add("stranger", None)
    ring.write()
    return ring


@pytest.fixture
def plain_nodes(ring, tmp_path, closing):
    return cluster(closing, tmp_path)


@pytest.fixture
def curve_nodes(ring, tmp_path, closing):
    return cluster(closing, tmp_path, ring=ring)


def client_of(nodes, ring=None, label=None):
    if ring is None:
        return Client(endpoints_of(nodes))
    server_keys = [ring.keys[node.id].public for node in nodes]
    return Client(endpoints_of(nodes), keys=ring.keys[label], server_keys=server_keys)


def one_node(tmp_path, closing, **settings):
    (node,) = cluster(closing, tmp_path, ids=("n1",), **settings)
    wait_until(lambda: leader_of([node]) is not None and node.actor.cluster)
    return node


def counted(nodes, reason):
    return sum(node.statistics.refused[reason] for node in nodes)


# Who may do what


def test_a_client_key_is_good_for_data_and_an_admin_key_for_all(curve_nodes, ring, closing, logged):
    alice, root = (closing(client_of(curve_nodes, ring, label)) for label in ("alice", "root"))

    alice.put("k", "1")
    assert alice.get("k") == b"1"
    assert {found.node["id"] for found in alice.status()} == set(IDS)
    with pytest.raises(Unauthorized, match="the key of alice has not the role admin"):
        alice.transfer()
    with pytest.raises(Unauthorized):
        alice.change(Change("n1", VOTER, priority=7))
    assert counted(curve_nodes, NOT_ADMIN) == 2
    assert any("refused what alice sent: key has not the role admin" in line for line in logged)
    assert leading(curve_nodes).status.configuration.priorities == {}

    assert root.get("k") == b"1"
    before = leading(curve_nodes).id
    assert root.transfer() != before
    root.change(Change("n1", VOTER, priority=7))
    alice.put("k", "2")


def test_whoever_has_no_right_key_gets_nowhere(curve_nodes, ring, closing):
    load = closing(Load(closing(client_of(curve_nodes, ring, "alice"))))
    load.goes_on()
    received = {node.id: node.statistics.messages_received for node in curve_nodes}
    stolen = plain(kv_commands.put(b"stolen", b"1"))
    attempts = [(PROPOSE, stolen), (READ, GET), (WATCH, GET), (STATUS, None), (TRANSFER, None)]

    for node in curve_nodes:
        key = ring.keys[node.id].public
        closing(RawClient(node.port.address)).ask(*attempts)  # without a key
        closing(RawClient(node.port.address, ring.keys["stranger"], key)).ask(*attempts)
        closing(RawClient(node.port.address, ring.keys["n1"], key)).ask(*attempts)  # a peer is no client
        closing(RawClient(node.port.address, ring.keys["alice"], ring.keys["stranger"].public)).ask(*attempts)
    for node in curve_nodes:
        for reason in (HANDSHAKE, UNKNOWN_KEY, ROLE):
            wait_until(lambda node=node, reason=reason: node.statistics.refused[reason], 10)
    load.goes_on()

    with pytest.raises(Unauthorized):
        closing(client_of(curve_nodes, ring, "stranger")).put("stolen", "1", 0.5)
    assert closing(client_of(curve_nodes, ring, "alice")).get("stolen") is None
    assert all(node.statistics.messages_received > received[node.id] for node in curve_nodes)
    assert load.longest_s < 5


def test_a_key_that_is_taken_off_the_list_is_worth_nothing_on_an_open_connection_either(curve_nodes, ring, closing):
    node = leading(curve_nodes)
    raw = closing(RawClient(node.port.address, ring.keys["alice"], ring.keys[node.id].public))
    raw.ask((HELLO, None))
    assert raw.answers(1)[0].code == DONE

    del ring.lines["alice"]
    ring.write()
    node.network.security.allow_list.reload()
    raw.ask((HELLO, None), (READ, GET))

    wait_until(lambda: node.statistics.refused[REVOKED] == 1, 5)
    gevent.sleep(0.05)
    assert not raw.socket.get(zmq.EVENTS) & zmq.POLLIN


# What is no request


def test_garbage_at_the_ports(plain_nodes, closing):
    load = closing(Load(closing(client_of(plain_nodes))))
    load.goes_on()
    chance = random.Random(1)
    before = resident_bytes()
    limit = ClientLimits.of(CONFIG).frame_bytes
    whole = frame_of(REQUESTS, 0, [RowPacker().pack(Request(PROPOSE, 1, 1, b"\x00xyz"))])

    for node in plain_nodes:
        raw = closing(RawClient(node.port.address))
        for _ in range(50):
            raw.send(
                chance.randbytes(chance.randint(0, 500)),
                whole[: chance.randrange(4, len(whole))],
                whole[:4] + b"\x02" + whole[5:],
                frame_of(ANSWERS, 0, []),
                Header(PEER, 0, 0, "n2", node.id).encode(),
                frame_of(REQUESTS, node.actor.cluster ^ 1, []),
                frame_of(REQUESTS, 0, [b"\x07"]),
                frame_of(REQUESTS, 0, [RowPacker().pack(Request(77, 1, 1, None))]),
            )
            gevent.sleep(0)
        closing(RawClient(node.port.address)).socket.send_multipart([whole, whole])
        raw.send(bytes(limit + 1))
        raw.send(bytes(3 * limit))  # for this ZeroMQ cuts the connection off
    for reason in (TOO_LARGE, PARTS):
        wait_until(lambda reason=reason: all(node.statistics.refused[reason] for node in plain_nodes), 10)
    load.goes_on()

    for node in plain_nodes:
        assert node.statistics.refused[NOT_OURS] == 50
        assert node.statistics.refused[PARTS] == 1
        for reason, count in ((TRUNCATED, 50), (VERSION, 50), (FRAME_KIND, 100), (CLUSTER, 50), (MALFORMED, 50)):
            assert node.statistics.refused[reason] == count, reason
        assert node.statistics.refused[MESSAGE_KIND] == 50
        assert node.statistics.refused[TOO_LARGE] == 1
    assert resident_bytes() - before < 150 * MEBIBYTE


def test_a_request_of_a_later_program_is_told_that_it_is_not_understood(tmp_path, closing):
    node = one_node(tmp_path, closing)
    raw = closing(RawClient(node.port.address))

    raw.ask((HELLO, None), (9999, b"whatever that is"), (READ, GET), (9999, None), (9999, "or that"))

    told = {answer.number: answer for answer in raw.answers(5)}
    assert [told[number].code for number in (1, 3)] == [DONE, DONE], "what is understood is done"
    for number in (2, 4, 5):
        error = error_in(told[number])
        assert type(error) is NotUnderstood
        assert error.kind == 9999
        assert "requests of kind 9999" in str(error)
    assert node.statistics.refused[MESSAGE_KIND] == 3


def test_requests_whose_argument_is_none_are_told_so(tmp_path, closing):
    node = one_node(tmp_path, closing)
    raw = closing(RawClient(node.port.address))

    raw.ask((READ, b"nonsense"), (READ, results.encode(5)), (CHANGE, b""), (PROPOSE, b""), (PROPOSE, b"\x09"))

    told = {answer.number: answer for answer in raw.answers(5)}
    assert [type(error_in(told[number])).__name__ for number in (1, 2, 3)] == [
        "NotAnswerable",
        "NotAnswerable",
        "InvalidChange",
    ]
    assert [told[number].code for number in (4, 5)] == [9, 9], "what is no command stands in the log and does nothing"
    assert "Traceback" not in repr(told)


@pytest.mark.parametrize("kind", ["plain", "curve"])
def test_hundreds_of_half_open_connections(request, kind, ring, closing):
    nodes = request.getfixturevalue(f"{kind}_nodes")
    load = closing(Load(closing(client_of(nodes, ring if kind == "curve" else None, "alice"))))
    load.goes_on()
    before = resident_bytes()
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x01NULL" + bytes(16)  # as ZeroMQ would begin

    for number in range(300):
        closing(half_open(nodes[number % 3].port.address, (b"", greeting, greeting[:9], b"GET /")[number % 4]))
        gevent.sleep(0)
    load.goes_on()

    wait_until(lambda: counted(nodes, HANDSHAKE) >= 75, 10)
    assert load.longest_s < 5
    assert resident_bytes() - before < 60 * MEBIBYTE


# Too much


def test_a_client_that_never_reads_loses_its_answers_and_holds_up_nobody(tmp_path, closing):
    limits = ClientLimits(frame_bytes=10 * MEBIBYTE, answer_bytes=4 * MEBIBYTE)
    node = one_node(tmp_path, closing, limits=limits)
    good = closing(client_of([node]))
    good.put("k", bytes(MEBIBYTE))
    load = closing(Load(good))
    load.goes_on()
    before = resident_bytes()
    raw = closing(Stranger("127.0.0.1:1", kind=zmq.DEALER))
    raw.socket.set(zmq.RCVHWM, 1)
    raw.socket.connect(f"tcp://{node.port.address}")
    encode, encoded = node.port._translator._encode, []
    node.port._translator._encode = lambda result: (encoded.append(result), encode(result))[1]

    for number in range(1, 301):
        raw.send(frame_of(REQUESTS, 0, [RowPacker().pack(Request(READ, number, PATIENCE_MS, GET))]))
        gevent.sleep(0)
    wait_until(lambda: node.statistics.dropped[SLOW_CLIENT] > 100, 10)
    load.goes_on()

    assert len(encoded) < 60, "answers that would not be read are not even made"
    assert resident_bytes() - before < 60 * MEBIBYTE, "300 MB of answers"
    assert load.longest_s < 2
    assert node.statistics.refused[TOO_MANY_REQUESTS] == 0


def test_answers_that_come_together_and_are_large_are_all_read_in_the_end(tmp_path, closing):
    limits = ClientLimits(frame_bytes=10 * MEBIBYTE, answer_bytes=2 * MEBIBYTE)
    node = one_node(tmp_path, closing, limits=limits)
    client = closing(client_of([node]))
    client.put("k", bytes(MEBIBYTE))

    with client.pipeline() as pipeline:
        read = [pipeline.get("k", 20) for _ in range(10)]

    assert [len(future.get()) for future in read] == [MEBIBYTE] * 10
    assert node.statistics.dropped[SLOW_CLIENT] > 0


def test_a_client_that_asks_on_and_never_reads_is_not_even_told_errors_in_the_end(tmp_path, closing):
    limits = ClientLimits(frame_bytes=10 * MEBIBYTE, answer_bytes=20_000)
    node = one_node(tmp_path, closing, limits=limits)
    raw = closing(Stranger("127.0.0.1:1", kind=zmq.DEALER))
    raw.socket.set(zmq.RCVHWM, 1)
    raw.socket.connect(f"tcp://{node.port.address}")

    hellos = [RowPacker().pack(Request(HELLO, number, 1, None)) for number in range(1, 2001)]
    for _ in range(20):
        raw.send(frame_of(REQUESTS, 0, hellos))
    wait_until(lambda: node.statistics.dropped[SLOW_CLIENT] > 1000, 10)

    assert all(each.queued_bytes < 41_000 for each in node.port._callers.values())
    closing(client_of([node])).put("k", "1")


def test_what_waits_for_a_client_that_never_reads_is_given_up(tmp_path, closing, monkeypatch):
    monkeypatch.setattr(caller, "SLOW_S", 0.3)
    limits = ClientLimits(frame_bytes=10 * MEBIBYTE, answer_bytes=40 * MEBIBYTE)  # more than the kernel holds
    node = one_node(tmp_path, closing, limits=limits)
    closing(client_of([node])).put("k", bytes(MEBIBYTE))
    raw = closing(Stranger("127.0.0.1:1", kind=zmq.DEALER))
    raw.socket.set(zmq.RCVHWM, 1)
    raw.socket.connect(f"tcp://{node.port.address}")

    for number in range(1, 61):
        raw.send(frame_of(REQUESTS, 0, [RowPacker().pack(Request(READ, number, PATIENCE_MS, GET))]))
    wait_until(lambda: node.port._stuck, 5)

    wait_until(lambda: not node.port._callers, 5)
    assert node.statistics.dropped[SLOW_CLIENT] > 0


def test_more_requests_than_may_be_under_way(tmp_path, closing):
    limits = ClientLimits(frame_bytes=10 * MEBIBYTE, requests=10, request_bytes=1000, all_requests=15, clients=3)
    nodes = cluster(closing, tmp_path, limits=limits)
    closing(client_of(nodes)).put("k", "0")
    leader = leading(nodes)
    for node in nodes:
        if node is not leader:
            node.stop()  # so that nothing is answered
    proposal = (PROPOSE, plain(kv_commands.put(b"k", b"1")))
    first, second, third = (closing(RawClient(leader.port.address)) for _ in range(3))

    first.ask(*[proposal] * 30)
    told = [error_in(answer) for answer in first.answers(20)]
    assert {type(error) for error in told} == {PortOverloaded}
    assert "11 requests of this client are under way at this node, and the limit is 10" in str(told[0])
    second.ask(*[proposal] * 10)
    assert [str(error_in(answer)).split(" are")[0] for answer in second.answers(5)] == ["16 requests"] * 5
    third.ask((PROPOSE, plain(bytes(2000))))
    assert type(error_in(third.answers(1)[0])) is PortOverloaded
    assert leader.statistics.refused[TOO_MANY_REQUESTS] == 26
    third.ask((READ, GET), cluster=0)
    assert type(error_in(third.answers(1)[0])) is PortOverloaded
    assert len(leader.port._callers) == 2


def test_more_clients_than_may_have_something_under_way(tmp_path, closing):
    limits = ClientLimits(frame_bytes=10 * MEBIBYTE, clients=2)
    nodes = cluster(closing, tmp_path, limits=limits)
    closing(client_of(nodes)).put("k", "0")
    leader = leading(nodes)
    for node in nodes:
        if node is not leader:
            node.stop()

    for _ in range(3):
        closing(RawClient(leader.port.address)).ask((PROPOSE, plain(kv_commands.put(b"k", b"1"))))

    wait_until(lambda: leader.statistics.refused[TOO_MANY_CLIENTS] >= 1, 5)


def test_one_request_may_be_as_large_as_an_entry_whatever_the_limits(tmp_path, closing):
    limits = ClientLimits(frame_bytes=10 * MEBIBYTE, request_bytes=1000, all_request_bytes=1000)
    node = one_node(tmp_path, closing, limits=limits)
    client = closing(client_of([node]))

    with client.pipeline() as pipeline:
        stored = [pipeline.put(f"k{number}", bytes(5000), 20) for number in range(5)]

    assert [future.get() for future in stored] == [None] * 5, "those that are refused are sent again"


def test_what_nobody_waits_for_any_more_is_forgotten(tmp_path, closing, monkeypatch):
    monkeypatch.setattr(client_port, "SWEEP_S", 0.1)
    nodes = cluster(closing, tmp_path)
    closing(client_of(nodes)).put("k", "0")
    leader = leading(nodes)
    rest = [node for node in nodes if node is not leader]
    for node in rest:
        node.stop()
    raw = closing(RawClient(leader.port.address))
    raw.ask((PROPOSE, plain(kv_commands.put(b"k", b"1"))), patience_ms=100)
    wait_until(lambda: leader.port._callers, 5)

    wait_until(lambda: not leader.port._callers, 5)
    assert (leader.port._room.requests, leader.port._room.bytes) == (0, 0)
    for node in rest:
        node.start(None)
    wait_until(lambda: leader.statistics.dropped[TOO_LATE] == 1, 10)
    assert not raw.socket.get(zmq.EVENTS) & zmq.POLLIN


def test_the_number_of_a_request_under_way_is_not_taken_again(tmp_path, closing):
    node = one_node(tmp_path, closing)
    raw = closing(RawClient(node.port.address))
    packer = RowPacker()
    proposal = Request(PROPOSE, 1, PATIENCE_MS, plain(kv_commands.put(b"k", b"1")))

    raw.send(frame_of(REQUESTS, 0, [packer.pack(proposal), packer.pack(proposal)]))

    assert [answer.number for answer in raw.answers(1)] == [1]
    assert node.statistics.refused[MALFORMED] == 1


# The end


def test_a_port_that_drains_answers_what_is_under_way_and_sends_others_elsewhere(plain_nodes, closing, monkeypatch):
    client = closing(client_of(plain_nodes))
    load = closing(Load(client))
    load.goes_on()
    leader = leading(plain_nodes)
    raw = closing(RawClient(leader.port.address))
    receive = leader.port._listener._on_request
    draining = []

    def receive_and_drain(connection, frame):
        receive(connection, frame)
        if leader.port._room.requests >= 100 and not draining:
            draining.append(gevent.spawn(leader.port.drain, 5.0))

    monkeypatch.setattr(leader.port._listener, "_on_request", receive_and_drain)
    raw.ask(*[(PROPOSE, plain(kv_commands.put(b"k", b"%d" % number))) for number in range(100)])
    wait_until(lambda: draining, 5)

    assert draining[0].get(timeout=10) is True
    assert {answer.code for answer in raw.answers(100)} == {1}
    raw.ask((PROPOSE, plain(b"")), (HELLO, None))
    refusal, hello = raw.answers(2)
    assert type(error_in(refusal)) is NodeStopped
    assert results.decode(hello.value)["leader"] is None
    leader.stop()
    load.goes_on()
    assert load.longest_s < 5


def test_a_node_that_does_not_lead_tells_the_client_address_of_the_leader(plain_nodes, closing):
    closing(client_of(plain_nodes)).put("k", "1")
    leader = leading(plain_nodes)
    other = next(node for node in plain_nodes if node is not leader)
    wait_until(lambda: other.status.leader == leader.id)
    raw = closing(RawClient(other.port.address))

    raw.ask((PROPOSE, plain(b"")))

    error = error_in(raw.answers(1)[0])
    assert (type(error), error.leader, error.address) == (NotLeader, leader.id, leader.port.address)


def test_what_arrives_just_before_the_port_sends_is_not_overlooked(tmp_path, closing):
    node = closing(ServedNode("n1", tmp_path, {}))
    first, second = (closing(RawClient(node.port.address)) for _ in range(2))
    first.ask((STATUS, None))
    second.ask((STATUS, None))
    wait_until(lambda: node.statistics.frames_sent == 2, 5)
    first.answers(1), second.answers(1)
    gevent.sleep(0.05)

    first.ask((STATUS, None))
    time.sleep(0.1)  # the loop stands still; ZeroMQ's own thread takes the frame in and signals
    node.port._listener.send(b"nobody", b"")  # uses the signal up

    first.answers(1)


def test_a_port_that_is_released_leaves_nothing(tmp_path, closing):
    node = closing(ServedNode("n1", tmp_path, {}))
    raw = closing(RawClient(node.port.address))
    raw.ask((HELLO, None), (READ, GET))
    hello, refusal = raw.answers(2)
    assert results.decode(hello.value)["machine"] is None
    assert type(error_in(refusal)) is NodeStopped

    node.port.release()
    node.port.release()
    node.port.listen()
    assert node.port.address


def test_a_status_that_is_asked_for_again_and_again_is_made_once_a_turn(tmp_path, closing):
    node = closing(ServedNode("n1", tmp_path, {}))
    made = []
    node.port.facts = lambda: made.append(1) or {}
    raw = closing(RawClient(node.port.address))

    raw.ask(*[(STATUS, None)] * 500)

    assert len(raw.answers(500)) == 500
    assert len(made) < 10


def test_nobody_who_has_hung_up_waits_for_changes_for_a_day(plain_nodes, closing):
    node = leading(plain_nodes)
    raw = closing(RawClient(node.port.address))
    query = results.encode(kv_history.changes(b"k", False, 0))

    raw.ask((WATCH, query), patience_ms=MAX_PATIENCE_MS)

    wait_until(lambda: node.port._callers)
    (pending,) = [pending for caller in node.port._callers.values() for pending in caller.pending.values()]
    assert pending.until_s - time.monotonic() <= client_port.LONGEST_WATCH_MS / 1000
