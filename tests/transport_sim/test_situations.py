"""Situations are recognized when they come about, and not when they only nearly do."""

import pytest

from raft.changes import REMOVED, VOTER, Change
from raft.messages import Append, VoteRequest
from transport_sim import Simulation
from transport_sim.scenario import Scenario
from transport_sim.situations import SITUATIONS, Situations


def reached(cluster):
    return cluster._cluster.situations.reached


def test_a_situation_that_is_not_on_the_list_is_refused():
    with pytest.raises(ValueError, match="unknown situation 'rain': add it to SITUATIONS"):
        Situations().reach("rain")


def test_every_situation_says_what_it_is():
    assert len(SITUATIONS) >= 20
    assert all(len(text) > 20 for text in SITUATIONS.values())


def test_an_undisturbed_cluster_comes_to_hardly_any():
    with Scenario(3) as cluster:
        cluster.elect()
        cluster.expect_success(*[cluster.propose() for _ in range(5)])
        assert not reached(cluster)


def test_a_run_counts_what_it_comes_to_and_only_what_is_on_the_list():
    result = Simulation(3, seconds=10).run()
    assert result.situations
    assert set(result.situations) <= set(SITUATIONS)
    assert result == Simulation(3, seconds=10).run()


def test_a_cut_off_leader_steps_down_loses_its_entries_and_hears_of_it():
    with Scenario(3) as cluster:
        old = cluster.elect()
        cluster.expect_success(cluster.propose())
        cluster.isolate(old)
        lost = [cluster.propose(at=old) for _ in range(2)]
        others = [id for id in ("n1", "n2", "n3") if id != old]
        cluster.run_until(lambda: cluster.leader() in others)
        cluster.expect_success(cluster.propose())
        cluster.run(3 * cluster.election_timeout_ms)
        assert reached(cluster)["leader-unheard"] == 1
        assert reached(cluster)["leader-lost-entries"] == 0
        cluster.heal()
        cluster.run(3 * cluster.election_timeout_ms)
        cluster.expect_settled(*lost)
        assert reached(cluster)["leader-lost-entries"] == 1
        assert reached(cluster)["truncation-of-several"] == 1


def test_an_entry_that_a_successor_commits():
    with Scenario(3) as cluster:
        old = cluster.elect()
        cluster.expect_success(cluster.propose())
        cluster.run(500)
        assert reached(cluster)["successor-committed-entry"] == 0
        cluster.drop(Append, sender=old, receiver="n1" if old != "n1" else "n2")
        held = cluster.hold(matches=lambda message: type(message).__name__ == "AppendAccepted", receiver=old)
        cluster.propose()
        cluster.run(200)
        cluster.crash(old)
        cluster.release(held)
        cluster.traffic.end_all()
        cluster.elect(without=[old])
        assert reached(cluster)["successor-committed-entry"] == 1


def test_a_vote_that_is_remembered_after_a_restart():
    with Scenario(5) as cluster:
        leader = cluster.elect()
        cluster.expect_success(cluster.propose())
        voter = next(id for id in ("n1", "n2", "n3", "n4", "n5") if id != leader and cluster.node(id).vote is not None)
        rival = next(id for id in ("n1", "n2", "n3", "n4", "n5") if id not in (leader, voter))
        node = cluster.node(voter)
        term, last = node.term, (node.log.last_index, node.log.last_term)
        cluster.isolate(leader)
        cluster.restart(voter)
        assert reached(cluster)["vote-remembered"] == 0
        request = VoteRequest(rival, term, *last, False)
        request.incarnation = cluster.host(rival).disk.incarnation
        cluster.host(voter).receive(request)
        cluster.run(1)
        assert reached(cluster)["vote-remembered"] == 1


def test_a_removed_leader_hands_over():
    with Scenario(3, spares=1) as cluster:
        leader = cluster.elect()
        cluster.expect_success(cluster.propose())
        joining = cluster.joining("n4", VOTER)
        cluster.change(joining, Change(leader, REMOVED))
        cluster.run_until(lambda: cluster.leader() not in (None, leader) and not cluster.configuration().joint)
        cluster.run(2 * cluster.election_timeout_ms)
        assert reached(cluster)["removed-leader-handed-over"] == 1
        assert reached(cluster)["voter-promoted"] == 0  # for whoever began the change leads no more
        assert reached(cluster)["transfer-failed"] == 0
