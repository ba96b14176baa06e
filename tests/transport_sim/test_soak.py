"""A soak: it can be cut off at any moment and goes on where it was, and nothing that it found is lost."""

import json
import os
import re
import resource
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.transport_sim.traces import mutated
from transport_sim.climate import CLIMATES
from transport_sim.commands.soak import command
from transport_sim.journal import Failure, Journal, OtherSettings, Progress, UnreadableState, UnusableDirectory
from transport_sim.runner import Plan, run_seed
from transport_sim.simulation import Violation
from transport_sim.soak import soak

PLAN = Plan(3, ("drop", "crash"), 0.5)
SOAK = "from transport_sim.commands.soak import command; command()"
FAST = ["--nodes", "3", "--seconds", "0.5", "--faults", "drop,crash"]


class Enough(Exception):
    """Ends a soak after so many seeds, as an interrupt would."""


def soak_until(directory, next_seed, jobs=2, **settings):
    """Soak up to a seed; return the progress when it got there."""
    seen = []

    def watch(progress):
        seen.append(progress)
        if progress.next_seed >= next_seed:
            raise Enough

    with pytest.raises(Enough):
        soak(directory, PLAN, jobs, progress=watch, **settings)
    return seen[-1]


def state_of(directory):
    return json.loads((directory / "state.json").read_text(encoding="utf-8"))


def test_sums_are_those_of_the_runs(tmp_path):
    progress = soak_until(tmp_path / "soak", 12, first_seed=3)

    results = [run_seed((seed, PLAN, None, None))[0] for seed in range(3, 12)]
    summary = progress.summary
    assert (progress.first_seed, progress.next_seed, summary.runs) == (3, 12, 9)
    assert summary.events == sum(result.events for result in results)
    assert summary.commits == sum(result.commits for result in results)
    assert summary.faults["drop"] == sum(result.faults["drop"] for result in results)
    assert progress.failures == ()


def test_taken_up_again_it_goes_on_and_adds_up(tmp_path):
    whole = soak_until(tmp_path / "whole", 15, jobs=1)
    soak_until(tmp_path / "parts", 4)
    soak_until(tmp_path / "parts", 9, jobs=1)
    parts = soak_until(tmp_path / "parts", 15)

    assert parts.summary.digest == whole.summary.digest
    assert parts.summary.faults == whole.summary.faults
    assert parts.summary.situations == whole.summary.situations
    assert (parts.summary.runs, parts.summary.events) == (whole.summary.runs, whole.summary.events)
    assert parts.elapsed_s > 0
    told = state_of(tmp_path / "parts")
    assert (told["next_seed"], told["events"], told["digest"]) == (15, whole.summary.events, whole.summary.digest)


def test_progress_survives_as_it_was_saved(tmp_path):
    result, busy_seconds = run_seed((7, PLAN, None, None))
    failure = Failure(Violation(7, "S1", "two leaders", "n1"), "quorate …", "seed-7.ndjson", None)
    result.violation = failure.violation
    progress = Progress(PLAN, 7, 7).after(result, busy_seconds, failure)
    with Journal(tmp_path) as journal:
        journal.save(progress)
        assert journal.load(PLAN, None) == progress
        assert journal.load(PLAN, 7) == progress


@pytest.mark.parametrize(
    ("plan", "first_seed", "told"),
    [
        (Plan(5, PLAN.faults, PLAN.seconds), None, "nodes 3 there, 5 here"),
        (Plan(3, ("drop",), PLAN.seconds), None, 'faults ["drop", "crash"] there, ["drop"] here'),
        (Plan(3, PLAN.faults, 2), None, "seconds 0.5 there, 2.0 here"),
        (PLAN, 5, "first_seed 0 there, 5 here"),
        (replace(PLAN, climate="calm"), None, 'climate null there, "calm" here'),
        (replace(PLAN, storage="real"), None, 'storage null there, "real" here'),
        (Plan(5, PLAN.faults, 2), None, "nodes 3 there, 5 here; seconds 0.5 there, 2.0 here"),
    ],
)
def test_other_settings_are_refused(tmp_path, plan, first_seed, told):
    with Journal(tmp_path) as journal:
        journal.save(Progress(PLAN, 0, 3))
        with pytest.raises(OtherSettings) as caught:
            journal.load(plan, first_seed)
    assert told in str(caught.value)
    assert "Repeat its settings to go on with it, or name another directory" in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "{}", '{"soak":"quorate","version":1}', "\xff", "[" * 100_000])
def test_what_is_no_state_is_refused(tmp_path, text):
    (tmp_path / "state.json").write_bytes(text.encode("latin-1"))
    with Journal(tmp_path) as journal, pytest.raises(UnreadableState, match="move it away, or name another directory"):
        journal.load(PLAN, None)


def test_every_field_of_the_state_is_needed(tmp_path):
    with Journal(tmp_path) as journal:
        journal.save(Progress(PLAN, 0, 3))
        whole = state_of(tmp_path)
        for field in whole:
            (tmp_path / "state.json").write_text(json.dumps({**whole, field: None}))
            with pytest.raises((UnreadableState, OtherSettings)):
                journal.load(PLAN, None)


def test_a_state_that_cannot_be_written_leaves_the_one_before(tmp_path):
    """A limit on the size of files stands for a full disk."""
    before = Progress(PLAN, 0, 3)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with Journal(tmp_path) as journal:
        journal.save(before)
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
            with pytest.raises(UnusableDirectory, match="File too large; name another directory, or make room"):
                journal.save(Progress(PLAN, 0, 4))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, handler)
        assert journal.load(PLAN, None).next_seed == before.next_seed
    assert sorted(os.listdir(tmp_path)) == [".lock", "state.json"]


def test_two_soaks_do_not_share_a_directory(tmp_path):
    with Journal(tmp_path), pytest.raises(UnusableDirectory, match="another soak runs there"), Journal(tmp_path):
        pass
    with Journal(tmp_path):
        pass  # it is free again


def test_a_directory_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UnusableDirectory, match="cannot be used: Not a directory"), Journal(tmp_path / "file" / "soak"):
        pass


def test_killed_at_any_moment_it_goes_on(tmp_path):
    """Each time it is killed a little later, saving as often as it can; no run is lost, and none is counted twice."""
    program = (
        "from pathlib import Path; import sys; from transport_sim import soak; from transport_sim.runner import Plan\n"
        "soak.SAVE_EVERY_S = 0\n"
        f"soak.soak(Path(sys.argv[1]), {PLAN!r}, 1, progress=lambda p: print(p.next_seed, flush=True))\n"
    )
    directory = tmp_path / "soak"
    environment = {**os.environ, "PYTHONPATH": str(mutated.ROOT)}
    begins = []
    for delay_s in (0.0, 0.01, 0.03, 0.1):
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(directory)], stdout=subprocess.PIPE, env=environment, text=True
        )
        begins.append(int(process.stdout.readline()))
        process.stdout.readline()  # at least one run more
        time.sleep(delay_s)
        process.kill()
        process.communicate()
        state_of(directory)

    assert begins == sorted(set(begins)), "it did not get further"
    last = soak_until(directory, begins[-1] + 10)
    assert last.summary.digest == soak_until(tmp_path / "whole", last.next_seed).summary.digest


# Failures


def run(folder, *arguments):
    return mutated.python(folder, "-c", SOAK, *arguments, "--jobs", "2", "--json", timeout=120)


def ends_after(folder, failures):
    """Let soaks with these sources end after so many failures, whatever the time."""
    module = folder / "transport_sim" / "soak.py"
    source, count = re.subn(r"MOST_FAILURES = \d+", f"MOST_FAILURES = {failures}", module.read_text())
    assert count == 1
    module.write_text(source)


def test_a_violation_is_found_and_kept_with_all_that_it_takes_to_see_it_again(tmp_path):
    folder = mutated.sources("no no-op at the start of a term", tmp_path / "sources")
    directory = tmp_path / "my soak"
    settings = ["--nodes", "3", "--seconds", "3", "--state", directory]

    ends_after(folder, 2)
    ran = run(folder, *settings)

    assert ran.returncode == 1, ran.stderr
    told = mutated.told(ran)
    assert len(ran.stdout.splitlines()) == 1
    assert [violation["promise"] for violation in told["violations"]] == ["R3", "R3"]
    for violation in told["violations"]:
        seed = violation["seed"]
        assert violation == json.loads((directory / f"seed-{seed}.json").read_text(encoding="utf-8"))
        assert violation["trace"] == f"seed-{seed}.ndjson"
        assert violation["note"] is None
        assert f"seed {seed} breaks R3" in ran.stderr
        assert violation["command"] in ran.stderr
    assert "It ends after 2 failures" in ran.stderr
    first = told["violations"][0]
    replayed = mutated.told(mutated.quorate(folder, "sim", "replay", directory / first["trace"], "--json"))
    assert (replayed["same"], replayed["violation"]) == (True, "R3")
    again = mutated.quorate(folder, *shlex.split(first["command"])[1:], "--json")
    assert mutated.told(again)["violations"][0]["message"] == first["message"]

    # Taken up again it still knows them, and goes on.
    ends_after(folder, 3)
    later = run(folder, *settings)
    assert later.returncode == 1, later.stderr
    assert f"goes on at seed {told['next_seed']}, with 2 violations so far" in later.stderr
    assert mutated.told(later)["violations"][:2] == told["violations"]
    assert len(mutated.told(later)["violations"]) == 3


def test_a_run_that_never_ends_is_reported_and_the_soak_goes_on(tmp_path):
    folder = mutated.sources("vote reply before it is durable", tmp_path / "sources")
    module = folder / "transport_sim" / "simulation.py"
    begin = "        self.seed = seed\n"
    source = module.read_text()
    assert source.count(begin) == 1
    module.write_text(source.replace(begin, begin + "        while seed in (1, 4):\n            pass\n"))
    ends_after(folder, 2)
    directory = tmp_path / "soak"

    ran = run(
        folder, "--nodes", "1", "--seconds", "0.1", "--faults", "none", "--longest-run", "1", "--state", directory
    )

    assert ran.returncode == 1, ran.stderr
    told = mutated.told(ran)
    assert [violation["seed"] for violation in told["violations"]] == [1, 4]
    assert told["seeds"] == 5
    assert told["events"] > 0
    for hang in told["violations"]:
        assert (hang["promise"], hang["message"]) == ("hangs", "no answer within 1 s")
        assert (hang["trace"], hang["note"]) == (None, "a run without an answer has no trace")
        assert f"seed {hang['seed']} hangs" in ran.stderr
        assert json.loads((directory / f"seed-{hang['seed']}.json").read_text()) == hang


# The command


@pytest.mark.parametrize(("signal_number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_saves_first(tmp_path, signal_number, code):
    directory = tmp_path / "soak"
    environment = {**os.environ, "PYTHONPATH": str(mutated.ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", SOAK, *FAST, "--state", str(directory), "--json"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not (directory / "state.json").exists() and time.monotonic() < deadline:
        time.sleep(0.01)

    os.killpg(process.pid, signal_number)
    output, errors = process.communicate(timeout=60)

    assert process.returncode == code, errors
    assert "Traceback" not in errors
    state = state_of(directory)
    assert state["next_seed"] > 0
    if signal_number == signal.SIGINT:
        told = json.loads(output.splitlines()[-1])
        assert (told["interrupted"], told["next_seed"], told["digest"]) == (True, state["next_seed"], state["digest"])
        assert "the same command goes on from here" in errors


def test_when_the_time_is_over_and_nothing_broke_it_is_exit_code_0(tmp_path):
    ran = run(mutated.ROOT, *FAST, "--minutes", "0.04", "--state", tmp_path / "soak")
    assert ran.returncode == 0, ran.stderr
    (line,) = ran.stdout.splitlines()
    told = json.loads(line)
    assert told["seeds"] == told["next_seed"]
    assert told["violations"] == []
    assert told["minutes"] >= 0.04
    assert state_of(tmp_path / "soak")["digest"] == told["digest"]
    assert "violations" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--minutes", "0"], "not in the range"),
        (["--minutes", "nan"], "nan is no number"),
        (["--longest-run", "-1"], "not in the range"),
        (["--seconds", "601"], "not in the range"),
        (["--nodes", "10"], "not in the range"),
        (["--faults", "gremlins"], "unknown fault 'gremlins'"),
        (["--state", "FILE"], "is a file"),
        (["--state", "FILE/soak"], "cannot be used: Not a directory"),
        (["--state", "OTHER", "--nodes", "5"], "nodes 3 there, 5 here"),
    ],
)
def test_wrong_usage_is_exit_code_2(tmp_path, arguments, complaint):
    (tmp_path / "file").touch()
    with Journal(tmp_path / "other") as journal:
        journal.save(Progress(PLAN, 0, 3))
    places = {"FILE": "file", "FILE/soak": "file/soak", "OTHER": "other"}
    given = [str(tmp_path / places[text]) if text in places else text for text in arguments]
    ran = CliRunner().invoke(command, [*FAST, "--state", str(tmp_path / "soak"), *given, "--json"])
    assert ran.exit_code == 2, ran.output
    assert complaint in ran.stderr
    assert ran.stdout == ""


def test_help_teaches():
    ran = CliRunner().invoke(command, ["--help"])
    assert ran.exit_code == 0
    assert "quorate sim soak --minutes 60" in ran.stdout


def test_the_files_of_a_soak_are_those_that_are_told(tmp_path):
    soak_until(tmp_path, 3)
    assert sorted(path.name for path in Path(tmp_path).iterdir()) == [".lock", "state.json"]


def test_the_command_knows_every_climate():
    (option,) = [option for option in command.params if option.name == "climate"]
    assert list(option.type.choices) == list(CLIMATES)
