"""What a soak remembers: a directory with its progress and its failures, whole at whatever moment it is cut off.

`state.json` is replaced at once or not at all, and only when what it speaks of is there: the files of a failure are
written before it. So what a killed soak has lost are runs that nobody had counted yet.
"""

from __future__ import annotations

import copy
import fcntl
import hashlib
import json
import os
import shlex
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from .runner import Plan, Summary
from .simulation import COUNTED, Result, Violation

T = TypeVar("T")

VERSION = 2
"""Of `state.json`; changes when a field changes its meaning or goes."""

STATE = "state.json"


class SoakError(Exception):
    """A soak cannot go on; the message says why, and the way out."""


class UnusableDirectory(SoakError):
    """The directory cannot be made, read or written, or another soak uses it."""


class UnreadableState(SoakError):
    """What stands in the directory is no state of a soak."""


class OtherSettings(SoakError):
    """The directory belongs to a soak with other settings; sums over both would mean nothing."""


@dataclass(frozen=True)
class Failure:
    """A run that broke a promise, or did not end.

    Attributes:
        violation: what was broken.
        command: what runs the seed again.
        trace: the name of the recorded run's file in the directory, or None.
        note: what else is to be known, or None: why there is no trace, or that it shows something else.
    """

    violation: Violation
    command: str
    trace: str | None = None
    note: str | None = None

    def as_json(self) -> dict[str, object]:
        """Return it as an object of JSON."""
        violation = self.violation
        return {
            "seed": violation.seed,
            "promise": violation.invariant,
            "message": violation.message,
            "node": violation.node,
            "command": self.command,
            "trace": self.trace,
            "note": self.note,
        }


@dataclass(frozen=True)
class Progress:
    """How far a soak has come. It is never changed, but replaced: an interrupt meets the one before or the one after.

    Attributes:
        plan: what its runs have in common.
        first_seed, next_seed: all seeds from the first up to, but not including, the next were run.
        summary: the sums over them; its digest is over the digests of the runs in the order of their seeds.
        failures: those that broke a promise, in the order of their seeds.
        elapsed_s: for how long it has run, in seconds of real time.
    """

    plan: Plan
    first_seed: int
    next_seed: int
    summary: Summary = field(default_factory=Summary)
    failures: tuple[Failure, ...] = ()
    elapsed_s: float = 0.0

    def after(self, result: Result, busy_seconds: float, failure: Failure | None) -> Progress:
        """Return what it is after the run of the next seed."""
        summary = copy.deepcopy(self.summary)
        summary.add(result, busy_seconds)
        summary.digest = hashlib.blake2b(f"{summary.digest}{result.digest}".encode(), digest_size=16).hexdigest()
        failures = self.failures if failure is None else (*self.failures, failure)
        return replace(self, next_seed=self.next_seed + 1, summary=summary, failures=failures)

    def as_json(self) -> dict[str, object]:
        """Return it as an object of JSON."""
        summary = self.summary
        return {
            "soak": "quorate",
            "version": VERSION,
            "settings": _settings(self.plan, self.first_seed),
            "next_seed": self.next_seed,
            "elapsed_seconds": self.elapsed_s,
            "busy_seconds": summary.busy_seconds,
            **{name: getattr(summary, name) for name in COUNTED},
            "faults": dict(sorted(summary.faults.items())),
            "situations": dict(sorted(summary.situations.items())),
            "models": sorted(summary.models),
            "digest": summary.digest,
            "violations": [failure.as_json() for failure in self.failures],
        }


class Journal:
    """The directory of a soak, for one process at a time. A context manager.

    Args:
        directory: made if it is not there.

    Raises:
        UnusableDirectory: it cannot be made or written, or another soak uses it; from any method.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __enter__(self) -> Journal:
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._lock = (self.directory / ".lock").open("w")
        except OSError as error:
            raise self._unusable(error) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise UnusableDirectory(f"{self.directory}: another soak runs there; wait, or name another") from error
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()

    def load(self, plan: Plan, first_seed: int | None) -> Progress:
        """Return the progress that was saved last, or that of a soak which has yet to begin.

        Args:
            plan: what the runs have in common.
            first_seed: where to begin; None for where the directory's soak began, or 0.

        Raises:
            UnreadableState: what is there is no state.
            OtherSettings: it is that of a soak with other settings.
        """
        path = self.directory / STATE
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return Progress(plan, first_seed or 0, first_seed or 0)
        except OSError as error:
            raise self._unusable(error) from error
        except UnicodeDecodeError as error:
            raise _unreadable(path, "it is no UTF-8") from error
        try:
            found = json.loads(text)
            if found["soak"] != "quorate" or found["version"] != VERSION:
                raise _unreadable(path, f"it is of version {found['version']!r}, and this quorate reads {VERSION}")
            settings = found["settings"]
            wanted = _settings(plan, settings["first_seed"] if first_seed is None else first_seed)
            others = [
                f"{name} {json.dumps(settings[name])} there, {json.dumps(wanted[name])} here"
                for name in wanted
                if settings[name] != wanted[name]
            ]
            if others:
                message = f"{self.directory} belongs to a soak with other settings: {'; '.join(others)}"
                raise OtherSettings(f"{message}. Repeat its settings to go on with it, or name another directory")
            return _progress(plan, found)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise _unreadable(path, f"{type(error).__name__}: {error}") from error

    def save(self, progress: Progress) -> None:
        """Replace the progress."""
        self._replace(STATE, progress.as_json())

    def save_failure(self, failure: Failure) -> None:
        """Write what is known of a failure beside its trace."""
        self._replace(f"seed-{failure.violation.seed}.json", failure.as_json())

    def trace(self, seed: int) -> Path:
        """Return the file for the recorded run of a seed."""
        return self.directory / f"seed-{seed}.ndjson"

    def _replace(self, name: str, content: dict[str, object]) -> None:
        path = self.directory / name
        unfinished = self.directory / f"{name}.unfinished"
        try:
            with unfinished.open("w", encoding="utf-8") as stream:
                stream.write(json.dumps(content, indent=2) + "\n")
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(unfinished, path)
            folder = os.open(self.directory, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> UnusableDirectory:
        problem = error.strerror or str(error)
        return UnusableDirectory(f"{self.directory}: cannot be used: {problem}; name another directory, or make room")


def run_command(seed: int, plan: Plan) -> str:
    """Return the command that runs a seed again."""
    faults = ",".join(plan.faults) or "none"
    return shlex.join(
        ["quorate", "sim", "run", "--seed", str(seed), "--nodes", str(plan.nodes), "--faults", faults]
        + ["--seconds", repr(float(plan.seconds))]
        + ([] if plan.climate is None else ["--climate", plan.climate])
        + ([] if plan.storage is None else ["--storage", plan.storage])
    )


def _settings(plan: Plan, first_seed: int) -> dict[str, object]:
    return {
        "nodes": plan.nodes,
        "faults": list(plan.faults),
        "seconds": float(plan.seconds),
        "climate": plan.climate,
        "storage": plan.storage,
        "first_seed": first_seed,
    }


def _progress(plan: Plan, found: Mapping[str, Any]) -> Progress:
    first_seed, next_seed = _of(int, found["settings"]["first_seed"]), _of(int, found["next_seed"])
    failures = tuple(
        Failure(
            Violation(_of(int, one["seed"]), _of(str, one["promise"]), _of(str, one["message"]), one["node"]),
            _of(str, one["command"]),
            one["trace"],
            one["note"],
        )
        for one in found["violations"]
    )
    summary = Summary(
        runs=next_seed - first_seed,
        violations=[failure.violation for failure in failures],
        faults=Counter({kind: _of(int, count) for kind, count in found["faults"].items()}),
        situations=Counter({name: _of(int, count) for name, count in found["situations"].items()}),
        models={_of(str, model) for model in found["models"]},
        busy_seconds=_of(float, found["busy_seconds"]),
        digest=_of(str, found["digest"]),
    )
    for name in COUNTED:
        setattr(summary, name, _of(int, found[name]))
    return Progress(plan, first_seed, next_seed, summary, failures, _of(float, found["elapsed_seconds"]))


def _of(kind: type[T], value: object) -> T:
    """Return a value if it is of a type.

    Raises:
        TypeError: it is not.
    """
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


def _unreadable(path: Path, problem: str) -> UnreadableState:
    return UnreadableState(f"{path}: no state of a soak: {problem}; move it away, or name another directory")
