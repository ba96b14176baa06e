"""Replay: a recorded run is run again, and must do the same, line for line."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from actors.storage.policy import InvalidPolicy, SyncPolicy

from ..climate import CLIMATES
from ..explore import trace as exploration
from ..explore.bounds import InvalidBounds
from ..explore.path import Astray
from ..faults import KINDS
from ..host import MODEL, STORAGES
from ..simulation import Result, Simulation
from .reading import Header, MalformedTrace, Trace, TraceError, opened
from .recording import Line

LONGEST_NAME = 60
"""How many characters the name of a machine may have to be shown."""


@dataclass(frozen=True)
class Recipe:
    """All that decides a run.

    Attributes:
        seed, nodes, faults, seconds, only, climate, sync, storage: see `Simulation`.
    """

    seed: int
    nodes: int
    faults: tuple[str, ...]
    seconds: float
    only: tuple[str, ...] | None = None
    climate: str | None = None
    sync: str | None = None
    storage: str | None = None

    @classmethod
    def of(cls, header: Header, file: str) -> Recipe:
        """Return what the header of a trace in a file tells.

        Raises:
            MalformedTrace: it was not recorded from a random run, or something is missing.
        """
        fields = header.fields
        only = fields.get("only")
        storage = fields.get("storage", MODEL)  # what there was before traces named it
        if header.kind != "run":
            raise MalformedTrace(file, 1, f"a trace of kind {header.kind!r} has no seed to run again")
        if "machine" in fields:
            raise MalformedTrace(
                file, 1, f"{_shown(fields['machine'])} is a machine of users; run the test that recorded it again"
            )
        checks = (
            ("seed", _is_count(fields.get("seed"), 0), "a whole number from 0"),
            ("nodes", _is_count(fields.get("nodes"), 1, 9), "a whole number from 1 to 9"),
            ("faults", _are_among(fields.get("faults"), KINDS), f"a list of some of {', '.join(KINDS)}"),
            ("seconds", _is_seconds(fields.get("seconds")), "a number above 0, 600 at most"),
            ("climate", _are_among([fields.get("climate")], tuple(CLIMATES)), f"one of {', '.join(CLIMATES)}"),
            ("sync", _is_policy(fields.get("sync")), "always, never, or interval(ms)"),
            ("storage", _are_among([storage], STORAGES), f"one of {', '.join(STORAGES)}"),
            ("only", only is None or _are_texts(only), "null or a list of keys"),
        )
        for name, is_good, wanted in checks:
            if not is_good:
                raise MalformedTrace(file, 1, f"{name!r} of the header must be {wanted}")
        return cls(
            fields["seed"],
            fields["nodes"],
            tuple(fields["faults"]),
            float(fields["seconds"]),
            None if only is None else tuple(only),
            fields["climate"],
            fields.get("sync"),
            storage,
        )

    def simulation(self, trace: Callable[[Line], None] | None = None) -> Simulation:
        """Return the run, ready to begin; `trace` is called with every line of its trace."""
        return Simulation(
            self.seed,
            self.nodes,
            self.faults,
            self.seconds,
            self.only,
            trace,
            climate=self.climate,
            sync=self.sync,
            storage=self.storage,
        )


@dataclass(frozen=True)
class Parting:
    """Where a replay does something else than was recorded.

    Attributes:
        line: the number of the line in the file, from 1.
        recorded, replayed: what stands there and what happened now.
    """

    line: int
    recorded: Line
    replayed: Line


@dataclass(frozen=True)
class Replay:
    """What a replay came to.

    Attributes:
        digest: of the run, as far as it went.
        broken: the number of the promise that it broke, and what was seen; None for none.
        recorded_digest: what the trace ends with.
        lines: how many lines agreed.
        parting: where the two part; None when they are the same.
    """

    digest: str
    broken: tuple[str, str] | None
    recorded_digest: str
    lines: int
    parting: Parting | None


class _Comparison:
    """Holds every line of a run against those of a trace, as long as they agree.

    Args:
        recorded: the lines of the trace, the header first.
    """

    def __init__(self, recorded: Iterator[Line]) -> None:
        self._recorded = recorded
        self._has_parted = False
        self._problem: TraceError | None = None
        self.lines = 0
        self.parting: Parting | None = None

    def take(self, line: Line) -> None:
        """Take a line of the run. It never fails, since an error would pass for one of the run."""
        if self._has_parted:
            return
        recorded = self._next()
        if recorded is not None and _text(recorded) == _text(line):
            self.lines += 1
            return
        self._has_parted = True
        if recorded is not None:  # or the trace cannot be read any further
            self.parting = Parting(self.lines + 1, recorded, json.loads(_text(line)))

    def finish(self) -> None:
        """Read on to the end of the trace, which tells its digest.

        Nothing is left over when all lines agreed: the last one of a run is the last one of a trace.

        Raises:
            TraceError: the trace cannot be read.
        """
        while self._next() is not None:
            pass
        if self._problem is not None:
            raise self._problem

    def _next(self) -> Line | None:
        try:
            return next(self._recorded, None)
        except TraceError as problem:
            self._problem = problem
            return None


def replay(path: Path) -> Replay:
    """Run a recorded run again and compare.

    Args:
        path: the trace.

    Raises:
        TraceError: it cannot be read, or does not say how to run it again.
    """
    with opened(path) as trace:
        comparison = _Comparison(_lines(trace))
        if trace.header.kind == "explore":
            digest, broken = _explore(trace.header, str(path), comparison)
        else:
            result = Recipe.of(trace.header, str(path)).simulation(comparison.take).run()
            digest, broken = result.digest, _broken(result)
        comparison.finish()
        assert trace.end is not None  # or reading would have failed
        return Replay(digest, broken, str(trace.end.get("digest")), comparison.lines, comparison.parting)


def replay_recipe(recipe: Recipe) -> Replay:
    """Run something twice and compare the two.

    Args:
        recipe: what to run.
    """
    lines: list[Line] = []
    first = recipe.simulation(lines.append).run()
    comparison = _Comparison(iter(lines))
    result = recipe.simulation(comparison.take).run()
    comparison.finish()
    return Replay(result.digest, _broken(result), first.digest, comparison.lines, comparison.parting)


def _broken(result: Result) -> tuple[str, str] | None:
    violation = result.violation
    return None if violation is None else (violation.invariant, violation.message)


def _explore(header: Header, file: str, comparison: _Comparison) -> tuple[str, tuple[str, str] | None]:
    """Take the way of an exploration's trace again; return the digest and what was broken."""
    broken = None
    last: Line = {}
    comparison.take(header.fields)
    try:
        for last in exploration.events(header.fields):
            comparison.take(last)
            if last["event"] == "violation":
                broken = (str(last["promise"]), str(last["message"]))
    except (InvalidBounds, Astray) as error:
        raise MalformedTrace(file, 1, f"the way that it tells cannot be taken: {error}") from error
    return str(last.get("digest", "")), broken


def _lines(trace: Trace) -> Iterator[Line]:
    yield trace.header.fields
    yield from trace.events()
    assert trace.end is not None
    yield trace.end


def _text(line: Line) -> str:
    """Return what tells a line from another: unlike Python, a trace does not take 1 for true."""
    return json.dumps(line, sort_keys=True)


def _shown(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= LONGEST_NAME else "this"


def _is_count(value: object, least: int, most: float = math.inf) -> bool:
    return type(value) is int and least <= value <= most


def _is_seconds(value: object) -> bool:
    return type(value) in (int, float) and 0 < value <= 600  # type: ignore[operator]


def _is_policy(value: object) -> bool:
    try:
        return value is None or (isinstance(value, str) and bool(SyncPolicy.parse(value)))
    except InvalidPolicy:
        return False


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _are_among(value: object, known: tuple[str, ...]) -> bool:
    return isinstance(value, list) and all(item in known for item in value)
