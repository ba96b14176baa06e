"""The MicroPython interpreters that tests can run."""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

FETCHED = Path(__file__).resolve().parents[2] / ".micropython"
REQUIRED = "QUORATE_REQUIRE_MICROPYTHON"


class Interpreter(NamedTuple):
    """One interpreter: its name in test ids, and the command that starts it."""

    name: str
    argv: tuple[str, ...]


def find(fetched=FETCHED):
    """Lists the interpreters that tests/micropython/fetch brought and the one on PATH, always in the same order."""
    found = [Interpreter(run.parent.name, (str(run),)) for run in sorted(fetched.glob("*/run"))]
    on_path = shutil.which("micropython")
    if on_path:
        found.append(Interpreter("path", (on_path,)))
    return found


def none_found():
    """Skips the test, or fails it where an interpreter is required."""
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"no MicroPython found although {REQUIRED}=1: run tests/micropython/fetch")
    pytest.skip("no MicroPython found: run tests/micropython/fetch, or put micropython on PATH")


@pytest.fixture(params=find() or [None], ids=lambda interpreter: interpreter.name if interpreter else "none")
def micropython(request):
    """Runs the test once with each interpreter."""
    return request.param or none_found()
