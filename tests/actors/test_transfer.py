"""Leadership moves on request."""

from functools import partial

import gevent
import pytest

from actors import (
    VOTER,
    Change,
    LocalCluster,
    NodeStopped,
    NotLeader,
    NotRunning,
    OutcomeUnknown,
    TransferFailed,
    TransferRefused,
    Unavailable,
)
from raft.actor import Propose, TransferLeadership
from tests.actors.clusters import T, leader_status, level, others, raft_status, wait_until

pytestmark = pytest.mark.contract("L3")


def test_leadership_moves_to_whom_it_is_given_while_a_client_writes(cluster):
    cluster.put("key", "0", T)
    first_term = leader_status(cluster).term
    written = []

    def write():
        while len(moved) < 6:
            cluster.put("key", str(len(written)), T)
            written.append(len(written))

    moved = []
    writer = gevent.spawn(write)
    for _ in range(6):
        target = others(cluster, cluster.wait_for_leader(T))[0]
        assert cluster.transfer(target, T) == target
        wait_until(lambda target=target: cluster.leader() == target)
        moved.append(target)
    writer.get(timeout=T)

    assert leader_status(cluster).term == first_term + 6
    assert cluster.get("key", T) == b"%d" % written[-1]


def test_without_a_target_the_leader_chooses(cluster):
    leader = cluster.wait_for_leader(T)
    cluster.put("key", "1", T)
    wait_until(lambda: level(cluster))

    assert cluster.transfer(timeout=T) in others(cluster, leader)


def test_who_leads_already_and_who_never_can_are_refused(cluster):
    leader = cluster.wait_for_leader(T)
    with pytest.raises(TransferRefused, match="it leads already"):
        cluster.transfer(leader, T)
    learner = cluster.add(learner=True, timeout=T)
    with pytest.raises(TransferRefused, match="it is no voter with a state machine"):
        cluster.transfer(learner, T)


def test_a_leader_alone_has_nobody_to_hand_over_to():
    with LocalCluster(1) as cluster:
        cluster.put("key", "1", T)
        with pytest.raises(TransferRefused, match="no other full voter is heard"):
            cluster.transfer(timeout=T)
        cluster.put("key", "2", T)


def test_a_target_that_does_not_take_over_leaves_the_leader_in_place(cluster):
    cluster.put("key", "1", T)
    leader = cluster.wait_for_leader(T)
    target = others(cluster, leader)[0]
    cluster.kill(target)
    moving = gevent.spawn(cluster.transfer, target, T)
    wait_until(lambda: raft_status(cluster, leader).transfer == target)
    waiting = gevent.spawn(cluster.put, "key", "2", T)  # refused meanwhile, and tried again

    with pytest.raises(TransferFailed, match=f"leadership was not transferred to {target}"):
        moving.get(timeout=T)

    waiting.get(timeout=T)
    assert (cluster.wait_for_leader(T), raft_status(cluster, leader).transfer) == (leader, None)
    assert cluster.get("key", T) == b"2"


@pytest.mark.contract("C2")
def test_a_leader_that_dies_while_it_hands_over_leaves_the_outcome_unknown(cluster):
    cluster.put("key", "1", T)
    leader = cluster.wait_for_leader(T)
    target = others(cluster, leader)[0]
    cluster.kill(target)
    moving = gevent.spawn(cluster.transfer, target, T)
    wait_until(lambda: raft_status(cluster, leader).transfer == target)

    cluster.kill(leader)

    with pytest.raises(OutcomeUnknown, match=f"node {leader} was killed"):
        moving.get(timeout=T)


def test_with_no_leader_nothing_is_moved(cluster):
    for node in cluster.members:
        cluster.kill(node)

    with pytest.raises(Unavailable, match="nobody took the command"):
        cluster.transfer(timeout=0.1)


def test_what_is_in_the_mailbox_of_a_node_that_stops_is_refused(cluster):
    leader = cluster.wait_for_leader(T)
    behind = cluster._nodes.ask(leader, partial(TransferLeadership, None))

    cluster.kill(leader)

    with pytest.raises(NodeStopped):
        behind.get(timeout=T)


@pytest.mark.contract("C2")
def test_a_follower_tells_who_leads_and_where(cluster):
    cluster.put("key", "1", T)
    leader = cluster.wait_for_leader(T)
    follower = others(cluster, leader)[0]

    def refusal():
        with pytest.raises(NotLeader) as caught:
            cluster._nodes.ask(follower, partial(Propose, b"")).get(timeout=T)
        return caught.value

    wait_until(lambda: raft_status(cluster, follower).leader == leader)
    assert (refusal().leader, refusal().address) == (leader, None)
    cluster.change(*[Change(node, VOTER, f"{node}.example:7000") for node in cluster.members], timeout=T)
    wait_until(lambda: level(cluster))

    assert (refusal().leader, refusal().address) == (leader, f"{leader}.example:7000")
    assert str(refusal()) == f"this node is not the leader; propose to {leader} at {leader}.example:7000"


# Stopping in good order


def test_a_leader_that_is_stopped_hands_over_first(cluster):
    cluster.put("key", "1", T)
    wait_until(lambda: level(cluster))
    leader = cluster.wait_for_leader(T)
    term = leader_status(cluster).term

    cluster.stop(leader, T)

    assert cluster.status()[cluster.members.index(leader)].state == "down"
    assert cluster.wait_for_leader(T) != leader
    assert leader_status(cluster).term == term + 1


def test_a_leader_that_nobody_can_follow_is_stopped_all_the_same(cluster):
    leader = cluster.wait_for_leader(T)
    for node in others(cluster, leader):
        cluster.kill(node)
    cluster.stop(leader, T)
    assert not any(member.running for member in cluster.status())

    with LocalCluster(1) as alone:
        alone.put("key", "1", T)
        alone.stop("n1", T)
        with pytest.raises(NotRunning):
            alone.stop("n1", T)
        alone.restart("n1")
        assert alone.get("key", T) == b"1"


def test_when_the_time_is_up_it_is_stopped_without_a_successor(cluster):
    leader = cluster.wait_for_leader(T)

    cluster.stop(leader, 0)

    assert cluster.status()[cluster.members.index(leader)].running is False
