import re
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]

SHOWN = {
    "counter.py": ["led, and is killed", "4 times 25 additions came to 100"],
    "local_cluster.py": ["leads; greeting is b'hello'", "leads; greeting is b'hello again'"],
    "lock_and_election.py": [
        "ann has the printer",
        "ann gives it back",
        "bob has the printer",
        "bob gives it back",
        "cid has the printer",
        "cid gives it back",
        "each had a greater token than the one before: True",
        "ann leads",
        "bob leads",
    ],
    "members.py": [
        "3 nodes: n1, n2, n3",
        "5 nodes: n1, n2, n3, n4, n5",
        "leadership goes to n3",
        "n1 has left: n2, n3, n4, n5",
        "writes, all kept: True",
    ],
    "own_state_machine.py": [
        "added wash, 1 waiting",
        "added dry, 2 waiting",
        "added fold, 3 waiting",
        "took wash",
        "took dry, by the next leader",
    ],
    "simulate_your_own.py": ["40 runs under faults, and the shop adds up"],
}


@pytest.mark.parametrize("example", sorted(SHOWN))
def test_the_example_runs_as_a_script(example):
    command = [sys.executable, str(CHECKOUT / "examples" / example)]
    environment = {"PYTHONPATH": str(CHECKOUT)}

    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    assert (ran.returncode, ran.stderr) == (0, "")
    lines = ran.stdout.splitlines()
    assert len(lines) == len(SHOWN[example])
    assert all(expected in line for expected, line in zip(SHOWN[example], lines, strict=True))


def test_the_simulator_finds_the_bug_of_the_example():
    command = [sys.executable, str(CHECKOUT / "examples" / "simulate_your_own.py"), "buggy"]

    ran = subprocess.run(
        command, env={"PYTHONPATH": str(CHECKOUT)}, capture_output=True, text=True, timeout=60, check=False
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    assert "restore of BuggyShop does not bring back what snapshot saved" in ran.stdout
    assert "replay: Simulation(" in ran.stdout


PIECES = re.findall(r"```python\n(.*?)```", (CHECKOUT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("number", range(len(PIECES)))
def test_what_the_readme_shows_runs(number, tmp_path):
    command = [sys.executable, "-c", PIECES[number]]
    environment = {"PYTHONPATH": str(CHECKOUT)}

    ran = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert (ran.returncode, ran.stderr) == (0, "")
