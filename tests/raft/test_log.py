import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from raft.entries import COMMAND, NOOP, OVERHEAD_BYTES, Entry
from raft.errors import CommittedEntryConflict, InvalidRestore
from raft.log import Log
from raft.membership import Configuration
from raft.snapshot import Snapshot
from tests.raft.member import entries, terms

ABC = Configuration(("a", "b", "c"))


def log_of(*own_terms, commit=0):
    log = Log(entries(*own_terms))
    log.commit_to(commit)
    return log


def recount(log):
    """What the uncommitted entries really count."""
    return sum(log.entry(i).size_bytes for i in range(log.commit_index + 1, log.last_index + 1))


# Reading


def test_an_empty_log_ends_at_zero():
    log = Log()

    assert (log.last_index, log.last_term, log.durable_index, log.commit_index, log.applied_index) == (0, 0, 0, 0, 0)
    assert log.term_at(0) == 0
    assert log.term_at(1) is None


def test_a_restored_log_is_durable_and_not_known_to_be_committed():
    log = log_of(1, 1, 3)

    assert (log.last_index, log.last_term, log.durable_index) == (3, 3, 3)
    assert (log.commit_index, log.applied_index) == (0, 0)
    assert [log.term_at(i) for i in range(5)] == [0, 1, 1, 3, None]
    assert log.entry(3) == Entry(3, 3, COMMAND, b"3.3")
    assert not log.has_unstaged


@pytest.mark.parametrize(
    "restored",
    [entries(1, first=2), (*entries(1, 1), *entries(1, first=4)), entries(1, 2, 1), entries(0), entries(1, first=0)],
)
def test_a_restored_log_with_a_gap_or_falling_terms_is_refused(restored):
    with pytest.raises(InvalidRestore):
        Log(restored)


@pytest.mark.parametrize(
    ("own", "last_index", "last_term", "up_to_date"),
    [
        ((), 0, 0, True),
        ((1,), 0, 0, False),
        ((1, 1), 2, 1, True),
        ((1, 1), 1, 1, False),
        ((1, 1), 3, 1, True),
        ((1, 1), 1, 2, True),
        ((1, 2), 9, 1, False),
        ((1, 2), 2, 2, True),
    ],
)
def test_a_later_last_term_is_more_up_to_date_then_a_longer_log(own, last_index, last_term, up_to_date):
    assert log_of(*own).is_up_to_date(last_index, last_term) is up_to_date


@pytest.mark.parametrize(
    ("index", "term", "found"),
    [(8, 6, 8), (8, 5, 6), (8, 4, 6), (8, 3, 3), (5, 4, 5), (2, 9, 2), (8, 0, 0), (0, 9, 0), (99, 9, 8)],
)
def test_the_last_entry_of_at_most_a_term(index, term, found):
    assert log_of(1, 1, 1, 4, 4, 4, 6, 6).last_at_most(index, term) == found


# Slices (contract R6)

SIZE = OVERHEAD_BYTES + 3  # of the entries made by `entries`


@pytest.mark.parametrize(
    ("first", "max_entries", "max_bytes", "indexes"),
    [
        (1, 9, 10**6, [1, 2, 3, 4]),
        (3, 9, 10**6, [3, 4]),
        (1, 2, 10**6, [1, 2]),
        (2, 9, 2 * SIZE, [2, 3]),
        (2, 9, 2 * SIZE + 1, [2, 3]),
        (2, 9, 2 * SIZE - 1, [2]),
        (2, 9, 1, [2]),
        (4, 1, 1, [4]),
        (5, 9, 10**6, []),
    ],
)
def test_a_slice_keeps_to_both_limits_but_never_comes_back_empty(first, max_entries, max_bytes, indexes):
    assert [entry.index for entry in log_of(1, 1, 1, 1).slice(first, max_entries, max_bytes)] == indexes


# Merging (contract R1)


@pytest.mark.parametrize(
    ("own", "first", "sent", "merged"),
    [
        pytest.param((), 1, (1, 1), [1, 1], id="into an empty log"),
        pytest.param((1,), 2, (1, 2), [1, 1, 2], id="behind the end"),
        pytest.param((1, 1, 1), 2, (1,), [1, 1, 1], id="a delayed append cuts nothing off"),
        pytest.param((1, 1, 1), 1, (1, 1, 1, 2), [1, 1, 1, 2], id="overlapping"),
        pytest.param((1, 1, 1), 2, (2,), [1, 2], id="a conflict cuts off all that follows"),
        pytest.param((1, 1, 1, 1), 2, (1, 2, 2), [1, 1, 2, 2], id="a conflict in the middle"),
        pytest.param((1, 1), 3, (), [1, 1], id="nothing"),
    ],
)
def test_merging_truncates_only_on_a_term_conflict(own, first, sent, merged):
    log = log_of(*own)

    log.merge(entries(*sent, first=first), "b")

    assert terms(log) == merged
    assert log.unsettled_bytes == recount(log)
    log.check()


@pytest.mark.contract("R1")
@pytest.mark.parametrize("index", [1, 2, 3])
def test_a_conflict_with_a_committed_entry_names_both(index):
    log = log_of(1, 1, 1, 1, commit=3)

    with pytest.raises(CommittedEntryConflict) as conflict:
        log.merge(entries(2, first=index), "b")

    assert (conflict.value.index, conflict.value.own_term, conflict.value.sent_term) == (index, 1, 2)
    assert f"entry {index} of term 1 is committed here" in str(conflict.value)
    assert f"leader b sent entry {index} of term 2" in str(conflict.value)
    assert terms(log) == [1, 1, 1, 1]


def test_a_conflict_right_above_the_commit_index_is_resolved():
    log = log_of(1, 1, 1, commit=2)

    log.merge(entries(2, first=3), "b")

    assert terms(log) == [1, 1, 2]


# Commit, apply


def test_the_commit_index_rises_and_never_falls():
    log = log_of(1, 1, 1)

    assert log.commit_to(2)
    assert not log.commit_to(2)
    assert not log.commit_to(1)
    assert log.commit_index == 2


def test_nothing_behind_the_end_is_committed():
    log = log_of(1, 1)

    assert log.commit_to(9)

    assert log.commit_index == 2


def test_committed_entries_are_handed_out_once_in_order_and_in_portions():
    log = log_of(1, 1, 2, 2, 2, commit=5)

    portions = [[entry.index for entry in log.take_committed(2)] for _ in range(4)]

    assert portions == [[1, 2], [3, 4], [5], []]
    assert not log.has_committed


@pytest.mark.contract("S7")
def test_an_entry_is_handed_out_only_when_it_is_on_the_own_disk_too():
    log = Log()
    log.merge(entries(1, 1), "b")
    number, _ = log.stage()
    log.commit_to(2)

    assert (log.settled_index, log.take_committed(9)) == (0, ())

    log.persisted(number)
    assert log.settled_index == 2
    assert [entry.index for entry in log.take_committed(9)] == [1, 2]


def test_no_more_counts_as_applied_than_was_handed_out():
    log = log_of(1, 1, 1, commit=3)
    log.take_committed(2)

    log.applied_to(9)
    assert log.applied_index == 2

    log.applied_to(1)
    assert log.applied_index == 2


# Writes (contract R9)


def test_a_write_carries_all_that_changed_since_the_last():
    log = log_of(1)
    log.append(2, NOOP, b"")
    log.append(2, COMMAND, b"x")

    assert log.stage() == (1, (Entry(2, 2, NOOP, b""), Entry(3, 2, COMMAND, b"x")))
    assert not log.has_unstaged
    assert log.stage() == (2, ())
    assert log.durable_index == 1

    log.persisted(1)
    assert log.durable_index == 3


def test_a_write_after_a_truncation_begins_where_the_log_was_cut():
    log = log_of(1, 1, 1, 1)

    log.merge(entries(2, first=3), "b")

    assert log.durable_index == 2
    assert log.stage() == (1, entries(2, first=3))
    assert log.durable_index == 2
    log.persisted(1)
    assert log.durable_index == 3


def test_a_truncation_of_entries_not_staged_yet_is_part_of_the_same_write():
    log = log_of(1)
    log.merge(entries(1, 1, first=2), "b")
    log.merge(entries(2, first=3), "c")

    assert log.stage() == (1, entries(1, 2, first=2))


@pytest.mark.contract("R9")
def test_a_completion_that_overtook_an_earlier_one_makes_nothing_durable():
    log = Log()
    log.merge(entries(1), "b")
    log.stage()
    log.merge(entries(1, first=2), "b")
    log.stage()

    assert not log.persisted(2)
    assert log.durable_index == 0
    assert log.persisted(1)
    assert log.durable_index == 2


@pytest.mark.contract("R9")
def test_an_entry_that_comes_back_after_it_was_overwritten_is_not_durable_by_its_first_write():
    # P19. The write of entry 1 of term 1 is still under way when term 2 overwrites it and term 3 brings it back.
    log = Log()
    log.merge(entries(1), "b")
    first, _ = log.stage()
    log.merge(entries(2), "c")
    second, _ = log.stage()
    log.merge(entries(1), "d")
    third, _ = log.stage()
    assert terms(log) == [1]

    log.persisted(first)
    assert log.durable_index == 0, "the second write is about to overwrite what the first one wrote"
    log.persisted(second)
    assert log.durable_index == 0
    log.persisted(third)
    assert log.durable_index == 1


@pytest.mark.contract("R9")
def test_an_entry_below_which_the_log_was_cut_is_not_durable_by_its_first_write():
    log = Log()
    log.merge(entries(1, 1, 1), "b")
    first, _ = log.stage()
    log.merge(entries(2, first=2), "c")
    second, _ = log.stage()
    log.merge(entries(1, 1, first=2), "d")  # entries 2 and 3 of term 1 again

    log.persisted(first)
    assert log.durable_index == 1
    log.persisted(second)
    assert log.durable_index == 1
    third, again = log.stage()
    assert again == entries(1, 1, first=2)
    log.persisted(third)
    assert log.durable_index == 3


@pytest.mark.contract("R9")
def test_a_completion_says_nothing_about_entries_changed_since():
    log = Log()
    log.merge(entries(1, 1), "b")
    number, _ = log.stage()
    log.merge(entries(2, first=2), "c")  # not staged yet

    log.persisted(number)

    assert log.durable_index == 1


# Against a naive model


class Naive(RuleBasedStateMachine):
    """The log beside one that recounts everything: a list, a disk, and every write ever begun.

    Terms only rise: each leader begins with entries of its own term. An entry is (term, size); the model's disk is
    what a crash would leave: the writes of the completed prefix, in order.
    """

    def __init__(self):
        super().__init__()
        self.log = Log()
        self.entries = []
        self.committed = 0
        self.writes = []  # entries tuples, by number
        self.completed = set()
        self.handed = []
        self.histories = [[]]  # states of the disk after each write

    def next_term(self):
        return max([entry.term for entry in self.entries], default=0) + 1

    @rule(sizes=st.lists(st.integers(0, 50), min_size=1, max_size=3), later=st.booleans())
    def append(self, sizes, later):
        term = self.next_term() if later or not self.entries else self.entries[-1].term
        for size in sizes:
            self.entries.append(self.log.append(term, COMMAND, b"x" * size))

    @rule(data=st.data())
    def merge_what_is_known(self, data):
        first = data.draw(st.integers(0, len(self.entries)))
        stop = data.draw(st.integers(first, len(self.entries)))
        self.log.merge(tuple(self.entries[first:stop]), "b")

    @precondition(lambda self: len(self.entries) > self.committed)
    @rule(data=st.data(), back=st.booleans())
    def merge_a_conflict(self, data, back):
        keep = data.draw(st.integers(self.committed, len(self.entries) - 1))
        # Entries that return with the index and term they had before make the ABA case.
        floor = self.entries[keep - 1].term if keep else 1
        choices = [term for term in range(floor, self.next_term() + 1) if term != self.entries[keep].term]
        term = min(choices) if back else max(choices)
        overlap = data.draw(st.integers(0, keep))
        new = tuple(Entry(keep + 1 + i, term, COMMAND, b"%d" % term) for i in range(data.draw(st.integers(1, 2))))
        self.log.merge((*self.entries[overlap:keep], *new), "b")
        self.entries[keep:] = new

    @rule(data=st.data())
    def commit(self, data):
        index = data.draw(st.integers(0, len(self.entries)))
        assert self.log.commit_to(index) == (index > self.committed)
        self.committed = max(self.committed, index)

    @rule()
    def stage(self):
        number, written = self.log.stage()
        self.writes.append(written)
        assert number == len(self.writes)
        disk = self.histories[-1]
        self.histories.append([*disk[: written[0].index - 1], *written] if written else disk)
        assert self.histories[-1] == self.entries, "the write does not bring the disk up to the log"

    @precondition(lambda self: self.writes)
    @rule(data=st.data())
    def complete(self, data):
        number = data.draw(st.integers(1, len(self.writes)))
        before = self.done()
        self.completed.add(number)
        assert self.log.persisted(number) == (self.done() > before)

    @rule(most=st.integers(1, 3))
    def take(self, most):
        taken = self.log.take_committed(most)
        assert len(taken) <= most
        self.handed += taken
        assert self.handed == self.entries[: len(self.handed)]
        assert len(self.handed) <= min(self.committed, self.truly_durable())

    def done(self):
        return next(number for number in range(len(self.writes) + 1) if number + 1 not in self.completed)

    def truly_durable(self):
        """How far each state of the disk that a crash may leave, now or later, agrees with the log."""
        agreed = len(self.entries)
        for disk in self.histories[self.done() :]:
            same = 0
            while same < min(len(disk), agreed) and disk[same] == self.entries[same]:
                same += 1
            agreed = same
        return agreed

    @invariant()
    def agrees(self):
        log = self.log
        log.check()
        assert [log.entry(i) for i in range(1, log.last_index + 1)] == self.entries
        assert log.commit_index == self.committed
        settled = min(self.committed, log.durable_index)
        assert log.unsettled_bytes == sum(entry.size_bytes for entry in self.entries[settled:])
        assert log.durable_index <= self.truly_durable(), "durable beyond what a crash would leave"
        if self.done() == len(self.writes) and not log.has_unstaged:
            assert log.durable_index == len(self.entries), "all is written, and not all counts as durable"


@pytest.mark.contract("R7", "R9")
def test_the_log_agrees_with_a_naive_model():
    run_state_machine_as_test(Naive, settings=settings(max_examples=150, stateful_step_count=30, deadline=None))


# Compaction (contract N1)


def compacted(*own_terms, at, applied=None):
    """A log of which everything up to `applied` (the end, if not said) is applied, cut off at `at`."""
    log = log_of(*own_terms, commit=len(own_terms) if applied is None else applied)
    log.take_committed(99)
    log.applied_to(99)
    log.compact(at)
    return log


def test_compaction_keeps_index_and_term_of_the_last_entry_cut_off():
    log = compacted(1, 1, 2, 3, 3, at=3)

    assert (log.base_index, log.base_term, log.last_index, log.last_term) == (3, 2, 5, 3)
    assert [log.term_at(index) for index in range(7)] == [None, None, None, 2, 3, 3, None]
    assert [log.entry(4).index, log.entry(5).index] == [4, 5]
    log.check()


def test_a_log_cut_off_whole_ends_at_its_base():
    log = compacted(1, 1, 2, at=3)

    assert (log.base_index, log.last_index, log.last_term, log.term_at(3)) == (3, 3, 2, 2)
    assert log.slice(4, 9, 10**6) == ()
    assert log.append(5, NOOP, b"").index == 4
    log.check()


def test_only_what_is_applied_is_cut_off():
    log = compacted(1, 1, 1, 1, at=4, applied=2)

    assert (log.base_index, terms(log)) == (2, [1, 1])


def test_compaction_never_goes_back():
    log = compacted(1, 1, 2, 2, at=3)

    for index in (3, 2, 0, -5):
        log.compact(index)
        assert (log.base_index, log.base_term, terms(log)) == (3, 2, [2])


def test_the_disk_is_told_once_that_the_log_was_cut_off():
    log = compacted(1, 1, 1, at=2)

    assert log.has_unstaged
    assert log.stage() == (1, ()), "no entry has changed"
    assert not log.has_unstaged
    log.persisted(1)
    assert log.durable_index == 3


def test_log_time_survives_the_cut():
    log = Log((Entry(1, 1, COMMAND, b"", 70), Entry(2, 1, COMMAND, b"", 90)))
    log.commit_to(2)
    log.take_committed(9)
    log.applied_to(2)

    log.compact(2)

    assert log.last_stamp_ms == 90


@pytest.mark.parametrize(("first", "limit", "indexes"), [(4, 9, [4, 5, 6]), (5, 1, [5]), (6, 9, [6]), (7, 9, [])])
def test_a_slice_of_a_compacted_log(first, limit, indexes):
    log = compacted(1, 1, 2, 2, 3, 3, at=3)

    assert [entry.index for entry in log.slice(first, limit, 10**6)] == indexes


@pytest.mark.parametrize(
    ("first", "sent", "merged"),
    [
        pytest.param(1, (1, 1), [2, 2], id="all of it before the base"),
        pytest.param(2, (1, 2), [2, 2], id="up to the base"),
        pytest.param(2, (1, 2, 2, 2, 3), [2, 2, 3], id="across the base and behind the end"),
        pytest.param(2, (1, 2, 2, 4), [2, 4], id="across the base to a conflict"),
        pytest.param(4, (2, 2), [2, 2], id="right behind the base"),
    ],
)
def test_merging_leaves_out_what_is_before_the_base(first, sent, merged):
    log = compacted(1, 1, 2, 2, 2, at=3, applied=4)

    log.merge(entries(*sent, first=first), "b")

    assert (log.base_index, terms(log)) == (3, merged)
    assert log.unsettled_bytes == recount(log)
    log.check()


def test_merging_across_the_base_of_an_empty_log():
    log = compacted(1, 1, at=2)

    log.merge(entries(1, 1, 1, first=1), "b")

    assert [log.entry(i).index for i in range(3, log.last_index + 1)] == [3]


def test_a_conflict_between_base_and_commit_index_is_still_found():
    log = compacted(1, 1, 1, 1, at=2)

    with pytest.raises(CommittedEntryConflict):
        log.merge(entries(2, first=3), "b")


@pytest.mark.contract("D6", "R1")
def test_an_append_that_contradicts_the_last_entry_of_the_snapshot_is_fatal():
    # That the snapshot covers what the leader does not have is a loss of acknowledged entries elsewhere. The state
    # machine has them, so going on would let it part from the others' for ever.
    log = compacted(1, 1, at=2)

    with pytest.raises(CommittedEntryConflict, match="2"):
        log.merge(entries(1, 2, 2, first=1), "b")

    assert log.last_index == 2


@pytest.mark.parametrize(("index", "term", "found"), [(6, 9, 6), (6, 2, 4), (6, 1, 3), (3, 9, 3), (99, 3, 6)])
def test_the_last_entry_of_at_most_a_term_is_never_sought_before_the_base(index, term, found):
    assert compacted(1, 1, 1, 2, 3, 3, at=3).last_at_most(index, term) == found


def test_the_sum_of_applied_bytes_grows_with_what_is_handed_out():
    log = log_of(1, 1, 1, commit=3)

    log.take_committed(2)
    assert log.applied_bytes == 2 * SIZE
    log.take_committed(2)
    assert log.applied_bytes == 3 * SIZE


# Snapshots found on the disk, or installed (contract N3)


@pytest.mark.contract("N3")
def test_a_crash_between_snapshot_and_cut_keeps_the_entries_behind_the_same_entry():
    log = Log(entries(1, 1, 2, 2, 3))

    log.start_at_snapshot(Snapshot(3, 2, 0, ABC))

    assert (log.commit_index, log.applied_index, log.last_index, log.last_term) == (3, 3, 5, 3)
    assert terms(log)[-2:] == [2, 3]
    assert not log.has_committed, "what the snapshot covers is applied"
    assert log.unsettled_bytes == recount(log)
    log.check()
    log.commit_to(5)
    assert [entry.index for entry in log.take_committed(9)] == [4, 5]


@pytest.mark.contract("N3")
@pytest.mark.parametrize(
    "stored", [pytest.param((1, 1, 1, 1, 1), id="another term there"), pytest.param((1, 1), id="too short")]
)
def test_a_crash_between_snapshot_and_cut_discards_a_log_that_does_not_fit(stored):
    log = Log(entries(*stored))

    log.start_at_snapshot(Snapshot(3, 2, 55, ABC))

    assert (log.base_index, log.base_term, log.last_index, log.last_term) == (3, 2, 3, 2)
    assert (log.commit_index, log.applied_index, log.durable_index, log.last_stamp_ms) == (3, 3, 3, 55)
    assert log.has_unstaged, "the disk still holds the other log"
    assert log.stage() == (1, ())
    log.check()


def test_a_log_that_begins_behind_its_snapshot_is_refused():
    with pytest.raises(InvalidRestore, match="begins behind entry 4, the snapshot ends with 3"):
        Log(entries(2, first=5), 4, 2).start_at_snapshot(Snapshot(3, 2, 0, ABC))


def test_a_restored_log_with_a_base_counts_from_there():
    log = Log(entries(2, 3, first=5), 4, 2)

    log.start_at_snapshot(Snapshot(4, 2, 0, ABC))

    assert (log.base_index, log.applied_index, log.last_index, log.durable_index) == (4, 4, 6, 6)
    assert not log.has_unstaged
    log.check()


@pytest.mark.parametrize("restored", [entries(2, first=4), entries(2, first=6), entries(1, first=5)])
def test_a_restored_log_that_does_not_join_its_base_is_refused(restored):
    with pytest.raises(InvalidRestore):
        Log(restored, 4, 2)


@pytest.mark.contract("N3")
def test_an_installed_snapshot_takes_the_place_of_the_whole_log():
    log = log_of(1, 1, 1, 1, 1, 1, 1, 1, 1, commit=2)
    log.take_committed(1)

    log.replace_by_snapshot(Snapshot(7, 3, 44, ABC))

    assert (log.base_index, log.base_term, log.last_index, log.last_term) == (7, 3, 7, 3)
    assert (log.commit_index, log.applied_index, log.durable_index, log.last_stamp_ms) == (7, 7, 7, 44)
    assert log.configurations.newest == ABC
    assert (log.unsettled_bytes, log.has_committed, log.has_unstaged) == (0, False, False)
    log.check()
    log.merge(entries(3, first=8), "b")
    log.commit_to(8)
    log.persisted(log.stage()[0])
    assert [entry.index for entry in log.take_committed(9)] == [8]


def test_an_installed_snapshot_begins_the_count_of_applied_bytes_anew():
    log = log_of(1, 1, 1, commit=3)
    log.take_committed(3)
    log.applied_to(3)

    log.replace_by_snapshot(Snapshot(7, 3, 0, ABC))

    assert log.applied_bytes == 0
