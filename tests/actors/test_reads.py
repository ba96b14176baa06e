"""Reads without the log: by any member, in order after every write that was acknowledged, or as old as they say."""

import time
from functools import partial

import gevent
import pytest

from actors import (
    Config,
    InvalidConfig,
    LocalCluster,
    NodeStopped,
    NotReadable,
    StaleRead,
    Unavailable,
    UnknownNode,
    kv_commands,
)
from raft.actor import LINEARIZABLE, Read
from tests.actors.clusters import Counter, ReadableCounter, T, level, others, raft_status, wait_until

LEASES = Config(election_timeout_ms=300, heartbeat_interval_ms=50, lease_promise_ms=300)


def lengths(cluster):
    return [member.raft.last_index for member in cluster.status()]


@pytest.mark.contract("L1")
def test_a_read_sees_what_was_acknowledged_at_every_member_and_adds_nothing_to_the_log(cluster):
    cluster.put("key", "0", T)
    wait_until(lambda: level(cluster))
    before = lengths(cluster)[0]
    for number in range(1, 31):
        cluster.put("key", str(number), T)
        for node in cluster.members:
            assert cluster.read(kv_commands.get(b"key"), T, node=node).value == b"%d" % number
    assert cluster.get("key", T) == b"30"

    wait_until(lambda: level(cluster))
    assert lengths(cluster) == [before + 30] * 3


@pytest.mark.contract("L1")
def test_who_is_cut_off_serves_no_read_that_must_be_fresh(cluster):
    cluster.put("key", "old", T)
    wait_until(lambda: level(cluster))
    old = cluster.wait_for_leader(T)
    cluster.partition([old])
    cluster.put("key", "new", T)

    assert cluster.get("key", T) == b"new"
    with pytest.raises(Unavailable, match=f"nobody served the read .*{old}: no answer"):
        cluster.read(kv_commands.get(b"key"), 0.3, node=old)
    assert cluster.get_stale("key", T, node=old).value == b"old"


def test_a_stale_read_says_how_old_it_may_be(cluster):
    cluster.put("key", "old", T)
    wait_until(lambda: level(cluster))
    away = others(cluster, cluster.wait_for_leader(T))[0]
    wait_until(lambda: cluster.get_stale("key", T, node=away).staleness_s is not None)
    cluster.partition([away])
    cut_off_s = time.monotonic()
    cluster.put("key", "new", T)

    wait_until(lambda: cluster.get_stale("key", T, node=away).staleness_s > 0.2)
    assert cluster.get_stale("key", T, node=away).value == b"old"
    assert time.monotonic() - cut_off_s > 0.1  # the last heartbeat came at most so long before


@pytest.mark.contract("L1")
def test_no_read_is_lost_when_leaders_die(cluster):
    cluster.put("key", "0", T)
    seen = []

    def write():
        for number in range(1, 60):
            cluster.put("key", str(number), T)
            written.append(number)

    def read():
        while not writer.ready():
            acknowledged = written[-1]
            seen.append((int(cluster.get("key", T)), acknowledged))

    written = [0]
    writer = gevent.spawn(write)
    readers = [gevent.spawn(read) for _ in range(4)]
    for _ in range(2):
        leader = cluster.wait_for_leader(T)
        goal = written[-1] + 5
        wait_until(lambda goal=goal: written[-1] >= goal)
        cluster.kill(leader)
        cluster.wait_for_leader(T)
        cluster.restart(leader)
    gevent.joinall([writer, *readers], timeout=T, raise_error=True)

    assert len(seen) > 50
    assert all(value >= acknowledged for value, acknowledged in seen)


def test_a_read_by_lease_asks_nobody(cluster_with_leases):
    cluster = cluster_with_leases
    cluster.put("key", "1", T)
    leader = cluster.wait_for_leader(T)
    reads = cluster._nodes[leader].supervisor._actor._node.reads

    wait_until(lambda: cluster.get("key", T, consistency="lease") == b"1" and reads.served_by_lease > 0)
    served = reads.served
    for number in range(20):
        cluster.put("key", str(number), T)
        assert cluster.get("key", T, consistency="lease") == b"%d" % number

    assert (reads.served_by_lease >= 21, reads.served) == (True, served)


@pytest.fixture
def cluster_with_leases():
    with LocalCluster(3, config=LEASES) as cluster:
        yield cluster


def test_without_leases_such_a_read_asks_a_majority(cluster):
    cluster.put("key", "1", T)

    assert cluster.get("key", T, consistency="lease") == b"1"


def test_the_leader_and_a_follower_that_hears_it_have_fresh_stale_reads(cluster):
    cluster.put("key", "1", T)
    leader = cluster.wait_for_leader(T)

    fresh = cluster.get_stale("key", T, node=leader)
    assert fresh.value == b"1"
    assert 0.0 <= fresh.staleness_s < 1.0  # counted from when a majority was last heard
    wait_until(lambda: cluster.get_stale("key", T, node=others(cluster, leader)[0]).staleness_s is not None)
    assert cluster.get_stale("key", T).value in (None, b"1")


def test_a_node_that_has_heard_nobody_does_not_know_how_old_it_is():
    with LocalCluster(3) as cluster:
        cluster.partition(["n1"], ["n2"], ["n3"])

        assert cluster.get_stale("key", T, node="n1") == StaleRead(None, None)


# Any state machine


def test_a_machine_of_ones_own_answers_its_queries():
    with LocalCluster(3, machine=ReadableCounter) as cluster:
        cluster.propose(b"5", T)

        assert cluster.read("total", T) == 5
        assert cluster.read("total", T, consistency="lease") == 5
        stale = cluster.read_stale("total", T, node=cluster.wait_for_leader(T))
        assert stale.value == 5
        assert 0 <= stale.staleness_s < 1  # since the round of the read before


@pytest.mark.parametrize("method", ["read", "read_stale"])
def test_a_query_that_cannot_be_answered_is_its_askers_affair(logged, method):
    with LocalCluster(3, machine=ReadableCounter) as cluster:
        cluster.propose(b"5", T)
        with pytest.raises(ValueError, match="no such query: everything"):
            getattr(cluster, method)("everything", T)

        assert [member.running for member in cluster.status()] == [True] * 3
        assert cluster.read("total", T) == 5
    assert logged == []


def test_a_machine_without_queries_says_so():
    with LocalCluster(1, machine=Counter) as cluster, pytest.raises(NotReadable, match=r"Counter has no method read"):
        cluster.read("total", T)


def test_a_machine_that_reads_is_not_async():
    class Async(Counter):
        async def read(self, query):
            return 0

    with pytest.raises(InvalidConfig, match="whose read is not async"):
        LocalCluster(1, machine=Async)


# Mistakes and failures


@pytest.mark.parametrize("consistency", ["stale", "strong", None])
def test_an_unknown_consistency_is_named(cluster, consistency):
    with pytest.raises(InvalidConfig, match='it must be "linearizable" or "lease"; see get_stale'):
        cluster.get("key", T, consistency=consistency)
    with pytest.raises(InvalidConfig, match='it must be "linearizable" or "lease"; see read_stale'):
        cluster.read(b"", T, consistency=consistency)


def test_a_read_at_an_unknown_node_is_refused(cluster):
    with pytest.raises(UnknownNode):
        cluster.read(b"", T, node="n9")


def test_with_all_nodes_down_the_error_says_so(cluster):
    for node in cluster.members:
        cluster.kill(node)

    with pytest.raises(Unavailable, match=r"nobody served the read within 0.1 s \(n1: down; n2: down; n3: down\)"):
        cluster.get("key", 0.1)


def test_what_is_in_the_mailbox_of_a_node_that_stops_is_refused(cluster):
    leader = cluster.wait_for_leader(T)
    behind = cluster._nodes.ask(leader, partial(Read, b"", LINEARIZABLE))

    cluster.kill(leader)

    with pytest.raises(NodeStopped):
        behind.get(timeout=T)


def test_many_read_at_once(cluster):
    cluster.put("key", "1", T)
    readers = [gevent.spawn(cluster.get, "key", T) for _ in range(200)]

    gevent.joinall(readers, timeout=T, raise_error=True)

    assert {reader.value for reader in readers} == {b"1"}
    assert raft_status(cluster, cluster.wait_for_leader(T)).last_index < 10
