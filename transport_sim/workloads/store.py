"""The state machine of random runs: registers, texts, lists and counters by key.

Which of them a key holds is a matter of the commands that it gets; `histories.validation` says what each model offers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from actors import results

from ..histories.operation import ADD, APPEND, CAS, DELETE, PUT
from ..histories.validation import LIST


def command(op: str, key: str, value: Any = None, expected: Any = None, model: str = "") -> bytes:
    """Return the bytes of a command; the arguments are those of an operation of a history.

    Args:
        op: any but a get.
        key: what it is about.
        value: what it writes, if it does.
        expected: what a cas expects, None for "absent".
        model: what the key holds, which an append must know.
    """
    return results.encode((op, key, value, expected, model == LIST))


class Store:
    """Values by key. Commands are made by `command`; a query is a key, and answered with its value."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def apply(self, command: bytes) -> Any:
        """Carry out a command, and return what it tells: see `histories.validation`."""
        op, key, value, expected, in_list = results.decode(command)
        values = self._values
        if op == PUT:
            values[key] = value
        elif op == APPEND and in_list:
            values.setdefault(key, []).append(value)
        elif op == APPEND:
            values[key] = values.get(key, "") + value
        elif op == ADD:
            values[key] = values.get(key, 0) + value
            return values[key]
        elif op == DELETE:
            return values.pop(key, None) is not None
        elif op == CAS:
            if values.get(key) != expected:
                return False
            values[key] = value
            return True
        return None

    def read(self, key: str) -> Any:
        """Return the value of a key, None when it is absent."""
        value = self._values.get(key)
        return list(value) if isinstance(value, list) else value

    def snapshot(self) -> list[bytes]:
        """Return everything that is stored."""
        return [results.encode(self._values)]

    def restore(self, chunks: Iterable[bytes]) -> None:
        """Come to what `snapshot` told."""
        self._values = results.decode(b"".join(chunks))
