"""An idle cluster that is allowed to be silent (L4): it is, it notices a dead leader, it wakes when needed."""

import pytest

from raft.messages import Heartbeat
from transport_sim.scenario import Scenario

E = 1000
BEATS_OFF = 10
MINUTE_MS = 60_000


def quiet(**setup):
    return Scenario(quiescent_timeouts=BEATS_OFF, **setup)


def messages_of_a_minute(cluster):
    before = cluster.traffic.sent.total()
    cluster.run(MINUTE_MS)
    return cluster.traffic.sent.total() - before


@pytest.mark.contract("L4")
def test_an_idle_cluster_is_silent():
    with quiet() as cluster:
        cluster.elect()
        cluster.run(2 * BEATS_OFF * E)

        # six rounds of two heartbeats, each echoed
        assert messages_of_a_minute(cluster) <= 7 * 4
        assert cluster.elections == 1

    with Scenario() as cluster:
        cluster.elect()
        assert messages_of_a_minute(cluster) > 2000  # off by default


@pytest.mark.contract("L4")
@pytest.mark.parametrize("seed", range(5))
def test_a_dead_leader_is_noticed_in_the_end(seed):
    with quiet(seed=seed) as cluster:
        old = cluster.elect()
        cluster.run(2 * BEATS_OFF * E)
        cluster.crash(old)
        died = cluster.now_ms

        cluster.run_until(lambda: cluster.leader() is not None, 4 * BEATS_OFF * E)

        assert BEATS_OFF * E // 2 < cluster.now_ms - died <= (2 * BEATS_OFF + 5) * E


@pytest.mark.contract("L4")
@pytest.mark.parametrize("ask", [lambda cluster, id: cluster.propose(id), lambda cluster, id: cluster.read(id)])
def test_whoever_asks_at_any_member_makes_a_dead_leader_noticed_soon(ask):
    for seed in range(5):
        with quiet(seed=seed) as cluster:
            old = cluster.elect()
            cluster.run(2 * BEATS_OFF * E)
            cluster.crash(old)
            died = cluster.now_ms
            asked = next(id for id in ("n1", "n2", "n3") if id != old)

            ask(cluster, asked)
            cluster.run_until(lambda: cluster.leader() is not None)

            assert cluster.now_ms - died < 6 * E


@pytest.mark.contract("L4")
def test_a_proposal_wakes_the_leader_and_is_answered_at_once():
    with quiet() as cluster:
        cluster.elect("n1")
        cluster.run(2 * BEATS_OFF * E)
        asked = cluster.now_ms

        cluster.expect_success(cluster.propose())
        assert cluster.now_ms - asked < 50

        beats = cluster.traffic.sent["Heartbeat"]
        cluster.run(3 * BEATS_OFF * E)
        assert 0 < cluster.traffic.sent["Heartbeat"] - beats < 2 * 2 * BEATS_OFF  # and it falls silent again


@pytest.mark.contract("L4")
@pytest.mark.parametrize("at", ["n1", "n2"])
def test_a_read_wakes_the_leader_and_is_answered_at_once(at):
    with quiet() as cluster:
        cluster.elect("n1")
        cluster.run(2 * BEATS_OFF * E)
        asked = cluster.now_ms

        cluster.expect_success(cluster.read(at))

        assert cluster.now_ms - asked < 50


@pytest.mark.contract("L4")
def test_a_quiescent_follower_helps_nobody_to_depose_its_leader():
    with quiet() as cluster:
        cluster.elect("n1")
        cluster.run(2 * BEATS_OFF * E)
        term = cluster.node("n1").term
        cluster.restart("n3")  # it knows no leader, and asks for votes

        cluster.run(5 * E)

        assert cluster.traffic.sent["PreVoteRequest"] > 0
        assert cluster.leader() == "n1"
        assert cluster.node("n1").term == term


@pytest.mark.contract("L4")
def test_a_lease_ends_while_the_leader_is_silent():
    with quiet(lease_promise_ms=E) as cluster:
        cluster.elect("n1")
        cluster.run(2 * BEATS_OFF * E + 3 * E)
        leader = cluster.node("n1").leading
        cluster.run_until(lambda: not leader.lease_holds(cluster.node("n1").now + 2 * E))
        beats = cluster.traffic.sent["Heartbeat"]

        cluster.expect_success(cluster.read("n1", "lease"))

        assert cluster.traffic.sent["Heartbeat"] > beats


@pytest.mark.contract("L4")
def test_a_leader_that_is_not_heard_steps_down_counted_in_beats():
    with quiet() as cluster:
        cluster.elect("n1")
        cluster.run(2 * BEATS_OFF * E)
        lost = cluster.drop(Heartbeat)
        cluster.run(BEATS_OFF * E)
        assert cluster.leader() == "n1"  # one beat was lost

        cluster.run_until(lambda: cluster.leader() != "n1", 3 * BEATS_OFF * E)

        assert lost.taken
