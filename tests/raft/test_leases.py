"""Leases: the promises that voters make with each echo, what they keep them from, and the reads that rest on them."""

import pytest

from raft.entries import CONFIGURATION, Entry
from raft.membership import Configuration
from raft.messages import (
    Append,
    Heartbeat,
    HeartbeatEcho,
    HigherTerm,
    PreVoteReply,
    PreVoteRequest,
    TimeoutNow,
    VoteReply,
    VoteRequest,
)
from tests.raft.cluster import Cluster
from tests.raft.member import ELECTION_TIMEOUT_MS, Member, leading, only

PROMISE_MS = 900
DRIFT_PPM = 50_000
SHORTENED_MS = PROMISE_MS * (1_000_000 - DRIFT_PPM) // (1_000_000 + DRIFT_PPM)  # 814
SETTINGS = {"lease_promise_ms": PROMISE_MS, "max_clock_drift_ppm": DRIFT_PPM}
BEAT_MS = 100


def lessee(voters="abc", echoing="bc", promise_ms=PROMISE_MS, **arguments):
    """A leader whose newest round, which was sent just now, these have echoed with a promise."""
    member = leading(voters, **{**SETTINGS, **arguments})
    member.wait(BEAT_MS)
    member.echo(echoing, promise_ms)
    return member


def serves_by_lease(member):
    """Whether a read is served at once, without asking anybody."""
    round = member.node.role.round
    ticket = member.read(by_lease=True)
    return member.answered(ticket) != [] and member.node.role.round == round


def voter(**arguments):
    """A voter that has just promised its leader b something, and started long ago."""
    member = Member("a", term=2, log=(1, 1, 2), **{**SETTINGS, **arguments})
    member.now = 50_000
    member.hear(Heartbeat("b", 2, 1))
    return member


# How long a lease lasts (contract L2)


@pytest.mark.contract("L2")
def test_a_lease_read_asks_nobody():
    member = lessee()

    assert serves_by_lease(member)
    assert (member.node.reads.served_by_lease, member.node.reads.served) == (1, 0)


@pytest.mark.contract("L2")
def test_a_lease_ends_a_promise_after_its_round_was_sent_less_what_the_clocks_may_be_wrong():
    for waited, holds in ((SHORTENED_MS - 1, True), (SHORTENED_MS, False)):
        member = lessee()
        member.now += waited  # no tick in between: it is judged by the time of the read itself
        assert serves_by_lease(member) == holds


@pytest.mark.contract("L2")
def test_an_echo_that_took_long_counts_from_when_its_round_was_sent():
    for waited, holds in ((SHORTENED_MS - 1, True), (SHORTENED_MS, False)):
        member = leading(**SETTINGS)
        member.wait(BEAT_MS)
        round = member.node.role.round
        member.now += waited
        member.echo("bc", PROMISE_MS, round)
        assert serves_by_lease(member) == holds


@pytest.mark.contract("L2")
@pytest.mark.parametrize(("promises", "lasts_ms"), [((900, 300), 814), ((300, 900), 814), ((300, 200), 271)])
def test_of_a_majority_the_smallest_promise_counts(promises, lasts_ms):
    # Three voters: the leader and one more make a majority.
    for waited, holds in ((lasts_ms - 1, True), (lasts_ms, False)):
        member = leading(**SETTINGS)
        member.wait(BEAT_MS)
        for follower, promise_ms in zip("bc", promises, strict=True):
            member.echo(follower, promise_ms)
        member.now += waited
        assert serves_by_lease(member) == holds


@pytest.mark.contract("L2")
@pytest.mark.parametrize(("echoing", "holds"), [("b", False), ("bl", False), ("lm", False), ("bc", True)])
def test_a_lease_needs_a_quorum_of_voters(echoing, holds):
    assert serves_by_lease(lessee("abcde", echoing, learners="lm")) == holds


@pytest.mark.contract("L2", "M3")
@pytest.mark.parametrize(("echoing", "holds"), [("bc", False), ("de", False), ("bd", True)])
def test_a_lease_needs_a_quorum_of_both_halves(echoing, holds):
    joint = Entry(2, 1, CONFIGURATION, Configuration(("a", "d", "e"), ("a", "b", "c")).encode())
    member = Member("a", term=1, log=(1,), **SETTINGS)
    member.hear(Append("b", 1, 1, 1, 0, (joint,)))
    member.now = 2 * PROMISE_MS
    member.lead()
    member.node.role.reconfiguration.advance = lambda now: True  # it stays in the joint configuration
    member.acknowledge("bd")
    member.echo(echoing, PROMISE_MS)

    assert serves_by_lease(member) == holds


@pytest.mark.contract("L2")
def test_an_echo_of_an_older_round_renews_nothing():
    member = lessee(promise_ms=300)
    newest = member.node.role.round

    member.echo("bc", PROMISE_MS, newest - 1)
    member.echo("bc", PROMISE_MS, newest)  # and so does a second echo of the same one
    member.now += 300

    assert not serves_by_lease(member)


@pytest.mark.contract("L2")
def test_an_echo_of_a_round_never_sent_renews_nothing():
    member = lessee(promise_ms=300)

    member.echo("bc", PROMISE_MS, member.node.role.round + 1)
    member.now += 300

    assert not serves_by_lease(member)


@pytest.mark.contract("L2")
def test_a_newer_round_with_no_promise_ends_the_lease():
    member = lessee()
    member.wait(BEAT_MS)

    member.echo("bc", 0)

    assert not serves_by_lease(member)


@pytest.mark.contract("L2")
def test_no_promise_counts_for_longer_than_an_election_timeout():
    for waited, holds in ((903, True), (904, False)):  # 1000 * 0.95 / 1.05
        member = lessee(promise_ms=3_600_000)
        member.now += waited
        assert serves_by_lease(member) == holds


@pytest.mark.contract("L2")
@pytest.mark.parametrize("own_ms", [0, PROMISE_MS])
def test_who_promises_nothing_has_no_lease_whatever_others_promise(own_ms):
    assert serves_by_lease(lessee(lease_promise_ms=own_ms)) == (own_ms > 0)


@pytest.mark.contract("L2")
def test_there_is_no_lease_before_an_entry_of_the_term_is_committed():
    member = Member("a", term=1, log=(1,), **SETTINGS)
    member.now = 2 * PROMISE_MS
    member.lead()
    member.echo("bc", PROMISE_MS)
    ticket = member.read(by_lease=True)
    assert member.answered(ticket) == []

    member.acknowledge("b")
    member.echo("b", PROMISE_MS)

    assert member.answered(ticket) == [2]
    assert serves_by_lease(member)


@pytest.mark.contract("L2")
def test_a_lease_read_waits_until_everything_committed_is_applied():
    member = lessee()
    member.stalled = True
    member.propose(b"x")
    member.acknowledge("bc")

    ticket = member.read(by_lease=True)
    assert member.answered(ticket) == []
    member.complete()

    assert member.answered(ticket) == [3]
    assert member.node.reads.served_by_lease == 1


@pytest.mark.contract("L2")
def test_a_lease_is_checked_again_in_the_turn_that_answers():
    # Arrange: the lease holds when the read comes, and its entry is not applied yet.
    member = lessee()
    member.stalled = True
    member.propose(b"x")
    member.acknowledge("bc")
    ticket = member.read(by_lease=True)
    round = member.node.role.round

    # Act: the process is suspended, and the entry is applied afterwards.
    member.now += SHORTENED_MS
    member.complete()

    # Assert: the lease is over, and a quorum is asked.
    assert member.answered(ticket) == []
    assert member.node.role.round == round + 1
    member.echo("b")
    assert member.answered(ticket) == [3]
    assert member.node.reads.served_by_lease == 0


@pytest.mark.contract("L2")
def test_a_read_without_a_lease_asks_a_quorum():
    member = leading(**SETTINGS)

    ticket = member.read(by_lease=True)
    assert member.answered(ticket) == []
    member.echo("b")

    assert member.answered(ticket) == [2]
    assert (member.node.reads.served_by_lease, member.node.reads.served) == (0, 1)


@pytest.mark.contract("L2")
def test_a_linearizable_read_asks_a_quorum_also_when_there_is_a_lease():
    member = lessee()

    ticket = member.read()
    assert member.answered(ticket) == []
    member.echo("b")

    assert member.answered(ticket) == [2]


@pytest.mark.contract("L2")
def test_a_lease_ends_with_the_leadership():
    member = lessee()
    member.stalled = True
    member.propose(b"x")
    member.acknowledge("bc")
    ticket = member.read(by_lease=True)

    member.hear(HigherTerm("c", 3))
    member.complete()

    assert member.answered(ticket) == []


# TimeoutNow (contract L2)


@pytest.mark.contract("L2")
def test_from_an_order_to_campaign_to_the_end_of_the_term_there_is_no_lease():
    # The order may be obeyed at any time, however late it arrives.
    member = lessee()
    ticket = member.transfer("b")
    member.acknowledge("b")
    assert only(TimeoutNow, member.sent) != []

    for _ in range(30):
        member.wait(BEAT_MS)
        member.echo("bc", PROMISE_MS)
        assert not serves_by_lease(member)
        member.echo("bc", PROMISE_MS)

    assert (member.role, member.node.transfer) == ("leader", None)
    assert len(member.answered(ticket)) == 1


@pytest.mark.contract("L2")
def test_a_transfer_ends_the_lease_only_when_somebody_is_told():
    member = lessee()
    member.propose(b"x")
    member.acknowledge("c")

    member.transfer("b")  # which lacks entry 3
    assert only(TimeoutNow, member.sent) == []

    assert serves_by_lease(member)


@pytest.mark.contract("L2")
def test_a_lease_comes_back_in_a_later_term():
    member = lessee()
    member.transfer("b")
    assert not serves_by_lease(member)

    member.hear(VoteRequest("b", 3, member.node.log.last_index, 2, transfer=True))
    member.now += 2 * ELECTION_TIMEOUT_MS
    member.lead()
    member.acknowledge("bc")
    member.echo("bc", PROMISE_MS)

    assert serves_by_lease(member)


# What a voter promises, and keeps (contract L2)


@pytest.mark.contract("L2")
@pytest.mark.parametrize("promise_ms", [0, 1, PROMISE_MS])
def test_every_echo_carries_the_promise_of_its_voter(promise_ms):
    member = Member("a", term=2, log=(1, 1, 2), lease_promise_ms=promise_ms)

    assert only(HeartbeatEcho, member.hear(Heartbeat("b", 2, 1))) == [HeartbeatEcho("a", 2, 1, 0, promise_ms)]


@pytest.mark.contract("L2")
def test_a_voter_grants_no_pre_vote_before_its_promise_is_over():
    for waited, granted in ((PROMISE_MS - 1, False), (ELECTION_TIMEOUT_MS, True)):
        member = voter()
        member.now += waited
        answer = member.hear(PreVoteRequest("c", 3, 77, 9, 2))
        assert answer == [("c", PreVoteReply("a", 2, 77, granted))]


@pytest.mark.contract("L2")
def test_a_voter_keeps_its_promise_across_terms():
    # Arrange: the promise was given in term 2; a higher term makes the voter forget its leader, not its promise.
    member = voter()
    member.hear(HigherTerm("c", 5))
    assert (member.node.term, member.node.role.leader) == (5, None)

    # Act
    member.now += PROMISE_MS - 1
    early = member.hear(PreVoteRequest("c", 6, 77, 9, 2), VoteRequest("c", 5, 9, 2), VoteRequest("c", 6, 9, 2))
    unmoved = (member.node.term, member.node.vote)
    member.now += 1
    late = member.hear(VoteRequest("c", 6, 9, 2))

    # Assert
    assert early == [("c", PreVoteReply("a", 5, 77, False))]
    assert unmoved == (5, None)
    assert member.node.dropped == {"promised to elect nobody": 2}
    assert late == [("c", VoteReply("a", 6, True))]


@pytest.mark.contract("L2")
def test_a_vote_given_already_is_told_again_also_under_a_promise():
    member = Member("a", term=2, log=(1, 1, 2), **SETTINGS)
    member.now = 50_000
    member.hear(VoteRequest("b", 3, 3, 2))
    member.hear(Heartbeat("b", 3, 1))

    assert member.hear(VoteRequest("b", 3, 3, 2)) == [("b", VoteReply("a", 3, True))]


@pytest.mark.contract("L2")
def test_a_voter_does_not_campaign_before_its_promise_is_over():
    # A voter that forgot its leader with a higher term keeps its timer: it may run out within the promise.
    for seed in range(1, 40):
        member = Member("a", term=2, log=(1, 1, 2), seed=seed, lease_promise_ms=ELECTION_TIMEOUT_MS)
        member.now = member.node.deadline - 1
        member.node.step(Heartbeat("b", 2, 1), member.now)
        member.effects()
        promised_until_ms = member.now + ELECTION_TIMEOUT_MS
        member.node.role.deadline = member.now + 10  # as if the timer had been about to run out
        member.time_out()
        assert member.role == "follower"
        assert member.node.deadline == promised_until_ms
        member.time_out()
        assert member.role == "pre-candidate"


@pytest.mark.contract("L2", "L3")
def test_a_marked_request_passes_a_promise():
    member = voter()

    assert member.hear(VoteRequest("c", 3, 9, 2, transfer=True)) == [("c", VoteReply("a", 3, True))]


@pytest.mark.contract("L2", "L3")
def test_an_order_to_campaign_passes_a_promise():
    member = voter()

    sent = member.hear(TimeoutNow("b", 2, 3))

    assert only(VoteRequest, sent) == [VoteRequest("a", 3, 3, 2, transfer=True)] * 2


# After a restart (contract E10)


@pytest.mark.contract("E10")
@pytest.mark.parametrize("request_kind", ["vote", "pre-vote"])
def test_a_voter_that_restarts_helps_nobody_for_a_promise(request_kind):
    for waited, granted in ((0, False), (PROMISE_MS - 1, False), (PROMISE_MS, True)):
        member = Member("a", term=2, log=(1, 1, 2), now=7000, **SETTINGS)
        member.now += waited
        if request_kind == "vote":
            answer = member.hear(VoteRequest("c", 3, 9, 2))
            assert (answer == [("c", VoteReply("a", 3, True))]) == granted
            assert (member.node.term == 3) == granted
        else:
            assert member.hear(PreVoteRequest("c", 3, 77, 9, 2)) == [("c", PreVoteReply("a", 2, 77, granted))]


@pytest.mark.contract("E10")
def test_a_voter_that_restarts_gives_no_vote_in_its_own_term_either():
    member = Member("a", term=2, log=(1, 1, 2), **SETTINGS)

    assert member.hear(VoteRequest("c", 2, 9, 2)) == []

    member.now += PROMISE_MS
    assert member.hear(VoteRequest("c", 2, 9, 2)) == [("c", VoteReply("a", 2, True))]


@pytest.mark.contract("E10")
def test_a_voter_that_restarts_does_not_campaign_for_a_promise():
    for seed in range(1, 40):
        member = Member("a", term=2, log=(1, 1, 2), seed=seed, lease_promise_ms=ELECTION_TIMEOUT_MS)
        assert member.node.deadline >= ELECTION_TIMEOUT_MS
        member.node.role.deadline = 10  # as if less than a promise had been drawn
        member.time_out()
        assert (member.role, member.node.deadline) == ("follower", ELECTION_TIMEOUT_MS)


@pytest.mark.contract("E10")
def test_transfers_are_excepted_after_a_restart():
    member = Member("a", term=2, log=(1, 1, 2), **SETTINGS)
    assert member.hear(VoteRequest("c", 3, 9, 2, transfer=True)) == [("c", VoteReply("a", 3, True))]

    member = Member("a", term=2, log=(1, 1, 2), **SETTINGS)
    sent = member.hear(Heartbeat("b", 2, 1), TimeoutNow("b", 2, 3))
    assert len(only(VoteRequest, sent)) == 2


@pytest.mark.contract("E10")
def test_without_a_past_or_without_leases_there_is_nothing_to_wait_for():
    for member in (Member("a", **SETTINGS), Member("a", term=2, log=(1, 1, 2))):
        answer = member.hear(PreVoteRequest("c", 9, 77, 9, 8))
        assert answer == [("c", PreVoteReply("a", member.node.term, 77, True))]


# Whole clusters


@pytest.mark.contract("L2")
def test_no_lease_outlives_the_election_of_another_leader():
    # The old leader is cut off, at any moment between two beats; its clock stands still for as long as it can.
    for cut_after in range(0, 200, 20):
        cluster = Cluster("abc", lease_promise_ms=ELECTION_TIMEOUT_MS)
        cluster.run(ELECTION_TIMEOUT_MS)
        cluster.elect("a")
        cluster.run(500 + cut_after)
        cluster.partition("a", "bc")
        old = cluster.nodes["a"].role
        served = []
        while cluster.leader not in ("b", "c"):
            if cluster.role("a") == "leader":
                served.append(old.lease_holds(cluster.now))
            cluster.run(10)

        assert not old.lease_holds(cluster.now), "both could serve reads now"
        assert any(served), "there was a lease"


@pytest.mark.contract("L2", "E10")
def test_no_lease_outlives_the_election_of_another_leader_by_voters_that_restarted():
    cluster = Cluster("abc", lease_promise_ms=ELECTION_TIMEOUT_MS)
    cluster.run(ELECTION_TIMEOUT_MS)
    cluster.elect("a")
    cluster.run(500)
    old = cluster.nodes["a"].role
    cluster.partition("a", "bc")
    for id in "bc":
        cluster.restart(id)

    took = cluster.run(5 * ELECTION_TIMEOUT_MS, until=lambda: cluster.leader in ("b", "c"))

    assert cluster.leader in ("b", "c")
    assert took >= ELECTION_TIMEOUT_MS
    assert not old.lease_holds(cluster.now)
