"""The storage writes the same bytes, and finds the same in them, on every interpreter."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
GOLDEN = CHECKOUT / "tests" / "golden" / "version_1"


def run(interpreter, script, folder):
    done = subprocess.run(
        [*interpreter, "-m", f"tests.micropython.{script}", str(folder)], cwd=CHECKOUT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr or done.stdout
    return done.stdout


def same_files(one, other):
    for file in one.iterdir():
        assert file.read_bytes() == (other / file.name).read_bytes()


def test_a_life_on_micropython_leaves_the_same_files(micropython, tmp_path):
    places = [tmp_path / name for name in ("cpython", "micropython")]
    for place in places:
        place.mkdir()
    expected = run((sys.executable,), "storage_life", places[0])

    assert run(micropython.argv, "storage_life", places[1]) == expected
    same_files(*places)


def test_a_golden_directory_is_read_on_micropython(micropython, tmp_path):
    places = [tmp_path / name for name in ("cpython", "micropython")]
    for place in places:
        shutil.copytree(GOLDEN / "member", place)
    expected = run((sys.executable,), "storage_golden", places[0])

    found = run(micropython.argv, "storage_golden", places[1])
    assert found == expected
    same_files(*places)
    described = json.loads((GOLDEN / "member.json").read_text(encoding="utf-8"))
    assert found.count("Entry(") == len(described["entries"])
    ballot = described["ballot"]
    assert f"ballot {ballot['number']} {ballot['term']} {ballot['vote'].encode()} {ballot['cluster']}\n" in found
