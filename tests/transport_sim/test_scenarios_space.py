"""Full disks in a cluster: one after the other, a majority, all, and in the middle of other trouble (contract D2)."""

import pytest

from raft.errors import NoSpace
from transport_sim.scenario import Scenario

pytestmark = pytest.mark.contract("D2")
RESERVE_BYTES = 1_000


def write(cluster, count):
    """Propose commands, each when the disk has had time for the one before."""
    outcomes = []
    for _ in range(count):
        outcomes.append(cluster.propose(size=50))
        cluster.run(5)
    return outcomes


def fill_up(cluster):
    """Propose until the leader has no room; return how many commands it took."""
    for number in range(100):
        outcome = cluster.propose(size=50)
        cluster.run(5)
        if isinstance(outcome.error, NoSpace):
            return number
    raise AssertionError("it takes commands without end")


def no_room(cluster):
    """The followers of whom the leader knows that their disks are full."""
    return {follower.id for follower in cluster.node(cluster.leader()).status().followers if follower.no_room}


def test_a_leader_with_a_full_disk_hands_over_and_comes_back_as_a_follower():
    with Scenario(3, reserve_bytes=RESERVE_BYTES) as cluster:
        cluster.elect("n1")
        cluster.fill_disk("n1")
        cluster.run_until(lambda: cluster.leader() in ("n2", "n3"), what="another leader")
        cluster.elect()
        cluster.expect_success(*write(cluster, 40))
        assert no_room(cluster) == {"n1"}
        cluster.make_space("n1")
        last_index = cluster.node(cluster.leader()).log.last_index
        cluster.run_until(lambda: cluster.node("n1").log.applied_index == last_index, what="n1 has caught up")
        assert not no_room(cluster)


def test_without_space_anywhere_commands_are_refused_and_all_else_goes_on():
    with Scenario(3, reserve_bytes=RESERVE_BYTES) as cluster:
        cluster.elect("n1")
        for id in ("n1", "n2", "n3"):
            cluster.fill_disk(id)
        assert 0 < fill_up(cluster) < 20
        leader = cluster.elect()
        cluster.expect_success(cluster.read())
        for _ in range(3):
            assert isinstance(cluster.expect_error(cluster.propose(), NoSpace), NoSpace)

        # The leader is lost: an election needs a term, votes and a no-op.
        cluster.crash(leader)
        cluster.run_until(lambda: cluster.leader() not in (None, leader), what="another leader, from the reserve")
        cluster.run_until(lambda: cluster.node(cluster.leader()).leading.has_committed, what="its no-op is committed")
        cluster.expect_success(cluster.read())

        for id in ("n1", "n2", "n3"):
            cluster.make_space(id)
        cluster.expect_success(*write(cluster, 40))


def test_a_majority_without_space_commits_nothing_more_and_loses_nothing():
    with Scenario(3, reserve_bytes=RESERVE_BYTES) as cluster:
        cluster.elect("n1")
        cluster.fill_disk("n2")
        cluster.fill_disk("n3")
        outcomes = write(cluster, 40)
        cluster.run(2_000)
        acknowledged = [outcome for outcome in outcomes if outcome.succeeded]
        assert 0 < len(acknowledged) < 40
        assert all(outcome.succeeded or outcome.error is None for outcome in outcomes), "what is pending is not refused"
        assert cluster.leader() == "n1"
        assert no_room(cluster) == {"n2", "n3"}
        cluster.make_space("n3")
        cluster.run_until(lambda: all(outcome.succeeded for outcome in outcomes), what="all are committed")


def test_a_node_starts_with_a_full_disk_and_votes():
    with Scenario(3, reserve_bytes=RESERVE_BYTES) as cluster:
        cluster.elect("n1")
        cluster.crash("n3")
        cluster.fill_disk("n3")
        cluster.restart("n3")
        cluster.crash("n2")
        cluster.run_until(lambda: cluster.leader() == "n1")
        term = cluster.node("n1").term
        cluster.crash("n1")
        cluster.restart("n2")
        cluster.run_until(lambda: cluster.leader() == "n2", what="n2 is elected by n3, whose disk is full")
        assert cluster.node("n3").vote == "n2"
        assert cluster.node("n2").term > term
        cluster.make_space("n3")
