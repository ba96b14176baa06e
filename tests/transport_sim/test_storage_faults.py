"""What a node does when its disk fails, and what becomes of a machine whose disk has rotted."""

import pytest

from raft.actor import StorageBroke
from raft.errors import OutcomeUnknown
from transport_sim import Simulation
from transport_sim.scenario import Scenario
from transport_sim.shadow import InvariantError


def test_a_sync_that_fails_stops_the_node_and_another_leads():
    with Scenario() as cluster:
        leader = cluster.elect()
        cluster.expect_success(cluster.propose())
        cluster.host(leader).disk.fails = True
        outcome = cluster.propose()
        cluster.run_until(lambda: not cluster.runs(leader))
        assert isinstance(outcome.error, OutcomeUnknown)
        cluster.run_until(lambda: cluster.leader() not in (None, leader))
        cluster.expect_success(cluster.propose())
        cluster.restart(leader)
        cluster.expect_leader("n1", "n2", "n3")


def test_a_node_that_would_go_on_is_found_out():
    with pytest.raises(InvariantError, match="D2: n1 goes on although its disk has failed"), Scenario() as cluster:
        cluster.elect("n1")
        behaviour = cluster.host("n1").actor.behaviour
        receive = behaviour.on_receive
        behaviour.on_receive = lambda message: None if isinstance(message, StorageBroke) else receive(message)
        cluster.host("n1").disk.fails = True
        cluster.propose()
        cluster.run(1000)


def test_time_that_goes_back_is_found_out():
    with pytest.raises(InvariantError, match="E9: time goes back from"), Scenario() as cluster:
        cluster.elect("n1")
        node = cluster.node("n2")

        def believe(now):
            node.now = now
            return now

        node._pass_time = believe
        cluster.run(500)
        cluster.host("n2").jump_clock(-200_000)
        cluster.run(500)


@pytest.mark.contract("E9")
def test_a_clock_that_jumps_rings_the_alarm_at_once_and_one_that_steps_back_waits():
    with Scenario() as cluster:
        leader = cluster.elect()
        cluster.run(500)
        follower = next(id for id in ("n1", "n2", "n3") if id != leader)
        cluster.isolate(follower)
        before = cluster.node(follower).now
        cluster.host(follower).jump_clock(-100_000)
        cluster.run(50)
        assert cluster.node(follower).now <= before + 1
        cluster.host(follower).jump_clock(100_000_000)
        cluster.run(1)
        assert cluster.node(follower).role.name == "pre-candidate"


def test_a_damaged_disk_keeps_its_node_down():
    with Scenario() as cluster:
        leader = cluster.elect()
        cluster.expect_success(cluster.propose())
        follower = next(id for id in ("n1", "n2", "n3") if id != leader)
        cluster.crash(follower)
        cluster.host(follower).disk.rot(0.0)
        cluster.restart(follower)
        assert not cluster.runs(follower)
        cluster.expect_success(cluster.propose())
        cluster.recover(without=[follower])


def test_a_snapshot_of_many_small_pieces_arrives_once_messages_are_lost_no_more():
    # Its 528 pieces take longer than leaders last while one message of ten is lost.
    assert Simulation(1912, nodes=3).run().violation is None


@pytest.mark.contract("M6")
def test_machines_whose_disks_rot_are_replaced():
    replaced = back = 0
    for seed in range(60):
        simulation = Simulation(seed, 3, ("crash", "bit-rot"), 15, climate="hostile", sync="always", storage="model")
        began = []
        begin = simulation._replacement.begin

        def watched(host, comes_back, began=began, begin=begin):
            began.append(comes_back)
            begin(host, comes_back)

        simulation._replacement.begin = watched
        result = simulation.run()
        assert result.violation is None
        assert result.faults["bit-rot"] == len(began)
        assert result.faults["lost-disk"] <= len(began)
        replaced += result.faults["lost-disk"]
        back += sum(began)
        if replaced > 8 and 1 < back < replaced:
            return
    raise AssertionError(f"{replaced} replaced, {back} of them before they were removed")
