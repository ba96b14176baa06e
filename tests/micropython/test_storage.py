"""The storage writes the same bytes, and finds the same in them, on every interpreter."""

import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def life(interpreter, folder):
    folder.mkdir()
    done = subprocess.run(
        [*interpreter, "-m", "tests.micropython.storage_life", str(folder)], cwd=CHECKOUT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr or done.stdout
    return done.stdout


def test_a_life_on_micropython_leaves_the_same_files(micropython, tmp_path):
    expected = life((sys.executable,), tmp_path / "cpython")

    assert life(micropython.argv, tmp_path / "micropython") == expected
    for file in (tmp_path / "cpython").iterdir():
        assert file.read_bytes() == (tmp_path / "micropython" / file.name).read_bytes()
