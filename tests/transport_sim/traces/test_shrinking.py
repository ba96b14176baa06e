"""Shrinking, on copies of the sources with deliberate bugs in them."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from tests.transport_sim.traces import mutated, sample
from transport_sim import Simulation
from transport_sim.commands.shrink import command
from transport_sim.traces.reading import opened
from transport_sim.traces.replaying import Recipe
from transport_sim.traces.shrinking import NothingToShrink, shrink
from transport_sim.traces.writing import trace_file

# Run on the mutated sources: shrinks with one job and with two, and judges what is left by running it again.
JUDGE = """
import json, sys
from dataclasses import asdict, replace
from transport_sim.faults import KINDS
from transport_sim.traces.replaying import Recipe
from transport_sim.traces.shrinking import shrink

def broken(recipe):
    simulation = recipe.simulation()
    violation = simulation.run().violation
    return None if violation is None else [violation.invariant, violation.place], simulation.decisions

seed, nodes, seconds, jobs = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), json.loads(sys.argv[4])
recipe = Recipe(seed, nodes, KINDS, seconds)
seen = []
found = [shrink(recipe, number, 300, lambda runs, left: seen.append((runs, left))) for number in jobs]
after = found[0].after
print(json.dumps({
    "found": [asdict(one) for one in found],
    "seen": seen,
    "before": broken(recipe)[0],
    "after": broken(after),
    "without": [broken(replace(after, only=tuple(k for k in after.only if k != key)))[0] for key in after.only],
}))
"""

# name, nodes, seconds, jobs
BUGS = [
    ("vote reply before it is durable", 5, 3, [1]),
    ("no no-op at the start of a term", 3, 4, [1]),
    ("commands are answered with another's result", 5, 5, [1]),
    ("votes twice in a term", 3, 3, [1, 2]),
    ("truncation without conflict", 3, 2, [1]),
    ("commit by counting old terms", 3, 3, [1]),
    (mutated.RAISES.name, 4, 2, [1]),
]


@pytest.mark.parametrize(("name", "nodes", "seconds", "jobs"), BUGS, ids=[bug[0] for bug in BUGS])
def test_what_is_left_breaks_the_same_promise_and_nothing_can_be_left_out(name, nodes, seconds, jobs, tmp_path):
    folder = mutated.sources(name, tmp_path)
    seed = mutated.failing_seed(folder, nodes, seconds)

    ran = mutated.python(folder, "-c", JUDGE, seed, nodes, seconds, json.dumps(jobs))

    assert ran.returncode == 0, ran.stderr
    told = mutated.told(ran)
    shrunk, *others = told["found"]
    assert all(other == shrunk for other in others), "the number of jobs makes a difference"
    assert told["before"] is not None
    assert shrunk["promise"] == told["before"][0]
    assert shrunk["complete"]
    broken, decisions = told["after"]
    assert broken == told["before"]
    assert sorted(decisions) == shrunk["after"]["only"], "each decision that is left is carried out"
    assert all(without != broken for without in told["without"]), "a decision could still be left out"
    assert shrunk["after"]["nodes"] <= nodes
    assert shrunk["decisions_after"] == len(decisions)
    assert shrunk["decisions_after"] <= shrunk["decisions_before"] / 5
    assert told["seen"][-1] == [others[-1]["runs"] if others else shrunk["runs"], len(decisions)]


def test_a_run_that_breaks_nothing_cannot_be_shrunk():
    with pytest.raises(NothingToShrink, match="seed 1 breaks no promise, so there is nothing to shrink"):
        shrink(Recipe(1, 3, (), 1.0), 1, 60, lambda runs, left: None)


# The command


@pytest.fixture(scope="module")
def failing(tmp_path_factory):
    """The sources with a bug, and the trace of a run that takes long to shrink."""
    folder = mutated.sources("votes twice in a term", tmp_path_factory.mktemp("sources"))
    path = tmp_path_factory.mktemp("trace") / "run.ndjson"
    seed = mutated.failing_seed(folder, 3, 3)
    arguments = ["--seed", seed, "--nodes", "3", "--seconds", "3", "--trace", path]
    ran = mutated.quorate(folder, "sim", "run", *arguments)
    assert ran.returncode == 1, ran.stderr
    return folder, path


def test_the_shrunk_run_is_recorded_and_replays(failing, tmp_path):
    folder, path = failing
    small = tmp_path / "small.ndjson"

    ran = mutated.quorate(folder, "sim", "shrink", path, "-o", small, "--json")

    assert ran.returncode == 0, ran.stderr
    assert "E1 is still broken" in ran.stderr
    assert len(ran.stdout.splitlines()) == 1
    told = mutated.told(ran)
    assert (told["promise"], told["complete"], told["output"]) == ("E1", True, str(small))
    assert told["faults_and_commands"]["after"] < told["faults_and_commands"]["before"] / 5
    with opened(small) as trace:
        events = list(trace.events())
    assert [event["promise"] for event in events if event["event"] == "violation"] == ["E1"]
    assert len(trace.header.fields["only"]) == told["faults_and_commands"]["after"]
    assert trace.end["events"] == told["events"]["after"]
    replayed = mutated.told(mutated.quorate(folder, "sim", "replay", small, "--json", hash_seed="7"))
    assert (replayed["same"], replayed["digest"], replayed["violation"]) == (True, trace.end["digest"], "E1")

    # The output may be the trace itself, and what was shrunk is not made larger by shrinking it again.
    again = mutated.quorate(folder, "sim", "shrink", small, "-o", small, "--json")
    assert again.returncode == 0, again.stderr
    assert mutated.told(again)["faults_and_commands"]["after"] <= told["faults_and_commands"]["after"]
    assert mutated.quorate(folder, "sim", "replay", small).returncode == 0
    assert os.listdir(tmp_path) == ["small.ndjson"]


def test_out_of_time_the_smallest_run_so_far_is_written(failing, tmp_path):
    folder, path = failing
    small = tmp_path / "small.ndjson"

    ran = mutated.quorate(folder, "sim", "shrink", path, "-o", small, "--seconds", "0.3", "--jobs", "1", "--json")

    assert ran.returncode == 0, ran.stderr
    told = mutated.told(ran)
    assert told["complete"] is False
    said = "".join(ran.stderr.split())  # a long path is broken into lines
    assert "".join(f"The 0.3 s are over; shrink {small} again to go on".split()) in said
    replayed = mutated.told(mutated.quorate(folder, "sim", "replay", small, "--json"))
    assert (replayed["same"], replayed["violation"]) == (True, "E1")


def test_time_ends_in_the_midst_of_a_run_that_does_not_end(tmp_path):
    """With fewer than five members this copy goes round for ever, so the first candidates have no end."""
    folder = mutated.sources("vote reply before it is durable", tmp_path / "sources")
    module = folder / "transport_sim" / "simulation.py"
    source = module.read_text()
    begin = "        self.seed = seed\n"
    assert source.count(begin) == 1
    module.write_text(source.replace(begin, begin + "        while nodes < 5:\n            pass\n"))
    small = tmp_path / "small.ndjson"
    path = tmp_path / "run.ndjson"
    assert mutated.quorate(folder, "sim", "run", "--seed", "0", "--seconds", "3", "--trace", path).returncode == 1

    began = time.monotonic()
    ran = mutated.quorate(folder, "sim", "shrink", path, "-o", small, "--seconds", "1", "--json", timeout=60)

    assert ran.returncode == 0, ran.stderr
    assert time.monotonic() - began < 30
    assert mutated.told(ran)["complete"] is False
    with opened(small) as trace:
        assert [event["promise"] for event in trace.events() if event["event"] == "violation"] == ["E1"]


def test_an_interrupt_leaves_nothing(failing, tmp_path):
    folder, path = failing
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    arguments = ["sim", "shrink", str(path), "-o", str(tmp_path / "small.ndjson"), "--jobs", "2"]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "quorate", *arguments],
        cwd=folder, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    children = f"/proc/{process.pid}/task/{process.pid}/children"
    deadline = time.monotonic() + 60
    with open(children) as listed:
        while len(listed.read().split()) < 3 and time.monotonic() < deadline:  # a tracker, and two that work
            time.sleep(0.01)
            listed.seek(0)

    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)

    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert os.listdir(tmp_path) == []


@pytest.fixture
def good(tmp_path):
    """The trace of a run that breaks nothing."""
    path = tmp_path / "good.ndjson"
    with trace_file(path) as write:
        assert Simulation(1, 3, ("drop",), 1, trace=write).run().violation is None
    return path


def test_a_good_run_is_exit_code_2(good, tmp_path):
    ran = CliRunner().invoke(command, [str(good), "-o", str(tmp_path / "small.ndjson"), "--jobs", "1", "--json"])
    assert ran.exit_code == 2
    assert "seed 1 breaks no promise, so there is nothing to shrink" in ran.stderr
    assert ran.stdout == ""
    assert not (tmp_path / "small.ndjson").exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nowhere.ndjson", "-o", "small.ndjson"], "nowhere.ndjson: cannot be read: No such file"),
        (["GOOD", "-o", "nowhere/small.ndjson"], "cannot be written: No such file or directory; name another"),
        (["GOOD"], "Missing option '--output'"),
        (["GOOD", "-o", "small.ndjson", "--seconds", "nan"], "nan is no number"),
        (["GOOD", "-o", "small.ndjson", "--seconds", "0"], "not in the range"),
        (["GOOD", "-o", "small.ndjson", "--jobs", "0"], "not in the range"),
    ],
)
def test_wrong_usage_is_exit_code_2_at_once(good, arguments, complaint):
    ran = CliRunner().invoke(command, [str(good) if argument == "GOOD" else argument for argument in arguments])
    assert ran.exit_code == 2
    assert complaint in ran.stderr


def test_a_trace_that_is_cut_off_is_refused(good, tmp_path):
    lines = good.read_text(encoding="utf-8").splitlines(keepends=True)
    cut = tmp_path / "cut.ndjson"
    cut.write_text("".join(lines[:-1]), encoding="utf-8")
    ran = CliRunner().invoke(command, [str(cut), "-o", str(tmp_path / "small.ndjson"), "--jobs", "1"])

    assert ran.exit_code == 2
    assert "breaks no promise" not in ran.stderr
    assert not (tmp_path / "small.ndjson").exists()


def test_a_trace_of_no_random_run_cannot_be_shrunk(tmp_path):
    lines = sample.lines(events=50)
    header = {**json.loads(lines[0]), "kind": "explore"}
    path = tmp_path / "explored.ndjson"
    path.write_text("\n".join([json.dumps(header), *lines[1:]]) + "\n", encoding="utf-8")
    ran = CliRunner().invoke(command, [str(path), "-o", str(tmp_path / "small.ndjson")])
    assert ran.exit_code == 2
    assert "no seed to run again" in ran.stderr


def test_help_teaches():
    ran = CliRunner().invoke(command, ["--help"])
    assert ran.exit_code == 0
    assert "quorate sim shrink run.ndjson --output small.ndjson" in ran.stdout
