"""Two full members and a witness (M8): what may be lost for good, and what must be waited for."""

import pytest

from raft.changes import REMOVED, Change
from raft.witness import WitnessMode
from transport_sim.scenario import Scenario

E = 1000
FULL = ("n1", "n2")
WITNESS = "n3"
SLOW_DISKS = [(), ("n1",), ("n2",), ("n3",), ("n2", "n3")]


def three(seed=1, slow=(), spares=0, witnesses=(WITNESS,), **settings):
    """A cluster of two full members and a witness, led by n1, in normal mode and under way."""
    cluster = Scenario(3, spares, witnesses=witnesses, seed=seed, **settings)
    cluster.elect("n1")
    cluster.expect_success(cluster.propose())
    cluster.run_until(lambda: not cluster.degraded())
    for id in slow:
        cluster.slow_disk(id, 4)
    return cluster


def lose_at(events, victim, seed, slow, writes=6):
    """Lose a machine for good after so many events of a run of writes; return whether that was before its end."""
    with three(seed, slow, commit_delay_ms=0) as cluster:  # so that news of a commit is lost by itself, too
        outcomes = [cluster.propose() for _ in range(writes // 2)]
        for number in range(events):
            if number % 6 == 0 and len(outcomes) < writes:
                outcomes.append(cluster.propose())
            cluster.run_events(1)
        assert not cluster.degraded()
        under_way = not all(outcome.settled for outcome in outcomes)
        cluster.lose(victim)
        if events % 2:
            cluster.isolate(victim)  # what it has sent is lost, too

        left = [id for id in FULL if id != victim]
        cluster.run_until(lambda: cluster.leader() in left and cluster.runs(cluster.leader()))
        cluster.expect_success(cluster.propose())
    return under_way  # and at the end of the scenario all that was acknowledged is there


# Normal mode


@pytest.mark.contract("M8")
@pytest.mark.parametrize("victim", ["n1", "n2", "n3"])
@pytest.mark.parametrize("slow", SLOW_DISKS, ids=lambda slow: "slow: " + (" ".join(slow) or "none"))
def test_in_normal_mode_any_one_machine_may_be_lost_for_good_at_any_moment(victim, slow):
    events = 0
    while lose_at(events, victim, 1 + events % 3, slow):
        events += 1

    assert events > 15


@pytest.mark.contract("M8")
def test_a_witness_is_sent_only_what_full_members_have_committed():
    with three() as cluster:
        cluster.isolate("n2")
        writes = [cluster.propose() for _ in range(5)]
        cluster.run(E // 2)

        assert not cluster.degraded()
        assert not any(write.settled for write in writes)
        assert cluster.node(WITNESS).log.last_index < cluster.node("n1").log.last_index


@pytest.mark.contract("M8")
def test_a_witness_stores_no_command_and_serves_nobody():
    with three() as cluster:
        cluster.expect_success(*[cluster.propose(size=200) for _ in range(20)])
        cluster.run(E)

        stored = cluster.host(WITNESS).disk.entries
        assert len(stored) > 20
        assert not any(entry.kind == 0 and entry.data for entry in stored)
        assert cluster.host(WITNESS).machine.commands == []
        for consistency in ("linearizable", "lease", "stale"):
            read = cluster.read(WITNESS, consistency)
            cluster.expect_settled(read)
            assert read.error is not None


@pytest.mark.contract("M8")
def test_a_witness_never_campaigns():
    with three() as cluster:
        cluster.isolate("n1", "n2")
        cluster.run(20 * E)

        assert cluster.node(WITNESS).role.name == "follower"


# Degraded mode


@pytest.mark.contract("M8")
def test_in_degraded_mode_the_one_full_member_is_waited_for():
    with three() as cluster:
        cluster.crash("n2")
        write = cluster.propose()
        cluster.run(E // 2)
        assert not write.settled
        assert not cluster.degraded()

        cluster.expect_success(write)  # with the witness, when n2 has not been heard for an election timeout
        assert cluster.degraded()
        cluster.expect_success(*[cluster.propose() for _ in range(5)])
        cluster.crash("n1")
        cluster.restart("n2")
        cluster.run(20 * E)
        assert cluster.leader() is None  # n2 does not hold what was acknowledged

        cluster.restart("n1")
        cluster.expect_leader("n1")


@pytest.mark.contract("M8")
def test_the_mode_is_normal_again_when_the_other_full_member_has_caught_up():
    with three() as cluster:
        cluster.crash("n2")
        cluster.expect_success(*[cluster.propose() for _ in range(5)])
        assert cluster.degraded()

        cluster.restart("n2")
        cluster.run_until(lambda: not cluster.degraded())
        assert cluster.node("n2").log.durable_index == cluster.node("n1").log.last_index
        cluster.lose("n1")

        cluster.expect_leader("n2")


@pytest.mark.contract("M8")
def test_whenever_the_mode_is_normal_again_the_leader_may_be_lost():
    """After each event since the other full member came back, if only the mode is normal."""
    normal = 0
    for events in range(60):
        with three(1 + events % 5, ("n2",)) as cluster:
            cluster.crash("n2")
            cluster.expect_success(*[cluster.propose() for _ in range(5)])
            cluster.restart("n2")
            cluster.run(90)
            cluster.propose()
            cluster.run_events(events)
            if cluster.degraded():
                continue
            normal += 1
            cluster.lose("n1")
            cluster.run_until(lambda: cluster.leader() == "n2")
    assert 5 < normal < 60


@pytest.mark.contract("M8")
def test_a_new_leader_is_in_normal_mode_only_when_it_may_be_lost():
    """What n1 and the witness acknowledged is new to n2, and n1 crashes and leads again; only then n2 is heard."""
    normal = 0
    for events in range(120):
        with three(1 + events % 5, ("n2",)) as cluster:
            cluster.crash("n2")
            cluster.expect_success(*[cluster.propose() for _ in range(5)])
            cluster.restart("n1")
            cluster.restart("n2")
            cluster.run_until(lambda: cluster.leader() == "n1")
            cluster.run_events(events)
            if cluster.degraded():
                continue
            normal += 1
            cluster.lose("n1")
            cluster.run_until(lambda: cluster.leader() == "n2", what="the reign of n2, which must hold everything")
    assert 5 < normal < 120


# Joint changes with witnesses

CHANGES = {
    "a full member is replaced": lambda cluster: cluster.replace(["n2"], ["n4"]),
    "the witness is replaced": lambda cluster: cluster.replace(["n3"], ["n5"]),
    "both are": lambda cluster: cluster.replace(["n2", "n3"], ["n4", "n5"]),
    "the leader is": lambda cluster: cluster.replace(["n1"], ["n4"]),
    "the witness gives way to a full member": lambda cluster: cluster.change(
        cluster.joining("n4"), Change("n3", REMOVED)
    ),
}


@pytest.mark.contract("M8", "M1")
@pytest.mark.parametrize("change", CHANGES)
def test_a_joint_change_with_witnesses_outlives_a_crash_at_any_moment(change):
    joint = 0
    for events in range(1, 70, 2):
        with three(1 + events % 3, spares=2, witnesses=["n3", "n5"]) as cluster:
            CHANGES[change](cluster)
            writes = [cluster.propose() for _ in range(3)]
            cluster.run_events(events)
            victim = cluster.leader() or "n1"
            joint += cluster.node(victim).configuration.joint
            cluster.crash(victim)
            cluster.run(2 * E)
            cluster.restart(victim)
            cluster.elect()
            cluster.expect_settled(*writes)
            configuration = cluster.configuration()
            assert not configuration.joint
            assert len(configuration.voters) == 3
            cluster.expect_success(cluster.propose())
    assert joint > 2


# What the modes are for


def is_blocked(seed):
    """Whether the crash of the leader, under load, leaves a healthy full member that cannot be elected.

    The witness acknowledges faster than that member: it has no payloads to store, nor to fill its window with.
    """
    with three(seed, window_bytes=2000, commit_delay_ms=0) as cluster:
        cluster.slow_disk("n2", 20)
        for _ in range(50 + 7 * (seed % 10)):
            cluster.propose(size=1000)
            cluster.run(1)
        cluster.crash("n1")
        return not cluster.runs_into(lambda: cluster.leader() == "n2", 6 * E)


@pytest.mark.contract("M8")
def test_without_modes_a_fast_witness_would_block_nearly_every_election(monkeypatch):
    seeds = range(100)
    with_modes = sum(is_blocked(seed) for seed in seeds)
    monkeypatch.setattr(WitnessMode, "limit", lambda self: self._leader.node.log.last_index)
    without = sum(is_blocked(seed) for seed in seeds)

    assert with_modes == 0
    assert without > 90
