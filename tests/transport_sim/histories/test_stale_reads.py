"""Reads that ask nobody return what the key was, and nothing older than they say; lease reads are like all others."""

import pytest

from tests.transport_sim.histories.notation import history
from transport_sim.histories import check

WRITES = """
    0 put 1 0-1
    0 put 2 10-11
    0 put 3 20-21
    """


@pytest.mark.parametrize(
    ("read", "is_right"),
    [
        ("1 get = 3 30-31 stale 0", True),
        ("1 get = 2 30-31 stale 10", True),  # which was so until 21
        ("1 get = 2 30-31 stale 8.9", False),
        ("1 get = 1 30-31 stale 18", False),
        ("1 get = 1 30-31 stale 19", True),
        ("1 get = 1 30-31 stale", True),  # nobody knows how old
        ("1 get = null 30-31 stale", True),
        ("1 get = null 30-31 stale 28", False),
        ("1 get = 4 30-31 stale", False),  # which never was
        ("1 get = 3 5-6 stale", False),  # which was not yet
        ("1 get = 3 30-31 lease", True),
        ("1 get = 2 30-31 lease", False),
    ],
)
def test_how_old_the_result_of_a_read_may_be(read, is_right):
    assert check(history(WRITES + read), "register").linearizable is is_right


def test_a_heartbeat_may_have_been_under_way():
    operations = history(WRITES + "1 get = 2 30-31 stale 8.9")

    assert check(operations, "register", allowance_s=0.05).linearizable is False
    assert check(operations, "register", allowance_s=0.2).linearizable is True


def test_stale_reads_of_one_process_may_go_back():
    reads = """1 get = 2 30-31 stale 15
        1 get = 1 32-33 stale 30"""

    assert check(history(WRITES + reads), "register").linearizable is True


def test_stale_reads_see_the_same_order_of_writes_as_all_others():
    concurrent = """
        0 put 1 0-9
        1 put 2 0-9
        2 get = 1 10-11
        """
    then_two = concurrent + "3 get = 2 12-13 stale"
    after_both = "4 put 5 14-15\n" + "5 get = 1 20-21 stale 4.5"  # which was over at 15

    assert check(history(then_two), "register").linearizable is True
    assert check(history(concurrent + after_both), "register").linearizable is False


def test_a_stale_read_does_not_see_what_its_process_writes_next():
    assert check(history("0 get = 1 0-1 stale\n0 put 1 1-2"), "register").linearizable is False


def test_a_stale_read_may_overlap_in_hindsight():
    assert check(history("0 put 1 0-1\n0 get = null 1-3 stale 9\n0 get = 1 4-5"), "register").linearizable is True
