"""The promises about replication, on whole clusters; R3 and the Figures of the paper are in `test_figures.py`."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raft.entries import OVERHEAD_BYTES
from raft.errors import CommittedEntryConflict, Overloaded
from raft.messages import Append, AppendAccepted, AppendRejected
from raft.observer import ESSENTIAL, FollowerHealth
from tests.raft.cluster import Cluster, with_logs
from tests.raft.member import ELECTION_TIMEOUT_MS, Member, entries, terms

# R1


@pytest.mark.contract("R1")
def test_a_delayed_append_cuts_nothing_off():
    # P10
    cluster = Cluster(max_append_entries=1)
    cluster.elect("a")
    cluster.propose("a", b"x", b"y", b"z")
    delayed = cluster.links[("a", "b")][0]
    cluster.settle()
    assert cluster.log("b") == [1, 1, 1, 1]

    cluster.disks["b"].instant = False
    cluster.tell("b", delayed)

    assert cluster.log("b") == [1, 1, 1, 1]
    assert cluster.disks["b"].writes == [], "nothing was rewritten either"


@pytest.mark.contract("R1")
def test_a_conflict_at_or_below_the_commit_index_stops_the_node_with_an_error_that_names_both_entries():
    cluster = Cluster()
    cluster.elect("a")
    cluster.commit("a", b"x")

    with pytest.raises(CommittedEntryConflict) as conflict:
        cluster.tell("b", Append("c", 9, 1, 1, 0, entries(8, first=2)))

    assert (conflict.value.index, conflict.value.own_term, conflict.value.sent_term) == (2, 1, 8)
    assert "entry 2 of term 1 is committed here, but leader c sent entry 2 of term 8" in str(conflict.value)
    assert cluster.log("b") == [1, 1]


@pytest.mark.contract("R1")
@settings(max_examples=200, deadline=None)
@given(st.data())
def test_duplicated_delayed_and_reordered_appends_leave_every_committed_entry_in_place(data):
    # The appends of two leaders, which share the first two entries, in any order and number.
    def append(leader, term, log, prev, commit):
        sent = entries(*log[prev : prev + 2], first=prev + 1)
        return Append(leader, term, prev, log[prev - 1] if prev else 0, commit, sent)

    first = [append("b", 2, [1, 1, 2, 2, 2], prev, min(prev, 2)) for prev in range(4)]
    second = [append("c", 3, [1, 1, 2, 3, 3], prev, commit) for prev in range(5) for commit in (0, 3, 5)]
    member = Member("a")
    truth = [1, 1, 2, 3, 3]

    for message in data.draw(st.lists(st.sampled_from(first), max_size=10)) + data.draw(
        st.lists(st.sampled_from(first + second), max_size=20)
    ):
        committed = member.node.log.commit_index
        before = terms(member.node.log)[:committed]
        member.hear(message)

        assert member.node.log.commit_index >= committed
        assert terms(member.node.log)[:committed] == before == truth[:committed]
        member.node.check()


# R2


@pytest.mark.contract("R2")
def test_a_follower_with_a_longer_log_acknowledges_and_commits_only_what_the_leader_sent():
    # P11, P12. c still holds three entries of a leader that never committed them.
    cluster = with_logs({"a": (1,), "b": (1,), "c": (1, 2, 2, 2)}, term=2)
    cluster.crash("b")
    cluster.start("b")
    cluster.disks["b"].instant = True
    cluster.crash("c")
    cluster.elect("a")
    cluster.commit("a")
    cluster.start("c")
    assert cluster.nodes["a"].log.commit_index == 2

    cluster.tell("c", Append("a", 3, 1, 1, 2, ()))

    answers = [message for sender, _, message in cluster.sent if sender == "c"]
    assert answers[-1] == AppendAccepted("c", 3, 1)
    assert cluster.nodes["c"].log.commit_index == 1
    assert cluster.log("c") == [1, 2, 2, 2], "no conflict was seen yet"
    cluster.run(ELECTION_TIMEOUT_MS)
    assert cluster.log("c") == [1, 3]


# R4


@pytest.mark.contract("R4")
def test_a_long_divergent_tail_of_one_term_is_skipped_in_one_step():
    # P15
    cluster = with_logs({"a": (1, 3), "b": (1, *[2] * 1000), "c": (1, 3)}, term=3, checked=False)
    cluster.elect("a")

    rejected = [message for sender, _, message in cluster.sent if isinstance(message, AppendRejected)]
    assert cluster.log("b") == [1, 3, 4]
    assert len(rejected) <= 2


@pytest.mark.contract("R4")
def test_a_long_missing_tail_is_skipped_in_one_step():
    cluster = with_logs({"a": [1] * 1000, "b": (1,), "c": [1] * 1000}, term=1, checked=False)
    cluster.elect("a")

    assert cluster.log("b") == cluster.log("a")
    assert len([message for _, _, message in cluster.sent if isinstance(message, AppendRejected)]) == 1


@pytest.mark.contract("R4")
@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.integers(1, 5), max_size=8).map(sorted),
    st.lists(st.integers(1, 5), max_size=8).map(sorted),
    st.integers(0, 4),
)
def test_any_two_logs_converge(leader, follower, shared):
    # Logs of real clusters match up to where they part (S3): from there on the follower's terms are its own.
    prefix = leader[:shared]
    floor = prefix[-1] if prefix else 1
    other = prefix + [2 * term + 1 for term in follower if 2 * term + 1 >= 2 * floor]
    mine = [2 * term for term in leader]
    other = [2 * term for term in prefix] + other[len(prefix) :]
    cluster = with_logs({"a": mine, "b": other, "c": mine}, term=20, checked=False)
    cluster.crash("b")
    cluster.elect("a")
    cluster.start("b")

    cluster.run(ELECTION_TIMEOUT_MS)

    assert cluster.log("b") == cluster.log("a")
    rejected = [message for sender, _, message in cluster.sent if isinstance(message, AppendRejected)]
    assert len(rejected) <= 2 + 2 * len({*mine, *other}), "more steps back than there are terms"


# R5


@pytest.mark.contract("R5")
@pytest.mark.parametrize("position", [0, 1, 4])
def test_a_lost_append_is_made_good(position):
    cluster = Cluster(max_append_entries=1, window_messages=8)
    cluster.elect("a")
    cluster.propose("a", *[b"%d" % number for number in range(5)])
    assert len(cluster.links[("a", "b")]) == 5, "five appends on their way, none of them answered"

    cluster.lose("a", "b", position)
    cluster.run(ELECTION_TIMEOUT_MS)

    assert cluster.commands("b") == [b"0", b"1", b"2", b"3", b"4"]
    states = {status.id: status.state for status in cluster.nodes["a"].status().followers}
    assert states == {"b": "replicate", "c": "replicate"}


@pytest.mark.contract("R5")
def test_everything_lost_for_a_while_is_made_good():
    cluster = Cluster(max_append_entries=2, window_messages=3)
    cluster.elect("a")
    cluster.cut_link("a", "b")
    cluster.propose("a", *[b"%d" % number for number in range(30)])
    cluster.run(500)
    assert cluster.commands("b") == []

    cluster.heal()
    cluster.run(ELECTION_TIMEOUT_MS)

    assert cluster.commands("b") == [b"%d" % number for number in range(30)]


@pytest.mark.contract("R5")
def test_no_more_than_the_window_is_ever_on_its_way():
    cluster = Cluster(max_append_entries=1, window_messages=4, window_bytes=3 * (OVERHEAD_BYTES + 10))
    cluster.elect("a")

    most = 0
    for number in range(40):
        cluster.propose("a", b"%010d" % number)
        under_way = [message for message in cluster.links.get(("a", "b"), ()) if getattr(message, "entries", ())]
        most = max(most, len(under_way))
        if number % 7 == 6:
            cluster.settle()

    assert most == 3
    cluster.settle()
    assert cluster.commands("b") == [b"%010d" % number for number in range(40)]


@pytest.mark.contract("R5")
def test_appends_that_overtake_each_other_all_arrive():
    cluster = Cluster(max_append_entries=1)
    cluster.elect("a")
    cluster.propose("a", *[b"%d" % number for number in range(10)])

    while cluster.links[("a", "b")]:
        cluster.deliver("a", "b", position=-1)
    cluster.run(ELECTION_TIMEOUT_MS)

    assert cluster.commands("b") == [b"%d" % number for number in range(10)]


# R6


@pytest.mark.contract("R6")
@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 300), max_size=30), st.integers(1, 200), st.integers(1, 5), st.integers(1, 3))
def test_whatever_the_sizes_every_entry_arrives_once_and_in_order(sizes, max_bytes, max_entries, window):
    # P17
    cluster = Cluster(
        checked=False,
        max_append_bytes=max_bytes,
        max_append_entries=max_entries,
        window_messages=window,
        window_bytes=max_bytes,
    )
    cluster.elect("a")
    commands = [b"x" * size for size in sizes]

    cluster.propose("a", *commands)
    cluster.settle()

    for id in "abc":
        assert cluster.commands(id) == commands
    for _, _, message in cluster.sent:
        if isinstance(message, Append):
            assert len(message.entries) <= max_entries
            assert len(message.entries) <= 1 or sum(entry.size_bytes for entry in message.entries) <= max_bytes


# R7


@pytest.mark.contract("R7")
def test_memory_stays_bounded_while_the_quorum_is_lost_across_leader_changes():
    # P16. Every time a leader appears it is filled up, and loses its quorum before anything commits.
    limit = 500
    cluster = Cluster(max_uncommitted_bytes=limit)
    for round in range(12):
        leader = "abc"[round % 3]
        cluster.heal()
        cluster.now += 2 * ELECTION_TIMEOUT_MS
        try:
            cluster.elect(leader)
        except AssertionError:
            cluster.run_until_leader()
            leader = cluster.leader
        cluster.partition()
        with pytest.raises(Overloaded) as refusal:
            for _ in range(100):
                cluster.propose(leader, b"x" * 50)
        assert refusal.value.limit_bytes == limit
        cluster.collect(leader)
        cluster.run(3 * ELECTION_TIMEOUT_MS)

        for node in cluster.nodes.values():
            log = node.log
            pending = [log.entry(index).size_bytes for index in range(log.commit_index + 1, log.last_index + 1)]
            assert log.unsettled_bytes == sum(pending) <= limit + OVERHEAD_BYTES

    cluster.heal()
    cluster.run_until_leader()
    cluster.run(2 * ELECTION_TIMEOUT_MS)
    assert cluster.nodes[cluster.leader].log.unsettled_bytes == 0
    cluster.commit(cluster.leader, b"y" * 5000)


@pytest.mark.contract("R7")
def test_a_dead_follower_costs_no_more_than_its_window():
    cluster = Cluster(window_messages=4, max_append_entries=1, checked=False)
    cluster.elect("a")
    cluster.commit("a", b"x")
    cluster.crash("c")

    for number in range(200):
        cluster.commit("a", b"%d" % number)
    cluster.run(5 * ELECTION_TIMEOUT_MS)

    appends = [message for _, to, message in cluster.sent if to == "c" and isinstance(message, Append)]
    assert len([append for append in appends if append.entries]) <= 20
    assert len(cluster.nodes["a"].role.progress["c"]._flights) <= 4


# R8


@pytest.mark.contract("R8")
def test_a_follower_whose_disk_is_stuck_is_reported_although_its_heartbeats_succeed():
    # P18
    cluster = Cluster()
    cluster.elect("a")
    cluster.disks["b"].instant = False
    reports = []
    observe_events_of(cluster, "a", reports)

    cluster.propose("a", b"x")
    cluster.run(3 * ELECTION_TIMEOUT_MS)
    stuck = {status.id: status.stuck for status in cluster.nodes["a"].status().followers}
    assert (cluster.leader, stuck) == ("a", {"b": True, "c": False})

    cluster.disks["b"].instant = True
    cluster.complete("b")
    cluster.run(ELECTION_TIMEOUT_MS)
    assert [(report.follower, report.stuck) for report in reports] == [("b", True), ("b", False)]


def observe_events_of(cluster, id, reports):
    """Gather what a node reports about the health of its followers."""
    cluster.nodes[id].watch.listen(ESSENTIAL)
    ready = cluster.nodes[id].ready

    def observed():
        effects = ready()
        if effects is not None:
            reports.extend(event for event in effects.events if isinstance(event, FollowerHealth))
        return effects

    cluster.nodes[id].ready = observed


# R9


@pytest.mark.contract("R9")
def test_an_entry_that_returns_after_it_was_overwritten_is_acknowledged_only_by_its_last_write():
    # P19. Terms rise, and yet (index 2, term 2) comes back: a leader of term 4 has it from before.
    cluster = with_logs({"a": (1,), "b": (1,), "c": (1,)}, term=1)
    cluster.disks["a"].instant = False
    append_2 = Append("b", 2, 1, 1, 0, entries(2, first=2))
    overwrite = Append("c", 3, 1, 1, 0, entries(3, first=2))
    bring_back = Append("b", 4, 1, 1, 0, entries(2, first=2))

    for message in (append_2, overwrite, bring_back):
        cluster.tell("a", message)
    first, second, third = [write.number for write in cluster.disks["a"].writes]

    for number in (first, second):
        cluster.complete("a", number)
        assert cluster.nodes["a"].log.durable_index == 1
        assert cluster.under_way() == []
    cluster.complete("a", third)
    assert cluster.links[("a", "b")] == [AppendAccepted("a", 4, 2)]


@pytest.mark.contract("R9", "R10", "S8")
def test_a_completion_that_overtook_an_earlier_one_commits_nothing():
    cluster = Cluster("ab")
    cluster.elect("a")
    cluster.disks["b"].instant = False
    cluster.propose("a", b"x")
    cluster.settle()
    cluster.propose("a", b"y")
    cluster.settle()
    earlier, later = [write.number for write in cluster.disks["b"].writes]

    cluster.complete("b", later)
    cluster.settle()
    assert cluster.commands("a") == []

    cluster.complete("b", earlier)
    cluster.settle()
    assert cluster.commands("a") == cluster.commands("b") == [b"x", b"y"]


# R10


@pytest.mark.contract("R10", "S7", "S8")
def test_a_leader_with_a_stalled_disk_commits_by_the_others_and_applies_nothing_itself():
    cluster = Cluster()
    cluster.elect("a")
    cluster.disks["a"].instant = False

    cluster.propose("a", b"x")
    cluster.settle()

    assert cluster.nodes["a"].log.commit_index == 2
    assert cluster.commands("b") == cluster.commands("c") == [b"x"]
    assert cluster.commands("a") == []
    cluster.crash("a")
    cluster.run_until_leader()
    cluster.start("a")
    cluster.disks["a"].instant = True
    cluster.run(2 * ELECTION_TIMEOUT_MS)
    assert cluster.commands("a") == [b"x"]


@pytest.mark.contract("S4", "S5")
def test_what_was_committed_survives_the_loss_of_any_minority():
    for lost in ("ab", "ac", "bd", "de", "ae"):
        cluster = Cluster("abcde")
        cluster.elect("a")
        cluster.commit("a", b"x", b"y")

        for id in lost:
            cluster.crash(id)
        cluster.run_until_leader()
        cluster.run(ELECTION_TIMEOUT_MS)
        cluster.commit(cluster.leader, b"z")

        for id in cluster.nodes:
            assert cluster.commands(id) == [b"x", b"y", b"z"]
