"""Members come and go while a local cluster runs."""

import gevent
import pytest

from actors import (
    LEARNER,
    REMOVED,
    VOTER,
    AlreadyRunning,
    Change,
    Config,
    InvalidChange,
    InvalidConfig,
    LastVoter,
    LocalCluster,
    NoMoreNodes,
    NotCaughtUp,
    OutcomeUnknown,
    Unavailable,
    UnknownNode,
    WitnessMajority,
)
from raft.observer import ConfigurationChanged
from tests.actors.clusters import T, contents, leader_status, level, others, raft_status, voters, wait_until

QUICK = Config(election_timeout_ms=100, heartbeat_interval_ms=20)


# Joining


def test_a_cluster_grows_under_writes():
    with LocalCluster(1) as cluster:
        cluster.put("key", "0", T)
        for number, expected in ((1, "n2"), (2, "n3")):
            assert cluster.add(timeout=T) == expected
            cluster.put("key", str(number), T)

        wait_until(lambda: voters(cluster) == ("n1", "n2", "n3"))
        cluster.kill("n1")
        cluster.put("key", "without the first", T)
        assert cluster.get("key", T) == b"without the first"
        cluster.restart("n1")
        wait_until(lambda: level(cluster))
        assert contents(cluster) == [[(b"key", b"without the first")]] * 3


@pytest.mark.contract("M4")
def test_a_voter_counts_only_once_it_has_caught_up_and_add_returns_then():
    events = []
    with LocalCluster(1, watch=events.append) as cluster:
        for number in range(50):
            cluster.put(f"key {number}", "value", T)
        cluster.add(timeout=T)

        assert voters(cluster) == ("n1", "n2")
        seen = [event.configuration for event in events if isinstance(event, ConfigurationChanged)]
        assert [c.learners for c in seen if "n2" in c.members][0] == ("n2",)
        entered = next(index for index, c in enumerate(seen) if "n2" in c.voters)
        assert any(c.learners == ("n2",) for c in seen[:entered])
        assert raft_status(cluster, "n2").last_index >= 50


@pytest.mark.contract("M4")
def test_a_learner_receives_the_log_and_does_not_count_until_it_is_promoted():
    with LocalCluster(1) as cluster:
        assert cluster.add(learner=True, timeout=T) == "n2"
        cluster.put("key", "1", T)
        wait_until(lambda: level(cluster))
        assert [raft_status(cluster, node).learner for node in ("n1", "n2")] == [False, True]
        assert contents(cluster) == [[(b"key", b"1")]] * 2

        cluster.kill("n2")
        cluster.put("key", "2", T)
        cluster.restart("n2")
        cluster.promote("n2", T)

        wait_until(lambda: voters(cluster) == ("n1", "n2"))
        cluster.kill("n2")
        with pytest.raises(OutcomeUnknown):
            cluster.put("key", "3", 0.1)


@pytest.mark.contract("M4")
def test_who_does_not_catch_up_stays_a_learner_and_may_be_promoted_later():
    with LocalCluster(1, config=QUICK) as cluster:
        cluster.put("key", "1", T)
        cluster._nodes.network.cut("n1", "n2")

        with pytest.raises(NotCaughtUp, match="n2 does not catch up"):
            cluster.add(timeout=T)

        assert leader_status(cluster).configuration.learners == ("n2",)
        cluster.heal()
        wait_until(lambda: level(cluster))
        cluster.promote("n2", T)
        wait_until(lambda: voters(cluster) == ("n1", "n2"))


def test_a_node_may_be_given_its_id_and_its_priority():
    with LocalCluster(1) as cluster:
        assert cluster.add("spare", priority=5, timeout=T) == "spare"
        wait_until(lambda: voters(cluster) == ("n1", "spare"))
        wait_until(lambda: cluster.leader() == "spare")  # wanted more, so it is handed leadership
        assert cluster.members == ("n1", "spare")
        with pytest.raises(InvalidChange, match="there is such a node; leave the id out, or remove that node first"):
            cluster.add("n1")


def test_a_node_that_joined_comes_back_with_what_it_stored():
    with LocalCluster(1) as cluster:
        cluster.put("key", "1", T)
        cluster.add(timeout=T)
        wait_until(lambda: level(cluster))
        cluster.kill("n2")
        cluster.kill("n1")

        cluster.restart("n1")
        cluster.restart("n2")

        assert cluster.get("key", T) == b"1"
        assert leader_status(cluster).configuration.members == ("n1", "n2")


# Leaving


@pytest.mark.contract("M5")
def test_a_leader_that_is_removed_hands_over_and_is_gone(cluster):
    cluster.put("key", "1", T)
    leader = cluster.wait_for_leader(T)

    cluster.remove(leader, T)

    assert leader not in cluster.members
    with pytest.raises(UnknownNode):
        cluster.machine(leader)
    assert cluster.wait_for_leader(T) in cluster.members
    cluster.put("key", "2", T)
    wait_until(lambda: voters(cluster) == cluster.members)
    wait_until(lambda: level(cluster))
    assert contents(cluster) == [[(b"key", b"2")]] * 2


def test_a_node_that_is_down_can_be_removed_and_a_majority_of_the_rest_suffices(cluster):
    leader = cluster.wait_for_leader(T)
    gone, left = others(cluster, leader)
    cluster.kill(gone)

    cluster.remove(gone, T)

    assert set(cluster.members) == {leader, left}
    cluster.put("key", "1", T)


@pytest.mark.contract("M6")
def test_the_last_voter_stays():
    with LocalCluster(1) as cluster:
        cluster.put("key", "1", T)
        cluster.add(learner=True, timeout=T)

        for leave in (cluster.remove, cluster.demote):
            with pytest.raises(LastVoter):
                leave("n1", T)
        assert cluster.members == ("n1", "n2")
        assert cluster.get("key", T) == b"1"


def test_a_voter_can_be_demoted_and_promoted_again(cluster):
    leader = cluster.wait_for_leader(T)
    other = others(cluster, leader)[0]

    cluster.demote(other, T)
    assert leader_status(cluster).configuration.learners == (other,)
    cluster.promote(other, T)

    wait_until(lambda: voters(cluster) == ("n1", "n2", "n3"))


def test_ids_are_not_given_twice(cluster):
    cluster.remove("n3", T)

    assert cluster.add(timeout=T) == "n4"
    assert cluster.members == ("n1", "n2", "n4")


# Several at once


@pytest.mark.contract("M1")
def test_most_members_are_replaced_at_once_by_a_joint_configuration_that_is_left():
    events = []
    with LocalCluster(3, watch=events.append) as cluster:
        cluster.put("key", "1", T)
        leader = cluster.wait_for_leader(T)
        old = others(cluster, leader)

        cluster.change(
            *[Change(node, VOTER) for node in ("n4", "n5")], *[Change(node, REMOVED) for node in old], timeout=T
        )

        assert set(cluster.members) == {leader, "n4", "n5"}
        at_leader = [e.configuration for e in events if isinstance(e, ConfigurationChanged) and e.node == leader]
        joint = [c for c in at_leader if c.joint]
        assert [(set(c.voters), c.outgoing) for c in joint] == [({leader, "n4", "n5"}, ("n1", "n2", "n3"))]
        assert at_leader[-1] == joint[0].left()
        cluster.put("key", "2", T)
        wait_until(lambda: level(cluster))
        assert contents(cluster) == [[(b"key", b"2")]] * 3


def test_each_of_several_adds_returns_when_its_node_counts():
    with LocalCluster(1) as cluster:
        cluster.put("key", "1", T)
        for members in (("n1", "n2"), ("n1", "n2", "n3"), ("n1", "n2", "n3", "n4")):
            cluster.add(timeout=T)
            assert voters(cluster) == members


@pytest.mark.contract("M2")
def test_changes_wait_for_each_other():
    with LocalCluster(1) as cluster:
        cluster.put("key", "1", T)
        adding = [gevent.spawn(cluster.add, timeout=T) for _ in range(4)]
        gevent.joinall(adding, timeout=T, raise_error=True)

        assert sorted(greenlet.value for greenlet in adding) == ["n2", "n3", "n4", "n5"]
        wait_until(lambda: voters(cluster) == ("n1", "n2", "n3", "n4", "n5"))


def test_a_change_goes_on_when_the_leader_dies_under_it(cluster):
    cluster.put("key", "1", T)
    leader = cluster.wait_for_leader(T)
    for other in others(cluster, leader):
        cluster.cut(other, leader)  # the change reaches the leader's log, and what it is told comes to nothing
    adding = gevent.spawn(cluster.add, timeout=T)
    wait_until(lambda: raft_status(cluster, leader).configuration.learners == ("n4",))

    cluster.kill(leader)
    cluster.heal()

    assert adding.get(timeout=T) == "n4"
    wait_until(lambda: voters(cluster) == ("n1", "n2", "n3", "n4"))


# What cannot be


def test_a_change_that_nobody_takes_leaves_no_node_behind(cluster):
    for node in cluster.members:
        cluster.kill(node)

    with pytest.raises(Unavailable, match="nobody took the command"):
        cluster.add(timeout=0.1)
    assert cluster.members == ("n1", "n2", "n3")


@pytest.mark.contract("C2")
def test_a_change_in_doubt_is_unknown_and_its_node_runs(cluster):
    leader = cluster.wait_for_leader(T)
    cluster.put("key", "1", T)
    for other in others(cluster, leader):
        cluster.cut(leader, other)
    with pytest.raises(OutcomeUnknown):
        cluster.add(timeout=0.1)
    assert cluster.members == ("n1", "n2", "n3", "n4")

    cluster.heal()
    cluster.promote("n4", T)  # asks for the same again; what is in effect already changes nothing

    wait_until(lambda: voters(cluster) == ("n1", "n2", "n3", "n4"))


def test_there_is_a_limit_of_nodes():
    with LocalCluster(9) as cluster:
        with pytest.raises(NoMoreNodes, match="a local cluster has at most 9 nodes; remove one first"):
            cluster.add(timeout=T)
        assert len(cluster.members) == 9


@pytest.mark.parametrize("id", ["", "x" * 65, 7, None, b"n4"])
def test_an_id_is_a_short_string(cluster, id):
    with pytest.raises(InvalidConfig, match="node is .* a string of 1 to 64 characters"):
        cluster.change(Change(id, VOTER), timeout=T)
    assert cluster.members == ("n1", "n2", "n3")


def test_mistakes_are_named_and_change_nothing(cluster):
    learners = [Change(node, LEARNER) for node in ("n2", "n3")]
    witnesses = [Change(node, VOTER, witness=True) for node in ("n4", "n5")]
    for wrong, error in (
        (["n4"], InvalidConfig),
        ([Change("n4", REMOVED)], UnknownNode),
        ([Change("n4", "king")], InvalidChange),
        ([Change("n4", VOTER, priority=1001)], InvalidChange),
        ([Change("n3", LEARNER), Change("n3", REMOVED)], InvalidChange),
        ([Change("n3", VOTER, witness=True)], InvalidChange),
        ([*witnesses, *learners], WitnessMajority),
    ):
        with pytest.raises(error):
            cluster.change(*wrong, timeout=T)
        assert cluster.members == ("n1", "n2", "n3")
    for method in (cluster.remove, cluster.promote, cluster.demote, cluster.stop, cluster.erase, cluster.transfer):
        with pytest.raises(UnknownNode):
            method("n4")


# A node that has forgotten what it promised


@pytest.mark.contract("M6")
def test_a_node_that_returns_with_an_empty_storage_is_refused_until_it_is_added_anew(cluster):
    cluster.put("key", "1", T)
    wait_until(lambda: level(cluster))
    wait_until(lambda: len(leader_status(cluster).configuration.incarnations) == 3)
    empty = others(cluster, cluster.wait_for_leader(T))[0]
    cluster.kill(empty)
    cluster.erase(empty)
    cluster.restart(empty)

    def status():
        return cluster.status()[cluster.members.index(empty)]

    wait_until(lambda: status().refused is not None)
    assert status().state.startswith("refused by n")
    assert len(cluster.machine(empty)) == 0
    with pytest.raises(InvalidChange, match="its id is bound to incarnation"):
        cluster.promote(empty, T)
    cluster.put("key", "2", T)

    cluster.remove(empty, T)
    cluster.add(empty, timeout=T)

    wait_until(lambda: voters(cluster) == ("n1", "n2", "n3"))
    wait_until(lambda: level(cluster))
    assert (status().refused, status().state) == (None, "follower")
    assert contents(cluster) == [[(b"key", b"2")]] * 3


@pytest.mark.contract("M6")
def test_an_empty_node_is_no_second_vote(cluster):
    """Of three, one is cut off and one has forgotten all: what is left is no majority."""
    cluster.put("key", "1", T)
    wait_until(lambda: len(leader_status(cluster).configuration.incarnations) == 3)
    wait_until(lambda: level(cluster))
    empty, cut_off = others(cluster, cluster.wait_for_leader(T))
    cluster.kill(cut_off)
    cluster.kill(empty)
    cluster.erase(empty)
    cluster.restart(empty)

    with pytest.raises((Unavailable, OutcomeUnknown)):
        cluster.put("key", "2", 1.0)

    cluster.restart(cut_off)
    cluster.put("key", "3", T)


def test_a_node_that_runs_keeps_its_storage(cluster):
    with pytest.raises(AlreadyRunning):
        cluster.erase("n1")
