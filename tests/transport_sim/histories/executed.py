"""Histories that are linearizable, because they were made by executing operations one after the other."""

import random
from dataclasses import replace

from tests.transport_sim.histories.machines import perform
from transport_sim.histories import MODELS, Operation


def executed(seed, model, count, *, processes=10, values=0, unknown=0.02, keys=1, ops=None):
    """Return the operations of processes that are busy all the time; each takes effect at one moment within its time.

    Args:
        values: how many different ones are written; 0: each is written once.
        unknown: the share of operations that have no outcome; half of these never take effect, others do much later.
        ops: operations to draw from; get twice as often as the model's others when None.
    """
    chance = random.Random(seed)
    free = [0.0] * processes
    calls = []
    for number in range(1, count + 1):
        process = min(range(processes), key=free.__getitem__)
        start = free[process] + chance.random() * 0.2
        end = start + 0.05 + chance.random()
        op = chance.choice(ops or ["get", *MODELS[model]])
        free[process] = end
        moment = start + (end - start) * chance.random()
        if chance.random() < unknown:
            moment = None if chance.random() < 0.5 else start + chance.random() ** 3 * 30
            end = None
        value = _value(chance, model, values, number) if op in ("put", "append", "cas", "add") else None
        expected = _value(chance, model, values, number) if op == "cas" else None
        key = f"k{chance.randrange(keys)}"
        calls.append((moment, Operation(process, op, key, value, expected, None, start, end, line=number)))
    return _answered(chance, model, calls)


def _value(chance, model, values, number):
    if model == "counter":
        return chance.randrange(1, 5)
    value = chance.randrange(values) if values else number
    return f"{value}." if model == "kv" else value


def _answered(chance, model, calls):
    states = {}
    operations = [operation for moment, operation in calls if moment is None]
    for _, operation in sorted([call for call in calls if call[0] is not None], key=lambda call: call[0]):
        states[operation.key], answer = perform(model, states.get(operation.key), operation)
        tells = operation.op in ("get", "cas") or (operation.op in ("delete", "add") and chance.random() < 0.5)
        operations.append(replace(operation, result=answer) if tells and operation.end is not None else operation)
    operations.sort(key=lambda operation: operation.start)
    return [replace(operation, line=line) for line, operation in enumerate(operations, 1)]


def with_stale_result(operations, back=20, older=60):
    """Return the history with the result of one read, near the end, replaced by that of an earlier one."""
    reads = [
        index
        for index, operation in enumerate(operations)
        if operation.op == "get" and operation.end is not None and operation.result is not None
    ]
    corrupted = list(operations)
    corrupted[reads[-back]] = replace(operations[reads[-back]], result=operations[reads[-older]].result)
    return corrupted
