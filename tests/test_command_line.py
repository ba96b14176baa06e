"""The command as programs and people call it: what it prints where, and its exit codes."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from quorate import SIM_COMMANDS
from tests.mutations.mutations import MUTATIONS
from tests.mutations.run import apply
from transport_sim.climate import CLIMATES
from transport_sim.faults import KINDS
from transport_sim.situations import SITUATIONS

ROOT = Path(__file__).resolve().parents[1]
KEYS = [
    "runs",
    "violations",
    "events_per_second",
    "events",
    "elections",
    "commits",
    "session_retries",
    "snapshots_installed",
    "membership_changes",
    "transfers",
    "reads",
    "lease_reads",
    "witness_degraded",
    "operations",
    "undecided_keys",
    "faults",
    "situations",
    "digest",
]


def quorate(*arguments, folder=ROOT, **environment):
    """Run the command with the sources in a folder."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "120", **environment}
    command = [sys.executable, "-P", "-m", "quorate", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """A copy of the sources with a bug that every seed shows soon."""
    folder = tmp_path_factory.mktemp("broken")
    apply(next(mutation for mutation in MUTATIONS if mutation.name == "vote reply before it is durable"), folder)
    shutil.copy(ROOT / "quorate.py", folder)
    return folder


def test_a_terminal_without_utf_8_will_do(tmp_path):
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    for arguments in (
        ("restore", "--help"),
        ("wal", "verify", str(ROOT / "tests" / "golden" / "version_1" / "member")),
    ):
        ran = quorate(*arguments, **plain)
        assert (ran.returncode, ran.stderr) == (0, "")
        assert ran.stdout


def test_a_history_is_written_and_the_command_that_checks_it_is_told(tmp_path):
    history = tmp_path / "history.ndjson"
    ran = quorate("sim", "run", "--seed", "3", "--nodes", "3", "--seconds", "4", "--history", str(history), "--json")

    assert ran.returncode == 0, ran.stderr
    assert f"check it: quorate sim check {history} --model " in ran.stderr
    assert len(history.read_text().splitlines()) == json.loads(ran.stdout)["operations"] > 0


def test_a_history_is_of_one_run_and_needs_a_place(tmp_path):
    many = quorate("sim", "run", "--history", "history.ndjson")
    place = tmp_path / "no" / "folder"
    nowhere = quorate("sim", "run", "--seed", "1", "--seconds", "600", "--history", str(place))  # told at once

    assert (many.returncode, nowhere.returncode) == (2, 2)
    assert "--history tells of one run; say which with --seed" in many.stderr
    assert f"quorate sim run: {place}: cannot be written: No such file or directory; name another" in nowhere.stderr


def test_json_is_the_only_thing_on_stdout_and_has_every_key():
    ran = quorate("sim", "run", "--seeds", "3", "--nodes", "3", "--seconds", "2", "--json")

    assert ran.returncode == 0, ran.stderr
    (line,) = ran.stdout.splitlines()
    summary = json.loads(line)
    assert list(summary) == KEYS
    assert summary["runs"] == 3
    assert summary["violations"] == []
    assert summary["elections"] >= 3
    assert summary["commits"] > 0
    assert "events per second and core" in ran.stderr
    assert set(summary["situations"]) == set(SITUATIONS)
    assert "situation: two-leaders" in ran.stderr


def test_climate_and_storage_are_part_of_the_command_that_replays_a_run(broken):
    options = ["--seeds", "1", "--seconds", "2", "--climate", "hostile", "--storage", "real", "--json"]
    ran = quorate("sim", "run", *options, folder=broken)

    (violation,) = json.loads(ran.stdout.splitlines()[-1])["violations"]
    assert violation["replay"].endswith(" --climate hostile --storage real")


def test_the_cost_of_the_checks_is_told_on_request_and_changes_nothing():
    options = ["--seeds", "1", "--seconds", "2", "--nodes", "3", "--jobs", "1", "--json"]
    plain, profiled = (json.loads(quorate("sim", "run", *options, *more).stdout) for more in ([], ["--profile"]))

    assert "cost" not in plain
    cost = profiled.pop("cost")
    assert profiled["digest"] == plain["digest"]
    assert cost["the whole run"]["share"] == 1.0
    rest = [part["share"] for name, part in cost.items() if name != "the whole run"]
    assert sum(rest) == pytest.approx(1.0, abs=0.001)
    assert {"digest", "situations", "sessions", "durability: disks", "messages that leave"} <= set(cost)


def test_one_seed_is_one_run():
    ran = quorate("sim", "run", "--seed", "7", "--seconds", "2", "--json")

    assert ran.returncode == 0
    assert json.loads(ran.stdout.splitlines()[-1])["runs"] == 1


def test_the_digest_does_not_depend_on_the_number_of_jobs():
    digests = []
    for jobs in ("1", "2", "3"):
        ran = quorate("sim", "run", "--seeds", "4", "--seconds", "2", "--jobs", jobs, "--json")
        digests.append(json.loads(ran.stdout)["digest"])
    assert len(set(digests)) == 1


@pytest.mark.parametrize("faults", ["all", "drop, crash"])
def test_a_violation_is_exit_code_1_and_comes_with_the_command_that_replays_it(broken, faults):
    ran = quorate("sim", "run", "--seeds", "2", "--seconds", "2.5", "--faults", faults, "--json", folder=broken)

    assert ran.returncode == 1
    violations = json.loads(ran.stdout.splitlines()[-1])["violations"]
    assert [violation["seed"] for violation in violations] == [0, 1]
    for violation in violations:
        assert violation["invariant"] == "E1"
        assert violation["replay"] in ran.stderr

    program, *arguments = shlex.split(violations[1]["replay"])
    assert program == "quorate"
    replayed = quorate(*arguments, "--json", folder=broken)
    assert replayed.returncode == 1
    (again,) = json.loads(replayed.stdout.splitlines()[-1])["violations"]
    assert again["message"] == violations[1]["message"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--faults", "gremlins"], "unknown fault 'gremlins'"),
        (["--faults", "all,none"], "all alone"),
        (["--nodes", "0"], "0 is not in the range"),
        (["--seeds", "0"], "0 is not in the range"),
        (["--seconds", "-1"], "-1.0 is not in the range"),
        (["--seconds", "nan"], "no number to count with"),
        (["--seed", "1", "--seeds", "2"], "--seed runs one seed"),
        (["--speed"], "No such option"),
        (["--climate", "tropical"], "'tropical' is not one of"),
        (["--storage", "tape"], "'tape' is not one of"),
        (["surplus"], "unexpected extra argument"),
    ],
)
def test_wrong_usage_is_exit_code_2_with_a_message(arguments, complaint):
    ran = quorate("sim", "run", *arguments)

    assert ran.returncode == 2
    assert complaint in ran.stderr
    assert "Traceback" not in ran.stderr
    assert ran.stdout == ""


def test_the_help_names_every_fault_and_every_climate():
    ran = quorate("sim", "run", "--help")

    text = "".join(ran.stdout.split())  # lines are broken at the hyphens of names, too
    assert all(name in text for name in (*KINDS, *CLIMATES))


def test_help_teaches():
    ran = quorate("--help")

    assert ran.returncode == 0
    assert "quorate demo" in ran.stdout
    assert "\\b" not in ran.stdout


@pytest.mark.parametrize("name", SIM_COMMANDS)
def test_the_help_of_every_command_keeps_its_examples_in_lines(name):
    ran = quorate("sim", name, "--help")

    assert ran.returncode == 0
    assert "\\b" not in ran.stdout


def test_a_run_of_one_seed_has_the_digest_of_its_trace(tmp_path):
    file = tmp_path / "run.ndjson"
    ran = quorate("sim", "run", "--seed", "3", "--seconds", "1", "--trace", str(file), "--json")

    assert json.loads(ran.stdout)["digest"] == json.loads(file.read_text().splitlines()[-1])["digest"]


@pytest.mark.parametrize("group", [True, False], ids=["to the group", "to the command alone"])
@pytest.mark.parametrize(("signal_number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_simulation_ends_quietly(signal_number, code, group):
    command = [sys.executable, "-m", "quorate", "sim", "run", "--seeds", "100000", "--jobs", "2"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + 60
    while len(children.read_text().split()) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)

    # Ctrl-C reaches the whole group of a terminal; a supervisor signals the group, or the process that it knows.
    if group:
        os.killpg(process.pid, signal_number)
    else:
        process.send_signal(signal_number)
    _, errors = process.communicate(timeout=60)

    assert process.returncode == code
    assert "Traceback" not in errors


def test_the_demonstration_ends_with_exit_code_0():
    ran = quorate("demo")

    assert ran.returncode == 0, ran.stdout
    assert "no acknowledged write was lost" in ran.stdout
    assert ran.stderr == ""
