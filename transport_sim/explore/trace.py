"""A broken promise as a trace: every event on the way there, and in the header how to take that way again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from .bounds import ELECTION_TIMEOUT_MS, Bounds
from .events import Teller
from .path import Astray, Paths
from .space import Space
from .walk import Violation

_STEP_US = 1000
_DIGEST_BYTES = 16


@dataclass(frozen=True)
class Replay:
    """What came of taking the way of a trace again.

    Attributes:
        promise, message: what was broken; None when nothing was.
        steps: how many steps were taken.
    """

    promise: str | None
    message: str | None
    steps: int


def header_of(bounds: Bounds, violation: Violation) -> dict[str, Any]:
    """Return the first line of a violation's trace; all else follows from it."""
    return {
        "trace": "quorate",
        "version": 1,
        "kind": "explore",
        "nodes": bounds.nodes,
        "bounds": bounds.as_object(),
        "path": Paths(Space(bounds, symmetric=False)).said(violation.path),
        "members": [{"id": id, "part": "voter"} for id in bounds.members],
        "election_timeout_ms": ELECTION_TIMEOUT_MS,
    }


def write(file: Path, bounds: Bounds, violation: Violation) -> None:
    """Write the trace of a violation.

    Raises:
        OSError: when the file cannot be written.
    """
    header = header_of(bounds, violation)
    with file.open("w", encoding="utf-8") as stream:
        stream.write(_line(header))
        for event in events(header):
            stream.write(_line(event))


def replay(header: Mapping[str, Any]) -> Replay:
    """Take the way of a trace again, on the core as it is now.

    Args:
        header: the first line of the trace.

    Raises:
        InvalidBounds: when the trace's bounds are none.
        Astray: when the core does not go this way any more.
    """
    taken = 0
    for step in _paths(header).follow(_path(header)):
        taken += 1
        if step.broken is not None:
            return Replay(step.broken.invariant, step.broken.message, taken)
    return Replay(None, None, taken)


def events(header: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Return the events on the way of a trace, the last one being its end.

    Raises:
        InvalidBounds, Astray: as for `replay`.
    """
    paths, path = _paths(header), _path(header)
    teller = Teller(paths.space)
    digest = blake2b(digest_size=_DIGEST_BYTES)
    count = at = 0
    for at, event in _timed(teller, paths, path):
        whole = {"at": at, **event}
        digest.update(_line(whole).encode())
        count += 1
        yield whole
    yield {"at": at, "event": "end", "events": count, "digest": digest.hexdigest()}


def _timed(teller: Teller, paths: Paths, path: list[Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    for event in teller.beginning(paths.beginning(path)):
        yield 0, event
    for number, step in enumerate(paths.follow(path), 1):
        for event in teller.tell(step):
            yield number * _STEP_US, event


def _paths(header: Mapping[str, Any]) -> Paths:
    return Paths(Space(Bounds.of_object(header.get("bounds")), symmetric=False))


def _path(header: Mapping[str, Any]) -> list[Any]:
    path = header.get("path")
    if not isinstance(path, list):
        raise Astray(0, "the trace has no path")
    return path


def _line(said: Mapping[str, Any]) -> str:
    return json.dumps(said, separators=(",", ":")) + "\n"
