"""The workload `lin-kv`: a linearizable store of JSON values by JSON keys, over the key-value store."""

from __future__ import annotations

import json
from typing import Any

from actors import kv_commands
from actors.kv import CONFLICT, INVALID, Result
from actors.kv_commands import OutOfBounds

from .envelope import ABORT, KEY_DOES_NOT_EXIST, MALFORMED_REQUEST, PRECONDITION_FAILED, Failure

READ = "read"
WRITE = "write"
CAS = "cas"
TYPES = (READ, WRITE, CAS)


def command_in(body: dict[str, Any]) -> bytes:
    """Return the command, or for a read the query, that a request stands for.

    Raises:
        Failure: it lacks something, or something in it is too large.
    """
    try:
        key = _encoded(body["key"])
        if body["type"] == READ:
            return kv_commands.get(key)
        if body["type"] == WRITE:
            return kv_commands.put(key, _encoded(body["value"]))
        return kv_commands.cas(key, _encoded(body["from"]), _encoded(body["to"]))
    except KeyError as missing:
        raise Failure(MALFORMED_REQUEST, f"a {body['type']} needs {missing.args[0]!r}") from None
    except OutOfBounds as error:
        raise Failure(MALFORMED_REQUEST, f"{error}, written as JSON") from None
    except RecursionError:
        raise Failure(MALFORMED_REQUEST, "it is nested too deeply") from None


def answer(body: dict[str, Any], result: Result) -> dict[str, Any]:
    """Return what a request is answered, once the store has carried it out.

    Raises:
        Failure: there is no such key, or it held something else than was expected; nothing has changed.
    """
    kind = body["type"]
    if result.outcome == INVALID:
        raise Failure(ABORT, f"the store does not take it: {result.problem}")
    if kind == READ:
        if result.value is None:
            raise _absent(body)
        return {"type": "read_ok", "value": json.loads(result.value)}
    if result.outcome == CONFLICT:
        if result.value is None:
            raise _absent(body)
        raise Failure(PRECONDITION_FAILED, f"expected {body['from']!r}, but had {json.loads(result.value)!r}")
    return {"type": f"{kind}_ok"}


def _absent(body: dict[str, Any]) -> Failure:
    return Failure(KEY_DOES_NOT_EXIST, f"there is no key {body['key']!r}")


def _encoded(value: Any) -> bytes:
    """Return a JSON value as bytes, the same for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
