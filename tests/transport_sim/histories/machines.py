"""The models once more, as plainly as possible: one key's state, and what an operation does to it."""

ABSENT = None


def same(one, other):
    """Equality of JSON values: true is not 1, 1.0 is."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    return one == other


def perform(model, state, op, value=None, expected=None):
    """Return the state after an operation, and what it answers."""
    if op == "get":
        return state, state
    if op == "put":
        return value, None
    if op == "append":
        empty = "" if model == "kv" else []
        return (empty if state is ABSENT else state) + (value if model == "kv" else [value]), None
    if op == "delete":
        return ABSENT, state is not ABSENT
    if op == "cas":
        return (value, True) if same(state, expected) else (state, False)
    assert op == "add"
    total = (state or 0) + value
    return total, total


def agrees(model, operation, state, answer):
    """Whether an answer is what the operation recorded."""
    op, result = operation.op, operation.result
    if operation.end is None or op in ("put", "append"):
        return True
    if op in ("delete", "add") and result is None:
        return True
    if op == "get" and state is ABSENT:
        return result is None or (model == "list" and result == []) or (model == "counter" and same(result, 0))
    return same(answer, result)
