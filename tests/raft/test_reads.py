"""Linearizable reads: when the state machine may be read, and what becomes of a read that nobody can confirm."""

import pytest

from raft.entries import CONFIGURATION, Entry
from raft.errors import ReadFailed, TooManyReads
from raft.membership import Configuration
from raft.messages import Append, AppendAccepted, Heartbeat, HeartbeatEcho, HigherTerm, ReadReply, ReadRequest
from tests.raft.cluster import Cluster
from tests.raft.member import ELECTION_TIMEOUT_MS, Member, leading, only

PATIENCE_MS = 4 * ELECTION_TIMEOUT_MS
BEAT_MS = 100


def follower(seed=1, **arguments):
    """A follower of b in term 2, which holds entries 1 to 3 and has applied 2 of them."""
    member = Member("a", term=2, log=(1, 1, 2), seed=seed, **arguments)
    member.hear(Heartbeat("b", 2, 1), Append("b", 2, 3, 2, 2, ()))
    return member


def requests(sent):
    return [message for message in sent if isinstance(message, ReadRequest)]


def last_request(member):
    return only(ReadRequest, member.sent)[-1]


# At the leader


@pytest.mark.contract("L1")
def test_a_read_waits_for_a_round_that_was_sent_after_it_arrived():
    member = leading()
    assert member.node.role.round == 1

    ticket = member.read()

    assert (member.node.role.round, len(only(Heartbeat, member.sent))) == (2, 4), "a round is sent for it at once"
    member.echo("bc", round=1)
    assert member.answered(ticket) == [], "that round was sent before the read arrived"
    member.echo("b", round=2)
    assert member.answered(ticket) == [2]


@pytest.mark.contract("L1")
@pytest.mark.parametrize("echoing", ["b", "bl", "lm", "z"])
def test_a_read_waits_for_a_quorum_of_voters(echoing):
    member = leading("abcde", learners="lm")

    ticket = member.read()
    member.echo(echoing)
    assert member.answered(ticket) == []

    member.echo("bc")
    assert member.answered(ticket) == [2]


@pytest.mark.contract("L1", "M3")
@pytest.mark.parametrize(("echoing", "served"), [("bc", False), ("de", False), ("bd", True), ("ce", True)])
def test_a_read_waits_for_a_quorum_of_both_halves(echoing, served):
    joint = Entry(2, 1, CONFIGURATION, Configuration(("a", "d", "e"), ("a", "b", "c")).encode())
    member = Member("a", term=1, log=(1,))
    member.hear(Append("b", 1, 1, 1, 0, (joint,)))
    member.lead()
    member.node.role.reconfiguration.advance = lambda now: True  # it stays in the joint configuration
    member.acknowledge("bd")
    assert member.node.log.commit_index == 3

    ticket = member.read()
    member.echo(echoing)

    assert (member.answered(ticket) != []) == served


@pytest.mark.contract("L1")
def test_no_read_is_served_before_an_entry_of_the_leaders_term_is_committed():
    # P14. What its predecessors have committed it knows only then.
    member = Member("a", term=1, log=(1, 1, 1))
    member.lead()

    ticket = member.read()
    for _ in range(3):
        member.echo("bc")
        member.wait(BEAT_MS)
    assert member.answered(ticket) == []

    member.acknowledge("b")
    assert member.answered(ticket) == [], "the rounds so far stood for nothing"
    member.echo("b")
    assert member.answered(ticket) == [4]


@pytest.mark.contract("L1")
def test_a_read_is_served_only_when_its_index_is_applied():
    # The leader commits by the others while its own disk is slow, and applies only what is on its own disk.
    member = leading()
    member.stalled = True
    member.propose(b"x")
    member.acknowledge("bc")
    assert member.node.log.commit_index == 3

    ticket = member.read()
    member.echo("bc")
    assert member.answered(ticket) == []

    member.complete()
    assert member.answered(ticket) == [3]


@pytest.mark.contract("L1")
def test_reads_that_arrive_while_a_round_is_under_way_share_the_next():
    member = leading()

    first = member.read()
    others = [member.read() for _ in range(5)]
    assert member.node.role.round == 2, "one round at a time for the sake of reads"

    member.echo("b")
    assert (member.answered(first), [member.answered(other) for other in others]) == ([2], [[]] * 5)
    assert member.node.role.round == 3
    member.echo("b")
    assert [member.answered(other) for other in others] == [[2]] * 5
    assert member.node.role.round == 3


@pytest.mark.contract("L1")
def test_all_reads_of_one_turn_share_one_round():
    member = leading()

    tickets = [member.node.read(member.now) for _ in range(100)]
    member.effects()
    member.echo("b")

    assert member.node.role.round == 2
    assert [member.answered(ticket) for ticket in tickets] == [[2]] * 100


@pytest.mark.contract("L1")
def test_a_round_that_is_lost_holds_up_nobody():
    member = leading()

    first = member.read()
    second = member.read()
    member.wait(BEAT_MS)  # the usual round goes out, and stands for the second read
    member.echo("b", round=3)

    assert (member.answered(first), member.answered(second)) == ([2], [2])


@pytest.mark.contract("L1")
def test_a_lone_voter_confirms_itself():
    member = leading("a", learners="l")

    assert member.answered(member.read()) == [2]


@pytest.mark.contract("L1")
def test_a_leader_that_steps_down_before_its_read_is_confirmed_asks_its_successor():
    member = leading()
    ticket = member.read()
    member.hear(HigherTerm("c", 3))
    member.echo("bc", round=2) if member.role == "leader" else None
    assert (member.role, member.answered(ticket)) == ("follower", [])

    member.hear(Heartbeat("c", 3, 1))

    request = last_request(member)
    assert (request.sender, request.term) == ("a", 3)
    member.hear(Append("c", 3, 2, 2, 2, ()), ReadReply("c", 3, request.nonce, request.number, 2))
    assert member.answered(ticket) == [2]


# At a follower


@pytest.mark.contract("L1")
def test_a_follower_asks_its_leader_and_serves_the_read_once_the_index_is_applied():
    member = follower()

    ticket = member.read()
    request = last_request(member)
    assert [to for to, message in member.sent if isinstance(message, ReadRequest)] == ["b"]
    assert (request.sender, request.term, request.number) == ("a", 2, 1)
    member.hear(ReadReply("b", 2, request.nonce, 1, 3))
    assert member.answered(ticket) == [], "entry 3 is not applied yet"
    member.hear(Append("b", 2, 3, 2, 3, ()))

    assert member.answered(ticket) == [3]


@pytest.mark.contract("L1")
def test_a_leader_answers_a_follower_after_a_round_that_was_sent_after_the_request():
    member = leading()

    member.hear(ReadRequest("b", 2, 77, 5))
    member.echo("bc", round=1)
    assert only(ReadReply, member.sent) == []
    member.echo("c", round=2)

    assert [(to, message) for to, message in member.sent if isinstance(message, ReadReply)] == [
        ("b", ReadReply("a", 2, 77, 5, 2))
    ]


@pytest.mark.contract("L1")
def test_a_leader_answers_no_follower_before_it_has_committed_in_its_term():
    member = Member("a", term=1, log=(1,))
    member.lead()

    member.hear(ReadRequest("b", 2, 77, 5))
    member.echo("bc")
    assert only(ReadReply, member.sent) == []

    member.acknowledge("b")
    member.echo("b")
    assert only(ReadReply, member.sent) == [ReadReply("a", 2, 77, 5, 2)]


@pytest.mark.contract("L1")
def test_a_follower_asks_for_one_batch_at_a_time():
    member = follower()

    first = member.read()
    others = [member.read(), member.read()]
    assert [request.number for request in only(ReadRequest, member.sent)] == [1]
    nonce = last_request(member).nonce
    member.hear(ReadReply("b", 2, nonce, 1, 2))
    assert member.answered(first) == [2]
    assert [request.number for request in only(ReadRequest, member.sent)] == [1, 2]
    member.hear(ReadReply("b", 2, nonce, 1, 2))
    assert [member.answered(other) for other in others] == [[], []], "that was the answer to the batch before"
    member.hear(ReadReply("b", 2, nonce, 2, 2))

    assert [member.answered(other) for other in others] == [[2], [2]]


@pytest.mark.contract("L1")
def test_no_reply_from_before_a_restart_answers_a_later_read():
    before = follower(seed=1)
    before.read()
    late = ReadReply("b", 2, last_request(before).nonce, 1, 2)

    after = follower(seed=2)
    ticket = after.read()
    assert last_request(after).number == 1, "but for the nonce the requests are the same"
    after.hear(late)

    assert after.answered(ticket) == []


@pytest.mark.contract("L1")
def test_nonces_rarely_repeat():
    nonces = set()
    for seed in range(200):
        member = follower(seed=seed)
        member.read()
        nonces.add(last_request(member).nonce)

    assert len(nonces) == 200


@pytest.mark.contract("L1")
@pytest.mark.parametrize(
    ("sender", "term", "ahead"),
    [
        pytest.param("c", 2, 0, id="who does not lead"),
        pytest.param("z", 2, 0, id="a stranger"),
        pytest.param("b", 1, 0, id="an older term"),
        pytest.param("b", 2, 1, id="a batch never asked for"),
    ],
)
def test_a_reply_from_anybody_else_or_to_anything_else_answers_nothing(sender, term, ahead):
    member = follower()
    ticket = member.read()
    request = last_request(member)

    member.hear(ReadReply(sender, term, request.nonce, request.number + ahead, 2))

    assert member.answered(ticket) == []


@pytest.mark.contract("L1")
def test_a_request_that_seems_lost_is_sent_again():
    member = follower()
    ticket = member.read()

    for round in (2, 3, 4):
        member.wait(BEAT_MS)
        member.hear(Heartbeat("b", 2, round))

    assert len(only(ReadRequest, member.sent)) == 2, "after two intervals, and not before"
    request = last_request(member)
    assert request.number == 1
    member.hear(ReadReply("b", 2, request.nonce, 1, 2))
    assert member.answered(ticket) == [2]


@pytest.mark.contract("L1")
def test_a_new_leader_is_asked_anew_and_the_old_ones_reply_counts_no_more():
    member = follower()
    ticket = member.read()
    old = last_request(member)

    member.hear(Heartbeat("c", 3, 1))
    new = last_request(member)
    assert (new.term, new.number) == (3, 2)
    member.hear(ReadReply("b", 2, old.nonce, old.number, 2), ReadReply("c", 3, old.nonce, old.number, 2))
    assert member.answered(ticket) == []
    member.hear(ReadReply("c", 3, new.nonce, new.number, 2))

    assert member.answered(ticket) == [2]


def test_reads_wait_until_a_leader_is_known():
    member = Member("a", term=2, log=(1, 1, 2))
    ticket = member.read()
    assert only(ReadRequest, member.sent) == []

    member.hear(Heartbeat("b", 2, 1))

    assert len(only(ReadRequest, member.sent)) == 1
    assert member.answered(ticket) == []


@pytest.mark.contract("E1", "L1")
def test_a_request_states_a_term_only_when_that_term_is_durable():
    member = follower()
    member.stalled = True
    member.read()
    member.hear(Heartbeat("c", 3, 1))
    assert [request.term for request in only(ReadRequest, member.sent)] == [2]

    member.complete()

    assert [request.term for request in only(ReadRequest, member.sent)] == [2, 3]


# Bounds


@pytest.mark.contract("L1")
@pytest.mark.parametrize("begin", [leading, follower], ids=["leader", "follower"])
def test_reads_are_bounded(begin):
    member = begin(max_pending_reads=3)
    tickets = [member.read() for _ in range(3)]

    with pytest.raises(TooManyReads) as refusal:
        member.read()

    assert (refusal.value.pending, refusal.value.limit) == (3, 3)
    assert isinstance(refusal.value, ReadFailed)
    if begin is leading:
        member.echo("b")
        member.echo("b")
    else:
        nonce = last_request(member).nonce
        member.hear(ReadReply("b", 2, nonce, 1, 2))
        member.hear(ReadReply("b", 2, nonce, 2, 2))
    assert [member.answered(ticket) for ticket in tickets] == [[2]] * 3
    member.read()


@pytest.mark.contract("L1")
def test_a_read_that_nobody_confirms_is_given_up_and_not_dropped():
    member = follower()
    ticket = member.read()

    member.wait(PATIENCE_MS - 1)
    assert member.answered(ticket) == []
    member.wait(1)

    assert member.answered(ticket) == [ReadFailed]
    member.wait(PATIENCE_MS)
    assert member.answered(ticket) == [ReadFailed], "once"


@pytest.mark.contract("L1")
def test_the_runtime_is_told_when_the_oldest_read_is_due():
    member = Member("l", learners="l", term=2, log=(1,))
    assert member.node.deadline is None

    member.now = 50
    member.read()
    member.now = 70
    member.read()

    assert member.node.deadline == 50 + PATIENCE_MS
    member.wait(member.node.deadline - member.now)
    assert member.node.deadline == 70 + PATIENCE_MS


@pytest.mark.contract("L1")
def test_no_read_waits_longer_because_a_newer_one_was_asked_otherwise():
    # Arrange: an older read waits for a round, a newer one for its index, by a lease.
    member = leading(lease_promise_ms=ELECTION_TIMEOUT_MS)
    member.wait(BEAT_MS)
    member.echo("bc", promise_ms=ELECTION_TIMEOUT_MS)
    member.stalled = True
    member.propose(b"x")
    older = member.read()
    asked_ms = member.now
    member.hear(AppendAccepted("b", 2, 3), AppendAccepted("c", 2, 3))
    member.now += 500
    newer = member.read(by_lease=True)

    # Act: leadership is lost, and nobody leads any more.
    member.hear(HigherTerm("c", 3))
    member.wait(asked_ms + PATIENCE_MS - member.now)

    # Assert
    assert (member.answered(older), member.answered(newer)) == ([ReadFailed], [])
    member.wait(500)
    assert member.answered(newer) == [ReadFailed]


def test_a_witness_serves_no_read():
    configuration = Configuration(("a", "b", "w"), witnesses=("w",))
    member = Member("w", configuration=configuration)

    with pytest.raises(ReadFailed, match="a witness has no state machine"):
        member.read()


# Whole clusters


@pytest.mark.contract("L1")
@pytest.mark.parametrize("id", "abcl")
def test_every_member_serves_reads_of_all_that_was_acknowledged(id):
    cluster = Cluster("abc", learners="l")
    cluster.elect("a")
    cluster.propose("a", b"x")
    cluster.run(50, until=lambda: cluster.nodes["a"].log.commit_index == 2)

    ticket = cluster.read(id)
    cluster.run(500)

    [index] = cluster.answered(id, ticket)
    assert index >= 2
    assert cluster.commands(id) == [b"x"]


@pytest.mark.contract("L1")
def test_a_deposed_leader_that_does_not_know_it_serves_no_stale_read():
    cluster = Cluster("abc")
    cluster.elect("a")
    cluster.run(500)
    cluster.partition("a", "bc")
    cluster.elect("b")
    cluster.commit("b", b"new")
    assert cluster.role("a") == "leader"

    ticket = cluster.read("a")
    cluster.run(PATIENCE_MS - 10)
    assert (cluster.role("a") == "leader", cluster.answered("a", ticket)) == (False, [])
    cluster.heal()
    cluster.run(500)

    assert cluster.answered("a", ticket) in ([ReadFailed], [4]), "never what it had before"


@pytest.mark.contract("L1")
def test_a_read_that_follows_a_change_of_leader_is_served_by_the_new_one():
    cluster = Cluster("abc")
    cluster.elect("a")
    cluster.run(500)
    cluster.crash("a")

    ticket = cluster.read("b")
    cluster.run(PATIENCE_MS)

    assert cluster.answered("b", ticket) == [cluster.nodes["b"].log.commit_index]


@pytest.mark.contract("R5", "R8")
def test_a_slow_follower_is_heard_however_quickly_reads_make_the_rounds_follow_each_other():
    # Arrange: b answers within a millisecond, c within 50, and clients read all the time.
    member = leading()
    lost = member.propose(b"lost on its way to c")
    assert lost != []
    member.acknowledge("b")
    behind = []

    # Act
    for _ in range(3 * ELECTION_TIMEOUT_MS):
        member.read()
        behind.append(member.node.role.round)
        member.hear(HeartbeatEcho("b", 2, member.node.role.round, 3))
        if len(behind) > 50:
            member.hear(HeartbeatEcho("c", 2, behind[-50], 2))
        member.wait(1)

    # Assert
    assert member.node.role.hears("c", member.now), "its echoes count for nothing"
    again = [message for to, message in member.sent if to == "c" and isinstance(message, Append) and message.entries]
    assert len(again) > 2, "what was lost is not sent again"
