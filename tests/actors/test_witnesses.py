"""Witnesses: they vote, and have no state machine."""

import pytest

from actors import VOTER, Change, InvalidChange, InvalidConfig, LocalCluster, TransferRefused, Unavailable
from tests.actors.clusters import T, leader_status, raft_status, voters, wait_until

pytestmark = pytest.mark.contract("M8")


@pytest.fixture
def cluster():
    with LocalCluster(3, witnesses=1) as cluster:
        cluster.put("key", "1", T)
        yield cluster


def test_a_witness_votes_and_holds_nothing(cluster):
    leader = cluster.wait_for_leader(T)
    assert leader != "n3"
    assert cluster.machine("n3") is None
    assert [raft_status(cluster, node).witness for node in cluster.members] == [False, False, True]

    cluster.kill(leader)
    cluster.put("key", "2", T)

    assert cluster.wait_for_leader(T) not in (leader, "n3")
    assert cluster.get("key", T) == b"2"
    assert all(entry.data != b"2" for entry in cluster._nodes["n3"].storage.load().entries)


def test_the_leader_says_whether_it_counts_on_its_witness(cluster):
    wait_until(lambda: leader_status(cluster).witness_mode == "normal")
    other = next(node for node in ("n1", "n2") if node != cluster.leader())

    cluster.kill(other)
    wait_until(lambda: leader_status(cluster).witness_mode == "degraded")
    assert raft_status(cluster, "n3").witness_mode is None
    cluster.put("key", "2", T)
    cluster.restart(other)

    wait_until(lambda: leader_status(cluster).witness_mode == "normal")


def test_a_witness_serves_no_reads_and_never_leads(cluster):
    with pytest.raises(Unavailable, match="this node has no state machine"):
        cluster.read(b"", 0.1, node="n3")
    with pytest.raises(Unavailable, match="this node has no state machine"):
        cluster.get_stale("key", 0.1, node="n3")
    with pytest.raises(TransferRefused, match="it is no voter with a state machine"):
        cluster.transfer("n3", T)


def test_a_witness_can_be_added_and_stays_one():
    with LocalCluster(2) as cluster:
        cluster.put("key", "1", T)
        witness = cluster.add(witness=True, timeout=T)
        wait_until(lambda: voters(cluster) == ("n1", "n2", witness))
        assert leader_status(cluster).configuration.witnesses == (witness,)

        cluster.kill(witness)
        cluster.restart(witness)
        cluster.demote(witness, T)
        assert cluster.machine(witness) is None
        cluster.remove(witness, T)
        assert cluster.members == ("n1", "n2")


def test_a_witness_becomes_no_full_member(cluster):
    with pytest.raises(InvalidChange, match="a witness never becomes a full member"):
        cluster.change(Change("n3", VOTER, witness=False), timeout=T)


@pytest.mark.parametrize(("nodes", "witnesses"), [(1, 1), (3, 2), (4, 3), (3, -1), (3, "1"), (3, True)])
def test_witnesses_are_no_majority(nodes, witnesses):
    with pytest.raises(
        InvalidConfig, match=f"witnesses is {witnesses!r}; it must be an integer from 0 to {nodes // 2}"
    ):
        LocalCluster(nodes, witnesses=witnesses)
