"""Checks of what callers hand in: each returns it in the one form used inside, or says what is wanted instead."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable

from raft.errors import InvalidConfig

from .errors import InvalidGroups
from .kv_commands import OutOfBounds
from .ports import StateMachine

_LONGEST_S = sys.float_info.max


def checked_timeout(timeout: object) -> float:
    """Return a timeout in seconds that is one.

    Raises:
        InvalidConfig: when it is no finite number or below 0.
    """
    if isinstance(timeout, (int, float)) and not isinstance(timeout, bool) and 0 <= timeout <= _LONGEST_S:
        return timeout
    raise InvalidConfig("timeout", timeout, "a number of seconds, 0 or more")


def as_bytes(field: str, given: object) -> bytes:
    """Return a key or a value as bytes; a str stands for its UTF-8 bytes.

    Args:
        field: what it is, for the error: "key", "value" or "expected".
        given: a str, bytes, bytearray or memoryview.

    Raises:
        OutOfBounds: when it is something else, or a str that has no UTF-8 bytes.
    """
    if type(given) is bytes:
        return given
    if isinstance(given, str):
        try:
            return given.encode()
        except UnicodeEncodeError:
            raise OutOfBounds(field, "a str that UTF-8 cannot encode", "bytes, or a str without surrogates") from None
    if isinstance(given, (bytes, bytearray, memoryview)):
        return bytes(given)
    raise OutOfBounds(field, type(given).__name__, "a str or bytes object")


def made_by(factory: object) -> StateMachine:
    """Return a fresh state machine.

    Raises:
        InvalidConfig: when `factory` is no class or function, or what it makes is no state machine.
        Exception: whatever `factory` raises.
    """
    wanted = "a class with a method apply(command)"
    if not callable(factory):
        given = type(factory).__name__
        raise InvalidConfig("machine", factory, f"the class {given} itself" if hasattr(factory, "apply") else wanted)
    machine: StateMachine = factory()
    apply = getattr(machine, "apply", None)
    if not callable(apply):
        raise InvalidConfig("machine", factory, wanted)
    if inspect.iscoroutinefunction(apply):
        raise InvalidConfig("machine", factory, f"{wanted} that is not async: nobody would await it")
    snapshot, restore = (getattr(machine, method, None) for method in ("snapshot", "restore"))
    if callable(snapshot) != callable(restore):
        has, lacks = ("snapshot()", "restore(chunks)") if callable(snapshot) else ("restore(chunks)", "snapshot()")
        raise InvalidConfig("machine", factory, f"a class that has {lacks} too, or no {has}: one needs the other")
    encode, decode = (callable(getattr(machine, method, None)) for method in ("encode_result", "decode_result"))
    if encode != decode:
        has, lacks = ("encode_result", "decode_result") if encode else ("decode_result", "encode_result")
        raise InvalidConfig("machine", factory, f"a class that has {lacks} too, or no {has}: one needs the other")
    passes, due = (callable(getattr(machine, method, None)) for method in ("pass_time", "due_ms"))
    if passes != due:
        has, lacks = ("pass_time", "due_ms") if passes else ("due_ms", "pass_time")
        raise InvalidConfig("machine", factory, f"a class that has {lacks} too, or no {has}: one needs the other")
    if inspect.iscoroutinefunction(getattr(machine, "read", None)):
        raise InvalidConfig("machine", factory, "a class whose read is not async: nobody would await it")
    if inspect.iscoroutinefunction(snapshot) or inspect.iscoroutinefunction(restore):
        raise InvalidConfig("machine", factory, "a class whose snapshot and restore are not async: nobody would await")
    return machine


def disjoint_groups(groups: Iterable[object], member: Callable[[object], str]) -> list[list[str]]:
    """Return groups of nodes as lists of ids.

    Args:
        groups: each an iterable of nodes.
        member: returns the id of a node, or raises.

    Raises:
        InvalidGroups: when a group is no list of nodes, or a node is in two of them.
        Exception: whatever `member` raises.
    """
    parts = []
    taken: set[str] = set()
    for group in groups:
        if isinstance(group, (str, bytes)) or not isinstance(group, Iterable):
            raise InvalidGroups(f"{group!r} is no group: each group is a list of nodes")
        part = list(dict.fromkeys(member(node) for node in group))
        for node in part:
            if node in taken:
                raise InvalidGroups(f"{node} is in two groups: each node belongs to one")
        taken.update(part)
        parts.append(part)
    return parts
