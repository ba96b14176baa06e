import threading

import gevent
import pytest

from actors import (
    AlreadyRunning,
    ClusterClosed,
    InvalidGroups,
    KeyValue,
    LocalCluster,
    NotKeyValue,
    NotRunning,
    OutOfBounds,
    UnknownNode,
    WrongThread,
)
from raft.config import Config
from raft.errors import EntryTooLarge, InvalidCommand, InvalidConfig
from tests.actors.clusters import Counter, T, contents, level, others, wait_until

# Use


@pytest.mark.parametrize("nodes", range(1, 10))
def test_clusters_of_every_size_elect_and_replicate(nodes):
    with LocalCluster(nodes) as cluster:
        assert cluster.wait_for_leader(T) in cluster.members
        cluster.put("key", "value", T)

        wait_until(lambda: level(cluster))
        assert contents(cluster) == [[(b"key", b"value")]] * nodes


def test_the_store_does_what_it_says(cluster):
    assert cluster.get("key", T) is None
    cluster.put("key", b"1", T)
    assert cluster.get(b"key", T) == b"1"
    assert cluster.cas("key", "2", "3", T) is False
    assert cluster.cas("key", "1", "3", T) is True
    assert cluster.cas("new", None, "1", T) is True
    assert cluster.delete("key", T) is True
    assert cluster.delete("key", T) is False
    assert cluster.get("key", T) is None


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_whatever_holds_bytes_may_be_stored(cluster, kind):
    cluster.put(kind(b"key"), kind(b"value"), T)

    assert cluster.get("key", T) == b"value"


def test_it_shows_itself(cluster):
    cluster.partition(["n1"], ["n2"], ["n3"])
    assert repr(cluster) == "LocalCluster(3 nodes, no leader)"
    cluster.heal()
    leader = cluster.wait_for_leader(T)
    down = others(cluster, leader)[0]
    cluster.kill(down)
    assert repr(cluster) == f"LocalCluster(3 nodes, {leader} leads, {down} down)"
    shown = repr(cluster.status())
    assert f"MemberStatus(id='{leader}', raft=Status('{leader}', 'leader', term=" in shown
    assert f"MemberStatus(id='{down}', raft=None, failure=None, refused=None)" in shown
    cluster.close()
    assert repr(cluster) == "LocalCluster(3 nodes, closed)"


def test_one_leader_and_followers_that_know_it(cluster):
    leader = cluster.wait_for_leader(T)

    assert cluster.leader() == leader
    roles = {member.id: (member.raft.role, member.raft.leader) for member in cluster.status()}
    assert roles[leader] == ("leader", leader)
    assert [member.running for member in cluster.status()] == [True] * 3
    assert list(roles.values()).count(("follower", leader)) >= 1


def test_many_greenlets_share_one_cluster(cluster):
    writers = [gevent.spawn(cluster.put, f"key {number}", b"value", T) for number in range(64)]

    gevent.joinall(writers, timeout=T, raise_error=True)

    wait_until(lambda: level(cluster))
    assert [len(content) for content in contents(cluster)] == [64] * 3


def test_a_machine_of_ones_own():
    with LocalCluster(3, machine=Counter) as cluster:
        assert cluster.propose(b"5", T) == 5
        assert cluster.propose(b"-2", T) == 3

        wait_until(lambda: level(cluster))
        assert [cluster.machine(node).total for node in range(3)] == [3, 3, 3]
        with pytest.raises(NotKeyValue, match="this cluster replicates Counter"):
            cluster.put("key", "value", T)


# Mistakes


@pytest.mark.parametrize("nodes", [0, 10, -1, "3", 3.0, True])
def test_a_cluster_has_1_to_9_nodes(nodes):
    with pytest.raises(InvalidConfig, match="nodes is .*; it must be an integer from 1 to 9"):
        LocalCluster(nodes)


def test_a_seed_is_an_integer():
    with pytest.raises(InvalidConfig, match="seed is 'x'; it must be an integer or None"):
        LocalCluster(seed="x")


@pytest.mark.parametrize("node", ["n4", "", 3, -1, None, True, 1.0])
def test_an_unknown_node_is_named(cluster, node):
    for method in (cluster.kill, cluster.restart, cluster.machine, lambda node: cluster.partition([node])):
        with pytest.raises(UnknownNode) as caught:
            method(node)
        assert str(caught.value) == f"there is no node {node!r}; the nodes are n1, n2, n3, or their positions 0 to 2"


def test_a_dead_node_cannot_be_killed_nor_a_running_one_restarted(cluster):
    with pytest.raises(AlreadyRunning, match="node n2 runs already"):
        cluster.restart("n2")
    cluster.kill(1)
    with pytest.raises(NotRunning, match="node n2 is down"):
        cluster.kill("n2")


@pytest.mark.parametrize(
    ("groups", "problem"),
    [
        (["n1"], "'n1' is no group: each group is a list of nodes, as in partition(['n1'], ['n2', 'n3'])"),
        ([0], "0 is no group: each group is a list of nodes, as in partition(['n1'], ['n2', 'n3'])"),
        ([["n1"], [0, "n2"]], "n1 is in two groups: each node belongs to one, as in partition(['n1'], ['n2', 'n3'])"),
    ],
)
def test_bad_groups_are_explained_and_change_nothing(cluster, groups, problem):
    with pytest.raises(InvalidGroups) as caught:
        cluster.partition(*groups)

    assert str(caught.value) == problem
    assert cluster.wait_for_leader(T) in cluster.members


class NoMachine:
    pass


class AsyncMachine:
    async def apply(self, command):
        pass


class SavedOnly:
    def apply(self, command):
        pass

    def snapshot(self):
        return ()


class RestoredOnly:
    snapshot = b"data, not a method"

    def apply(self, command):
        pass

    def restore(self, chunks):
        pass


class AsyncRestore(SavedOnly):
    async def restore(self, chunks):
        pass


@pytest.mark.parametrize(
    ("machine", "wanted"),
    [
        (KeyValue(), "the class KeyValue itself"),
        (None, "a class with a method apply(command)"),
        (5, "a class with a method apply(command)"),
        (NoMachine, "a class with a method apply(command)"),
        (AsyncMachine, "a class with a method apply(command) that is not async: nobody would await it"),
        (SavedOnly, "a class that has restore(chunks) too, or no snapshot(): one needs the other"),
        (RestoredOnly, "a class that has snapshot() too, or no restore(chunks): one needs the other"),
        (AsyncRestore, "a class whose snapshot and restore are not async: nobody would await"),
    ],
)
def test_a_bad_machine_is_refused_with_what_is_wanted(machine, wanted):
    with pytest.raises(InvalidConfig) as caught:
        LocalCluster(3, machine=machine)

    assert str(caught.value) == f"machine is {machine!r}; it must be {wanted}"


def test_a_bad_config_is_refused():
    with pytest.raises(InvalidConfig, match="config is {}; it must be a Config or None"):
        LocalCluster(3, config={})


def test_what_is_out_of_bounds_is_never_sent(cluster):
    with pytest.raises(OutOfBounds, match="the key is 0 bytes"):
        cluster.put("", "value")
    with pytest.raises(OutOfBounds, match="the value is int; it must be a str or bytes object"):
        cluster.put("key", 1)
    with pytest.raises(OutOfBounds, match="the key is NoneType; it must be a str or bytes object"):
        cluster.get(None)
    with pytest.raises(OutOfBounds, match="the expected is float; it must be a str or bytes object"):
        cluster.cas("key", 1.0, "value")
    with pytest.raises(OutOfBounds, match="the key is a str that UTF-8 cannot encode; it must be bytes, or a str"):
        cluster.put("\ud800", "value")
    with pytest.raises(InvalidConfig, match="timeout is -1"):
        cluster.put("key", "value", timeout=-1)
    with pytest.raises(InvalidCommand):
        cluster.propose("text", T)


def test_a_command_beyond_the_limit_is_refused_at_once():
    with (
        LocalCluster(1, config=Config(max_entry_bytes=16)) as cluster,
        pytest.raises(EntryTooLarge, match="limit is 16"),
    ):
        cluster.put("key", bytes(32), T)


def test_a_closed_cluster_says_so(cluster):
    cluster.put("key", "1", T)
    waiting = gevent.spawn(lambda: cluster.wait_for_leader(T))
    cluster.close()
    cluster.close()

    for use in (
        lambda: cluster.put("key", "value"),
        lambda: cluster.get("key"),
        lambda: cluster.kill(0),
        lambda: cluster.restart(0),
        lambda: cluster.partition([0]),
        lambda: cluster.cut(0, 1),
        cluster.heal,
        cluster.wait_for_leader,
        cluster.__enter__,
        lambda: cluster.propose("text"),
        lambda: cluster.sleep(1),
        waiting.get,
    ):
        with pytest.raises(ClusterClosed, match="the cluster is closed; make a new one"):
            use()
    assert not any(member.running for member in cluster.status())
    assert cluster.leader() is None


def test_who_waits_when_the_cluster_closes_is_told():
    with LocalCluster(3) as cluster:
        cluster.partition([0], [1], [2])
        waiting = gevent.spawn(caught, cluster.put, "key", "1", T)
        gevent.sleep(0.05)

    assert isinstance(waiting.get(timeout=T), ClusterClosed)


def caught(method, *arguments):
    try:
        return method(*arguments)
    except Exception as error:
        return error


# Threads


def in_another_thread(*uses):
    """Returns what each of the functions came to, called one after the other in a thread of their own."""
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.extend(caught(use) for use in uses), name="another thread")
    thread.start()
    thread.join(T)
    return outcomes


def test_in_another_thread_every_method_says_so_and_does_nothing(cluster):
    cluster.put("key", "1", T)
    leader = cluster.wait_for_leader(T)

    outcomes = in_another_thread(
        lambda: cluster.put("key", "2"),
        lambda: cluster.get("key"),
        lambda: cluster.delete("key"),
        lambda: cluster.cas("key", "1", "2"),
        lambda: cluster.propose(b"command"),
        lambda: cluster.machine(0),
        cluster.leader,
        cluster.wait_for_leader,
        cluster.status,
        lambda: cluster.kill(leader),
        lambda: cluster.restart(leader),
        lambda: cluster.partition([leader]),
        lambda: cluster.cut(0, 1),
        cluster.heal,
        lambda: cluster.sleep(0),
        cluster.close,
        cluster.__enter__,
    )

    assert {type(outcome) for outcome in outcomes} == {WrongThread}
    assert len(outcomes) == 17
    assert str(outcomes[0]).startswith("a cluster lives in the thread that made it and was used from another thread; ")
    assert cluster.get("key", T) == b"1"
    assert cluster.leader() == leader


def test_a_cluster_works_in_a_thread_that_is_not_the_main_one():
    def use():
        with LocalCluster(3) as cluster:
            cluster.put("key", "1", T)
            value = cluster.get("key", T)
        gevent.get_hub().destroy(destroy_loop=True)
        return value

    assert in_another_thread(use) == [b"1"]
