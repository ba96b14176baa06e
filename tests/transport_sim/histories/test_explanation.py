"""What a violation is explained by."""

from dataclasses import replace

from tests.transport_sim.histories.executed import executed, with_stale_result
from tests.transport_sim.histories.notation import history
from transport_sim.histories import check


def test_the_first_answer_that_cannot_be_explained_and_what_contradicts_it():
    operations = history("""
        0 put 9 0-1
        1 get = 9 0-1
        0 put 1 2-3
        2 put 7 2-?
        0 put 2 4-5
        1 get = 2 6-7
        1 get = 1 8-9
        1 get = 2 10-11
        0 put 3 12-13""")

    explanation = check(operations, "register").explanation

    assert explanation.operation.line == 7
    assert [each.line for each in explanation.prefix] == [1, 2, 3, 5, 6]
    assert [each.line for each in explanation.core] == [3, 5, 7]
    assert explanation.is_minimal


def test_a_later_read_is_not_blamed_on_an_earlier_one():
    operations = history("""
        0 put 1 0-9
        1 put 2 0-9
        2 get = 1 1-10
        3 get = 2 11-12
        3 get = 1 13-14""")

    explanation = check(operations, "register").explanation

    assert explanation.operation.line == 5
    assert [each.line for each in explanation.prefix] in ([1, 3, 2, 4], [1, 2, 3, 4])


def test_a_value_from_nowhere_needs_no_company():
    explanation = check(history("0 put 1 0-1\n0 get = 1 2-3\n0 get = 5 4-5\n0 get = 1 6-7"), "register").explanation

    assert [each.line for each in explanation.core] == [3]


def test_in_a_long_history_it_is_found_where_it_is():
    operations = with_stale_result(executed(3, "register", 1000, ops=("get", "put")))

    explanation = check(operations, "register").explanation

    assert explanation.is_minimal
    assert len(explanation.core) <= 4
    assert explanation.operation in explanation.core


def test_the_first_key_is_explained():
    bad = history("0 get = 5 0-1", "b") + history("1 get = 7 0-1", "a")

    verdict = check([replace(each, line=line) for line, each in enumerate(bad, 1)], "register")

    assert verdict.violated == ["a", "b"]
    assert verdict.as_object()["key"] == "a"
    assert [each["line"] for each in verdict.as_object()["explanation"]["core"]] == [2]
