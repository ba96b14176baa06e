import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from raft.entries import COMMAND, NOOP, OVERHEAD_BYTES, Entry
from raft.errors import EntryTooLarge, InvalidCommand, NotLeader, Overloaded
from raft.messages import (
    Append,
    AppendAccepted,
    AppendRejected,
    Heartbeat,
    HeartbeatEcho,
    HigherTerm,
    PreVoteReply,
    PreVoteRequest,
    VoteReply,
    VoteRequest,
)
from raft.observer import FollowerHealth
from tests.raft.member import ELECTION_TIMEOUT_MS, Member, entries, only, terms


def leader(voters="abc", term=1, log=(1,), **arguments):
    """A member that has just won term 2, whose no-op is on its way to everybody."""
    member = Member("a", voters=voters, term=term, log=log, **arguments)
    member.lead()
    return member


def settled_leader(voters="abc", **arguments):
    """A leader whose no-op everybody has acknowledged, so that it replicates to all."""
    member = leader(voters, **arguments)
    for follower in member.node.configuration.members[1:]:
        member.hear(AppendAccepted(follower, member.node.term, member.node.log.last_index))
    return member


def to(receiver, sent, kind=Append):
    return [message for to, message in sent if to == receiver and isinstance(message, kind)]


def echo_all(member, round, commit=0):
    return member.hear(*[HeartbeatEcho(v, member.node.term, round, commit) for v in member.node.other_voters])


# The beginning of a term (contract R3)


@pytest.mark.contract("R3")
def test_a_new_leader_announces_itself_and_appends_a_no_op():
    member = Member("a", term=1, log=(1,))

    sent = member.lead()

    noop = Entry(2, 2, NOOP, b"")
    assert member.node.log.entry(2) == noop
    assert sent == [
        ("b", Heartbeat("a", 2, 1, commit=2)),
        ("c", Heartbeat("a", 2, 1, commit=2)),
        ("b", Append("a", 2, 1, 1, 0, (noop,))),
        ("c", Append("a", 2, 1, 1, 0, (noop,))),
    ]


@pytest.mark.contract("R3")
def test_entries_of_earlier_terms_are_never_committed_by_counting():
    # P13
    member = leader(log=(1, 1, 1))

    member.hear(AppendRejected("b", 2, 3, 1, 1))
    member.hear(AppendAccepted("b", 2, 3))
    member.hear(AppendAccepted("c", 2, 3))
    assert member.node.log.commit_index == 0, "all three hold entry 3, and it is of an earlier term"

    member.hear(AppendAccepted("b", 2, 4))
    assert member.node.log.commit_index == 4, "with the no-op all before it is committed too"


def test_a_lone_voter_leads_and_commits_by_itself():
    member = Member("a", voters="a")

    member.lead()
    member.propose(b"x", b"y")

    assert [(entry.kind, entry.data) for entry in member.applied] == [(NOOP, b""), (COMMAND, b"x"), (COMMAND, b"y")]
    assert member.node.status().commit_index == 3


@pytest.mark.contract("R10", "S7")
def test_a_lone_voter_commits_nothing_before_its_disk_is_done():
    # P20
    member = Member("a", voters="a")
    member.lead()
    member.stalled = True

    member.propose(b"x")
    assert (member.node.log.commit_index, member.node.status().commit_index) == (1, 1)
    assert len(member.applied) == 1

    member.complete()
    assert member.node.status().commit_index == 2
    assert member.applied[-1].data == b"x"


# Replication


def test_everybody_is_sent_what_was_proposed_in_one_turn_in_one_message():
    member = settled_leader()

    sent = member.propose(b"x", b"y")

    assert [[entry.data for entry in append.entries] for append in to("b", sent)] == [[b"x", b"y"]]
    assert to("b", sent)[0] is to("c", sent)[0], "followers that are equally far get the very same message"


def test_a_leader_does_not_wait_for_its_own_disk_before_it_sends():
    member = settled_leader()
    member.stalled = True

    assert len(to("b", member.propose(b"x"))) == 1


@pytest.mark.contract("R10")
def test_a_leader_counts_itself_only_after_its_own_durable_write():
    member = settled_leader("abc")
    member.stalled = True
    member.propose(b"x")

    member.complete(member.writes[0].number)
    assert member.node.log.commit_index == 2, "its own copy is no majority"

    member.hear(AppendAccepted("b", 2, 3))
    assert member.node.log.commit_index == 3


@pytest.mark.contract("R10")
def test_a_leader_whose_disk_is_not_done_needs_all_the_others_that_make_a_majority():
    member = settled_leader("abc")
    member.stalled = True
    member.propose(b"x")

    member.hear(AppendAccepted("b", 2, 3))
    assert member.node.log.commit_index == 2, "one durable copy, and its own is not yet one"

    member.complete()
    assert member.node.log.commit_index == 3


@pytest.mark.contract("R10", "S7")
def test_a_leader_may_commit_by_the_others_but_applies_only_what_is_on_its_own_disk():
    member = settled_leader("abc")
    member.stalled = True
    member.propose(b"x")

    sent = member.hear(AppendAccepted("b", 2, 3), AppendAccepted("c", 2, 3))
    assert member.node.log.commit_index == 3
    assert [append.commit for append in to("b", sent)] == [3]
    assert member.node.status().commit_index == 2
    assert b"x" not in [entry.data for entry in member.applied]

    member.complete()
    assert member.node.status().commit_index == 3
    assert member.applied[-1].data == b"x"


def test_followers_learn_of_a_commit_at_once():
    member = settled_leader()
    member.propose(b"x")

    sent = member.hear(AppendAccepted("b", 2, 3))

    assert to("b", sent) == [Append("a", 2, 3, 2, 3, ())]
    assert to("c", sent) == [Append("a", 2, 3, 2, 3, ())]


def test_a_learner_receives_the_log_and_never_counts():
    member = settled_leader("ab", learners="lm")

    sent = member.propose(b"x")
    member.hear(AppendAccepted("l", 2, 3), AppendAccepted("m", 2, 3))

    assert len(to("l", sent)) == 1
    assert member.node.log.commit_index == 2
    member.hear(AppendAccepted("b", 2, 3))
    assert member.node.log.commit_index == 3


@pytest.mark.contract("R2")
def test_a_success_raises_what_matches_to_what_it_says_and_never_lowers_it():
    member = settled_leader()
    member.propose(b"x", b"y")

    member.hear(AppendAccepted("b", 2, 4))
    member.hear(AppendAccepted("b", 2, 3))
    member.hear(AppendAccepted("b", 2, 0))

    assert [status.match_index for status in member.node.status().followers] == [4, 2]


@pytest.mark.contract("R2")
def test_an_echo_never_raises_what_matches():
    # P12
    member = leader()

    member.hear(HeartbeatEcho("b", 2, 1, 99), HeartbeatEcho("c", 2, 1, 99))

    assert [status.match_index for status in member.node.status().followers] == [0, 0]
    assert member.node.log.commit_index == 0


def test_an_acknowledgement_beyond_the_log_is_dropped():
    member = leader()

    member.hear(AppendAccepted("b", 2, 3))

    assert member.node.dropped == {"beyond the log": 1}
    assert member.node.log.commit_index == 0


# Batches (contract R6)


@pytest.mark.contract("R6")
def test_packing_never_skips_an_entry():
    # P17
    member = settled_leader(max_append_bytes=2 * OVERHEAD_BYTES + 10, max_append_entries=3, window_messages=99)

    sent = member.propose(b"", b"x" * 100, b"", b"", b"", b"", b"12345678901", b"")

    batches = [[entry.index for entry in append.entries] for append in to("b", sent)]
    assert batches == [[3], [4], [5, 6], [7, 8], [9], [10]]
    assert [append.prev_index for append in to("b", sent)] == [2, 3, 4, 6, 8, 9]


@pytest.mark.contract("R6")
def test_an_entry_larger_than_a_batch_and_the_window_replicates_alone():
    # P17
    member = settled_leader(max_append_bytes=10, window_bytes=10)

    sent = member.propose(b"x" * 1000, b"y" * 1000)
    assert [[entry.index for entry in append.entries] for append in to("b", sent)] == [[3]]

    sent = member.hear(AppendAccepted("b", 2, 3))
    assert [[entry.index for entry in append.entries] for append in to("b", sent)] == [[4]]
    assert member.hear(AppendAccepted("b", 2, 4)) != []
    assert member.node.log.commit_index == 4


@pytest.mark.contract("R6")
def test_an_entry_above_the_hard_limit_is_refused():
    member = settled_leader(max_entry_bytes=100)

    with pytest.raises(EntryTooLarge) as refusal:
        member.propose(b"x" * 101)

    assert (refusal.value.size_bytes, refusal.value.limit_bytes) == (101, 100)
    assert member.node.log.last_index == 2
    assert len(to("b", member.propose(b"x" * 100))) == 1


@pytest.mark.contract("R6")
def test_a_batch_limit_counts_entries():
    member = settled_leader(max_append_entries=2)

    sent = member.propose(*[b"x"] * 5)

    assert [len(append.entries) for append in to("b", sent)] == [2, 2, 1]


# The window (contract R5)


@pytest.mark.contract("R5")
def test_appends_are_pipelined_within_the_window_of_messages():
    member = settled_leader(window_messages=3, max_append_entries=1)

    first = member.propose(*[b"x"] * 5)
    second = member.hear(AppendAccepted("b", 2, 4))

    assert [append.prev_index for append in to("b", first)] == [2, 3, 4]
    assert [append.prev_index for append in to("b", second) if append.entries] == [5, 6]
    assert to("c", second) == [], "c has not answered yet"


@pytest.mark.contract("R5")
def test_appends_are_pipelined_within_the_window_of_bytes():
    size = OVERHEAD_BYTES + 1
    member = settled_leader(window_bytes=2 * size, max_append_entries=1)

    first = member.propose(*[b"x"] * 5)
    second = member.hear(AppendAccepted("b", 2, 3))

    assert [append.prev_index for append in to("b", first)] == [2, 3]
    assert [append.prev_index for append in to("b", second) if append.entries] == [4]


@pytest.mark.contract("R5")
def test_a_follower_is_probed_with_one_append_until_it_answers():
    member = leader()

    assert to("b", member.propose(b"x")) == []
    assert member.node.status().followers[0].state == "probe"

    sent = member.hear(AppendAccepted("b", 2, 2))
    assert [[entry.data for entry in append.entries] for append in to("b", sent)] == [[b"x"]]
    assert member.node.status().followers[0].state == "replicate"


@pytest.mark.contract("R5")
def test_a_lost_append_is_noticed_by_the_rejection_of_the_next():
    member = settled_leader(max_append_entries=1)
    member.propose(b"lost")
    member.propose(b"x")

    sent = member.hear(AppendRejected("b", 2, 3, 2, 2))

    assert to("b", sent) == [Append("a", 2, 2, 2, 2, (Entry(3, 2, COMMAND, b"lost"),))]
    sent = member.hear(AppendAccepted("b", 2, 3))
    assert [append.entries[0].data for append in to("b", sent) if append.entries] == [b"x"]


@pytest.mark.contract("R5")
def test_a_lost_last_append_is_noticed_by_an_echo():
    member = settled_leader()
    member.propose(b"lost")

    early = member.wait(100) + echo_all(member, 2, commit=2)
    late = member.wait(100) + echo_all(member, 3, commit=2)

    assert to("b", early) == []
    assert to("b", late) == [Append("a", 2, 2, 2, 2, (Entry(3, 2, COMMAND, b"lost"),))]


@pytest.mark.contract("R5")
def test_a_lost_probe_is_noticed_by_an_echo():
    member = leader()

    early = member.wait(100) + echo_all(member, 2)
    late = member.wait(100) + echo_all(member, 3)

    assert to("b", early) == []
    assert [append.prev_index for append in to("b", late)] == [1]


def test_lost_news_of_a_commit_is_noticed_by_an_echo():
    member = settled_leader()
    member.propose(b"x")
    member.hear(AppendAccepted("b", 2, 3), AppendAccepted("c", 2, 3))
    member.wait(100)

    sent = member.hear(HeartbeatEcho("b", 2, 2, 2), HeartbeatEcho("c", 2, 2, 3))

    assert to("b", sent) == [Append("a", 2, 3, 2, 3, ())]
    assert to("c", sent) == []


def test_a_silent_follower_is_not_sent_the_same_again_and_again():
    member = settled_leader()
    member.propose(b"x")

    sent = []
    for round in range(2, 30):
        sent += member.wait(100) + member.hear(HeartbeatEcho("b", 2, round, 2))

    assert to("c", sent) == []


@pytest.mark.contract("R4")
def test_a_leader_goes_back_by_a_whole_term():
    member = leader(term=6, log=(1, 1, 1, 4, 4, 5, 5, 6, 6, 6))

    sent = member.hear(AppendRejected("b", 7, 10, 10, 3))

    assert [append.prev_index for append in to("b", sent)] == [3]


# Time


def test_a_leader_beats_at_every_interval():
    member = settled_leader()

    assert only(Heartbeat, member.wait(99)) == []
    assert member.wait(1) == [("b", Heartbeat("a", 2, 2, commit=2)), ("c", Heartbeat("a", 2, 2, commit=2))]
    assert member.wait(100) == [("b", Heartbeat("a", 2, 3, commit=2)), ("c", Heartbeat("a", 2, 3, commit=2))]


@pytest.mark.contract("E11")
def test_a_leader_beats_while_its_disk_stalls():
    member = settled_leader()
    member.stalled = True
    member.propose(b"x")

    assert len(only(Heartbeat, member.wait(100))) == 2


@pytest.mark.contract("E5")
def test_a_leader_that_hears_no_majority_steps_down_within_two_election_timeouts():
    member = leader("abcde")

    roles = []
    for round in range(1, 21):
        member.hear(HeartbeatEcho("b", 2, round, 0))
        member.wait(100)
        roles.append(member.role)

    assert roles.index("follower") in range(9, 20)
    assert (member.node.term, member.node.vote, member.node.role.leader) == (2, "a", None)


@pytest.mark.contract("E5")
def test_a_leader_that_a_majority_echoes_stays():
    member = leader("abcde")

    for round in range(1, 100):
        member.hear(HeartbeatEcho("b", 2, round, 0), HeartbeatEcho("c", 2, round, 0))
        member.wait(100)

    assert member.role == "leader"


@pytest.mark.contract("E5")
def test_an_echo_counts_from_when_its_round_was_sent_not_from_when_it_arrived():
    # Every echo arrives later than the one before: every second interval, of the round that comes next.
    member = leader()

    roles = []
    for interval in range(2, 60):
        member.hear(HeartbeatEcho("b", 2, interval // 2, 0), HeartbeatEcho("c", 2, interval // 2, 0))
        member.wait(100)
        roles.append(member.role)

    assert roles.index("follower") in range(15, 25), "the echoes were an election timeout late by then"


@pytest.mark.contract("E5")
def test_an_echo_of_a_round_never_sent_counts_for_nothing():
    member = leader()

    for round in range(1, 20):
        member.hear(HeartbeatEcho("b", 2, 10**6 + round, 0), HeartbeatEcho("c", 2, round + 2, 0))
        member.wait(100)

    assert member.role == "follower"


@pytest.mark.contract("E5")
def test_learners_do_not_keep_a_leader_in_office():
    member = leader("abc", learners="lm")

    for round in range(1, 21):
        member.hear(HeartbeatEcho("l", 2, round, 0), HeartbeatEcho("m", 2, round, 0))
        member.wait(100)

    assert member.role == "follower"


def test_the_noted_rounds_do_not_grow_for_ever():
    member = leader()

    for round in range(1, 500):
        echo_all(member, round)
        member.wait(100)

    assert len(member.node.role._round_sent_ms) <= 22


@pytest.mark.contract("E7")
def test_stepping_down_draws_a_fresh_timeout():
    waits = []
    for seed in range(1, 30):
        member = leader(seed=seed)
        first = Member("a", seed=seed).node.deadline

        member.hear(HigherTerm("b", 9))

        waits.append((first, member.node.deadline - member.now))
        assert ELECTION_TIMEOUT_MS <= waits[-1][1] < 2 * ELECTION_TIMEOUT_MS
    assert sum(first == fresh for first, fresh in waits) <= 1


def test_a_leader_that_a_majority_hears_refuses_to_be_deposed():
    member = leader()
    echo_all(member, 1)
    member.now += ELECTION_TIMEOUT_MS - 1

    assert member.hear(VoteRequest("b", 9, 99, 8)) == []
    assert member.hear(PreVoteRequest("b", 9, 77, 99, 8)) == [("b", PreVoteReply("a", 2, 77, False))]
    assert (member.role, member.node.dropped) == ("leader", {"leader is heard": 1})


@pytest.mark.contract("E9")
def test_a_leader_that_nobody_hears_any_more_judges_by_the_time_of_the_request_itself():
    member = leader()
    echo_all(member, 1)
    member.now += ELECTION_TIMEOUT_MS  # and no tick since

    assert member.hear(VoteRequest("b", 9, 99, 8)) == [("b", VoteReply("a", 9, True))]
    assert member.role == "follower"


@pytest.mark.parametrize("message", [Append("b", 2, 1, 1, 0, entries(2, first=2)), Heartbeat("b", 2, 1)], ids=repr)
@pytest.mark.contract("S1")
def test_a_leader_believes_no_second_leader_of_its_term(message):
    member = leader()

    assert member.hear(message) == []

    assert (member.role, member.node.dropped) == ("leader", {"second leader": 1})
    assert terms(member.node.log) == [1, 2]


@pytest.mark.parametrize(
    "message",
    [
        Append("b", 3, 1, 1, 0, ()),
        Heartbeat("b", 3, 1),
        HigherTerm("b", 3),
        AppendAccepted("b", 3, 1),
        HeartbeatEcho("b", 3, 1, 0),
    ],
    ids=repr,
)
def test_a_leader_gives_way_to_a_higher_term(message):
    member = leader()
    echo_all(member, 1)

    member.hear(message)

    assert (member.role, member.node.term) == ("follower", 3)


# Health (contract R8)


def test_the_status_tells_who_is_heard_and_for_how_long_the_others_are_silent():
    member = settled_leader()
    assert [(status.heard, status.silent_ms) for status in member.node.status().followers] == [(False, 0), (False, 0)]

    echo_all(member, 1)
    for round in range(2, 2 + ELECTION_TIMEOUT_MS // 100):
        member.wait(100)
        member.hear(HeartbeatEcho("c", 2, round, 2))
    assert [(status.heard, status.silent_ms) for status in member.node.status().followers] == [
        (True, ELECTION_TIMEOUT_MS),
        (True, 0),
    ]
    member.wait(100)
    told = [(status.id, status.heard, status.silent_ms) for status in member.node.status().followers]
    assert told == [("b", False, ELECTION_TIMEOUT_MS + 100), ("c", True, 100)]


@pytest.mark.contract("R8")
def test_a_follower_that_echoes_while_replication_is_stuck_is_reported_unhealthy():
    # P18
    member = settled_leader()
    member.propose(b"x")

    for round in range(2, 13):
        member.wait(100)
        member.hear(AppendAccepted("c", 2, 3), HeartbeatEcho("b", 2, round, 2), HeartbeatEcho("c", 2, round, 3))

    reports = [(event.follower, event.stuck) for event in member.events if isinstance(event, FollowerHealth)]
    assert reports == [("b", True)]
    assert [(status.id, status.stuck) for status in member.node.status().followers] == [("b", True), ("c", False)]
    assert member.role == "leader"


@pytest.mark.contract("R8")
def test_a_follower_that_recovers_is_reported_healthy_again():
    member = settled_leader()
    member.propose(b"x")
    for round in range(2, 13):
        member.wait(100)
        member.hear(AppendAccepted("c", 2, 3), HeartbeatEcho("b", 2, round, 2), HeartbeatEcho("c", 2, round, 3))

    member.hear(AppendAccepted("b", 2, 3))
    member.wait(100)

    reports = [(event.follower, event.stuck) for event in member.events if isinstance(event, FollowerHealth)]
    assert reports == [("b", True), ("b", False)]
    assert [status.stuck for status in member.node.status().followers] == [False, False]


@pytest.mark.contract("R8")
def test_an_idle_cluster_is_healthy():
    member = settled_leader()

    for round in range(2, 50):
        member.wait(100)
        echo_all(member, round, commit=2)

    assert [event for event in member.events if isinstance(event, FollowerHealth)] == []


# Limits (contract R7)


@pytest.mark.contract("R7")
def test_uncommitted_bytes_are_limited():
    # P16
    member = settled_leader(max_uncommitted_bytes=3 * (OVERHEAD_BYTES + 10))
    for _ in range(3):
        member.propose(b"x" * 10)

    with pytest.raises(Overloaded) as refusal:
        member.propose(b"")

    assert (refusal.value.pending_bytes, refusal.value.limit_bytes) == (126, 126)
    assert member.node.log.last_index == 5


@pytest.mark.contract("R7")
def test_one_proposal_of_any_size_passes_when_nothing_is_pending():
    member = settled_leader(max_uncommitted_bytes=100)

    member.propose(b"x" * 5000)
    with pytest.raises(Overloaded):
        member.propose(b"")

    member.hear(AppendAccepted("b", 2, 3))
    member.propose(b"y" * 5000)
    assert member.node.log.last_index == 4


@pytest.mark.contract("R7")
def test_the_no_op_of_the_term_does_not_keep_out_the_one_proposal_that_always_passes():
    member = leader(log=(), term=1, max_uncommitted_bytes=1)

    member.propose(b"x" * 5000)

    with pytest.raises(Overloaded):
        member.propose(b"")


@pytest.mark.contract("R7")
def test_what_an_earlier_leader_left_uncommitted_counts_too():
    member = leader(log=(1, 1, 1), max_uncommitted_bytes=3 * (OVERHEAD_BYTES + 3))

    with pytest.raises(Overloaded):
        member.propose(b"")

    member.hear(AppendAccepted("b", 2, 4))
    member.propose(b"")


class Accounting(RuleBasedStateMachine):
    """A node that gains and loses leadership while proposals come and go; its accounting against a recount."""

    LIMIT = 300

    def __init__(self):
        super().__init__()
        self.member = Member("a", max_uncommitted_bytes=self.LIMIT)

    @property
    def node(self):
        return self.member.node

    @rule()
    def win(self):
        if self.member.role != "leader":
            self.member.now += 2 * ELECTION_TIMEOUT_MS
            self.member.lead()

    @rule(size=st.integers(0, 400))
    def propose(self, size):
        pending = self.node.log.unsettled_bytes
        try:
            self.member.propose(b"x" * size)
        except NotLeader:
            assert self.member.role != "leader"
        except Overloaded:
            assert pending > OVERHEAD_BYTES, "nothing but the no-op was pending"
            assert pending + OVERHEAD_BYTES + size > self.LIMIT
        else:
            assert pending <= OVERHEAD_BYTES or self.node.log.unsettled_bytes <= self.LIMIT

    @rule(back=st.integers(0, 2))
    def acknowledge(self, back):
        if self.member.role == "leader":
            self.member.hear(AppendAccepted("b", self.node.term, max(0, self.node.log.last_index - back)))

    @rule(keep=st.integers(0, 3), new=st.integers(0, 2), commit=st.integers(0, 3))
    def follow_a_newer_leader(self, keep, new, commit):
        log = self.node.log
        prev = max(log.commit_index, log.last_index - keep)
        term = self.node.term + 1
        sent = entries(*[term] * new, first=prev + 1)
        self.member.hear(Append("b", term, prev, log.term_at(prev), prev - 1 + commit if prev else 0, sent))

    @rule()
    def hear_of_a_higher_term(self):
        self.member.hear(HigherTerm("c", self.node.term + 1))

    @invariant()
    def the_accounting_never_leaks(self):
        log = self.node.log
        pending = [log.entry(index) for index in range(log.commit_index + 1, log.last_index + 1)]
        assert log.unsettled_bytes == sum(entry.size_bytes for entry in pending)


@pytest.mark.contract("R7")
def test_the_accounting_never_leaks_across_leader_changes():
    run_state_machine_as_test(Accounting, settings=settings(max_examples=100, stateful_step_count=25, deadline=None))


@pytest.mark.parametrize(
    "command", ["text", None, 7, bytearray(b"x"), memoryview(b"x")], ids=lambda c: type(c).__name__
)
def test_a_command_that_is_no_bytes_is_refused(command):
    member = settled_leader()

    with pytest.raises(InvalidCommand) as refusal:
        member.propose(command)

    assert type(command).__name__ in str(refusal.value)
    assert member.node.log.last_index == 2


@pytest.mark.contract("R7")
def test_a_leader_whose_own_disk_stalls_takes_no_more_than_its_limit():
    # Arrange: the others are quick, so that everything is committed at once.
    leader = Member("a", max_uncommitted_bytes=1000)
    leader.lead()
    leader.hear(AppendAccepted("b", 1, 1))
    leader.stalled = True

    # Act
    taken = 0
    with pytest.raises(Overloaded):
        while taken < 1000:
            leader.propose(b"x" * 68)
            taken += 1
            last_index = leader.node.log.last_index
            leader.hear(AppendAccepted("b", 1, last_index), AppendAccepted("c", 1, last_index))

    # Assert
    assert leader.node.log.commit_index == leader.node.log.last_index
    assert taken == 10
    leader.complete()
    leader.propose(b"x" * 68)
