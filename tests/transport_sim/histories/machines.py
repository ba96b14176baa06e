"""The models once more, as plainly as possible, and all orders tried one by one."""

import math

ABSENT = None


def same(one, other):
    """Equality of JSON values: true is not 1, 1.0 is."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    return one == other


def perform(model, state, operation):
    """Return the state after an operation, and what it answers."""
    op, value = operation.op, operation.value
    if op == "get":
        return state, state
    if op == "put":
        return value, None
    if op == "append" and model == "kv":
        return (state or "") + value, None
    if op == "append":
        return [*(state or []), value], None
    if op == "delete":
        return ABSENT, state is not ABSENT
    if op == "cas":
        return (value, True) if same(state, operation.expected) else (state, False)
    assert op == "add"
    return (state or 0) + value, (state or 0) + value


def agrees(model, operation, answer):
    """Whether an answer is what the operation recorded."""
    op, result = operation.op, operation.result
    if operation.end is None or op in ("put", "append") or (op in ("delete", "add") and result is None):
        return True
    if op == "get" and answer is ABSENT:
        return result is None or (model == "list" and result == []) or (model == "counter" and same(result, 0))
    return same(answer, result)


def earliest(operation):
    """From when on an operation may take effect: a stale read from its age before its start."""
    if operation.consistency != "stale":
        return operation.start
    return -math.inf if operation.age is None else operation.start - operation.age


def precedes(one, other):
    """Whether one operation took effect before another by their times, or because one process did both."""
    if one.end is None:
        return False
    if one.end < earliest(other):
        return True
    if other.consistency == "stale" or one.process != other.process or other.end is None:
        return False
    return one.end == other.start and (one.start, one.end, one.line) < (other.start, other.end, other.line)


def is_linearizable(model, operations):
    """Whether some order of all answered operations, and any of the others, explains all answers."""

    def goes_on(left, state):
        if all(operation.end is None for operation in left):
            return True
        for operation in left:
            others = [other for other in left if other is not operation]
            if not any(precedes(other, operation) for other in others):
                after, answer = perform(model, state, operation)
                if agrees(model, operation, answer) and goes_on(others, after):
                    return True
        return False

    return goes_on(list(operations), ABSENT)
