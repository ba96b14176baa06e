"""Disks that stand still: who leads with one gives way, and who has one does not campaign (contract D4)."""

import pytest

from raft.messages import Append, Heartbeat, HeartbeatEcho, PreVoteRequest, TimeoutNow, VoteRequest
from raft.writes import Writes
from tests.raft.cluster import Cluster
from tests.raft.member import ELECTION_TIMEOUT_MS, Member, entries, leading, only

BEAT_MS = 100


def keep_beating(member, ms, echoing="bc"):
    """Let time pass with a quorum that listens; return after how long the member stopped leading, or None."""
    for waited in range(BEAT_MS, ms + BEAT_MS, BEAT_MS):
        member.echo(echoing)
        member.wait(BEAT_MS)
        if member.role != "leader":
            return waited
    return None


# The leader


@pytest.mark.contract("D4")
def test_a_leader_whose_write_is_older_than_an_election_timeout_gives_way():
    member = leading()
    member.stalled = True
    member.propose(b"x")

    after = keep_beating(member, 5 * ELECTION_TIMEOUT_MS)

    assert after in (ELECTION_TIMEOUT_MS, ELECTION_TIMEOUT_MS + BEAT_MS)
    assert (member.role, member.node.term, member.node.role.leader) == ("follower", 2, None)


@pytest.mark.contract("D4")
def test_steady_reads_do_not_keep_a_leader_from_looking_at_its_disk():
    # Reads bring rounds of heartbeats of their own, more often than the interval.
    member = leading()
    member.stalled = True
    member.propose(b"x")

    for _ in range(3 * ELECTION_TIMEOUT_MS * 10 // BEAT_MS):
        if member.role == "leader":
            member.node.read(member.now)
            member.effects()
            member.echo("bc")
        member.wait(BEAT_MS // 10)

    assert member.role == "follower"


@pytest.mark.contract("D4", "L3")
def test_it_has_its_best_successor_campaign_at_once():
    member = leading("abcd")
    member.stalled = True
    member.propose(b"x")
    member.acknowledge("c")

    keep_beating(member, 5 * ELECTION_TIMEOUT_MS, echoing="bcd")

    orders = [(to, message) for to, message in member.sent if isinstance(message, TimeoutNow)]
    assert orders == [("c", TimeoutNow("a", 2, 3))], "c holds most of the log"


@pytest.mark.contract("D4")
def test_a_leader_whose_disk_is_slow_but_goes_on_stays():
    member = leading()
    member.stalled = True
    for _ in range(20):
        member.propose(b"x")
        assert keep_beating(member, ELECTION_TIMEOUT_MS - 2 * BEAT_MS) is None
        member.complete(member.writes[0].number)
        member.propose(b"y")
        member.complete(member.writes[0].number)

    assert member.role == "leader"


@pytest.mark.contract("D4")
def test_an_idle_leader_stays_however_long_it_has_written_nothing():
    member = leading()

    assert keep_beating(member, 20 * ELECTION_TIMEOUT_MS) is None


@pytest.mark.contract("D4")
def test_a_leader_beats_until_it_gives_way():
    member = leading()
    member.stalled = True
    member.propose(b"x")
    before = len(only(Heartbeat, member.sent))

    keep_beating(member, 5 * ELECTION_TIMEOUT_MS)

    assert len(only(Heartbeat, member.sent)) - before >= 2 * 9


# Everybody else


def stalled_follower():
    """A follower of b whose disk has not finished a write for an election timeout."""
    member = Member("a", term=2, log=(1, 1, 2))
    member.stalled = True
    member.hear(Append("b", 2, 3, 2, 0, entries(2, first=4)))
    return member


@pytest.mark.contract("D4")
def test_a_member_whose_disk_stands_still_does_not_campaign_until_a_write_is_done():
    member = stalled_follower()
    for _ in range(10):
        member.time_out()
        assert (member.role, only(PreVoteRequest, member.sent)) == ("follower", [])

    member.complete()
    member.time_out()

    assert member.role == "pre-candidate"
    assert len(only(PreVoteRequest, member.sent)) == 2


@pytest.mark.contract("D4")
def test_it_asks_again_within_an_election_timeout_once_the_disk_works():
    member = stalled_follower()
    member.time_out()

    member.complete()

    assert member.node.deadline - member.now <= ELECTION_TIMEOUT_MS


@pytest.mark.contract("D4")
def test_a_candidate_whose_disk_stands_still_gives_up():
    member = Member("a", term=2, log=(1, 1, 2))
    member.stalled = True
    member.campaign()
    assert (member.role, len(member.writes)) == ("candidate", 1)

    for _ in range(5):
        member.time_out()

    assert (member.role, member.node.term) == ("follower", 3)
    assert only(VoteRequest, member.sent) == []


@pytest.mark.contract("D4", "L3")
def test_a_member_whose_disk_stands_still_does_not_take_over():
    member = stalled_follower()
    for round in range(1, 13):
        member.wait(BEAT_MS)
        member.hear(Heartbeat("b", 2, round))

    member.hear(TimeoutNow("b", 2, 4))
    assert (member.role, member.node.term) == ("follower", 2)

    member.complete()
    member.hear(TimeoutNow("b", 2, 4))
    assert (member.role, member.node.term) == ("candidate", 3)


@pytest.mark.contract("D4", "E11")
def test_a_follower_whose_disk_stands_still_echoes_all_the_same():
    member = stalled_follower()
    member.now += 3 * ELECTION_TIMEOUT_MS

    assert len(only(HeartbeatEcho, member.hear(Heartbeat("b", 2, 1)))) == 1


# What counts as standing still


@pytest.mark.contract("D4")
def test_the_clock_runs_from_the_oldest_write_and_anew_from_each_that_is_done():
    writes = Writes()
    assert writes.waiting_since_ms is None

    writes.issue(1, 100)
    writes.issue(2, 200)
    assert writes.waiting_since_ms == 100
    writes.complete(1, 700)
    assert writes.waiting_since_ms == 700
    writes.complete(2, 800)
    assert writes.waiting_since_ms is None
    writes.issue(3, 950)
    assert writes.waiting_since_ms == 950


@pytest.mark.contract("D4")
def test_a_write_that_is_reported_out_of_order_does_not_count_as_progress():
    writes = Writes()
    writes.issue(1, 100)
    writes.issue(2, 200)

    writes.complete(2, 700)

    assert writes.waiting_since_ms == 100


# Whole clusters


@pytest.mark.contract("D4")
def test_leadership_moves_to_a_member_whose_disk_works():
    cluster = Cluster()
    cluster.elect("a")
    cluster.commit("a", b"x")
    cluster.disks["a"].instant = False
    cluster.propose("a", b"y")

    took = cluster.run(5 * ELECTION_TIMEOUT_MS, until=lambda: cluster.leader not in (None, "a"))

    assert took <= 1.5 * ELECTION_TIMEOUT_MS, "nobody's time had to run out"
    cluster.run(500)
    cluster.propose(cluster.leader, b"z")
    cluster.run(500)
    assert cluster.commands("b") == cluster.commands("c") == [b"x", b"y", b"z"]
    cluster.run(20 * ELECTION_TIMEOUT_MS)
    assert cluster.leader != "a"
    assert cluster.role("a") == "follower"


@pytest.mark.contract("D4")
@pytest.mark.parametrize("stalled", ["ab", "ac", "bc"])
def test_with_two_of_three_disks_that_stand_still_the_third_leads_or_nobody_does(stalled):
    cluster = Cluster()
    cluster.elect("a")
    cluster.commit("a", b"x")
    for id in stalled:
        cluster.disks[id].instant = False
    cluster.propose("a", b"y")
    cluster.run(20 * ELECTION_TIMEOUT_MS)
    assert all(cluster.role(id) != "leader" for id in stalled)

    for id in stalled:
        cluster.disks[id].instant = True
        cluster.complete(id)
    cluster.run_until_leader()
    cluster.run(ELECTION_TIMEOUT_MS)

    assert cluster.commands("a") == cluster.commands("b") == cluster.commands("c")
    assert cluster.commands("a")[0] == b"x"
