"""A history as long as a long simulation's is decided in seconds.

Configurations are counted too: they are the same on every machine.
"""

import time

import pytest

from tests.transport_sim.histories.executed import executed, with_stale_result
from transport_sim.histories import check

pytestmark = pytest.mark.alone  # it measures time, on all cores


SECONDS_OF_CPU = 20
OPERATIONS = 5000

REGISTER = ("get", "get", "put", "put", "cas")


def decide(operations, model):
    begun = time.process_time()
    verdict = check(operations, model, seconds=600)
    spent = time.process_time() - begun
    print(f"{model}: {verdict.linearizable}, {verdict.configurations:,} configurations, {spent:.2f} s of CPU time")
    return verdict, spent


@pytest.mark.parametrize(
    ("model", "ops", "values", "most"),
    [
        ("register", REGISTER, 0, 3_000),
        ("register", REGISTER, 5, 20_000),
        ("register", REGISTER, 50, 10_000),
        ("register", None, 0, 10_000),
        ("kv", ("get", "put", "append"), 0, 20_000),
        ("kv", None, 0, 60_000),
        ("list", None, 0, 3_000),
        ("counter", None, 0, 10_000),
    ],
)
def test_a_good_history_of_one_key(model, ops, values, most):
    verdict, spent = decide(executed(1, model, OPERATIONS, values=values, ops=ops), model)

    assert verdict.linearizable is True
    assert verdict.configurations <= most
    assert spent < SECONDS_OF_CPU


@pytest.mark.parametrize(
    ("model", "ops", "values", "most"),
    [
        ("register", REGISTER, 0, 10_000),
        ("register", None, 0, 120_000),
        ("kv", ("get", "put", "append"), 0, 60_000),
        ("list", None, 0, 3_000),
    ],
)
def test_a_bad_history_of_one_key(model, ops, values, most):
    operations = with_stale_result(executed(1, model, OPERATIONS, values=values, ops=ops))

    verdict, spent = decide(operations, model)

    assert verdict.linearizable is False
    assert verdict.configurations <= most
    assert spent < SECONDS_OF_CPU
    assert verdict.explanation.operation.line > OPERATIONS - 200


def test_many_keys():
    verdict, spent = decide(executed(1, "kv", OPERATIONS, keys=20), "kv")

    assert verdict.linearizable is True
    assert verdict.configurations <= 5_000
    assert spent < SECONDS_OF_CPU


def test_what_takes_too_long_is_undecided():
    operations = with_stale_result(executed(1, "kv", OPERATIONS, values=3, unknown=0.1))
    begun = time.monotonic()

    verdict = check(operations, "kv", seconds=1)

    assert verdict.linearizable is None
    assert verdict.undecided == ["k0"]
    assert time.monotonic() - begun < 30
