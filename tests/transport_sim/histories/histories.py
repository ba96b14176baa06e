"""Histories that are linearizable because they were made by executing operations one after the other."""

import random
from dataclasses import replace

from tests.transport_sim.histories.machines import perform
from transport_sim.histories import MODELS, Operation


def random_call(chance, model, values, number):
    """Return the name of an operation, its value and what it expects; few values, or a new one each time for 0."""

    def pick():
        plain = chance.randrange(values) if values else number
        return str(plain) + ("." if model == "kv" else "") if model in ("kv",) else plain

    op = chance.choice(["get", *MODELS[model]])
    if op in ("put", "append"):
        return op, pick(), None
    if op == "cas":
        return op, pick(), pick()
    if op == "add":
        return op, chance.randrange(1, 5), None
    return op, None, None


def executed(seed, model, count, *, processes=10, values=0, unknown=0.02, keys=1, ops=None):
    """Return the operations of processes that are busy all the time; each takes effect at one point within its time.

    Args:
        values: how many different ones are written; 0: each is written once.
        unknown: how many operations have no outcome; half of these never take effect, others do much later.
        ops: allowed operations; all of the model when None.
    """
    chance = random.Random(seed)
    free = [0.0] * processes
    calls = []
    while len(calls) < count:
        process = min(range(processes), key=free.__getitem__)
        start = free[process] + chance.random() * 0.2
        end = start + 0.05 + chance.random()
        op, value, expected = random_call(chance, model, values, len(calls) + 1)
        while ops is not None and op not in ops:
            op, value, expected = random_call(chance, model, values, len(calls) + 1)
        key = f"k{chance.randrange(keys)}"
        free[process] = end
        point = start + (end - start) * chance.random()
        if chance.random() < unknown:
            point = None if chance.random() < 0.5 else start + chance.random() ** 3 * 30
            end = None
        calls.append((point, Operation(process, op, key, value, expected, None, start, end)))
    states = {}
    done = {}
    for point, operation in sorted([call for call in calls if call[0] is not None], key=lambda call: call[0]):
        states[operation.key], answer = perform(
            model, states.get(operation.key), operation.op, operation.value, operation.expected
        )
        if operation.end is not None and operation.op not in ("put", "append"):
            tells = operation.op in ("get", "cas") or chance.random() < 0.5
            operation = replace(operation, result=answer if tells else None)
        done[id(operation), point] = operation
    finished = [*done.values(), *(operation for point, operation in calls if point is None)]
    finished.sort(key=lambda operation: operation.start)
    return [replace(operation, line=line) for line, operation in enumerate(finished, 1)]
