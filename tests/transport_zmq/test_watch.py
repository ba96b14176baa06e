"""Watches of real nodes over real sockets: nothing is lost, nothing told twice, and waiting costs nothing."""

import time

import gevent
import pytest

from actors import kv_history, results
from actors.errors import Compacted, NodeStopped, NotWatchable
from actors.kv_commands import OutOfBounds
from raft.errors import InvalidConfig
from tests.transport_zmq.machines import Sums
from tests.transport_zmq.nodes import configuration_of, leader_of, wait_until
from tests.transport_zmq.served import cluster, endpoints_of, leading
from tests.transport_zmq.test_client_port import RawClient, one_node
from transport_zmq import Client, ClientClosed, ClientLimits, PortOverloaded
from transport_zmq import client_port as port_module
from transport_zmq import link as link_module
from transport_zmq.client_answers import DONE, error_in
from transport_zmq.client_codec import READ, UNWATCH, WATCH

NEXT_S = 20


@pytest.fixture
def nodes(tmp_path, closing):
    return cluster(closing, tmp_path)


@pytest.fixture
def client(nodes, closing):
    return closing(Client(endpoints_of(nodes)))


class Collector:
    """Takes events in a greenlet of its own."""

    def __init__(self, watch):
        self.events = []
        self._watch = watch
        self._greenlet = gevent.spawn(self._run)

    def _run(self):
        for event in self._watch:
            self.events.append(event)

    @property
    def ended(self):
        return self._greenlet.ready()

    def close(self):
        self._watch.close()
        self._greenlet.join(5)


def waiting_at(node):
    """How many watches wait at a node, as its port and as the node itself count them."""
    return len(node.port._watches), len(node.actor._raft._waiting._waiting)


def test_every_change_is_told_in_order_beside_other_calls_of_the_same_client(client, closing):
    client.put("a", "before")
    everything, one = closing(Collector(client.watch(prefix=""))), closing(Collector(client.watch("b")))

    client.put("a", "1")
    client.delete("a")
    client.delete("a")  # changes nothing
    with client.batch() as batch:
        batch.put("b", "2")
        batch.put("c", "3")
    wait_until(lambda: len(everything.events) == 4 and one.events, NEXT_S)

    assert [(event.key, event.value) for event in everything.events] == [
        (b"a", b"1"),
        (b"a", None),
        (b"b", b"2"),
        (b"c", b"3"),
    ]
    first = everything.events[0].revision
    assert [event.revision for event in everything.events] == [first, first + 1, first + 2, first + 3]
    assert one.events == [everything.events[2]]


def test_a_watch_goes_on_from_a_revision(client, closing):
    begin = client.txn().put("a", "1").commit().revision
    for number in range(2, 5):
        client.put("a", str(number))

    with client.watch("a", from_revision=begin + 1) as watch:
        assert [watch.next(NEXT_S).value for _ in range(3)] == [b"2", b"3", b"4"]
        assert watch.revision == begin + 4
    with client.watch("a", from_revision=watch.revision + 1) as later:  # in the future
        client.put("a", "5")
        client.put("a", "6")
        assert later.next(NEXT_S).value == b"6"


def test_who_waits_with_a_deadline_is_told_none_and_may_go_on(client, closing):
    watch = closing(client.watch("a"))

    assert watch.next(timeout=0.05) is None
    assert watch.next(timeout=0) is None
    client.put("a", "1")
    assert watch.next(timeout=NEXT_S).value == b"1"
    with pytest.raises(InvalidConfig):
        watch.next(timeout=-1)


def test_waiting_sends_nothing(nodes, client, closing):
    collector = closing(Collector(client.watch("a")))
    wait_until(lambda: sum(waiting_at(node)[0] for node in nodes) == 1, NEXT_S)
    gevent.sleep(0.1)

    asked = sum(link._last for link in client._calls.links._links)
    gevent.sleep(0.6)
    assert sum(link._last for link in client._calls.links._links) == asked

    client.put("a", "1")
    wait_until(lambda: collector.events, NEXT_S)


def test_a_closed_watch_waits_nowhere_any_more(nodes, client):
    watch = client.watch("a")
    collector = Collector(watch)
    wait_until(lambda: (1, 1) in [waiting_at(node) for node in nodes], NEXT_S)

    watch.close()
    watch.close()

    wait_until(lambda: collector.ended, NEXT_S)
    wait_until(lambda: {waiting_at(node) for node in nodes} == {(0, 0)}, NEXT_S)
    assert list(watch) == []
    assert watch.next() is None


def test_it_goes_on_while_every_node_is_restarted_and_leadership_moves(nodes, client, closing):
    collector = closing(Collector(client.watch(prefix="k")))
    everybody = configuration_of(nodes)
    acknowledged = 0
    for node in nodes:
        for _ in range(5):
            client.put("k", str(acknowledged), 20)
            acknowledged += 1
        node.port.drain(0.5)
        node.stop()
        client.put("k", str(acknowledged), 20)
        acknowledged += 1
        node.start(everybody)
        client.put("k", str(acknowledged), 20)
        acknowledged += 1

    wait_until(lambda: len(collector.events) >= acknowledged, NEXT_S)
    gevent.sleep(0.05)
    assert [event.value for event in collector.events] == [b"%d" % number for number in range(acknowledged)]
    revisions = [event.revision for event in collector.events]
    assert revisions == list(range(revisions[0], revisions[0] + acknowledged))


def test_what_was_forgotten_is_said_to_be(client, closing):
    begin = client.txn().put("k", "0").commit().revision
    behind = client.watch("k", from_revision=begin)
    other = closing(Collector(client.watch("never")))
    transaction_size = 128
    transactions = kv_history.MAX_CHANGES // transaction_size + 1
    for number in range(transactions):
        with client.batch(20) as batch:
            for _ in range(transaction_size):
                batch.put("k", str(number))

    with pytest.raises(Compacted) as caught:
        behind.next(NEXT_S)
    assert caught.value.revision == begin
    first = caught.value.first
    assert begin < first < begin + kv_history.MAX_CHANGES // 4
    assert str(first) in str(caught.value)

    client.put("never", "at last")
    wait_until(lambda: other.events, NEXT_S)  # who waits for what does not change does not fall behind
    last = client.txn().commit().revision
    with client.watch(prefix="", from_revision=first) as watch:
        told = [watch.next(NEXT_S).revision for _ in range(first, last + 1)]
    assert told == list(range(first, last + 1))


def test_patience_that_is_over_is_no_end(nodes, client, closing, monkeypatch):
    monkeypatch.setattr(link_module, "WAIT_S", 0.2)
    for node in nodes:
        node.port._late_alarm._delay_s = node.port._sweep_alarm._delay_s = 0.1
    collector = closing(Collector(client.watch("a")))
    gevent.sleep(0.6)

    client.put("a", "1")
    client.put("a", "2")
    wait_until(lambda: len(collector.events) == 2, NEXT_S)
    assert [event.value for event in collector.events] == [b"1", b"2"]


def test_who_closes_the_client_ends_its_watches(nodes, closing):
    client = Client(endpoints_of(nodes))
    watch = client.watch("a")
    caught = []

    def wait():
        try:
            watch.next()
        except ClientClosed as error:
            caught.append(error)

    greenlet = gevent.spawn(wait)
    gevent.sleep(0.1)
    client.close()
    greenlet.join(5)

    assert len(caught) == 1
    watch.close()


def test_a_machine_without_the_method_is_named(tmp_path, closing):
    (node,) = cluster(closing, tmp_path, ids=("n1",), machine=Sums)
    client = closing(Client(endpoints_of([node]), machine=Sums))

    with pytest.raises(NotWatchable, match="Sums has no method watcher"):
        client.waiter().ask(("add", 1), 20)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, OutOfBounds),
        ({"key": "a", "prefix": "b"}, OutOfBounds),
        ({"key": ""}, OutOfBounds),
        ({"prefix": "x" * 1025}, OutOfBounds),
        ({"key": "a", "from_revision": -1}, OutOfBounds),
        ({"key": "a", "from_revision": "1"}, OutOfBounds),
    ],
)
def test_what_cannot_be_watched_is_said_before_anything_is_asked(client, arguments, error):
    with pytest.raises(error):
        client.watch(**arguments)


# Hostile clients


def query(revision=1, key=b"k"):
    return results.encode(kv_history.changes(key, False, revision))


@pytest.mark.contract("C4")
def test_watches_are_bounded_for_each_client_and_for_all(tmp_path, closing):
    limits = ClientLimits(frame_bytes=1 << 20, watches=3, all_watches=5)
    node = one_node(tmp_path, closing, limits=limits)
    first, second = closing(RawClient(node.port.address)), closing(RawClient(node.port.address))

    first.ask(*[(WATCH, query())] * 5)
    told = first.answers(2)
    assert [str(error_in(answer)) for answer in told] == [
        "4 watches of this client are under way at this node, and the limit is 3; back off and try again"
    ] * 2
    second.ask(*[(WATCH, query())] * 5)
    told = second.answers(3)
    assert {type(error_in(answer)) for answer in told} == {PortOverloaded}
    assert waiting_at(node) == (5, 5)

    client = closing(Client(endpoints_of([node])))
    with pytest.raises(PortOverloaded, match="6 watches are under way at this node, and the limit is 5"):
        client.watch("k").next(NEXT_S)
    client.put("k", "1")
    assert len(first.answers(3)) == 3
    assert len(second.answers(2)) == 2
    assert waiting_at(node) == (0, 0)


@pytest.mark.contract("C4")
def test_nonsense_is_refused_and_what_nobody_waits_for_is_forgotten(tmp_path, closing, monkeypatch):
    monkeypatch.setattr(port_module, "LATE_SWEEP_S", 0.1)
    node = one_node(tmp_path, closing)
    raw, other = closing(RawClient(node.port.address)), closing(RawClient(node.port.address))

    raw.ask((WATCH, b"nonsense"), (WATCH, results.encode(7)), (WATCH, results.encode(b"\x0a")), (WATCH, query()))
    told = {answer.number: answer for answer in raw.answers(3)}
    assert [type(error_in(told[number])).__name__ for number in (1, 2)] == ["NotAnswerable"] * 2
    assert told[3].code == DONE  # the store says itself that this is no query
    assert b"it ends before the length of the key" in told[3].value

    other.ask((UNWATCH, 4), (UNWATCH, -1), (READ, query()))
    assert len(other.answers(1)) == 1
    assert waiting_at(node) == (1, 1), "nobody ends the watch of another"
    raw.ask((UNWATCH, 4), (UNWATCH, 4), (UNWATCH, 1))
    wait_until(lambda: waiting_at(node) == (0, 0), 5)

    raw.ask((WATCH, query()), patience_ms=100)
    started = time.monotonic()
    (told,) = raw.answers(1)
    assert (told.code, told.value) == (DONE, None)
    assert time.monotonic() - started < 5
    wait_until(lambda: waiting_at(node) == (0, 0), 5)


def test_a_node_that_ends_in_good_order_sends_watches_elsewhere_first(tmp_path, closing):
    node = one_node(tmp_path, closing)
    raw = closing(RawClient(node.port.address))
    raw.ask((WATCH, query()))
    wait_until(lambda: waiting_at(node) == (1, 1), 5)

    assert node.port.drain(5)

    (told,) = raw.answers(1)
    assert isinstance(error_in(told), NodeStopped)


def test_a_node_without_a_leader_sends_watches_elsewhere(tmp_path, closing):
    nodes = cluster(closing, tmp_path)
    leader = leading(nodes)
    client = closing(Client([leader.port.address]))
    watch = closing(Collector(client.watch("k")))
    wait_until(lambda: waiting_at(leader) == (1, 1), NEXT_S)
    others = [node for node in nodes if node is not leader]
    for node in others:
        node.stop()

    wait_until(lambda: waiting_at(leader) == (0, 0), NEXT_S)  # a leader whom nobody hears steps down

    everybody = configuration_of(nodes)
    for node in others:
        node.start(everybody)
    wait_until(lambda: leader_of(nodes) is not None, NEXT_S)
    client.put("k", "1", 20)
    wait_until(lambda: watch.events, NEXT_S)
