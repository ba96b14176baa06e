import pytest
from hypothesis import given
from hypothesis import strategies as st

from raft.config import Config
from raft.membership import Configuration
from raft.progress import PROBE, REPLICATE, Progress
from raft.snapshot import Snapshot

WINDOW = Config(window_messages=3, window_bytes=100)
RETRY_MS = 200
MOST_MS = 1000


def probing(next_index=11, now=0):
    return Progress(next_index, now)


def replicating(match_index=10, now=0):
    progress = Progress(match_index + 1, now)
    progress.sent(match_index, 0, 0, now, 0)
    progress.accepted(match_index, now, 0)
    return progress


def test_a_follower_is_probed_first_with_one_append_at_a_time():
    progress = probing()
    assert (progress.state, progress.match_index, progress.next_index) == (PROBE, 0, 11)
    assert progress.may_send(WINDOW)

    progress.sent(14, 50, 0, 0, 0)

    assert not progress.may_send(WINDOW)
    assert progress.next_index == 11


def test_an_accepted_probe_begins_replication_behind_what_matches():
    progress = probing()
    progress.sent(14, 50, 0, 0, 0)

    assert progress.accepted(14, 30, 0)

    assert (progress.state, progress.match_index, progress.next_index, progress.advanced_ms) == (REPLICATE, 14, 15, 30)


def test_a_rejected_probe_goes_back_to_where_the_leader_chose():
    progress = probing(11)
    progress.sent(10, 0, 0, 0, 0)

    progress.rejected(10, 4, now=0)

    assert (progress.state, progress.next_index) == (PROBE, 4)
    assert progress.may_send(WINDOW)


@pytest.mark.parametrize(("chosen", "expected"), [(11, 10), (99, 10), (10, 10), (1, 1)])
def test_a_rejection_always_leads_at_least_one_entry_back(chosen, expected):
    progress = probing(11)
    progress.sent(10, 0, 0, 0, 0)

    progress.rejected(10, chosen, now=0)

    assert progress.next_index == expected


def test_the_answer_to_an_earlier_probe_is_ignored():
    progress = probing(11)
    progress.sent(10, 0, 0, 0, 0)
    progress.rejected(10, 4, now=0)
    progress.sent(3, 0, 0, 0, 0)

    progress.rejected(10, 2, now=0)

    assert progress.next_index == 4
    assert not progress.may_send(WINDOW)


# The window (contract R5)


@pytest.mark.contract("R5")
def test_appends_are_pipelined_up_to_the_window_of_messages():
    progress = replicating(10)

    for last in (11, 12, 13):
        assert progress.may_send(WINDOW)
        progress.sent(last, 1, 0, 0, 0)

    assert progress.next_index == 14
    assert not progress.may_send(WINDOW)
    progress.accepted(11, 5, 0)
    assert progress.may_send(WINDOW)


@pytest.mark.contract("R5")
def test_appends_are_pipelined_up_to_the_window_of_bytes():
    progress = replicating(10)

    progress.sent(11, 99, 0, 0, 0)
    assert progress.may_send(WINDOW)
    progress.sent(12, 1, 0, 0, 0)
    assert not progress.may_send(WINDOW)

    progress.accepted(11, 5, 0)
    assert progress.may_send(WINDOW)


@pytest.mark.contract("R6")
def test_an_append_larger_than_the_window_goes_alone():
    progress = replicating(10)

    assert progress.may_send(WINDOW)
    progress.sent(11, 5000, 0, 0, 0)

    assert not progress.may_send(WINDOW)


def test_one_answer_may_settle_several_appends():
    progress = replicating(10)
    for last in (11, 12, 13):
        progress.sent(last, 30, 0, 0, 0)

    progress.accepted(12, 5, 0)

    assert progress.may_send(WINDOW)
    progress.sent(14, 30, 0, 5, 0)
    progress.sent(15, 30, 0, 5, 0)
    assert not progress.may_send(WINDOW)
    progress.check()


def test_the_news_of_a_commit_takes_no_place_in_the_window():
    progress = replicating(10)

    for commit in range(10):
        progress.sent(10, 0, commit, 0, 0)

    assert progress.may_send(WINDOW)
    assert (progress.told_commit, progress.next_index) == (9, 11)


# What goes wrong


@pytest.mark.contract("R5")
def test_a_rejection_in_the_pipeline_drops_the_follower_to_probing_behind_what_matches():
    progress = replicating(10)
    progress.sent(11, 60, 0, 0, 0)
    progress.sent(12, 60, 0, 0, 0)

    progress.rejected(11, 11, now=0)

    assert (progress.state, progress.next_index, progress.match_index) == (PROBE, 11, 10)
    assert progress.may_send(WINDOW)
    progress.check()


def test_a_rejection_below_what_matches_comes_too_late():
    progress = replicating(10)
    progress.sent(11, 60, 0, 0, 0)

    progress.rejected(10, 3, now=0)
    progress.rejected(2, 1, now=0)

    assert (progress.state, progress.next_index) == (REPLICATE, 12)


@pytest.mark.contract("R5")
def test_silence_drops_the_follower_to_probing():
    progress = replicating(10)
    progress.sent(11, 60, 0, 1000, 0)
    progress.sent(12, 60, 0, 1150, 0)

    progress.retry_lost(1199, RETRY_MS, MOST_MS)
    assert progress.state == REPLICATE

    progress.retry_lost(1200, RETRY_MS, MOST_MS)
    assert (progress.state, progress.next_index) == (PROBE, 11)
    assert progress.may_send(WINDOW)


def test_a_follower_that_answers_late_is_not_taken_for_one_that_lost_something():
    # Arrange: its disk takes 300 ms for each append.
    progress = replicating()
    progress.sent(progress.next_index, 10, 0, 1000, 0)
    progress.accepted(progress.next_index - 1, 1300, 0)

    # Act
    progress.sent(progress.next_index, 10, 0, 2000, 0)

    # Assert: twice its usual time passes before anything is sent again, but never more than the upper bound.
    progress.retry_lost(2599, RETRY_MS, MOST_MS)
    assert progress.state == REPLICATE
    progress.retry_lost(2600, RETRY_MS, 599)
    assert progress.state == PROBE


def test_silence_without_anything_on_the_way_means_nothing():
    progress = replicating(10)

    progress.retry_lost(10**6, RETRY_MS, MOST_MS)

    assert progress.state == REPLICATE


def test_a_lost_probe_is_sent_again():
    progress = probing()
    progress.sent(10, 0, 0, 1000, 0)

    progress.retry_lost(1199, RETRY_MS, MOST_MS)
    assert not progress.may_send(WINDOW)

    progress.retry_lost(1200, RETRY_MS, MOST_MS)
    assert progress.may_send(WINDOW)


def test_a_late_answer_to_the_pipeline_does_not_end_probing_below_what_matches():
    progress = replicating(10)
    progress.sent(11, 60, 0, 0, 0)
    progress.retry_lost(RETRY_MS, RETRY_MS, MOST_MS)
    progress.sent(11, 60, 0, RETRY_MS, 0)

    progress.accepted(7, RETRY_MS, 0)

    assert (progress.state, progress.match_index, progress.next_index) == (PROBE, 10, 11)


@pytest.mark.contract("R2")
def test_what_matches_never_goes_back():
    progress = replicating(10)

    assert not progress.accepted(4, 9, 0)
    assert not progress.accepted(10, 9, 0)

    assert (progress.match_index, progress.next_index, progress.advanced_ms) == (10, 11, 0)


def test_an_answer_may_outrun_what_was_noted_as_sent():
    progress = replicating(10)
    progress.sent(11, 60, 0, 0, 0)
    progress.retry_lost(RETRY_MS, RETRY_MS, MOST_MS)

    assert progress.accepted(11, RETRY_MS, 0)

    assert (progress.state, progress.match_index, progress.next_index) == (REPLICATE, 11, 12)


# Echoes, health


def test_only_the_newest_echo_counts():
    progress = probing(now=50)
    assert progress.heard_ms == 50

    assert progress.echoed(2, 200)
    assert not progress.echoed(1, 100)
    assert not progress.echoed(2, 999)

    assert (progress.echoed_round, progress.heard_ms) == (2, 200)


def test_a_follower_that_knows_less_than_it_was_told_is_told_again():
    progress = replicating(10)
    progress.sent(10, 0, 8, 0, 5)

    progress.missed_commit(9, 6)
    assert progress.told_commit == 8
    progress.missed_commit(3, 6)
    assert progress.told_commit == 3


def test_what_a_follower_knew_before_it_was_told_does_not_count():
    progress = replicating(10)
    progress.sent(10, 0, 8, 0, 5)
    progress.sent(10, 0, 8, 0, 6)

    progress.missed_commit(3, 5)
    assert progress.told_commit == 8
    progress.missed_commit(3, 6)
    assert progress.told_commit == 3, "it was told so in round 5 already"


@pytest.mark.contract("R8")
def test_a_follower_is_stuck_when_it_lacks_entries_and_none_arrives():
    progress = replicating(10, now=0)

    progress.note_if_current(10, 900)
    assert not progress.is_stuck(1899, 1000)
    progress.note_if_current(11, 1900)
    assert progress.is_stuck(1900, 1000)

    progress.sent(11, 1, 0, 1900, 0)
    progress.accepted(11, 1950, 0)
    assert not progress.is_stuck(2949, 1000)


@pytest.mark.contract("R8", "M4")
def test_a_snapshot_that_is_sent_again_and_again_gets_nobody_further():
    progress = Progress(1, 0)
    progress.begin_snapshot(Snapshot(9, 1, 0, Configuration(("a",))))
    for now in range(0, 10_000, 1_000):
        for offset, size_bytes in ((0, 10), (10, 500), (500, 0)):  # the last piece has no space
            progress.chunk_sent(now)
            progress.chunk_received(9, offset, size_bytes, now)
    assert progress.is_stuck(10_000, 9_999)

    progress.chunk_received(9, 0, 501, 10_000)
    assert not progress.is_stuck(10_000, 9_999)


EVENTS = st.lists(
    st.tuples(st.sampled_from(["send", "accept", "reject", "retry", "echo"]), st.integers(0, 30), st.integers(0, 30))
)


@given(EVENTS)
def test_no_order_of_events_breaks_the_invariants(events):
    progress = probing(11)
    now = 0
    for event, one, other in events:
        now += other
        match_before = progress.match_index
        if event == "send" and progress.may_send(WINDOW):
            progress.sent(progress.next_index - 1 + one % 4, one, other, now, 0)
        elif event == "accept":
            progress.accepted(one, now, 0)
        elif event == "reject":
            progress.rejected(one, other, now=0)
        elif event == "retry":
            progress.retry_lost(now, RETRY_MS, MOST_MS)
        elif event == "echo":
            progress.echoed(one, now)

        progress.check()
        assert progress.match_index >= match_before
        assert len(progress._flights) <= WINDOW.window_messages
        assert progress._flying_bytes < WINDOW.window_bytes + 31
