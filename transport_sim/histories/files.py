"""Histories in files: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from raft.actor import LINEARIZABLE

from .operation import CAS, GET, Operation
from .validation import MAX_OPERATIONS, InvalidHistory, check_model, validate

MAX_LINE_BYTES = 16 * 1024 * 1024  # a list of a million short values; no value of a test is longer

_NEEDED = ("process", "op", "key", "start", "end")
_FIELDS = (*_NEEDED, "value", "expected", "result", "consistency", "age")


def read_history(path: Path | str, model: str) -> list[Operation]:
    """Return the operations of a file, in the order of its lines; empty lines are passed over.

    Args:
        path: the file.
        model: one of `MODELS`.

    Raises:
        UnknownModel: when there is no such model.
        InvalidHistory: at the first line that is wrong.
        OSError: when the file cannot be read.
    """
    check_model(model)
    operations: list[Operation] = []
    with Path(path).open("rb") as file:
        number = 0
        while line := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(line) > MAX_LINE_BYTES:
                raise InvalidHistory(number, "line", "it is too long", f"at most {MAX_LINE_BYTES:,} bytes")
            if line.isspace():
                continue
            if len(operations) == MAX_OPERATIONS:
                bound = f"at most {MAX_OPERATIONS:,} operations; split the history by key"
                raise InvalidHistory(number, "line", "it is one too many", bound)
            operations.append(_parse(line, number))
    validate(operations, model)
    return operations


def write_history(path: Path | str, operations: Iterable[Operation]) -> None:
    """Write operations to a file, one a line, so that `read_history` returns them.

    Raises:
        OSError: when the file cannot be written.
    """
    with Path(path).open("w", encoding="utf-8", newline="\n") as file:
        for operation in operations:
            file.write(json.dumps(operation.as_object(), allow_nan=False) + "\n")


class _NotStrict(ValueError):
    """What Python's parser lets through although JSON does not."""


def _parse(line: bytes, number: int) -> Operation:
    bound = "one JSON object a line, in UTF-8"
    try:
        fields = json.loads(line.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_unique)
    except UnicodeDecodeError as error:
        raise InvalidHistory(number, "line", f"byte {error.start + 1} is not UTF-8", bound) from None
    except json.JSONDecodeError as error:
        raise InvalidHistory(number, "line", f"no JSON at column {error.colno}: {error.msg}", bound) from None
    except RecursionError:
        raise InvalidHistory(number, "line", "it is nested too deeply", bound) from None
    except ValueError as error:
        # a number of more digits than Python reads, or what is not strict
        raise InvalidHistory(number, "line", str(error), bound) from None
    if not isinstance(fields, dict):
        raise InvalidHistory(number, "line", f"a {type(fields).__name__} is no operation", bound)
    needed: tuple[str, ...] = ()
    if fields.get("op") == CAS:
        needed = ("value", "expected")
    elif fields.get("op") == GET and fields.get("end") is not None:
        needed = ("result",)
    for name in (*_NEEDED, *needed):
        if name not in fields:
            raise InvalidHistory(number, name, "it is missing", "null means absent or unknown, and must be written")
    for name in fields:
        if name not in _FIELDS:
            raise InvalidHistory(number, name, "there is no such field", f"the fields are {', '.join(_FIELDS)}")
    return Operation(**{"consistency": LINEARIZABLE, **fields, "line": number})


def _no_constant(name: str) -> Any:
    raise _NotStrict(f"{name} is no number in JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _NotStrict(f"{twice!r} stands twice in one object")
    return fields
