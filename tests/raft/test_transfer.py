"""Leadership that is handed over on request: by whom, to whom, when, and what becomes of it."""

import pytest

from raft.errors import NotLeader, TransferFailed, TransferInProgress, TransferRefused
from raft.membership import Configuration
from raft.messages import (
    AppendAccepted,
    Heartbeat,
    HigherTerm,
    PreVoteRequest,
    TimeoutNow,
    VoteReply,
    VoteRequest,
)
from tests.raft.cluster import Cluster
from tests.raft.member import ELECTION_TIMEOUT_MS, Member, leading, only

BEAT_MS = 100


def told(member):
    """Who was told to campaign, in order."""
    return [to for to, message in member.sent if isinstance(message, TimeoutNow)]


def follower(log=(1, 1, 2), **arguments):
    """A follower of b in term 2, which holds three entries."""
    member = Member("a", term=2, log=log, **arguments)
    member.hear(Heartbeat("b", 2, 1))
    return member


def resumes(member, ms=ELECTION_TIMEOUT_MS, echoing="bc"):
    """Let time pass with a quorum that listens; return when proposals were taken again, or None."""
    waited = 0
    while waited < ms:
        member.echo(echoing)
        member.wait(BEAT_MS)
        waited += BEAT_MS
        if member.node.transfer is None:
            return waited
    return None


# What is refused (contract L3)


@pytest.mark.contract("L3")
@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("a", "it leads already"),
        ("l", "no voter with a state machine"),
        ("w", "no voter with a state machine"),
        ("z", "no voter with a state machine"),
        ("", "no voter with a state machine"),
        (7, "no voter with a state machine"),
        ([], "no voter with a state machine"),
    ],
)
def test_who_cannot_lead_is_refused(target, reason):
    member = leading("abw", learners="l", parts={"witnesses": ("w",)})

    with pytest.raises(TransferRefused, match=reason) as refusal:
        member.transfer(target)

    assert refusal.value.target == target
    assert (member.node.transfer, told(member)) == (None, [])
    member.propose(b"x")


@pytest.mark.contract("L3")
def test_only_one_transfer_at_a_time():
    member = leading()
    member.transfer("b")

    with pytest.raises(TransferRefused, match="a transfer to b is under way"):
        member.transfer("c")

    assert member.node.transfer.target == "b"


def test_who_does_not_lead_hands_nothing_over():
    with pytest.raises(NotLeader) as refusal:
        follower().transfer("c")

    assert refusal.value.leader == "b"


@pytest.mark.contract("L3")
def test_the_leader_chooses_who_holds_most_of_the_log_among_those_it_hears():
    member = leading("abcd")
    member.propose(b"x")
    member.acknowledge("cd")
    member.echo("bc")

    member.transfer()

    assert told(member) == ["c"], "b lacks an entry, and d has not echoed"


@pytest.mark.contract("L3")
def test_a_leader_that_hears_nobody_has_no_successor():
    member = leading()

    with pytest.raises(TransferRefused, match="no other full voter is heard"):
        member.transfer()


# Meanwhile (contract L3)


@pytest.mark.contract("L3")
def test_proposals_are_refused_meanwhile_and_say_so():
    member = leading()
    last_index = member.node.log.last_index
    member.transfer("b")

    with pytest.raises(TransferInProgress) as refusal:
        member.propose(b"x")

    assert refusal.value.target == "b"
    assert member.node.log.last_index == last_index


@pytest.mark.contract("L3")
def test_the_target_is_told_only_once_it_holds_the_whole_log():
    member = leading()
    member.propose(b"x", b"y")
    member.acknowledge("c")

    member.transfer("b")
    assert told(member) == []
    member.hear(AppendAccepted("b", 2, 3))
    assert told(member) == []
    member.hear(AppendAccepted("b", 2, 4))

    assert only(TimeoutNow, member.sent) == [TimeoutNow("a", 2, 4)]
    assert told(member) == ["b"]


@pytest.mark.contract("L3")
def test_the_order_is_repeated_with_each_round_since_it_may_be_lost():
    member = leading()
    member.transfer("b")
    assert told(member) == ["b"]

    member.acknowledge("bc")
    assert told(member) == ["b"], "not with every turn"
    member.wait(BEAT_MS)

    assert told(member) == ["b", "b"]


@pytest.mark.contract("L3")
def test_reads_are_served_meanwhile():
    member = leading()
    member.transfer("b")

    ticket = member.read()
    member.echo("c")

    assert member.answered(ticket) == [2]


# Its end (contract L3)


@pytest.mark.contract("L3")
def test_a_leader_whose_target_does_not_take_over_resumes_within_an_election_timeout():
    member = leading()
    ticket = member.transfer("b")

    assert resumes(member) == ELECTION_TIMEOUT_MS

    assert member.answered(ticket) == [TransferFailed]
    assert member.role == "leader"
    member.propose(b"x")
    count = len(told(member))
    member.acknowledge("b")
    member.wait(BEAT_MS)
    assert len(told(member)) == count, "nobody is told any more"


@pytest.mark.contract("L3")
def test_a_leader_whose_target_never_catches_up_resumes_within_an_election_timeout_too():
    member = leading()
    member.propose(b"x")
    ticket = member.transfer("b")

    assert resumes(member) == ELECTION_TIMEOUT_MS

    assert (member.answered(ticket), told(member)) == ([TransferFailed], [])


@pytest.mark.contract("L3")
def test_a_transfer_has_succeeded_when_the_target_leads():
    member = leading()
    ticket = member.transfer("b")

    member.hear(VoteRequest("b", 3, 2, 2, transfer=True))
    assert (member.role, member.node.vote, member.answered(ticket)) == ("follower", "b", [])
    member.hear(Heartbeat("b", 3, 1))
    member.wait(1)

    assert member.answered(ticket) == ["b"]
    assert member.node.transfer is None


@pytest.mark.contract("E6", "L3")
def test_the_mark_of_who_is_no_voter_passes_nobody_by():
    """An order to campaign may reach a member after its removal."""
    for removed in "dl":
        member = leading(learners="l")

        sent = member.hear(VoteRequest(removed, 3, 9, 2, transfer=True))

        assert sent == []
        assert (member.role, member.node.term) == ("leader", 2)
        assert member.node.dropped == {"leader is heard": 1}


@pytest.mark.contract("L3")
def test_a_transfer_has_failed_when_somebody_else_leads():
    member = leading()
    ticket = member.transfer("b")

    member.hear(HigherTerm("b", 3), Heartbeat("c", 4, 1))
    member.wait(1)

    assert member.answered(ticket) == [TransferFailed]


@pytest.mark.contract("L3")
def test_a_transfer_of_who_lost_its_leadership_is_answered_in_time_all_the_same():
    member = leading()
    ticket = member.transfer("b")

    member.hear(HigherTerm("c", 3))
    assert member.answered(ticket) == []
    assert member.node.deadline <= member.now + ELECTION_TIMEOUT_MS
    member.wait(ELECTION_TIMEOUT_MS)

    assert member.answered(ticket) == [TransferFailed]


@pytest.mark.contract("L3")
def test_the_next_transfer_may_follow():
    member = leading()
    first = member.transfer("b")
    resumes(member)

    second = member.transfer("c")

    assert (member.answered(first), member.answered(second)) == ([TransferFailed], [])
    assert told(member)[-1] == "c"


# The target (contract L3)


@pytest.mark.contract("L3")
def test_who_is_told_campaigns_at_once_without_pre_votes_and_marks_its_requests():
    member = follower()

    sent = member.hear(TimeoutNow("b", 2, 3))

    assert (member.role, member.node.term) == ("candidate", 3)
    request = VoteRequest("a", 3, 3, 2, transfer=True)
    assert sent == [("b", request), ("c", request)]


@pytest.mark.contract("E1", "L3")
def test_marked_requests_wait_for_the_disk_like_any():
    member = follower()
    member.stalled = True

    assert member.hear(TimeoutNow("b", 2, 3)) == []

    assert len(only(VoteRequest, member.complete())) == 2


@pytest.mark.contract("L3")
def test_an_order_is_obeyed_once():
    member = follower()
    order = TimeoutNow("b", 2, 3)
    member.hear(order)

    assert only(VoteRequest, member.hear(order)) == []
    member.hear(HigherTerm("c", 4))
    assert only(VoteRequest, member.hear(order)) == []

    assert member.node.term == 4


@pytest.mark.contract("L3")
def test_a_campaign_that_was_ordered_and_failed_is_not_repeated_with_the_mark():
    member = follower()
    member.hear(TimeoutNow("b", 2, 3))

    sent = member.time_out()
    assert [type(message) for _, message in sent] == [PreVoteRequest] * 2
    member.node.become_candidate(member.now)

    assert [request.transfer for request in only(VoteRequest, member.effects())] == [False, False]


def never_heard_a_leader():
    return Member("a", term=2, log=(1, 1, 2))


def of_another_term():
    return follower(log=(1, 1, 2))


def learner():
    member = Member("a", voters="bc", learners="a", term=2, log=(1, 1, 2))
    member.hear(Heartbeat("b", 2, 1))
    return member


def witness():
    configuration = Configuration(("a", "b", "c"), witnesses=("a",))
    member = Member("a", configuration=configuration, term=2, log=(1, 1, 2))
    member.hear(Heartbeat("b", 2, 1))
    return member


def candidate():
    member = Member("a", term=1, log=(1, 1))
    member.campaign()
    return member


@pytest.mark.contract("L3")
@pytest.mark.parametrize(
    ("begin", "order"),
    [
        pytest.param(follower, TimeoutNow("b", 1, 3), id="of an older term"),
        pytest.param(follower, TimeoutNow("b", 3, 3), id="of a term it knows no leader of"),
        pytest.param(follower, TimeoutNow("c", 2, 3), id="from who does not lead"),
        pytest.param(follower, TimeoutNow("z", 2, 3), id="from a stranger"),
        pytest.param(follower, TimeoutNow("b", 2, 4), id="beyond its log"),
        pytest.param(never_heard_a_leader, TimeoutNow("b", 2, 3), id="without a leader"),
        pytest.param(learner, TimeoutNow("b", 2, 3), id="to a learner"),
        pytest.param(witness, TimeoutNow("b", 2, 3), id="to a witness"),
        pytest.param(candidate, TimeoutNow("b", 2, 2), id="to a candidate"),
        pytest.param(leading, TimeoutNow("b", 2, 2), id="to a leader"),
    ],
)
def test_no_other_order_is_obeyed(begin, order):
    member = begin()
    member.sent.clear()
    role = member.role

    member.hear(order)

    assert only(VoteRequest, member.sent) == []
    assert member.node.term <= max(2, order.term)
    assert member.role == ("follower" if order.term > 2 else role)


# Voters (contract L3)


@pytest.mark.contract("L3")
@pytest.mark.parametrize("marked", [True, False])
def test_only_a_marked_request_passes_stickiness(marked):
    member = follower()

    answer = member.hear(VoteRequest("c", 3, 3, 2, transfer=marked))

    assert answer == ([("c", VoteReply("a", 3, True))] if marked else [])
    assert member.node.term == (3 if marked else 2)


@pytest.mark.contract("L3")
def test_a_mark_makes_up_for_no_other_reason_to_refuse():
    shorter = follower().hear(VoteRequest("c", 3, 2, 2, transfer=True))
    spent = Member("a", term=3, vote="b", log=(1, 1, 2)).hear(VoteRequest("c", 3, 9, 2, transfer=True))

    assert shorter == spent == [("c", VoteReply("a", 3, False))]


# Whole clusters


@pytest.mark.contract("L3")
@pytest.mark.parametrize("target", ["b", "c", None])
def test_leadership_moves_without_anybodys_time_running_out(target):
    cluster = Cluster()
    cluster.elect("a")
    cluster.commit("a", b"x")
    cluster.run(500)

    ticket = cluster.transfer("a", target)
    took = cluster.run(ELECTION_TIMEOUT_MS, until=lambda: cluster.nodes["a"].role.leader not in (None, "a"))
    cluster.tick("a")

    assert took < 200
    [leader] = cluster.answered("a", ticket)
    assert leader == cluster.leader
    assert leader in ((target,) if target else ("b", "c"))
    assert cluster.term == 2
    cluster.commit(leader, b"y")
    assert cluster.commands("a") == [b"x", b"y"]


@pytest.mark.contract("L3")
def test_a_transfer_to_a_member_that_is_far_behind_waits_for_it():
    cluster = Cluster(max_append_entries=4, window_messages=1)
    cluster.elect("a")
    cluster.partition("ac", "b")
    cluster.commit("a", *[b"%d" % number for number in range(40)])
    cluster.heal()

    ticket = cluster.transfer("a", "b")
    cluster.run(2 * ELECTION_TIMEOUT_MS)

    assert cluster.answered("a", ticket) == ["b"]
    assert len(cluster.commands("b")) == 40


@pytest.mark.contract("L3")
@pytest.mark.parametrize("how", ["crashed", "cannot be heard", "hears nothing"])
def test_a_transfer_to_who_cannot_take_over_costs_at_most_an_election_timeout(how):
    cluster = Cluster()
    cluster.elect("a")
    cluster.run(500)
    if how == "crashed":
        cluster.crash("b")
    for other in "ac":
        if how == "cannot be heard":
            cluster.cut_link("b", other)
        elif how == "hears nothing":
            cluster.cut_link(other, "b")

    began = cluster.now
    ticket = cluster.transfer("a", "b")
    cluster.run(5 * ELECTION_TIMEOUT_MS, until=lambda: cluster.answered("a", ticket) != [])
    assert cluster.now - began <= ELECTION_TIMEOUT_MS + BEAT_MS
    assert cluster.answered("a", ticket) == [TransferFailed]
    cluster.run_until_leader()

    leader = cluster.leader
    assert leader in "ac"
    assert how == "cannot be heard" or leader == "a"
    cluster.propose(leader, b"x")
    cluster.run(500)
    assert cluster.commands("c") == [b"x"]


@pytest.mark.contract("L3")
def test_an_order_that_arrives_after_the_leader_has_resumed_is_obeyed_and_nothing_is_lost():
    cluster = Cluster()
    cluster.elect("a")
    cluster.run(500)
    ticket = cluster.transfer("a", "b")
    [late] = [message for message in cluster.links[("a", "b")] if isinstance(message, TimeoutNow)]
    cluster.cut_link("a", "b")
    cluster.run(ELECTION_TIMEOUT_MS + BEAT_MS)
    assert cluster.answered("a", ticket) == [TransferFailed]
    cluster.heal()
    cluster.commit("a", b"x")

    cluster.tell("b", late)
    cluster.run(500)

    assert cluster.leader == "b"
    assert cluster.commands("b") == cluster.commands("a") == [b"x"]


@pytest.mark.contract("L3")
def test_what_was_proposed_before_a_transfer_is_not_lost():
    for hops in range(12):
        cluster = Cluster(seed=hops)
        cluster.elect("a")
        cluster.propose("a", b"x", b"y")
        ticket = cluster.transfer("a", "b")
        cluster.run(10 * hops)
        with pytest.raises((TransferInProgress, NotLeader)):
            cluster.propose("a", b"z")
        cluster.run(ELECTION_TIMEOUT_MS)
        assert cluster.answered("a", ticket) == ["b"]
        assert cluster.commands("c") == [b"x", b"y"]


def test_what_a_refusal_says():
    assert "leadership is not transferred to anybody: nobody is there" in str(TransferRefused(None, "nobody is there"))
    assert "leadership is being transferred to b" in str(TransferInProgress("b"))
