"""Three real nodes in one process, each with its own port and directory, over real sockets."""

import gevent
import pytest

from raft.actor import ChangeMembership
from raft.changes import LEARNER, VOTER, Change
from raft.config import Config
from tests.transport_zmq.keyring import Keyring
from tests.transport_zmq.nodes import Node, configuration_of, have, leader_of, put, wait_until


@pytest.fixture(params=["plain", "curve"])
def nodes(request, tmp_path, closing):
    ring = Keyring(tmp_path, ["n1", "n2", "n3", "n4"]) if request.param == "curve" else None

    def make(id, **settings):
        security = ring.security(id) if ring else None
        return closing(Node(id, tmp_path, security=security, advertise="127.0.0.1:0", **settings))

    trio = [make("n1"), make("n2"), make("n3")]
    everybody = configuration_of(trio)
    for node in trio:
        node.start(everybody)
    trio[0].make = make
    return trio


def others(nodes, node):
    return [other for other in nodes if other is not node]


def test_a_cluster_elects_replicates_and_survives_its_leader(nodes):
    put(nodes, b"k", b"1")
    wait_until(lambda: have(nodes, b"k", b"1"))

    leader = leader_of(nodes)
    leader.stop()
    put(nodes, b"k", b"2")
    leader.start(None)

    wait_until(lambda: have(nodes, b"k", b"2"))
    assert all(node.statistics.refused.total() == 0 for node in nodes)


def test_a_member_that_comes_back_on_another_port_is_found(nodes, closing):
    put(nodes, b"k", b"1")
    moved = others(nodes, leader_of(nodes))[0]
    rest = others(nodes, moved)
    before = moved.transport.address
    moved.stop()
    moved.transport.release()

    back = nodes[0].make(moved.id)
    assert back.transport.address != before
    back.start(None)
    put(rest, b"k", b"2")
    change = Change(back.id, part=VOTER, address=back.transport.address)
    wait_until(lambda: leader_of(rest).ask(lambda reply: ChangeMembership([change], reply))[0] is None)

    wait_until(lambda: have([back, *rest], b"k", b"2"))
    assert leader_of(rest).status.configuration.addresses[back.id] == back.transport.address


def test_a_member_that_joins_is_told_where_the_others_are(nodes, closing):
    put(nodes, b"k", b"1")
    wait_until(lambda: have(nodes, b"k", b"1"))
    joining = nodes[0].make("n4")
    joining.start(None)

    change = Change("n4", part=LEARNER, address=joining.transport.address, incarnation=joining._storage.incarnation)
    wait_until(lambda: leader_of(nodes).ask(lambda reply: ChangeMembership([change], reply))[0] is None)

    wait_until(lambda: have([*nodes, joining], b"k", b"1"))


def test_a_follower_far_behind_gets_a_snapshot(tmp_path, closing):
    config = Config(
        election_timeout_ms=500,
        heartbeat_interval_ms=50,
        snapshot_entries=20,
        snapshot_tail_entries=0,
        snapshot_chunk_bytes=1000,
    )
    nodes = [closing(Node(id, tmp_path, config=config)) for id in ("n1", "n2", "n3")]
    everybody = configuration_of(nodes)
    for node in nodes:
        node.start(everybody)
    put(nodes, b"k", b"1")
    late = others(nodes, leader_of(nodes))[0]
    rest = others(nodes, late)
    late.stop()
    for number in range(50):
        put(rest, b"%d" % number, b"x" * 500)
    wait_until(lambda: leader_of(rest) and leader_of(rest).status.first_index > 20)

    late.start(None)

    wait_until(lambda: have(nodes, b"49", b"x" * 500))
    assert late.status.first_index > 20, "it was not sent the entries"


def test_clients_of_a_busy_cluster_are_served_evenly(nodes):
    put(nodes, b"k", b"1")
    leader = leader_of(nodes)

    def client(number):
        for turn in range(25):
            put(nodes, b"%d" % number, b"%d" % turn)

    before = leader.statistics.frames_sent
    gevent.joinall([gevent.spawn(client, number) for number in range(20)], raise_error=True)

    wait_until(lambda: all(have(nodes, b"%d" % number, b"24") for number in range(20)))
    assert leader.statistics.frames_sent - before < 2 * 500, "what comes together travels together"
