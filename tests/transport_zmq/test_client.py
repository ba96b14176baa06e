"""The client, against real nodes over real sockets in one process."""

import threading
import time
from functools import partial

import gevent
import pytest

from actors import kv_commands
from actors.errors import NotKeyValue, SessionExpired, Unavailable, UnknownNode, WrongThread
from actors.kv_commands import OutOfBounds
from actors.results import UnsupportedResult
from actors.session_table import SessionLimits
from raft.actor import LINEARIZABLE, Propose, Read, TransferLeadership
from raft.changes import VOTER, Change
from raft.errors import (
    EntryTooLarge,
    InvalidChange,
    InvalidCommand,
    InvalidConfig,
    NotLeader,
    OutcomeUnknown,
    TransferRefused,
)
from tests.transport_zmq.front_ends import FRONT_ENDS
from tests.transport_zmq.machines import Sums
from tests.transport_zmq.nodes import CONFIG, configuration_of, leader_of, wait_until
from tests.transport_zmq.served import ServedNode, cluster, endpoints_of, leading
from transport_zmq import (
    AnotherCluster,
    Client,
    ClientClosed,
    InvalidAddress,
    KeyPair,
    NotAnswerable,
    NotConnected,
    WrongMachine,
)
from transport_zmq import link as link_module

IDS = ("n1", "n2", "n3")


@pytest.fixture
def nodes(tmp_path, closing):
    return cluster(closing, tmp_path)


@pytest.fixture(params=FRONT_ENDS)
def connect(request, closing):
    """Makes clients of one kind; what such a test says holds for all of them."""
    return lambda *arguments, **settings: closing(FRONT_ENDS[request.param](*arguments, **settings))


@pytest.fixture
def client(nodes, connect):
    return connect(endpoints_of(nodes))


@pytest.fixture
def blocking(nodes, closing):
    return closing(Client(endpoints_of(nodes)))


def followers_of(nodes):
    wait_until(lambda: leader_of(nodes) is not None and all(node.status.leader for node in nodes))
    return [node for node in nodes if node is not leading(nodes)]


# What it does


def test_the_key_value_store(client):
    client.put("k", "1")
    assert client.get("k") == b"1"
    assert client.get("k", consistency="lease") == b"1"
    assert client.get("none") is None
    assert client.cas("k", "1", "2")
    assert not client.cas("k", "1", "3")
    assert client.cas("new", None, b"\xff")
    assert client.delete("k")
    assert not client.delete("k")
    assert client.get("k") is None


@pytest.mark.contract("L1")
def test_a_read_by_each_node_sees_what_was_acknowledged_before(nodes, blocking):
    for number in range(30):
        blocking.put("k", str(number))
        assert blocking.read(kv_commands.get(b"k"), node=IDS[number % 3]).value == b"%d" % number


def test_a_stale_read_tells_its_age(nodes, client):
    client.put("k", "1")
    (node, *_) = followers_of(nodes)
    wait_until(lambda: client.get_stale("k", node=node.id).value == b"1")
    wait_until(lambda: client.get_stale("k", node=node.id).staleness_s is not None)
    assert client.get_stale("k", node=node.id).staleness_s < 5
    for other in nodes:
        if other is not node:
            other.stop()
    wait_until(lambda: client.get_stale("k", node=node.id).staleness_s > 0.5)

    with pytest.raises(Unavailable, match="nobody served the read within"):
        client.get("k", 0.3)
    assert client.get_stale("k", node=node.id).value == b"1"


@pytest.mark.contract("C2")
def test_one_endpoint_is_enough_and_a_follower_tells_where_the_leader_is(nodes, connect):
    for node in followers_of(nodes):
        client = connect(node.port.address)
        client.put("k", node.id)
        assert client.get("k") == node.id.encode()
        assert client._calls.links._link(leading(nodes).id).problem is None


def test_what_is_asked_together_travels_together(nodes, blocking):
    blocking.put("k", "0")
    leader = leading(nodes)
    before = leader.statistics.frames_sent

    with blocking.pipeline() as pipeline:
        stored = [pipeline.put(f"k{number}", str(number)) for number in range(1000)]
    for future in stored:
        future.get()
    with blocking.pipeline() as pipeline:
        read = [pipeline.get(f"k{number}") for number in range(1000)]

    assert [future.get() for future in read] == [b"%d" % number for number in range(1000)]
    assert leader.statistics.frames_sent - before < 500, "answers and messages to peers"


def test_errors_of_a_pipeline_come_with_their_calls(blocking):
    with blocking.pipeline() as pipeline:
        good, bad = pipeline.cas("k", None, "1"), pipeline.put("k" * 2000, "1")
        fine = pipeline.propose(b"\x01\x00\x01x\x00\x00\x00\x00")
    assert good.get() is True
    assert pipeline.delete("k").get() is True
    assert fine.get().outcome == "done"
    with pytest.raises(OutOfBounds):
        bad.get()


def test_greenlets_run_while_a_call_waits(blocking):
    ticks = []

    def tick():
        while True:
            ticks.append(1)
            gevent.sleep(0.001)

    ticking = gevent.spawn(tick)
    for number in range(30):
        blocking.put("k", str(number))
    ticking.kill()
    assert len(ticks) > 10


# Any state machine


def test_a_machine_of_ones_own(tmp_path, connect, closing):
    nodes = cluster(closing, tmp_path, machine=Sums)
    client = connect(endpoints_of(nodes), machine=Sums)

    assert client.propose(b"2") == {"sum": 2}
    assert client.propose(b"3", session=False) == {"sum": 5}
    assert client.read(("add", 10)) == 15
    assert client.read_stale(("add", 1)).value in (1, 3, 6)
    with pytest.raises(NotAnswerable, match="ValueError: no such query"):
        client.read("nonsense")
    with pytest.raises(UnsupportedResult):
        client.read(object())
    with pytest.raises(NotKeyValue):
        client.put("k", "1")
    with pytest.raises(WrongMachine, match="replicates Sums, and this client was made for KeyValue"):
        connect(endpoints_of(nodes)).put("k", "1")
    assert connect(endpoints_of(nodes), machine=None).propose(b"1") == {"sum": 6}


# Who leads, and when nobody does


@pytest.mark.contract("C2")
def test_a_client_that_knows_one_node_hears_of_a_leader_elected_while_it_waits(nodes, connect):
    behind = followers_of(nodes)[0]
    others = [node for node in nodes if node is not behind]
    behind.stop()
    connect(endpoints_of(others)).put("k", "1")  # so that the other one is not elected
    for node in others:
        node.stop()
    behind.start(None)
    wait_until(lambda: behind.status.leader is None)
    client = connect(behind.port.address)

    gevent.spawn_later(0.5, lambda: [node.start(None) for node in others])
    client.put("k", "2", 10)

    assert leading(nodes) is not behind
    assert client.get("k") == b"2"


def test_a_node_that_has_said_that_nobody_leads_is_news_when_it_follows_the_same_leader_again(nodes, blocking):
    blocking.put("k", "1")
    links = blocking._calls.links
    follower = next(node for node in nodes if node is not leading(nodes))
    link = links._link(follower.id)
    follows = link.about
    seen = links.version
    links._on_change(link)
    assert links.version == seen  # it has said so before

    link.ask = lambda message: message.reply(NotLeader(None), None)
    links.submit(follower.id, partial(Propose, b""))
    links._on_change(link)

    assert link.about is follows
    assert links.version != seen


def test_what_an_answer_leads_to_is_sent_though_another_answer_meets_an_error(nodes, blocking, monkeypatch):
    reported = []
    monkeypatch.setattr(gevent.get_hub(), "handle_error", lambda *error: reported.append(error[2]))
    blocking.put("k", "1")
    link = blocking._calls.links._link(leading(nodes).id)
    told = []

    def again(error, result):
        link.ask(Read(kv_commands.get(b"k"), LINEARIZABLE, lambda error, result: told.append(result)))

    def fail(error, result):
        raise RuntimeError("this is told by the event loop")

    link.ask(Read(kv_commands.get(b"k"), LINEARIZABLE, again))
    link.ask(Read(kv_commands.get(b"k"), LINEARIZABLE, fail))

    wait_until(lambda: told, 1)
    assert [str(error) for error in reported] == ["this is told by the event loop"]


@pytest.mark.contract("C1")
def test_it_follows_the_leader(nodes, client):
    client.put("k", "0")
    for number in range(3):
        first = leading(nodes)
        assert client.transfer() != first.id
        client.put("k", str(number))
    leader = leading(nodes)
    leader.stop()
    client.put("k", "last")
    assert client.get("k") == b"last"
    target = next(node.id for node in nodes if node is not leader and node is not leading(nodes))
    assert client.transfer(target) == target
    with pytest.raises(TransferRefused):
        client.transfer(target)


@pytest.mark.contract("C2")
def test_without_a_quorum_nothing_is_promised(nodes, client):
    client.put("k", "0")
    leader = leading(nodes)
    for node in followers_of(nodes):
        node.stop()

    started = time.monotonic()
    with pytest.raises(OutcomeUnknown):  # the leader has taken it
        client.put("k", "1", 0.3)
    assert time.monotonic() - started < 1
    wait_until(lambda: leader.status.role != "leader")
    with pytest.raises(Unavailable, match="n1: .*n2: .*n3: ") as caught:
        client.put("k", "2", 0.3)
    assert set(caught.value.attempts) == set(IDS)

    for node in nodes:
        if node is not leader:
            node.start(None)
    client.put("k", "3")
    assert client.get("k") == b"3"


@pytest.mark.contract("C1")
def test_a_node_that_does_not_answer_is_passed_over(nodes, client, monkeypatch):
    monkeypatch.setattr(link_module, "ANSWER_S", 0.3)
    client.put("k", "0")
    deaf = leading(nodes)
    monkeypatch.setattr(deaf.port._listener, "_on_request", lambda connection, frame: None)  # the connection stays
    wait_until(lambda: deaf.ask(partial(TransferLeadership, None))[0] is None)

    client.put("k", "1")
    assert client.get("k") == b"1"
    assert leading(nodes) is not deaf
    assert client._calls.links._link(deaf.id).about is not None, "it is still connected"


def test_nodes_that_are_not_there(connect):
    client = connect("127.0.0.1:1, 127.0.0.1:2")

    with pytest.raises(Unavailable, match=f"127.0.0.1:1: no connection.*{NotConnected.advice}"):
        client.put("k", "1", 0.2)
    assert [(found.endpoint, found.node) for found in client.status(0.1)] == [
        ("127.0.0.1:1", None),
        ("127.0.0.1:2", None),
    ]


def test_a_node_that_is_down_says_so(nodes, client):
    client.put("k", "1")
    for node in nodes:
        node.stop()

    with pytest.raises(Unavailable, match="n1: down; n2: down; n3: down.; restart a majority of them"):
        client.put("k", "1", 0.3)
    assert [found.node["role"] for found in client.status()] == ["down"] * 3


# Members


def test_a_member_is_added_and_removed(nodes, client, tmp_path, closing):
    client.put("k", "1")
    joining = closing(ServedNode("n4", tmp_path, {}, advertise="127.0.0.1:0"))
    joining.start(None)

    found = client.status_of(joining.port.address)
    assert found.node["configuration"]["voters"] == []
    client.add("n4", joining.transport.address, int(found.node["incarnation"], 16))
    wait_until(lambda: dict(joining.machine.items()).get(b"k") == b"1")
    client.demote("n4")
    client.promote("n4")
    client.change(Change("n4", VOTER, priority=5))
    assert leading(nodes).status.configuration.priorities == {"n4": 5}
    client.remove("n4")
    assert "n4" not in leading(nodes).status.configuration.members
    with pytest.raises(InvalidChange):
        client.add("n5", "127.0.0.1:9", 0)


def test_another_cluster_behind_an_endpoint_is_not_spoken_to(nodes, blocking, tmp_path, closing):
    blocking.put("k", "1")
    here, gone = leading(nodes), followers_of(nodes)[0]
    place = gone.port.address
    gone.close()
    (tmp_path / "other").mkdir()
    addresses = {}
    stranger = closing(ServedNode("n7", tmp_path / "other", addresses, listen_to_clients=place))
    stranger.start(configuration_of([stranger]))
    wait_until(lambda: stranger.actor.cluster)
    wait_until(lambda: stranger.statistics.handshakes)

    for number in range(20):
        blocking.put("k", str(number))
    wait_until(lambda: any("another cluster" in (found.problem or "") for found in blocking.status()))
    assert stranger.status.last_index == here.status.first_index + 1, "its own beginning, and nothing of the client"


def test_endpoints_of_two_clusters_are_never_mixed_up(tmp_path, closing):
    one, other = (cluster(closing, tmp_path, ids=(id,))[0] for id in ("n1", "n2"))
    wait_until(lambda: one.actor.cluster and other.actor.cluster)
    client = closing(Client(endpoints_of([one, other])))
    for number in range(20):
        client.put(str(number), "1")

    assert sorted(len(node.machine.items()) for node in (one, other)) == [0, 20]
    links = client._calls.links
    with pytest.raises(AnotherCluster):
        links._in_cluster(next(node.actor.cluster for node in (one, other) if not node.machine.items()))
    assert links._in_cluster(0) == next(node.actor.cluster for node in (one, other) if node.machine.items())
    problems = [found.problem for found in client.status()]
    assert sum("another cluster" in (problem or "") for problem in problems) == 1


# Its bounds


def test_arguments_out_of_bounds(client, connect):
    with pytest.raises(InvalidAddress):
        connect("nonsense")
    with pytest.raises(InvalidConfig, match="endpoints"):
        connect([])
    with pytest.raises(InvalidConfig, match="server_keys"):
        connect("a:1,b:2", keys=KeyPair.generate(), server_keys=["x"] * 3)
    with pytest.raises(InvalidConfig, match="server_keys"):
        connect("a:1", server_keys="x")
    with pytest.raises(InvalidConfig, match="timeout"):
        client.put("k", "1", -1)
    with pytest.raises(InvalidConfig, match="consistency"):
        client.get("k", consistency="stale")
    with pytest.raises(UnknownNode):
        client.get_stale("k", node="n9")
    with pytest.raises(UnknownNode):
        client.get_stale("k", node=3)
    assert client.get_stale("k", node=2).value is None
    with pytest.raises(InvalidCommand):
        client.propose("text")
    with pytest.raises(EntryTooLarge):
        client.propose(bytes(CONFIG.max_entry_bytes))
    with pytest.raises(EntryTooLarge):
        client.propose(bytes(2 * CONFIG.max_entry_bytes))
    client.put("k", bytes(1 << 20))
    assert client.get("k") == bytes(1 << 20)


def test_another_thread(blocking):
    raised = []

    blocking.put("k", "1")
    pipeline = blocking.pipeline()

    def use(call):
        try:
            call("k", "1")
        except WrongThread as error:
            raised.append(error)

    for call in (blocking.put, pipeline.put):
        thread = threading.Thread(target=use, args=(call,))
        thread.start()
        thread.join()
    assert len(raised) == 2


@pytest.mark.contract("C2")
def test_what_is_under_way_when_a_client_is_closed_is_in_doubt(blocking):
    blocking.put("k", "1")
    pipeline = blocking.pipeline()
    written, read = pipeline.put("k", "2"), pipeline.get("k")
    gevent.sleep(0)

    blocking.close()
    blocking.close()
    pipeline.wait()

    with pytest.raises(OutcomeUnknown):
        written.get()
    with pytest.raises(ClientClosed):
        read.get()
    with pytest.raises(ClientClosed):
        blocking.get("k")
    assert "closed" in repr(blocking)


@pytest.mark.contract("C1", "C2")
def test_an_expired_session_is_not_used_for_a_retry(tmp_path, connect, closing, monkeypatch):
    nodes = cluster(closing, tmp_path, session_limits=SessionLimits(timeout_ms=200))
    client = connect(endpoints_of(nodes))
    client.put("k", "0")
    session = client._calls._session._session
    monkeypatch.setattr(session, "used_s", time.monotonic() + 1000)  # so that the client takes it for young
    gevent.sleep(0.5)

    with pytest.raises(SessionExpired):
        client.put("k", "1")
    assert client.get("k") == b"0"
    client.put("k", "2")
    assert client.get("k") == b"2"
