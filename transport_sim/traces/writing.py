"""Writes traces: a file is there under its name only when it is whole."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .recording import Line


class UnwritableTrace(Exception):
    """A trace cannot be written.

    Attributes:
        path: the file.
        problem: what the system says.
    """

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: cannot be written: {problem}; name another file, or make room")
        self.path = path
        self.problem = problem


@contextmanager
def trace_file(path: Path) -> Iterator[Callable[[Line], None]]:
    """Write a trace: yield what takes its lines, and give the file its name at the end.

    What takes the lines never fails: it is called in the midst of a run, where an error would pass for one of the run.
    A problem is told at the end.

    Args:
        path: the file; replaced if it is there.

    Raises:
        UnwritableTrace: when the file cannot be written.
    """
    unfinished = _unfinished(path)
    problems: list[OSError] = []
    try:
        with unfinished.open("w", encoding="utf-8", newline="\n") as stream:

            def write(line: Line) -> None:
                if problems:
                    return
                try:
                    stream.write(json.dumps(line, separators=(",", ":")) + "\n")
                except OSError as error:
                    problems.append(error)

            yield write
            if problems:
                raise problems[0]
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(unfinished, path)
    except OSError as error:
        raise UnwritableTrace(path, error.strerror or str(error)) from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """Find out now whether a trace could be written, before something is done that takes long.

    Args:
        path: the file; is not touched.

    Raises:
        UnwritableTrace: it could not.
    """
    unfinished = _unfinished(path)
    try:
        unfinished.open("w").close()
        unfinished.unlink()
    except OSError as error:
        raise UnwritableTrace(path, error.strerror or str(error)) from error


def check_replaceable(path: Path) -> None:
    """Raise `OSError` for what is there and no regular file: a device or a pipe must not be replaced by one."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is no regular file")


def _unfinished(path: Path) -> Path:
    try:
        check_replaceable(path)
    except OSError as error:
        raise UnwritableTrace(path, error.strerror or str(error)) from error
    return path.with_name(f"{path.name}.unfinished")
