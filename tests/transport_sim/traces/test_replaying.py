"""A recorded run is run again, and must do the same, line for line."""

import json
import shutil

import pytest
from click.testing import CliRunner

from tests.transport_sim.traces import mutated
from transport_sim import Simulation
from transport_sim.commands.replay import command
from transport_sim.faults import KINDS
from transport_sim.traces.reading import MalformedTrace, NoTrace, TraceError, TruncatedTrace
from transport_sim.traces.replaying import Recipe, replay, replay_recipe
from transport_sim.traces.writing import trace_file


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The file of a recorded run, and what it came to."""
    path = tmp_path_factory.mktemp("replay") / "run.ndjson"
    with trace_file(path) as write:
        result = Simulation(4, nodes=3, seconds=2, trace=write).run()
    return path, result


@pytest.fixture
def changed(recorded, tmp_path):
    """Makes a trace of the recorded one by changing the list of its lines."""

    def change(edit):
        lines = recorded[0].read_text(encoding="utf-8").splitlines()
        edit(lines)
        path = tmp_path / "changed.ndjson"
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        return path

    return change


def with_fields(line, **fields):
    return json.dumps({**json.loads(line), **fields})


def test_the_same_run_does_the_same(recorded):
    path, result = recorded
    found = replay(path)
    assert found.parting is None
    assert (found.digest, found.broken, found.recorded_digest) == (result.digest, None, result.digest)
    assert found.lines == len(path.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("hash_seed", ["1", "random"])
def test_another_process_with_another_hash_seed_does_the_same(recorded, hash_seed):
    path, result = recorded
    ran = mutated.quorate(mutated.ROOT, "sim", "replay", path, "--json", hash_seed=hash_seed)
    assert ran.returncode == 0, ran.stderr
    found = mutated.told(ran)
    assert (found["same"], found["digest"], found["recorded_digest"]) == (True, result.digest, result.digest)
    assert found["parts_at_line"] is None


def test_two_runs_of_a_seed_are_the_same():
    found = replay_recipe(Recipe(3, 3, KINDS, 2.0))
    assert found.parting is None
    assert found.lines > 100
    assert found.recorded_digest == found.digest


@pytest.mark.parametrize("place", [2, 100, -2])
def test_a_changed_line_is_told_with_both_versions(changed, place):
    def edit(lines):
        lines[place] = with_fields(lines[place], surprise=1)

    path = changed(edit)
    count = len(path.read_text(encoding="utf-8").splitlines())
    found = replay(path)
    assert found.parting.line == (place + 1 if place > 0 else count + place + 1)
    assert found.parting.recorded == {**found.parting.replayed, "surprise": 1}
    assert found.recorded_digest == found.digest, "the run goes on to its end, and so does reading"


def test_true_is_not_one(changed):
    """Python takes them for equal."""

    def edit(lines):
        place = next(i for i, line in enumerate(lines) if '"granted":true' in line)
        lines[place] = lines[place].replace('"granted":true', '"granted":1')

    assert replay(changed(edit)).parting.recorded["message"]["granted"] == 1


def test_a_line_written_in_another_way_is_the_same_line(changed):
    def edit(lines):
        lines[5] = json.dumps(dict(reversed(json.loads(lines[5]).items())), indent=None, separators=(" , ", " : "))

    assert replay(changed(edit)).parting is None


def test_missing_lines_part_where_they_are_missing(changed):
    path = changed(lambda lines: lines.pop(-3))
    count = len(path.read_text(encoding="utf-8").splitlines())
    found = replay(path)
    assert found.parting.line == count - 1
    assert found.parting.recorded != found.parting.replayed


def test_a_trace_whose_end_comes_too_early_parts_there(changed):
    def edit(lines):
        del lines[-20:-1]

    path = changed(edit)
    found = replay(path)
    assert found.parting.line == len(path.read_text(encoding="utf-8").splitlines())
    assert found.parting.recorded["event"] == "end"
    assert found.parting.replayed["event"] != "end"


def test_a_longer_trace_parts_where_it_goes_on(changed):
    def edit(lines):
        lines.insert(-1, with_fields(lines[-2]))

    path = changed(edit)
    found = replay(path)
    assert found.parting.line == len(path.read_text(encoding="utf-8").splitlines()) - 1
    assert found.parting.replayed["event"] == "end"


@pytest.mark.parametrize("kept", [1, 2, 100, -1])
def test_a_trace_without_an_end_is_no_failing_run(changed, kept):
    """The reader meets the problem in the midst of the run, which takes every error for one of a node."""

    def edit(lines):
        del lines[kept:]

    with pytest.raises(TruncatedTrace):
        replay(changed(edit))


def test_a_malformed_line_is_told_even_behind_the_parting(changed):
    def edit(lines):
        lines[50] = with_fields(lines[50], surprise=1)
        lines[60] = "{"

    with pytest.raises(MalformedTrace, match=":61: no JSON object"):
        replay(changed(edit))


def test_a_header_that_the_code_does_not_draw_any_more_parts_at_line_1(changed):
    def edit(lines):
        lines[0] = with_fields(lines[0], election_timeout_ms=77)

    found = replay(changed(edit))
    assert found.parting.line == 1
    assert found.parting.recorded["election_timeout_ms"] == 77


BAD_HEADERS = {
    "another version": ({"version": 2}, NoTrace, "version 2 of the format"),
    "an exploration of nothing": ({"kind": "explore"}, MalformedTrace, "the way that it tells cannot be taken: bounds"),
    "no seed": ({"seed": None}, MalformedTrace, "'seed' of the header must be a whole number from 0"),
    "a seed below 0": ({"seed": -1}, MalformedTrace, "'seed' of the header must be"),
    "a seed that is true": ({"seed": True}, MalformedTrace, "'seed' of the header must be"),
    "too many nodes": ({"nodes": 10}, MalformedTrace, "'nodes' of the header must be a whole number from 1 to 9"),
    "unknown faults": ({"faults": ["gremlins"]}, MalformedTrace, "'faults' of the header must be a list of some of"),
    "faults that are lists": ({"faults": [["drop"]]}, MalformedTrace, "'faults' of the header must be"),
    "too many seconds": ({"seconds": 601}, MalformedTrace, "'seconds' of the header must be a number above 0, 600"),
    "seconds that are true": ({"seconds": True}, MalformedTrace, "'seconds' of the header must be"),
    "no climate": ({"climate": None}, MalformedTrace, "'climate' of the header must be one of"),
    "a climate that is a list": ({"climate": []}, MalformedTrace, "'climate' of the header must be one of"),
    "an unknown storage": ({"storage": "tape"}, MalformedTrace, "'storage' of the header must be one of model, real"),
    "a storage that is a list": ({"storage": ["real"]}, MalformedTrace, "'storage' of the header must be one of"),
    "only that is no list": ({"only": "all"}, MalformedTrace, "'only' of the header must be null or a list of keys"),
    "only with numbers": ({"only": [1]}, MalformedTrace, "'only' of the header must be"),
}


@pytest.mark.parametrize(("fields", "error", "complaint"), BAD_HEADERS.values(), ids=BAD_HEADERS)
def test_a_bad_header_is_a_typed_error_and_exit_code_2(changed, fields, error, complaint):
    def edit(lines):
        lines[0] = with_fields(lines[0], **fields)

    path = changed(edit)
    with pytest.raises(error, match=complaint) as caught:
        replay(path)
    assert isinstance(caught.value, TraceError)
    assert caught.value.line == 1

    ran = CliRunner().invoke(command, [str(path), "--json"])
    assert ran.exit_code == 2
    assert complaint in ran.stderr
    assert ran.stdout == ""


def test_other_code_parts_where_it_does_something_else(tmp_path):
    """The trace is of our code; replayed by a copy that forgets a no-op, it parts where that would be appended."""
    folder = mutated.sources("no no-op at the start of a term", tmp_path / "sources")
    path = tmp_path / "run.ndjson"
    with trace_file(path) as write:
        Simulation(0, nodes=3, seconds=2, trace=write).run()

    ran = mutated.quorate(folder, "sim", "replay", path, "--json")

    assert ran.returncode == 1
    found = mutated.told(ran)
    lines = path.read_text(encoding="utf-8").splitlines()
    first = next(i for i, line in enumerate(lines) if '"role":"leader"' in line)
    assert found["recorded"] == json.loads(lines[found["parts_at_line"] - 1])
    assert found["parts_at_line"] <= first + 1
    assert found["replayed"] != found["recorded"]
    assert f"they part at line {found['parts_at_line']:,}" in ran.stderr


# The command


def test_the_command_says_where_two_part(changed):
    def edit(lines):
        lines[99] = with_fields(lines[99], surprise=1)

    ran = CliRunner().invoke(command, [str(changed(edit)), "--json"])

    assert ran.exit_code == 1
    assert "they part at line 100" in ran.stderr
    assert '"surprise": 1' in ran.stderr
    assert "they differ in: surprise" in ran.stderr
    (line,) = ran.stdout.splitlines()
    found = json.loads(line)
    assert (found["same"], found["parts_at_line"]) == (False, 100)
    assert found["recorded"] == {**found["replayed"], "surprise": 1}


def test_the_command_replays_a_seed():
    ran = CliRunner().invoke(command, ["--seed", "3", "--nodes", "3", "--seconds", "1", "--faults", "drop", "--json"])
    assert ran.exit_code == 0
    found = json.loads(ran.stdout)
    assert found["same"] is True
    assert found["digest"] == Simulation(3, 3, ("drop",), 1).run().digest


@pytest.mark.parametrize("climate", ["calm", "hostile"])  # seed 3 draws one of them at most
def test_a_seed_is_replayed_in_the_climate_it_is_given(climate):
    options = ["--seed", "3", "--nodes", "3", "--seconds", "1", "--climate", climate, "--json"]
    ran = CliRunner().invoke(command, options)
    assert ran.exit_code == 0
    assert json.loads(ran.stdout)["digest"] == Simulation(3, 3, "all", 1, climate=climate).run().digest


@pytest.mark.parametrize("storage", ["model", "real"])
def test_a_seed_is_replayed_on_the_storage_it_is_given(storage):
    options = ["--seed", "3", "--nodes", "3", "--seconds", "1", "--storage", storage, "--json"]
    ran = CliRunner().invoke(command, options)
    assert ran.exit_code == 0
    assert json.loads(ran.stdout)["digest"] == Simulation(3, 3, "all", 1, storage=storage).run().digest


@pytest.mark.parametrize("storage", ["model", "real"])
def test_a_trace_tells_its_storage_and_without_it_that_was_the_model(tmp_path, storage):
    path = tmp_path / "run.ndjson"
    with trace_file(path) as write:
        Simulation(3, 3, "all", 1, trace=write, storage=storage).run()
    assert replay(path).parting is None

    header, *events = path.read_text(encoding="utf-8").splitlines()
    assert json.loads(header)["storage"] == storage
    older = json.loads(header)
    del older["storage"]
    path.write_text("".join(line + "\n" for line in [json.dumps(older), *events]), encoding="utf-8")
    found = replay(path)
    assert found.parting.line == 1
    assert (found.digest == found.recorded_digest) == (storage == "model")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "name a trace, or a seed"),
        (["run.ndjson", "--seed", "1"], "and not both"),
        (["--seed", "1", "--faults", "gremlins"], "unknown fault 'gremlins'"),
        (["--seed", "1", "--seconds", "nan"], "nan is no number"),
        (["--seed", "1", "--seconds", "0"], "not in the range"),
        (["nowhere.ndjson"], "cannot be read: No such file"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments, complaint):
    ran = CliRunner().invoke(command, arguments)
    assert ran.exit_code == 2
    assert complaint in ran.stderr


def test_help_teaches():
    ran = CliRunner().invoke(command, ["--help"])
    assert ran.exit_code == 0
    assert "quorate sim replay run.ndjson" in ran.stdout


def test_a_violation_is_told_too(tmp_path):
    folder = mutated.sources("vote reply before it is durable", tmp_path / "sources")
    path = tmp_path / "run.ndjson"
    assert mutated.quorate(folder, "sim", "run", "--seed", "0", "--seconds", "2", "--trace", path).returncode == 1

    ran = mutated.quorate(folder, "sim", "replay", path, "--json")

    assert ran.returncode == 0, "it is the same run, whatever it breaks"
    assert mutated.told(ran)["violation"] == "E1"
    assert "E1 is broken" in ran.stderr
    shutil.rmtree(folder)
