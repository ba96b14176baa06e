"""Reads that must see all that was acknowledged before them, whatever clocks, pauses and partitions do (L1, L2, E10).

That no read is stale is checked by the scenario itself, at every answer. So that this can be believed, each danger is
shown to be real: without the one rule that averts it, the same script meets a stale read.
"""

import pytest

from raft.actor import LEASE, LINEARIZABLE
from raft.errors import ReadFailed
from raft.leader import Leader
from raft.messages import HeartbeatEcho, TimeoutNow, VoteReply
from raft.restraint import Restraint
from transport_sim.scenario import Scenario
from transport_sim.shadow import InvariantError

E = 1000
DRIFT_PPM = 200_000
STALE = "a lease read at n1 sees"


def read_by_lease_until_another_leads(cluster, old):
    """An old leader that is cut off goes on reading, while the others elect a leader and write; return its reads."""
    reads = []
    another_since_ms = None
    while another_since_ms is None or cluster.now_ms < another_since_ms + E // 2:
        reads.append(cluster.read(old, LEASE))
        cluster.run(5)
        leader = cluster.leader()
        if leader not in (None, old):
            another_since_ms = another_since_ms or cluster.now_ms
            cluster.propose(leader)
        assert len(reads) < 2 * E  # ten seconds
    return reads


# L1


@pytest.mark.contract("L1")
def test_a_read_anywhere_sees_what_was_acknowledged_before():
    with Scenario() as cluster:
        cluster.elect("n1")
        for _ in range(20):
            cluster.expect_success(cluster.propose())
            cluster.expect_success(*[cluster.read(id) for id in ("n1", "n2", "n3")])


@pytest.mark.contract("L1")
def test_a_leader_that_is_cut_off_answers_no_read():
    """It does not know that it is deposed; what it knows is that nobody echoes a round sent after the read."""
    with Scenario() as cluster:
        cluster.elect("n1")
        cluster.isolate("n1")
        reads = []
        while cluster.leader() in (None, "n1"):
            reads.append(cluster.read("n1"))
            cluster.run(10)
        cluster.expect_success(cluster.propose())

        reads.append(cluster.read("n1"))
        cluster.run(5 * E)

        assert len(reads) > 10
        assert all(isinstance(read.error, ReadFailed) for read in reads)


@pytest.mark.contract("L1")
def test_an_echo_of_an_earlier_round_confirms_no_later_read():
    with Scenario() as cluster:
        cluster.elect("n1")
        cluster.run(500)
        held = cluster.hold(HeartbeatEcho)
        cluster.run(150)
        cluster.isolate("n1")
        assert held.taken

        read = cluster.read("n1")  # after the rounds whose echoes are on their way
        cluster.heal()
        cluster.cut(("n1", "n2"), ("n1", "n3"))
        cluster.release(held)
        cluster.run(300)

        assert not read.settled


@pytest.mark.contract("L1")
def test_a_new_leader_reads_only_when_it_knows_what_its_predecessors_committed():
    with Scenario() as cluster:
        cluster.elect("n1")
        cluster.expect_success(cluster.propose())
        cluster.crash("n1")
        cluster.run_until(lambda: cluster.leader() in ("n2", "n3"))
        leader = cluster.leader()
        assert not cluster.node(leader).leading.has_committed

        read = cluster.read(leader)

        cluster.expect_success(read)
        assert cluster.node(leader).leading.has_committed


@pytest.mark.contract("L1")
def test_a_reader_at_a_follower_learns_that_its_leader_is_gone():
    with Scenario() as cluster:
        cluster.elect("n1")
        cluster.expect_success(cluster.propose())
        cluster.crash("n1")

        cluster.expect_success(cluster.read("n2"))  # the next leader answers it


# L2: drift


def lease_under_drift(seed, allowed_ppm):
    """The leader's clock is as slow, and the others' as fast, as they may be; then the leader is cut off."""
    with Scenario(
        seed=seed,
        lease_promise_ms=E,
        max_clock_drift_ppm=allowed_ppm,
        drifts_ppm={"n1": -DRIFT_PPM, "n2": DRIFT_PPM, "n3": DRIFT_PPM},
    ) as cluster:
        cluster.elect("n1")
        cluster.expect_success(cluster.propose())
        cluster.run(2 * E)
        cluster.isolate("n1")
        reads = read_by_lease_until_another_leads(cluster, "n1")
        cluster.recover()
    return [read for read in reads if read.succeeded]


@pytest.mark.contract("L2")
def test_no_stale_read_under_drift():
    for seed in range(10):
        assert len(lease_under_drift(seed, DRIFT_PPM)) > 50


@pytest.mark.contract("L2")
def test_without_an_allowance_for_drift_reads_would_be_stale():
    with pytest.raises(InvariantError, match=f"L2: {STALE}"):
        for seed in range(10):
            lease_under_drift(seed, 0)


# L2: pauses


def lease_over_a_pause(seed):
    """The leader stands still for longer than its lease, while reads wait in its mailbox."""
    with Scenario(seed=seed, lease_promise_ms=E) as cluster:
        cluster.elect("n1")
        cluster.expect_success(cluster.propose())
        cluster.run(2 * E)
        cluster.pause("n1", 6 * E)
        cluster.isolate("n1")  # so that nobody tells it when it wakes
        cluster.run_until(lambda: cluster.node("n2").role.leader in ("n2", "n3"))
        others = [id for id in ("n2", "n3") if cluster.node(id).role.name == "leader"]
        cluster.expect_success(*[cluster.propose(id) for id in others])

        read = cluster.read("n1", LEASE)
        cluster.expect_settled(read)
        return read


@pytest.mark.contract("L2")
def test_a_leader_that_paused_for_longer_than_its_lease_reads_nothing_stale():
    for seed in range(10):
        lease_over_a_pause(seed)


@pytest.mark.contract("L2")
def test_without_a_look_at_the_clock_it_would(monkeypatch):
    monkeypatch.setattr(Leader, "lease_holds", lambda self, now: True)
    monkeypatch.setattr(Leader, "quorum_heard_ms", lambda self, now: now)
    with pytest.raises(InvariantError, match=f"L2: {STALE}"):
        lease_over_a_pause(1)


# L2, E10: restarts


def lease_while_voters_restart(seed):
    """n3 has promised nothing. n2 has, and forgets it in a restart; n1 still leads by that promise."""
    with Scenario(seed=seed, lease_promise_ms=E) as cluster:
        cluster.elect("n1")
        cluster.expect_success(cluster.propose())
        cluster.isolate("n3")
        cluster.run(3 * E)  # n3 would campaign at any moment
        cluster.restart("n2")
        cluster.heal()
        cluster.isolate("n1")
        reads = read_by_lease_until_another_leads(cluster, "n1")
        cluster.recover()
    return [read for read in reads if read.succeeded]


@pytest.mark.contract("L2", "E10")
def test_a_voter_that_restarts_keeps_the_promise_that_it_may_have_given():
    for seed in range(10):
        assert len(lease_while_voters_restart(seed)) > 10


@pytest.mark.contract("L2", "E10")
def test_a_voter_that_forgot_its_promise_would_make_reads_stale(monkeypatch):
    make = Restraint.__init__
    monkeypatch.setattr(Restraint, "__init__", lambda self, node, now, has_past: make(self, node, now, False))
    with pytest.raises(InvariantError, match=f"L2: {STALE}"):
        for seed in range(10):
            lease_while_voters_restart(seed)


@pytest.mark.contract("E10")
def test_a_restarted_voter_neither_grants_nor_campaigns_for_a_promise_period():
    for seed in range(10):
        with Scenario(seed=seed, lease_promise_ms=E) as cluster:
            cluster.elect("n1")
            cluster.restart("n1", "n2", "n3")  # with nobody left who leads, only the promises hold them back
            restarted = cluster.now_ms
            cluster.run(E - 5)
            assert cluster.elections == (1 if cluster.node("n1").term == 1 else 2)
            assert all(cluster.node(id).role.name == "follower" for id in ("n1", "n2", "n3"))
            cluster.run_until(lambda: cluster.leader() is not None)
            assert cluster.now_ms - restarted >= E


# L2: partitions and late messages


@pytest.mark.contract("L2")
@pytest.mark.parametrize("links", ["n1 is not heard", "n1 hears nobody", "n1 hears n2 only", "n2 hears n1 only"])
def test_no_stale_read_in_a_partition_with_late_messages(links):
    cut = {
        "n1 is not heard": [("n1", "n2"), ("n1", "n3")],
        "n1 hears nobody": [("n2", "n1"), ("n3", "n1")],
        "n1 hears n2 only": [("n3", "n1"), ("n1", "n3"), ("n1", "n2")],
        "n2 hears n1 only": [("n1", "n3"), ("n3", "n1"), ("n2", "n1")],
    }[links]
    served = 0
    for seed in range(5):
        with Scenario(seed=seed, lease_promise_ms=E) as cluster:
            cluster.elect("n1")
            cluster.expect_success(cluster.propose())
            cluster.run(E)
            late = cluster.hold(HeartbeatEcho, receiver="n1")
            cluster.run(E // 3)
            cluster.cut(*cut)
            cluster.run(E // 2)
            cluster.release(late)
            reads = read_by_lease_until_another_leads(cluster, "n1")
            cluster.recover()
        served += sum(read.succeeded for read in reads)
    assert served > 10


@pytest.mark.contract("L2")
def test_an_echo_counts_from_when_its_round_was_sent():
    """The echoes arrive when the promises in them are long over."""
    with Scenario(lease_promise_ms=E) as cluster:
        cluster.elect("n1")
        cluster.run(E)
        late = cluster.hold(HeartbeatEcho, receiver="n1")
        cluster.run(990)
        cluster.release(late)
        cluster.isolate("n1")

        leader = cluster.node("n1").leading
        cluster.run(20)
        assert leader is cluster.node("n1").leading
        assert not leader.lease_holds(cluster.node("n1").now + 20)


# L2 and L3: a leader that hands over


def lease_in_a_transfer(told):
    """The order to campaign is late: the target obeys when the leader has given the transfer up, and been cut off."""
    with Scenario(lease_promise_ms=E) as cluster:
        cluster.elect("n1")
        cluster.expect_success(cluster.propose())
        cluster.run(E)
        orders = cluster.hold(TimeoutNow)
        transfer = cluster.transfer("n2")
        cluster.expect_settled(transfer)
        assert transfer.error is not None
        cluster.run(300)
        assert cluster.leader() == "n1"
        role = cluster.node("n1").leading
        role.succession.told = role.succession.told and told
        assert orders.taken
        votes = cluster.drop(VoteReply, receiver="n1")
        cluster.release(orders)
        cluster.cut(("n2", "n1"), ("n3", "n1"))
        cluster.run_until(lambda: cluster.leader() == "n2")
        cluster.expect_success(cluster.propose("n2"))

        read = cluster.read("n1", LEASE)
        cluster.run(5 * E)
        cluster.release(votes)
        return read


@pytest.mark.contract("L2", "L3")
def test_a_leader_that_has_sent_the_order_to_campaign_reads_by_no_lease_any_more():
    assert isinstance(lease_in_a_transfer(told=True).error, ReadFailed)


@pytest.mark.contract("L2", "L3")
def test_a_leader_that_forgot_its_order_would_read_what_is_stale():
    with pytest.raises(InvariantError, match=f"L2: {STALE}"):
        lease_in_a_transfer(told=False)


def test_both_kinds_of_reads_are_answered_while_nothing_happens():
    with Scenario(lease_promise_ms=E) as cluster:
        cluster.elect("n1")
        cluster.run(E)
        asked = cluster.traffic.sent["Heartbeat"]

        cluster.expect_success(cluster.read("n1", LEASE))
        assert cluster.traffic.sent["Heartbeat"] == asked
        cluster.expect_success(cluster.read("n1", LINEARIZABLE))
        assert cluster.traffic.sent["Heartbeat"] > asked
