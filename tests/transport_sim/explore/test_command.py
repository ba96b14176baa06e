"""`quorate sim explore` on the command line."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.mutations.mutations import MUTATIONS
from tests.mutations.run import apply
from transport_sim.commands.explore import command

CHECKOUT = Path(__file__).resolve().parents[3]
SMALL = ["--nodes", "2", "--max-terms", "1", "--max-timeouts", "1", "--max-commands", "0", "--jobs", "1"]


def explore(*arguments):
    return CliRunner().invoke(command, [*arguments, "--json"])


def found(ran):
    return json.loads(ran.stdout.splitlines()[-1])


def test_a_bounded_look():
    ran = explore("--nodes", "3", "--max-states", "20000")

    assert ran.exit_code == 0
    summary = found(ran)
    assert summary["states"] == 20000
    assert summary["complete"] is False
    assert summary["violations"] == []
    assert summary["states_per_second"] > 0
    assert summary["transitions"] > summary["states"]
    assert summary["bounds"]["nodes"] == 3
    assert summary["depth"] > 3
    assert "Traceback" not in ran.output


def test_a_small_space_is_complete_and_goes_on_from_its_checkpoint(tmp_path):
    whole = found(explore(*SMALL))
    file = str(tmp_path / "walk")
    first = explore(*SMALL, "--max-states", "300", "--checkpoint", file)
    assert found(first)["complete"] is False
    assert "keeps it" in first.stderr

    again = found(explore("--resume", file))  # the bounds are those of the file

    assert whole["complete"] is True
    assert again["complete"] is True
    for name in ("states", "depth", "bounds"):
        assert again[name] == whole[name]


def test_a_checkpoint_of_other_bounds_is_wrong_usage(tmp_path):
    file = tmp_path / "walk"
    explore(*SMALL, "--checkpoint", str(file))

    ran = explore("--checkpoint", str(file), "--max-crashes", "2")
    assert ran.exit_code == 2
    assert "it was made with --max-crashes 1, not 2" in ran.stderr
    file.write_bytes(b"what is this")
    ran = explore("--checkpoint", str(file))
    assert ran.exit_code == 2
    assert "it is no checkpoint" in ran.stderr


def test_a_checkpoint_that_cannot_be_written_is_wrong_usage(tmp_path):
    ran = explore(*SMALL, "--checkpoint", str(tmp_path / "nowhere" / "walk"))

    assert ran.exit_code == 2
    assert "cannot be written" in ran.stderr


@pytest.mark.parametrize(
    "arguments",
    [["--nodes", "9"], ["--max-terms", "0"], ["--seconds", "nan"], ["--seconds", "0"], ["--max-states", "0"]],
)
def test_wrong_usage(arguments):
    ran = CliRunner().invoke(command, arguments)

    assert ran.exit_code == 2
    assert "Traceback" not in ran.output


def test_a_broken_promise_comes_with_a_trace(tmp_path):
    (mutation,) = [mutation for mutation in MUTATIONS if mutation.name == "votes twice in a term"]
    apply(mutation, tmp_path)

    ran = subprocess.run(
        [sys.executable, "-P", "-m", "transport_sim.commands.explore", "--max-heartbeats", "0", "--max-crashes", "0"]
        + ["--jobs", "2", "--output", "way.ndjson", "--json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert ran.returncode == 1, ran.stderr
    violation = json.loads(ran.stdout.splitlines()[-1])["violations"][0]
    assert violation["promise"] in ("E1", "S6")
    assert violation["trace"] == "way.ndjson"
    lines = (tmp_path / "way.ndjson").read_text().splitlines()
    header, events = json.loads(lines[0]), [json.loads(line) for line in lines[1:]]
    assert header["kind"] == "explore"
    assert len(header["path"]) == violation["steps"] + 1
    assert [event["promise"] for event in events if event["event"] == "violation"] == [violation["promise"]]
    assert events[-1]["event"] == "end"
    assert "is broken" in ran.stderr


def test_an_interrupted_exploration_is_kept(tmp_path):
    file = tmp_path / "walk"
    process = subprocess.Popen(
        [sys.executable, "-m", "transport_sim.commands.explore", "--jobs", "2", "--checkpoint", str(file)]
        + ["--seconds", "60", "--json"],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        process.communicate(timeout=4)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C at a terminal does
    out, err = process.communicate(timeout=60)

    assert process.returncode == 130, err
    states = json.loads(out.splitlines()[-1])["states"]
    assert "Traceback" not in err
    ran = explore("--checkpoint", str(file), "--max-states", str(states + 1000))
    assert found(ran)["states"] == states + 1000
