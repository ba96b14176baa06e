"""Tests of users, run by pytest as users run it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]

ACCOUNT = """
import random

import pytest


class Account:
    def __init__(self):
        self.balance = 100

    def apply(self, command):
        if self.balance >= LIMIT:
            self.balance -= 10
        return self.balance

    def snapshot(self):
        return [str(self.balance).encode()]

    def restore(self, chunks):
        self.balance = int(b"".join(chunks))


def spend(client):
    while True:
        yield client.call(b"withdraw 10")
        yield client.sleep(0.1)


def never_negative(account):
    assert account.balance >= 0
"""

PASSING = (
    ACCOUNT
    + """
LIMIT = 10


@pytest.mark.simulation(seeds=3, nodes=3, seconds=4)
def test_account(simulation):
    results = simulation(machine=Account, clients=[spend], invariant=never_negative)
    assert [result.seed for result in results] == [0, 1, 2]
"""
)

FAILING = (
    ACCOUNT
    + """
LIMIT = 0


class TestAccounts:
    @pytest.mark.simulation(seeds=30, seconds=4)
    @pytest.mark.parametrize("name", ["a b"])
    def test_account(self, simulation, name):
        simulation(machine=Account, clients=[spend, spend], invariant=never_negative)
"""
)

CHANCY = (
    ACCOUNT
    + """
LIMIT = 10


class Chancy(Account):
    def apply(self, command):
        return super().apply(command) + random.random()


def test_account(simulation):
    simulation(machine=Chancy, clients=[spend])
"""
)


def run_pytest(folder, *arguments, code=None, **environment):
    if code is not None:
        (folder / "test_bank.py").write_text(code)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    inherited.pop("PYTHONHASHSEED", None)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "transport_sim.pytest_plugin", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env={**inherited, "PYTHONPATH": str(CHECKOUT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_what_is_right_passes(tmp_path):
    ran = run_pytest(tmp_path, "--strict-markers", code=PASSING)
    assert ran.returncode == 0, ran.stdout
    assert "1 passed" in ran.stdout


def test_a_failure_tells_how_to_see_it_again_and_it_shows_again(tmp_path):
    first = run_pytest(tmp_path, code=FAILING)
    assert first.returncode == 1, first.stdout
    section = first.stdout.partition("- simulation -")[2]
    replay = re.search(
        r"replay: pytest ('test_bank.py::TestAccounts::test_account\[a b\]') --sim-seed (\d+)\n", section
    )
    assert replay is not None, first.stdout
    told = re.search(r"seed \d+: invariant: never_negative does not hold on n\d.*", section)[0]
    assert "assert account.balance >= 0" in first.stdout, "the line of the user's code"

    again = run_pytest(tmp_path, replay[1].strip("'"), "--sim-seed", replay[2])
    assert again.returncode == 1
    assert told in again.stdout


def test_the_command_works_from_where_pytest_was_started(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "test_bank.py").write_text(FAILING)
    ran = run_pytest(inner, "../test_bank.py", PYTHONHASHSEED="5")
    assert "replay: PYTHONHASHSEED=5 pytest '../test_bank.py::TestAccounts::test_account[a b]' --sim-seed" in ran.stdout


def test_traces_of_failing_runs_are_kept(tmp_path):
    from transport_sim.traces.reading import opened

    ran = run_pytest(tmp_path, "--sim-trace", "traces", code=FAILING)
    assert ran.returncode == 1
    (path,) = (tmp_path / "traces").iterdir()
    assert f"trace: traces/{path.name}; quorate sim explain traces/{path.name} --output run.html" in ran.stdout
    with opened(path) as trace:
        assert any(event["event"] == "violation" for event in trace.events())


def test_a_machine_that_is_not_deterministic_is_reported(tmp_path):
    ran = run_pytest(tmp_path, code=CHANCY)
    assert ran.returncode == 1
    assert "Chancy is not deterministic" in ran.stdout
    assert "PYTHONHASHSEED=0" in ran.stdout


@pytest.mark.parametrize(
    ("marker", "told"),
    [("seed=3", "takes seeds, nodes, faults and seconds"), ("seeds=0", "seeds is 0; it must be an integer, 1 or more")],
)
def test_a_wrong_marker_is_named(tmp_path, marker, told):
    ran = run_pytest(tmp_path, code=PASSING.replace("seeds=3, nodes=3, seconds=4", marker))
    assert ran.returncode != 0
    assert told in ran.stdout


def test_other_tests_notice_nothing(tmp_path):
    code = """
import sys

import pytest


@pytest.fixture
def simulation():
    return "my own"


def test_mine(simulation):
    assert simulation == "my own"
    heavy = {"raft", "actors", "pykka", "gevent", "loguru", "rich", "transport_sim.simulation"}
    assert not heavy & set(sys.modules)
"""
    ran = run_pytest(tmp_path, code=code)
    assert ran.returncode == 0, ran.stdout


def test_pytest_finds_the_plugin_where_quorate_is_installed():
    import configparser

    metadata = configparser.ConfigParser()
    metadata.read(CHECKOUT / "setup.cfg")
    assert metadata["options.entry_points"]["pytest11"].strip() == "quorate = transport_sim.pytest_plugin"
