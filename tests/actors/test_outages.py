"""Nodes die, the network is cut, machines break: what a local cluster does then."""

from functools import partial

import gevent
import pykka
import pytest

from actors import KeyValue, LocalCluster, NodeStopped, Unavailable, kv_commands
from actors.storage.memory import MemoryStorage
from raft.actor import Propose
from raft.config import Config
from raft.entries import COMMAND
from raft.errors import OutcomeUnknown
from tests.actors.clusters import (
    Counter,
    T,
    contents,
    level,
    others,
    outcome,
    outcome_without_session,
    raft_status,
    wait_until,
)

# Nodes die and return


@pytest.mark.contract("S4")
def test_writes_go_on_without_the_old_leader_and_it_catches_up(cluster):
    cluster.put("before", "1", T)
    leader = cluster.wait_for_leader(T)
    term = raft_status(cluster, leader).term

    cluster.kill(leader)
    assert cluster.leader() is None
    assert cluster.status()[cluster.members.index(leader)].running is False
    cluster.put("meanwhile", "2", T)
    successor = cluster.wait_for_leader(T)
    assert successor != leader
    assert raft_status(cluster, successor).term > term
    assert cluster.get("before", T) == b"1"

    cluster.restart(leader)
    wait_until(lambda: level(cluster))
    assert contents(cluster) == [[(b"before", b"1"), (b"meanwhile", b"2")]] * 3


def test_a_cluster_that_was_down_altogether_keeps_its_data(cluster):
    for number in range(20):
        cluster.put(f"key {number:02}", f"{number}", T)
    terms = {member.id: member.raft.term for member in cluster.status()}
    for node in range(3):
        cluster.kill(node)
    with pytest.raises(Unavailable, match="nobody took the command within 0.05 s .n1: down; n2: down; n3: down"):
        cluster.put("lost", "", timeout=0.05)

    for node in range(3):
        cluster.restart(node)
    assert cluster.get("lost", T) is None
    wait_until(lambda: level(cluster))

    expected = [(f"key {number:02}".encode(), f"{number}".encode()) for number in range(20)]
    assert contents(cluster) == [expected] * 3
    assert all(member.raft.term >= terms[member.id] for member in cluster.status())


def test_without_a_majority_a_write_is_unavailable_or_unknown_and_never_done(cluster):
    cluster.put("key", "1", T)
    leader = cluster.wait_for_leader(T)
    for follower in others(cluster, leader):
        cluster.kill(follower)

    with pytest.raises(OutcomeUnknown):
        cluster.put("key", "2", timeout=1.5)  # the leader takes it, and steps down when it hears no echo
    with pytest.raises(Unavailable, match="is a majority of the members up and connected"):
        cluster.put("key", "3", timeout=0.1)
    with pytest.raises(Unavailable):
        cluster.get("key", timeout=0.1)
    with pytest.raises(Unavailable, match="no leader was agreed on within 0.1 s"):
        cluster.wait_for_leader(timeout=0.1)


def test_without_a_session_who_waits_for_the_leader_that_dies_learns_that_the_outcome_is_unknown(cluster):
    cluster.put("key", "1", T)
    leader = cluster.wait_for_leader(T)
    last_index = raft_status(cluster, leader).last_index
    cluster.partition([leader])
    write = gevent.spawn(outcome_without_session, cluster, kv_commands.put(b"key", b"2"))
    wait_until(lambda: raft_status(cluster, leader).last_index > last_index)

    cluster.kill(leader)

    assert write.get(timeout=T) == f"the outcome is unknown: node {leader} was killed; read before you retry"


def test_a_write_that_was_only_in_the_mailbox_of_a_dead_leader_is_done_by_the_next(cluster):
    cluster.put("key", "1", T)
    leader = cluster.wait_for_leader(T)
    write = gevent.spawn(outcome, cluster, "key", "2")
    gevent.sleep(0)  # the write is told to the leader, whose turn has not come

    cluster.kill(leader)

    assert write.get(timeout=T) == "acknowledged"
    assert cluster.get("key", T) == b"2"


def test_a_write_on_its_way_to_the_disk_is_lost_with_the_power(monkeypatch):
    write = MemoryStorage.write

    def write_and_lose_power(storage, order):
        write(storage, order)
        if any(entry.kind == COMMAND for entry in order.entries):
            cluster.kill("n1")

    with LocalCluster(1) as cluster:
        cluster.wait_for_leader(T)
        with monkeypatch.context() as patched:
            patched.setattr(MemoryStorage, "write", write_and_lose_power)
            told = outcome_without_session(cluster, kv_commands.put(b"key", b"1"))
            assert told == "the outcome is unknown: node n1 was killed; read before you retry"

        cluster.restart("n1")
        assert cluster.get("key", T) is None


# The network fails


def test_a_leader_alone_steps_down_and_its_writes_are_unknown_and_undone(cluster):
    cluster.put("key", "1", T)
    leader = cluster.wait_for_leader(T)
    cluster.partition([leader])

    with pytest.raises(OutcomeUnknown):
        cluster.propose(kv_commands.put(b"key", b"2"), T, session=False)
    wait_until(lambda: raft_status(cluster, leader).role != "leader")
    cluster.put("other", "3", T)
    assert cluster.leader() != leader

    cluster.heal()
    wait_until(lambda: level(cluster))
    assert contents(cluster) == [[(b"key", b"1"), (b"other", b"3")]] * 3


def test_a_node_that_is_cut_off_raises_no_term(cluster):
    cluster.put("key", "1", T)
    follower = others(cluster, cluster.wait_for_leader(T))[0]
    cluster.partition([follower])
    wait_until(lambda: raft_status(cluster, follower).role == "pre-candidate")
    term = raft_status(cluster, follower).term

    cluster.sleep(1.0)  # several election timeouts
    assert raft_status(cluster, follower).term == term
    cluster.put("key", "2", T)

    cluster.heal()
    wait_until(lambda: level(cluster))
    assert contents(cluster) == [[(b"key", b"2")]] * 3


def test_a_follower_that_hears_nothing_is_brought_up_to_date_later(cluster):
    cluster.put("key", "1", T)
    leader = cluster.wait_for_leader(T)
    deaf = others(cluster, leader)[0]
    for sender in others(cluster, deaf):
        cluster.cut(sender, deaf)
    cluster.put("key", "2", T)
    assert cluster.machine(deaf).items() != [(b"key", b"2")]

    cluster.heal()
    wait_until(lambda: level(cluster))
    assert contents(cluster) == [[(b"key", b"2")]] * 3


def test_a_leader_that_is_heard_by_nobody_is_replaced(cluster):
    leader = cluster.wait_for_leader(T)
    for follower in others(cluster, leader):
        cluster.cut(leader, follower)

    wait_until(lambda: cluster.leader() not in (None, leader))
    wait_until(lambda: raft_status(cluster, leader).role != "leader")
    cluster.put("key", "1", T)

    cluster.heal()
    wait_until(lambda: level(cluster))
    assert contents(cluster) == [[(b"key", b"1")]] * 3


def test_a_partition_replaces_the_one_before(cluster):
    cluster.partition(["n1"], ["n2"], ["n3"])
    with pytest.raises(Unavailable):
        cluster.wait_for_leader(timeout=0.5)

    cluster.partition([0, "n2"])

    assert cluster.wait_for_leader(T) in ("n1", "n2")


# Nodes fail


class Fragile(KeyValue):
    broken = False

    def apply(self, command):
        if self.broken:
            raise RuntimeError("the machine is broken")
        return super().apply(command)


def test_a_machine_that_raises_takes_its_node_down_and_the_cause_is_logged_once(logged):
    with LocalCluster(3, machine=Fragile) as cluster:
        cluster.put("key", "1", T)
        leader = cluster.wait_for_leader(T)
        cluster.machine(leader).broken = True

        with pytest.raises(OutcomeUnknown, match=f"node {leader} has failed: RuntimeError: the machine is broken"):
            cluster.propose(kv_commands.put(b"key", b"2"), T, session=False)

        status = cluster.status()[cluster.members.index(leader)]
        assert (status.running, type(status.failure)) == (False, RuntimeError)
        assert [line for line in logged if "down" in line] == logged
        assert len(logged) == 1
        assert logged[0].startswith(f"ERROR node {leader} is down: RuntimeError: the machine is broken (")
        assert "in apply)" in logged[0]
        assert logged[0].count("\n") == 1

        cluster.put("key", "3", T)  # the others carry on
        cluster.restart(leader)
        wait_until(lambda: level(cluster))
        assert contents(cluster) == [[(b"key", b"3")]] * 3
        assert cluster.status()[cluster.members.index(leader)].failure is None


def test_a_machine_that_raises_everywhere_takes_all_nodes_down_and_nothing_hangs(logged):
    # Or the last one might never hear that the command is committed.
    with LocalCluster(3, machine=Counter, config=Config(commit_delay_ms=0)) as cluster:
        cluster.propose(b"1", T)
        with pytest.raises(OutcomeUnknown, match="invalid literal for int"):
            cluster.propose(b"no number", T, session=False)
        wait_until(lambda: not any(member.running for member in cluster.status()))

        for use in (lambda: cluster.propose(b"1", timeout=0.05), lambda: cluster.wait_for_leader(timeout=0.05)):
            with pytest.raises(Unavailable, match=r"n1: down: ValueError: invalid literal .*\.py:\d+ in apply\)"):
                use()
        assert len(logged) == 3


def test_a_command_that_makes_the_machine_raise_takes_the_node_down_again_after_a_restart(logged):
    with LocalCluster(1, machine=Counter) as cluster:
        with pytest.raises(OutcomeUnknown):
            cluster.propose(b"no number", T, session=False)

        cluster.restart("n1")

        wait_until(lambda: not cluster.status()[0].running)
        assert len(logged) == 2


def test_what_is_in_the_mailbox_of_a_node_that_fails_is_refused_with_the_cause(logged):
    class Failing:
        def apply(self, command):
            behind.append(cluster._nodes.ask("n1", partial(Propose, b"behind")))
            raise ValueError("boom")

    behind = []
    with LocalCluster(1, machine=Failing) as cluster:
        with pytest.raises(OutcomeUnknown):
            cluster.propose(b"command", T, session=False)

        with pytest.raises(NodeStopped, match=r"node n1 is down: ValueError: boom .* in apply\); restart it, or ask"):
            behind[0].get(timeout=T)


def test_a_node_that_pykka_stops_is_down_and_can_be_restarted(cluster, logged):
    cluster.put("key", "1", T)
    pykka.ActorRegistry.stop_all(timeout=T)
    assert [(member.running, member.failure) for member in cluster.status()] == [(False, None)] * 3

    for node in range(3):
        cluster.restart(node)
    assert cluster.get("key", T) == b"1"
    assert logged == []


def test_a_machine_that_cannot_be_made_leaves_nothing_behind():
    made = []

    def machine():
        if made:
            raise RuntimeError("no more machines")
        made.append(KeyValue())
        return made[0]

    with pytest.raises(RuntimeError, match="no more machines"):
        LocalCluster(3, machine=machine)
    assert pykka.ActorRegistry.get_all() == []
