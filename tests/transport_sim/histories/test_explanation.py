"""What a violation is explained by."""

import math
from dataclasses import replace

import pytest

from tests.transport_sim.histories.executed import executed, with_stale_result
from tests.transport_sim.histories.notation import history
from transport_sim.histories import check, checker, core
from transport_sim.histories.budget import Budget
from transport_sim.histories.core import Core, weakened
from transport_sim.histories.explanation import Explainer
from transport_sim.histories.models import problem_of
from transport_sim.histories.search import Search


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


@pytest.fixture
def stale():
    """A history of which the explanation costs far more configurations than the verdict."""
    return with_stale_result(executed(3, "kv", 400))


@pytest.fixture
def counted(monkeypatch):
    """All budgets that are made for explanations, and for verdicts before."""
    budgets = []

    class Counted(Budget):
        def __init__(self, *limits, **named):
            super().__init__(*limits, **named)
            budgets.append(self)

    monkeypatch.setattr(checker, "Budget", Counted)
    monkeypatch.setattr(core, "Budget", Counted)
    monkeypatch.setattr(core, "ALL_TRIES_S", math.inf)
    return budgets


def test_where_looking_for_the_operation_takes_too_long_there_is_no_core(stale):
    stuck_at = check(stale, "kv").keys[0].stuck_at
    for most in (0, 2000, 4000, 8000):
        budget = Budget(most)

        explanation = Explainer(stale, "kv", 0.0, stuck_at).explain(budget, math.inf)

        assert budget.spent == most + 1
        assert (explanation.core, explanation.is_minimal) == ([], False)
        assert explanation.operation not in explanation.prefix


def test_what_can_be_explained_is_not_blamed_because_the_search_was_stuck_there(stale):
    first = min((each for each in stale if each.end is not None), key=lambda each: each.end)

    explanation = Explainer(stale, "kv", 0.0, first).explain(Budget(10), math.inf)

    assert first in explanation.prefix
    assert explanation.operation is not first


def test_looking_for_the_operation_costs_as_much_as_is_said(stale, counted, monkeypatch):
    monkeypatch.setattr(checker, "LOCATING", 100)

    verdict = check(stale, "kv")

    assert verdict.linearizable is False
    assert verdict.explanation.core == []
    assert [budget.spent for budget in counted] == [verdict.configurations, 100 + 3 * verdict.configurations + 1]


def test_looking_for_a_core_costs_as_much_as_is_said(stale, counted, monkeypatch):
    monkeypatch.setattr(core, "ALL_TRIES", 10_000)

    explanation = check(stale, "kv").explanation

    assert sum(budget.spent for budget in counted[2:]) == 10_000 + 1
    assert not explanation.is_minimal
    assert explanation.operation in explanation.core


def test_a_try_that_takes_too_long_does_not_end_the_others(stale, counted, monkeypatch):
    monkeypatch.setattr(core, "TRY", 5000)

    explanation = check(stale, "kv").explanation

    assert max(budget.spent for budget in counted[2:]) == 5000 + 1
    assert not explanation.is_minimal
    assert len(explanation.core) == 3


@pytest.mark.parametrize("most", [1, 30, 300])
def test_what_took_too_long_is_not_taken_for_a_contradiction(most, monkeypatch):
    operations = with_stale_result(executed(3, "register", 300, ops=("get", "put")))
    monkeypatch.setattr(core, "TRY", most)

    found = check(operations, "register").explanation.core

    history_of_them = [each if each in found else weakened(each) for each in operations]
    assert Search(problem_of(history_of_them, "register"), Budget()).run().order is None


def test_without_time_all_answers_are_the_core():
    operations = history("0 put 1 0-1\n0 put 2 2-3\n1 put 3 3-?\n1 get = 1 4-5")
    answers = [each for each in operations if each.end is not None]
    late = Core(operations, "register", 0.0, deadline=-math.inf)

    assert late.find(answers) == answers
    assert not late.is_minimal
