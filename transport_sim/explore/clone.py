"""Copies of a node that share with it whatever never changes.

Which classes never change is listed here; whatever is not listed is copied, field by field. So a class that is new to
the core costs time until it is listed, and never makes two nodes share what one of them changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from raft.config import Config
from raft.entries import Entry
from raft.membership import Configuration
from raft.messages import MESSAGES
from raft.snapshot import Snapshot

T = TypeVar("T")

UNCHANGING = frozenset({int, str, bytes, bool, type(None), Config, Configuration, Entry, Snapshot, *MESSAGES})

_Copies = dict[int, Any]


def clone(original: T) -> T:
    """Return a copy of an object and of everything that it leads to, but for what never changes."""
    copied: T = _clone(original, {})
    return copied


def field_names(kind: type) -> list[str] | None:
    """Return the names of the slots of a class; None when its instances keep their fields in a dict."""
    names: list[str] = []
    for base in kind.__mro__[:-1]:
        if "__slots__" not in base.__dict__:
            return None
        slots = base.__dict__["__slots__"]
        names += [slots] if isinstance(slots, str) else slots
    return names


def _clone(value: Any, copies: _Copies) -> Any:
    kind = type(value)
    if kind in UNCHANGING:
        return value
    way = _WAYS.get(kind)
    if way is None:
        way = _WAYS[kind] = _way(kind)
    return way(value, copies)


def _way(kind: type) -> Callable[[Any, _Copies], Any]:
    names = field_names(kind)
    if names is None:
        return _by_dict
    slots = tuple(names)

    def by_slots(value: Any, copies: _Copies) -> Any:
        copied = copies.get(id(value))
        if copied is None:
            copied = copies[id(value)] = object.__new__(kind)
            for name in slots:
                setattr(copied, name, _clone(getattr(value, name), copies))
        return copied

    return by_slots


def _by_dict(value: Any, copies: _Copies) -> Any:
    copied = copies.get(id(value))
    if copied is None:
        copied = copies[id(value)] = object.__new__(type(value))
        fields = copied.__dict__
        for name, field in value.__dict__.items():
            fields[name] = field if type(field) in UNCHANGING else _clone(field, copies)
    return copied


def _list(value: list[Any], copies: _Copies) -> list[Any]:
    copied = copies.get(id(value))
    if copied is None:
        copied = copies[id(value)] = []
        copied += [_clone(item, copies) for item in value]
    return copied


def _dict(value: dict[Any, Any], copies: _Copies) -> dict[Any, Any]:
    copied = copies.get(id(value))
    if copied is None:
        copied = copies[id(value)] = {}
        for key, item in value.items():
            copied[key] = _clone(item, copies)
    return copied


def _set(value: set[Any], copies: _Copies) -> set[Any]:
    copied: set[Any] = copies.setdefault(id(value), set(value))
    return copied


def _tuple(value: tuple[Any, ...], copies: _Copies) -> tuple[Any, ...]:
    return tuple([_clone(item, copies) for item in value])


# Keys of dicts and members of sets are values; so copying those that contain them is enough.
_WAYS: dict[type, Callable[[Any, _Copies], Any]] = {tuple: _tuple, list: _list, dict: _dict, set: _set}
