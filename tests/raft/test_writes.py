import pytest
from hypothesis import given
from hypothesis import strategies as st

from raft.writes import Writes


def issued(*first_indexes):
    writes = Writes()
    for first in first_indexes:
        writes.issue(first)
    return writes


def test_writes_are_numbered_from_one():
    writes = Writes()

    assert [writes.issue(1), writes.issue(4), writes.issue(0)] == [1, 2, 3]
    assert writes.issued == 3
    assert writes.done == 0


@pytest.mark.contract("R9")
def test_completions_count_only_as_a_contiguous_prefix():
    writes = issued(1, 2, 3)

    assert not writes.complete(3)
    assert writes.done == 0
    assert not writes.complete(2)
    assert writes.done == 0
    assert writes.complete(1)
    assert writes.done == 3


def test_unknown_and_repeated_numbers_are_ignored():
    writes = issued(1, 2)
    writes.complete(1)

    for number in (0, -1, 1, 3, 10**9):
        assert not writes.complete(number)

    assert writes.done == 1
    assert not writes.complete(3)
    assert writes.issue(5) == 3
    writes.complete(2)
    assert writes.done == 2, "a number completed before it was issued must not count"


def test_a_completion_repeated_while_it_waits_is_harmless():
    writes = issued(1, 2)
    writes.complete(2)
    writes.complete(2)

    assert writes.complete(1)
    assert writes.done == 2


def test_the_lowest_index_on_its_way_to_disk():
    writes = issued(5, 0, 3, 7)
    assert writes.first_touched == 3

    writes.complete(3)
    assert writes.first_touched == 3, "it builds upon writes that may still be lost"

    writes.complete(1)
    writes.complete(2)
    assert writes.first_touched == 7

    writes.complete(4)
    assert writes.first_touched == 0


def test_a_write_that_leaves_the_log_alone_touches_nothing():
    assert issued(0, 0).first_touched == 0


@given(st.permutations(range(1, 9)))
def test_any_order_of_completions_ends_with_all_done(order):
    writes = issued(*range(1, 9))
    seen = set()

    for number in order:
        seen.add(number)
        grew = writes.complete(number)
        prefix = next(n for n in range(10) if n + 1 not in seen)
        assert writes.done == prefix
        assert grew == (number <= prefix)

    assert writes.done == 8
    assert writes.first_touched == 0
