"""Leadership moves because somebody wants it to: transfers (L3), disks that stand still (D4), priorities (E12)."""

import pytest

from raft.errors import TransferFailed, TransferInProgress, TransferRefused
from raft.messages import Append, TimeoutNow, VoteReply
from transport_sim.scenario import Scenario

E = 1000


# L3: transfers


def restart_one_after_the_other(cluster, transfers):
    """Restart every member; return how often an election timeout struck."""
    cluster.elect("n1")
    missed = cluster.traffic.sent["PreVoteRequest"]
    for id in ("n1", "n2", "n3", "n4", "n5"):
        if transfers and cluster.leader() == id:
            cluster.expect_success(cluster.transfer())
        cluster.restart(id)
        cluster.elect()
        cluster.expect_success(cluster.propose())
        cluster.run(E)
    return cluster.traffic.sent["PreVoteRequest"] - missed


@pytest.mark.contract("L3")
@pytest.mark.parametrize("lease_promise_ms", [0, E])
def test_a_rolling_restart_by_transfers_causes_no_election_timeout(lease_promise_ms):
    for seed in range(5):
        with Scenario(nodes=5, seed=seed, lease_promise_ms=lease_promise_ms) as cluster:
            assert restart_one_after_the_other(cluster, transfers=True) == 0


def test_a_rolling_restart_without_transfers_does():
    with Scenario(nodes=5) as cluster:
        assert restart_one_after_the_other(cluster, transfers=False) > 0


@pytest.mark.contract("L3")
def test_proposals_are_refused_while_leadership_is_transferred_and_taken_again_after():
    with Scenario() as cluster:
        cluster.elect("n1")
        lost = cluster.drop(TimeoutNow)
        transfer = cluster.transfer("n2")
        cluster.run(10)

        cluster.expect_error(cluster.propose(), TransferInProgress)
        began = cluster.now_ms
        cluster.expect_error(transfer, TransferFailed)

        assert cluster.now_ms - began <= E
        assert len(lost.taken) > 1  # it was told again with each round
        assert cluster.leader() == "n1"
        cluster.expect_success(cluster.propose())


@pytest.mark.contract("L3")
def test_the_target_is_brought_up_to_date_before_it_is_told():
    with Scenario() as cluster:
        cluster.elect("n1")
        held = cluster.hold(Append, receiver="n2")
        cluster.expect_success(*[cluster.propose() for _ in range(20)])
        told = cluster.hold(TimeoutNow)
        transfer = cluster.transfer("n2")
        cluster.run(300)
        assert not told.taken

        cluster.release(told)
        cluster.release(held)
        cluster.expect_success(transfer)

        assert cluster.leader() == "n2"
        assert cluster.node("n2").log.last_index > 20


@pytest.mark.contract("L3")
def test_an_order_to_campaign_is_obeyed_in_its_term_only():
    with Scenario() as cluster:
        cluster.elect("n1")
        held = cluster.hold(TimeoutNow, sender="n1")
        transfer = cluster.transfer("n2")
        cluster.expect_error(transfer, TransferFailed)
        cluster.crash("n1")
        cluster.elect()
        cluster.restart("n1")
        cluster.elect("n3")
        term = cluster.node("n3").term

        cluster.release(held)
        cluster.run(3 * E)

        assert held.taken
        assert cluster.leader() == "n3"
        assert cluster.node("n3").term == term


@pytest.mark.contract("L3")
def test_only_a_marked_request_passes_stickiness_and_promises():
    """Everybody hears the leader and has promised to elect nobody; the transfer succeeds all the same, at once."""
    with Scenario(lease_promise_ms=E) as cluster:
        cluster.elect("n1")
        cluster.run(E)
        began = cluster.now_ms

        cluster.expect_success(cluster.transfer("n2"))

        assert cluster.now_ms - began < E // 10


@pytest.mark.contract("L3")
def test_a_target_that_raised_the_term_and_does_not_win_costs_one_ordinary_election():
    with Scenario() as cluster:
        cluster.elect("n1")
        lost = cluster.drop(VoteReply, receiver="n2")
        transfer = cluster.transfer("n2")
        cluster.run(50)
        assert cluster.node("n1").role.name == "follower"
        assert cluster.leader() is None

        cluster.release(lost)
        cluster.elect()
        cluster.expect_settled(transfer)


@pytest.mark.contract("L3")
def test_nobody_is_handed_to_who_could_not_lead():
    with Scenario(nodes=3, spares=1, witnesses=["n3"]) as cluster:
        cluster.elect("n1")
        cluster.expect_success(cluster.add_learner("n4"))

        for target in ("n1", "n3", "n4", "n9"):
            cluster.expect_error(cluster.transfer(target), TransferRefused)


# D4: a disk that stands still


@pytest.mark.contract("D4")
def test_leadership_moves_away_from_a_disk_that_stands_still():
    for seed in range(5):
        with Scenario(seed=seed) as cluster:
            cluster.elect("n1")
            cluster.stall_disk("n1", 20 * E)
            began = cluster.now_ms
            first = cluster.propose()

            cluster.run_until(lambda: cluster.leader() in ("n2", "n3"))

            assert cluster.now_ms - began < 2 * E
            cluster.expect_success(*[cluster.propose() for _ in range(10)])
            cluster.expect_settled(first)
            cluster.run(10 * E)
            assert cluster.leader() in ("n2", "n3")


@pytest.mark.contract("D4")
def test_a_member_whose_disk_stands_still_does_not_campaign_until_a_write_is_done():
    with Scenario(seed=2) as cluster:
        cluster.elect("n1")
        cluster.stall_disk("n2", 8 * E)
        cluster.propose()
        cluster.run(2 * E)  # n2 has waited for its disk for an election timeout
        cluster.isolate("n1")
        cluster.isolate("n3")

        cluster.run(5 * E)
        assert cluster.node("n2").role.name == "follower"

        cluster.run(3 * E)
        assert cluster.node("n2").role.name == "pre-candidate"


# E12: priorities


@pytest.mark.contract("E12")
def test_the_leader_hands_over_to_a_member_of_higher_priority():
    for seed in range(5):
        with Scenario(seed=seed, priorities={"n3": 5}) as cluster:
            cluster.elect()
            missed = cluster.traffic.sent["PreVoteRequest"]
            cluster.run(3 * E)
            assert cluster.leader() == "n3"
            assert cluster.traffic.sent["PreVoteRequest"] == missed

            cluster.crash("n3")
            cluster.expect_leader("n1", "n2")
            cluster.expect_success(*[cluster.propose() for _ in range(10)])
            cluster.restart("n3")
            cluster.run(5 * E)
            assert cluster.leader() == "n3"  # once it had caught up


@pytest.mark.contract("E12")
def test_a_leader_does_not_hand_over_to_a_member_that_lags():
    with Scenario(priorities={"n3": 5}) as cluster:
        cluster.drop(Append, receiver="n3")
        cluster.run_until(lambda: cluster.leader() in ("n1", "n2"))
        for _ in range(10):
            cluster.expect_success(cluster.propose())
            cluster.run(E)

        assert cluster.traffic.sent["TimeoutNow"] == 0


@pytest.mark.contract("E12")
def test_a_leader_that_cannot_hand_over_tries_ever_more_rarely():
    with Scenario(priorities={"n3": 5}) as cluster:
        lost = cluster.drop(TimeoutNow)
        cluster.run_until(lambda: cluster.leader() is not None)
        if cluster.leader() == "n3":
            cluster.crash("n3")
            cluster.run_until(lambda: cluster.leader() in ("n1", "n2"))
            cluster.restart("n3")
        begun = []
        for _ in range(6000):
            cluster.run(10)
            under_way = cluster.node(cluster.leader()).transfer is not None
            if under_way and (not begun or cluster.now_ms - begun[-1] > E):
                begun.append(cluster.now_ms)

        assert lost.taken
        pauses = [later - earlier for earlier, later in zip(begun, begun[1:], strict=False)]
        assert len(pauses) > 2
        assert all(later > 1.5 * earlier for earlier, later in zip(pauses, pauses[1:], strict=False))


@pytest.mark.contract("E12")
def test_a_priority_is_no_reason_to_refuse_a_vote():
    """n1 is wanted least; but it alone holds what is committed besides n2, which is down."""
    with Scenario(seed=2, priorities={"n2": 5, "n3": 9}) as cluster:
        cluster.run_until(lambda: cluster.leader() is not None)
        cluster.run(5 * E)
        cluster.isolate("n3")
        cluster.run_until(lambda: cluster.leader() in ("n1", "n2"))
        cluster.expect_success(*[cluster.propose() for _ in range(10)])
        cluster.run(500)
        cluster.crash("n2")
        cluster.heal()

        cluster.run_until(lambda: cluster.leader() == "n1")
        cluster.expect_success(cluster.propose())


@pytest.mark.contract("E12")
def test_a_priority_shifts_a_timeout_by_at_most_one_election_timeout():
    """A member that is wanted less, left with others of its kind, leads within three election timeouts and a bit."""
    for seed in range(10):
        with Scenario(nodes=5, seed=seed, priorities={"n4": 5, "n5": 5}) as cluster:
            cluster.crash("n4", "n5")
            cluster.run_until(lambda: cluster.traffic.sent["PreVoteRequest"] > 0)
            assert cluster.now_ms <= 3 * E
