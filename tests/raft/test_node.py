import pytest

from raft.entries import NOOP, Entry
from raft.errors import InvalidConfig, InvalidRestore
from raft.membership import Configuration
from raft.messages import Append, AppendAccepted, Heartbeat, HeartbeatEcho, HigherTerm, VoteReply, VoteRequest
from raft.node import Node
from raft.observer import FollowerHealth, MessageDropped, RoleChanged
from raft.ready import Restored
from tests.raft.member import ELECTION_TIMEOUT_MS, Member, entries, picture

ABC = Configuration(("a", "b", "c"))


# Start


def test_who_is_no_member_is_refused_by_name():
    with pytest.raises(InvalidConfig) as refusal:
        Node("z", ABC)

    assert (refusal.value.field, refusal.value.value) == ("id", "z")
    assert "a, b, c" in str(refusal.value)


def test_a_node_goes_on_from_its_restored_state():
    node = Node("a", ABC, restored=Restored(7, "b", entries(1, 1, 6)))

    status = node.status()
    assert (status.term, node.vote, status.last_index, status.commit_index, status.role) == (7, "b", 3, 0, "follower")
    assert node.ready() is None, "what came from the disk need not be written there"


@pytest.mark.parametrize(
    "restored",
    [
        pytest.param(Restored(2, None, entries(1, 3)), id="a term below that of the log"),
        pytest.param(Restored(0, "b"), id="a vote in no term"),
        pytest.param(Restored(5, None, entries(1, 3, 2)), id="falling terms"),
        pytest.param(Restored(5, None, entries(1, first=2)), id="a gap"),
    ],
)
def test_a_restored_state_that_contradicts_itself_is_refused(restored):
    with pytest.raises(InvalidRestore):
        Node("a", ABC, restored=restored)


@pytest.mark.contract("E1")
def test_a_restarted_node_does_not_vote_for_a_second_candidate():
    # P1
    before = Member("a", term=2, log=(1, 2))
    before.hear(VoteRequest("b", 3, 2, 2))

    after = Member("a", term=3, vote=before.node.vote, log=(1, 2))

    assert after.hear(VoteRequest("c", 3, 9, 2)) == [("c", VoteReply("a", 3, False))]
    assert after.hear(VoteRequest("b", 3, 2, 2)) == [("b", VoteReply("a", 3, True))]


def test_equal_seeds_make_equal_nodes():
    assert picture(Member("a", seed=5).node) == picture(Member("a", seed=5).node)
    assert Member("a", seed=5).node.deadline != Member("a", seed=6).node.deadline


# Effects


def test_effects_are_handed_out_once():
    node = Node("a", ABC)
    node.step(Append("b", 1, 0, 0, 0, entries(1)), 0)

    assert node.ready().write.entries == entries(1)
    assert node.ready() is None


def test_all_that_arrived_since_the_last_turn_makes_one_write():
    node = Node("a", ABC)
    node.step(VoteRequest("b", 1, 0, 0), 0)
    node.step(Append("b", 1, 0, 0, 0, entries(1)), 0)
    node.step(Append("b", 1, 1, 1, 0, entries(1, first=2)), 0)

    write = node.ready().write

    assert (write.number, write.term, write.vote, write.entries) == (1, 1, "b", entries(1, 1))


def test_a_write_names_term_and_vote_only_when_they_changed():
    member = Member("a", term=1, vote="b", stalled=True)

    member.hear(Append("b", 1, 0, 0, 0, entries(1)))
    member.hear(Heartbeat("c", 2, 1))

    assert [(write.number, write.term, write.vote) for write in member.writes] == [(1, None, None), (2, 2, None)]


@pytest.mark.contract("R9")
def test_answers_wait_for_every_write_up_to_theirs():
    member = Member("a", term=1, stalled=True)
    for index in (1, 2, 3):
        member.hear(Append("b", 1, index - 1, min(index - 1, 1), 0, entries(1, first=index)))
    assert [write.number for write in member.writes] == [1, 2, 3]

    assert member.complete(2) == []
    assert member.complete(3) == []
    assert member.complete(1) == [("b", AppendAccepted("a", 1, index)) for index in (1, 2, 3)]
    assert member.node.log.durable_index == 3


@pytest.mark.parametrize("number", [0, -1, 2, 10**9])
@pytest.mark.contract("R9")
def test_completions_of_writes_never_begun_are_ignored(number):
    member = Member("a", term=1, stalled=True)
    member.hear(Append("b", 1, 0, 0, 0, entries(1)))

    member.node.persisted(number, 0)

    assert member.effects() == []
    assert member.node.log.durable_index == 0


def test_a_long_backlog_is_handed_out_in_portions():
    member = Member("a", term=1, log=[1] * 10, max_apply_entries=4)
    node = member.node
    node.step(Append("b", 1, 10, 1, 10, ()), 0)

    first = node.ready()
    assert (len(first.committed), node.has_work) == (4, True)
    node.applied(4)
    assert node.status().applied_index == 4
    assert [len(node.ready().committed), len(node.ready().committed)] == [4, 2]
    assert not node.has_work


@pytest.mark.contract("S5")
def test_committed_entries_are_handed_out_in_order_without_gap_or_repeat():
    member = Member("a", term=1)
    for index in range(1, 8):
        append = Append("b", 1, index - 1, min(index - 1, 1), index - 1, entries(1, first=index))
        member.hear(append, append)
    member.hear(Append("b", 1, 7, 1, 7, ()), Append("b", 1, 3, 1, 7, ()))

    assert member.applied == list(entries(*[1] * 7))


# Time (contract E9)


@pytest.mark.contract("E9")
def test_time_that_runs_backwards_changes_nothing():
    # P7
    member = Member("a", term=1, log=(1,))
    member.now = 5000
    member.hear(Heartbeat("b", 1, 1))
    before = picture(member.node, without=("node",))

    for now in (4999, 0, -(10**9)):
        member.node.tick(now)
        member.node.persisted(1, now)

    assert picture(member.node, without=("node",)) == before


@pytest.mark.contract("E9")
def test_an_input_from_the_past_counts_as_of_now():
    member = Member("a", term=1, log=(1,))
    member.now = 5000
    member.hear(Heartbeat("b", 1, 1))
    deadline = member.node.deadline

    member.node.step(Heartbeat("b", 1, 2), 10)

    assert member.node.deadline == deadline


@pytest.mark.contract("E9")
def test_time_passes_with_every_input_not_only_with_ticks():
    member = Member("a", term=1, log=(1,))
    member.hear(Heartbeat("b", 1, 1))
    deadline = member.node.deadline

    member.node.step(Heartbeat("b", 1, 2), 900)
    assert member.node.deadline == deadline + 900

    member.node.persisted(0, 1700)
    member.node.step(Heartbeat("b", 1, 3), 0)
    assert member.node.deadline == deadline + 1700


@pytest.mark.contract("E9")
def test_stickiness_is_judged_by_the_time_of_the_request_itself():
    for waited, answers in ((ELECTION_TIMEOUT_MS - 1, 0), (ELECTION_TIMEOUT_MS, 1)):
        member = Member("a", term=1, log=(1,))
        member.hear(Heartbeat("c", 1, 1))
        member.now += waited  # no tick in between

        assert len(member.hear(VoteRequest("b", 2, 1, 1))) == answers


@pytest.mark.contract("E9")
def test_check_quorum_is_judged_by_the_time_of_the_tick_itself():
    member = Member("a", term=1, log=(1,))
    member.lead()
    member.hear(HeartbeatEcho("b", 2, 1, 0))

    member.wait(ELECTION_TIMEOUT_MS + 1)  # the process was suspended: one tick for many intervals

    assert member.role == "follower"


def test_a_node_takes_no_notice_of_a_tick_before_its_deadline():
    member = Member("a")
    before = picture(member.node)

    member.wait(member.node.deadline - 1)

    assert picture(member.node) == before


# Watching


def test_changes_of_role_are_told():
    member = Member("a", term=1, log=(1,))

    member.lead()
    member.hear(HigherTerm("b", 9))
    member.hear(Heartbeat("c", 9, 1))

    told = [(event.role, event.term, event.leader) for event in member.events if isinstance(event, RoleChanged)]
    assert told == [
        ("pre-candidate", 1, None),
        ("candidate", 2, None),
        ("leader", 2, "a"),
        ("follower", 9, None),
        ("follower", 9, "c"),
    ]


def test_refused_messages_are_counted_and_told():
    member = Member("a")

    member.hear(HigherTerm("z", 1), Heartbeat("b", 1, 0), HigherTerm("z", 1))

    assert member.node.dropped == {"stranger": 2, "malformed": 1}
    told = [(event.reason, event.detail) for event in member.events if isinstance(event, MessageDropped)]
    assert told == [("stranger", "z"), ("malformed", "round is no positive number"), ("stranger", "z")]


def test_events_and_values_show_what_they_hold():
    assert repr(RoleChanged("a", 2, "leader", "a")) == "RoleChanged('a', 2, 'leader', 'a')"
    assert repr(MessageDropped("a", "stranger", "z")) == "MessageDropped('a', 'stranger', 'z')"
    assert repr(FollowerHealth("a", "b", True)) == "FollowerHealth('a', 'b', True)"
    assert repr(Entry(1, 2, NOOP, b"")) == "Entry(1, 2, 0, b'', 0)"
    node = Node("a", ABC)
    node.step(VoteRequest("b", 1, 0, 0), 0)
    assert repr(node.ready().write) == "Write(1, 1, 'b', (), (0, 0), None)"


def test_entries_are_equal_when_all_their_fields_are():
    entry = Entry(1, 2, 1, b"x")

    assert entry == Entry(1, 2, 1, b"x")
    assert hash(entry) == hash(Entry(1, 2, 1, b"x"))
    others = [
        Entry(2, 2, 1, b"x"),
        Entry(1, 3, 1, b"x"),
        Entry(1, 2, 0, b"x"),
        Entry(1, 2, 1, b"y"),
        Entry(1, 2, 1, b"x", 5),
        None,
    ]
    assert [entry == other for other in others] == [False] * 6


@pytest.mark.parametrize("broken", ["log ahead of term", "applied ahead", "durable ahead", "leaking bytes"])
def test_check_notices_a_broken_node(broken):
    member = Member("a", term=1, log=(1,))
    member.node.check()
    if broken == "log ahead of term":
        member.node.term = 0
    elif broken == "applied ahead":
        member.node.log.applied_index = 1
    elif broken == "durable ahead":
        member.node.log.durable_index = 2
    else:
        member.node.log.unsettled_bytes = -1

    with pytest.raises(AssertionError):
        member.node.check()
