"""A rolling upgrade goes the same way on every interpreter."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


def life(interpreter):
    done = subprocess.run(
        [*interpreter, "-m", "tests.micropython.upgrade_life"], cwd=CHECKOUT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr or done.stdout
    return done.stdout


@pytest.mark.contract("M10")
def test_a_rolling_upgrade_on_micropython_is_the_same(micropython):
    expected = life((sys.executable,))

    assert [line for line in expected.splitlines() if line.startswith("in force")] == [
        "in force: [1, 1, 1]",
        "in force: [1, 1, 1]",
        "in force: [1, 1, 1]",
        "in force: [3, 3, 3]",
    ]
    assert "the cluster is at feature level 3, and this program supports levels up to 2" in expected
    assert life(micropython.argv) == expected
