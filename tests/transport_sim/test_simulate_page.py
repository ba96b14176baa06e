"""Every block of code on the page about simulating machines of one's own does what the page says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PIECES = re.findall(r"```python\n(.*?)```", (CHECKOUT / "docs" / "simulate.md").read_text(encoding="utf-8"), re.DOTALL)


def run(folder, *command):
    environment = {"PYTHONPATH": str(CHECKOUT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PATH": os.environ["PATH"]}
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("number", [number for number, piece in enumerate(PIECES) if "def test_" not in piece])
def test_a_piece_runs(number, tmp_path):
    ran = run(tmp_path, "-c", PIECES[number])
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_test_on_the_page_passes(tmp_path):
    (piece,) = [piece for piece in PIECES if "def test_" in piece]
    (tmp_path / "test_page.py").write_text(piece)
    ran = run(
        tmp_path, "-m", "pytest", "-p", "transport_sim.pytest_plugin", "-p", "no:cacheprovider", "--strict-markers"
    )
    assert "1 passed" in ran.stdout, ran.stdout


def test_the_piece_with_the_invariant_fails_when_the_machine_is_wrong(tmp_path):
    wrong = PIECES[0].replace("if self.balance + amount < 0:", "if False:")
    ran = run(tmp_path, "-c", wrong)
    assert ran.returncode == 1
    assert re.search(r"SimulationFailed: seed \d breaks 'invariant': never_negative does not hold on n\d", ran.stderr)
