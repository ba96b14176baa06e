"""What a history must be, model by model.

| model | operations | values |
|---|---|---|
| `register` | get, put, cas, delete | any JSON value but null |
| `kv` | get, put, append, cas, delete | strings; append concatenates, to an absent key as to an empty string |
| `list` | get, append | append adds one JSON value but null; get returns all of them, in order |
| `counter` | get, add | whole numbers |

Results. A get that was answered tells the value, null for an absent key; an absent list may also be told as `[]`, an
absent counter as 0. A cas tells true or false. A put and an append tell nothing: null. A delete may tell whether the
key was there, an add the sum it came to; null there means that it was not told, and constrains nothing. An operation
that was not answered (`"end": null`) has no result.

A process does one thing at a time: its answered operations must not overlap, though one may begin at the instant when
the one before it ended. After an operation without an answer a process may go on: it is the name of a client, and
clients go on. (Jepsen's processes end there and go on under a new number; both ways of writing are read alike.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from raft.actor import LINEARIZABLE, STALE

from .operation import ADD, APPEND, CAS, CONSISTENCIES, DELETE, GET, PUT, Operation
from .values import NotJson, frozen

REGISTER = "register"
KV = "kv"
LIST = "list"
COUNTER = "counter"

MODELS = {
    REGISTER: (GET, PUT, CAS, DELETE),
    KV: (GET, PUT, APPEND, CAS, DELETE),
    LIST: (GET, APPEND),
    COUNTER: (GET, ADD),
}

MAX_OPERATIONS = 1_000_000  # all of them are held in memory, at about 1 KiB each
MAX_KEY_CHARACTERS = 1024  # as in the key-value store
MAX_PROCESS = 2**63 - 1
MAX_TIME_S = 1e18  # so that nanoseconds since 1970 may be used for seconds by mistake without harm


class UnknownModel(ValueError):
    """There is no such model."""

    def __init__(self, model: object) -> None:
        super().__init__(f"there is no model {model!r}; it must be one of {', '.join(MODELS)}")


class InvalidHistory(ValueError):
    """A line of a history is not what it must be; nothing was checked.

    Args:
        line: its number, from 1 on; 0 when the operation came from no file.
        field: the field, or "line" when it is about all of it.
        problem: what it is.
        bound: what it must be, and what to do.

    Attributes:
        line: as above.
        field: as above.
        bound: as above.
    """

    def __init__(self, line: int, field: str, problem: str, bound: str) -> None:
        where = f"line {line}" if line else "an operation"
        where = where if field == "line" else f"{where}, field {field!r}"
        super().__init__(f"{where}: {problem}; {bound}")
        self.line = line
        self.field = field
        self.bound = bound


def check_model(model: str) -> None:
    """Raise `UnknownModel` unless there is such a model."""
    if model not in MODELS:
        raise UnknownModel(model)


def validate(operations: Sequence[Operation], model: str) -> None:
    """Raise unless the operations are a history that the model can be held against.

    Raises:
        UnknownModel: when there is no such model.
        InvalidHistory: at the first operation that is wrong.
    """
    check_model(model)
    if len(operations) > MAX_OPERATIONS:
        line = operations[MAX_OPERATIONS].line
        raise InvalidHistory(line, "line", "it is one too many", f"at most {MAX_OPERATIONS:,} operations; split by key")
    for operation in operations:
        validate_operation(operation, model)
    _check_processes(operations)


def validate_operation(operation: Operation, model: str) -> None:
    """Raise `InvalidHistory` unless an operation, for itself, is one of the model."""
    line = operation.line

    def refuse(field: str, problem: str, bound: str) -> None:
        raise InvalidHistory(line, field, problem, bound)

    if type(operation.process) is not int or not 0 <= operation.process <= MAX_PROCESS:
        refuse("process", f"{_shown(operation.process)} names no process", f"a whole number from 0 to {MAX_PROCESS}")
    if operation.op not in MODELS[model]:
        ops = ", ".join(MODELS[model])
        refuse("op", f"model {model} has no {_shown(operation.op)}", f"one of {ops}; or check it with another --model")
    key: Any = operation.key
    if not isinstance(key, str) or len(key) > MAX_KEY_CHARACTERS:
        refuse("key", f"{_shown(key)} is no key", f"a string of at most {MAX_KEY_CHARACTERS} characters")
    seconds = f"seconds from -{MAX_TIME_S:g} to {MAX_TIME_S:g}"
    if not _is_time(operation.start):
        refuse("start", f"{_shown(operation.start)} is no time", seconds)
    if operation.end is not None and not _is_time(operation.end):
        refuse("end", f"{_shown(operation.end)} is no time", f"{seconds}, or null when it was never answered")
    if operation.end is not None and operation.end < operation.start:
        refuse("end", f"{operation.end} is before the start, {operation.start}", "not before the start; or null")
    _check_consistency(operation)
    try:
        _check_values(operation, model)
    except NotJson as error:
        refuse("value", str(error), "values must be JSON")


def _check_consistency(operation: Operation) -> None:
    line, consistency, age = operation.line, operation.consistency, operation.age
    if consistency not in CONSISTENCIES:
        allowed = ", ".join(CONSISTENCIES)
        raise InvalidHistory(line, "consistency", f"there is no {_shown(consistency)}", f"one of {allowed}")
    if consistency != LINEARIZABLE and operation.op != GET:
        bound = "only a get may be weaker than linearizable; leave the field out"
        raise InvalidHistory(line, "consistency", f"a {operation.op} is never {consistency}", bound)
    if age is not None and consistency != STALE:
        raise InvalidHistory(
            line, "age", f"a {consistency} {operation.op} has none", "only a stale get has; leave it out"
        )
    if age is not None and (not _is_time(age) or age < 0):
        raise InvalidHistory(line, "age", f"{_shown(age)} is no age", "seconds, 0 or more, or null when unknown")


def _check_values(operation: Operation, model: str) -> None:
    op, line = operation.op, operation.line
    if op in (GET, DELETE):
        _must_be_null(operation, "value")
    else:
        _check_value(operation, "value", operation.value, model)
    if op != CAS:
        _must_be_null(operation, "expected")
    elif operation.expected is not None:
        _check_value(operation, "expected", operation.expected, model)
    result = operation.result
    if operation.end is None and result is not None:
        raise InvalidHistory(
            line, "result", "there is one, and no end", "null when it was never answered; or tell the end"
        )
    if operation.end is None:
        return
    if op in (PUT, APPEND):
        _must_be_null(operation, "result")
    elif op == CAS and not isinstance(result, bool):
        raise InvalidHistory(line, "result", f"{_shown(result)} is no result of a cas", "true or false")
    elif op == DELETE and result is not None and not isinstance(result, bool):
        bound = "true or false, whether the key was there, or null when that was not told"
        raise InvalidHistory(line, "result", f"{_shown(result)} is no result of a delete", bound)
    elif op == GET and result is not None and model == LIST:
        if not isinstance(result, (list, tuple)):
            raise InvalidHistory(line, "result", f"{_shown(result)} is no list", "an array, or null for an absent key")
        frozen(result)
    elif op in (GET, ADD) and result is not None:
        _check_value(operation, "result", result, model)


def _check_value(operation: Operation, field: str, value: Any, model: str) -> None:
    line = operation.line
    if value is None:
        bound = 'null means "absent"; to remove a key use delete, where the model has it'
        raise InvalidHistory(line, field, f"a {operation.op} of null", bound)
    if model == KV and not isinstance(value, str):
        bound = "a string, since model kv holds strings; or check it with --model register"
        raise InvalidHistory(line, field, f"{_shown(value)} is no string", bound)
    if model == COUNTER and not _is_whole(value):
        bound = "a whole number: sums of fractions depend on how they were rounded; count in smaller units"
        raise InvalidHistory(line, field, f"{_shown(value)} is no whole number", bound)
    frozen(value)


def _must_be_null(operation: Operation, field: str) -> None:
    value = getattr(operation, field)
    if value is not None:
        raise InvalidHistory(
            operation.line, field, f"a {operation.op} has none, and it is {_shown(value)}", "leave it out"
        )


def _check_processes(operations: Iterable[Operation]) -> None:
    latest: dict[int, Operation] = {}  # of each process, the answered operation that ended last
    for operation in in_order(operations):
        before = latest.get(operation.process)
        if before is not None and before.end is not None and before.end > operation.start:
            raise InvalidHistory(
                operation.line,
                "start",
                f"process {operation.process} begins it at {operation.start}, within its operation of line "
                f"{before.line}, which ends at {before.end}",
                "a process does one thing at a time: give each client a number of its own",
            )
        if operation.end is not None:
            latest[operation.process] = operation


def in_order(operations: Iterable[Operation]) -> list[Operation]:
    """Return operations in the order in which one process did them: by start, by end (none comes first), by line."""
    return sorted(operations, key=lambda each: (each.start, -math.inf if each.end is None else each.end, each.line))


def _is_time(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -MAX_TIME_S <= value <= MAX_TIME_S


def _is_whole(value: Any) -> bool:
    return not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
