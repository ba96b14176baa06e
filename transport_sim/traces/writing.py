"""Writes traces: a file is there under its name only when it is whole."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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

    Args:
        path: the file; replaced if it is there.

    Raises:
        UnwritableTrace: when the file cannot be written.
    """
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        with unfinished.open("w", encoding="utf-8", newline="\n") as stream:

            def write(line: Line) -> None:
                stream.write(json.dumps(line, separators=(",", ":")) + "\n")

            yield write
        os.replace(unfinished, path)
    except OSError as error:
        raise UnwritableTrace(path, error.strerror or str(error)) from error
    finally:
        unfinished.unlink(missing_ok=True)
