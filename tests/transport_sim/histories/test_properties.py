"""What holds for all histories, held against the plainest checker there is."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transport_sim.histories.executed import executed, with_stale_result
from tests.transport_sim.histories.machines import is_linearizable
from transport_sim.histories import MODELS, Operation, check
from transport_sim.histories.budget import Budget
from transport_sim.histories.models import problem_of
from transport_sim.histories.search import DIVE, Search

VALUES = {
    "register": [1, 2, True, 1.0],
    "kv": ["a", "b", "ab", ""],
    "list": [1, 2],
    "counter": [1, 2, -1],
}
RESULTS = {
    "register": [None, *VALUES["register"]],
    "kv": [None, *VALUES["kv"], "ba", "aab", "abb"],
    "list": [None, [], [1], [2], [1, 2], [2, 1], [1, 1], [1, 2, 1]],
    "counter": [None, 0, 1, 2, 3],
}


@st.composite
def small_histories(draw, stale=False):
    """A model and up to six operations of it that mostly overlap, with results that may be right."""
    model = draw(st.sampled_from(sorted(MODELS)))
    operations = []
    free = [0, 0, 0]
    for line in range(1, draw(st.integers(1, 6)) + 1):
        op = draw(st.sampled_from(MODELS[model]))
        value = draw(st.sampled_from(VALUES[model])) if op in ("put", "append", "cas", "add") else None
        expected = draw(st.sampled_from([None, *VALUES[model]])) if op == "cas" else None
        process = draw(st.integers(0, 2))
        start = free[process] + draw(st.integers(0, 3))
        end = draw(st.one_of(st.none(), st.integers(start, start + 4)))
        free[process] = start if end is None else end
        results = {
            "get": RESULTS[model],
            "cas": [True, False],
            "delete": [None, True, False],
            "add": [None, 1, 2, 3],
        }.get(op, [None])
        result = None if end is None else draw(st.sampled_from(results))
        operation = Operation(process, op, "x", value, expected, result, start, end, line=line)
        if stale and op == "get" and draw(st.booleans()):
            operation = replace(operation, consistency="stale", age=draw(st.sampled_from([None, 0, 1, 3])))
        operations.append(operation)
    return model, operations


@pytest.mark.parametrize("dive", [0, DIVE], ids=["breadth first", "depth first"])
@settings(max_examples=1500)
@given(small_histories())
def test_all_orders_tried_one_by_one_give_the_same_verdict(dive, drawn):
    model, operations = drawn
    order = Search(problem_of(operations, model), Budget(), dive).run().order
    assert (order is not None) is is_linearizable(model, operations)


@settings(max_examples=700)
@given(small_histories(stale=True))
def test_the_same_with_stale_reads(drawn):
    model, operations = drawn
    assert check(operations, model).linearizable is is_linearizable(model, operations)


@settings(max_examples=300)
@given(small_histories(), st.integers(-1000, 1000), st.permutations([0, 1, 2]), st.sampled_from([0.5, 1, 4]))
def test_neither_the_clock_nor_the_names_of_processes_change_the_verdict(drawn, shift, names, pace):
    model, operations = drawn
    moved = [
        replace(
            operation,
            process=names[operation.process],
            start=operation.start * pace + shift,
            end=None if operation.end is None else operation.end * pace + shift,
        )
        for operation in operations
    ]
    assert check(moved, model).linearizable is check(operations, model).linearizable


@settings(max_examples=60)
@given(
    st.integers(0, 10**9),
    st.sampled_from(sorted(MODELS)),
    st.integers(1, 12),
    st.sampled_from([0, 2, 10]),
    st.sampled_from([0, 0.05, 0.3]),
)
def test_what_was_executed_one_after_the_other_is_linearizable(seed, model, processes, values, unknown):
    operations = executed(seed, model, 120, processes=processes, values=values, unknown=unknown, keys=2)
    assert check(operations, model).linearizable is True


@settings(max_examples=200)
@given(small_histories())
def test_an_order_is_a_proof(drawn):
    model, operations = drawn
    for key in check(operations, model).keys:
        if key.linearizable:
            assert [each for each in operations if each.end is not None and each not in key.order] == []
            in_turn = [
                replace(each, start=2 * turn, end=None if each.end is None else 2 * turn + 1, process=turn)
                for turn, each in enumerate(key.order)
            ]
            assert is_linearizable(model, in_turn)
            for turn, each in enumerate(key.order):
                assert all((other.end or math.inf) >= each.start for other in key.order[turn + 1 :])


@settings(max_examples=300)
@given(small_histories())
def test_an_explanation_is_one(drawn):
    model, operations = drawn
    explanation = check(operations, model).explanation
    if explanation is not None:
        core = {id(each) for each in explanation.core}
        weakened = [each if id(each) in core else replace(each, end=None, result=None) for each in operations]
        assert not is_linearizable(model, [each for each in weakened if each.end is not None or each.op != "get"])
        for each in explanation.core:
            weaker = [replace(other, end=None, result=None) if other is each else other for other in weakened]
            until = [other for other in weaker if other.start <= explanation.operation.end]
            assert is_linearizable(model, until), f"line {each.line} is of no use"
        before = [
            each
            if each.end is not None and each.end < explanation.operation.end
            else replace(each, end=None, result=None)
            for each in operations
        ]
        assert is_linearizable(model, before)


@pytest.mark.parametrize("model", sorted(MODELS))
def test_verdicts_do_not_depend_on_the_order_of_lines(model):
    operations = with_stale_result(executed(5, model, 200), back=5, older=12)
    other_way_round = [replace(each, line=line) for line, each in enumerate(reversed(operations), 1)]

    first, second = check(operations, model), check(other_way_round, model)

    assert first.linearizable is second.linearizable
