"""`quorate sim check`."""

import json

import pytest
from click.testing import CliRunner

from tests.transport_sim.histories.executed import executed, with_stale_result
from tests.transport_sim.histories.notation import history
from transport_sim.commands.check import MODELS, command
from transport_sim.histories import MODELS as KNOWN_MODELS
from transport_sim.histories import checker, core, write_history

GOOD = '0 put "a" 0-1\n1 get = "a" 2-3\n2 put "b" 2-?'
BAD = '0 put "a" 0-1\n0 put "[b]" 2-3\n1 get = "a" 4-5'


@pytest.fixture
def run(tmp_path):
    def invoke(operations, *options):
        file = tmp_path / "history.ndjson"
        write_history(file, operations)
        return CliRunner().invoke(command, [str(file), *options])

    return invoke


def last(result):
    return json.loads(result.stdout.splitlines()[-1])


def test_a_good_history(run):
    result = run(history(GOOD), "--model", "kv", "--json")

    assert result.exit_code == 0
    told = last(result)
    assert told.pop("seconds") >= 0
    assert told == {
        "linearizable": True,
        "operations": 3,
        "keys": 1,
        "configurations": told["configurations"],
        "violated": [],
        "undecided": [],
        "key": None,
        "explanation": None,
    }
    assert len(result.stdout.splitlines()) == 1


def test_a_bad_history(run):
    result = run(history(BAD), "--model", "kv", "--json")

    assert result.exit_code == 1
    told = last(result)
    assert told["linearizable"] is False
    assert told["key"] == "x"
    assert told["explanation"]["operation"]["line"] == 3
    assert [each["line"] for each in told["explanation"]["core"]] == [1, 2, 3]


def test_people_see_what_is_wrong(run):
    result = run(history(BAD), "--model", "kv")

    assert result.exit_code == 1
    assert result.stdout == ""
    assert 'put "[b]"' in result.stderr
    assert "before that of line 3" in result.stderr


def test_people_see_how_much_is_not_shown(run, monkeypatch):
    monkeypatch.setattr(core, "ALL_TRIES", 0)

    told = run(with_stale_result(executed(1, "kv", 400)), "--model", "kv").stderr

    assert "operations, of which these are the last, contradict each other" in " ".join(told.split())
    assert "it took too long to see whether fewer do" in " ".join(told.split())


def test_people_see_that_nothing_more_is_known(run, monkeypatch):
    monkeypatch.setattr(checker, "LOCATING", 0)
    monkeypatch.setattr(checker, "LOCATING_TIMES", 0)

    told = run(history(BAD), "--model", "kv").stderr

    assert "near that of line 2; to see where took too long" in " ".join(told.split())


def test_an_undecided_history(run):
    operations = with_stale_result(executed(1, "kv", 3000, values=3, unknown=0.1))

    result = run(operations, "--model", "kv", "--json", "--seconds", "0.2")

    assert result.exit_code == 3
    assert last(result)["linearizable"] is None
    assert last(result)["undecided"] == ["k0"]


def test_nothing_is_a_good_history(run):
    ran = run([], "--model", "list", "--json")

    assert ran.exit_code == 0
    assert "The history is empty" in ran.stderr


def test_the_allowance_of_stale_reads(run):
    operations = history('0 put "a" 0-1\n0 put "b" 2-3\n1 get = "a" 4-5 stale 0.9')

    assert run(operations, "--model", "kv").exit_code == 1
    assert run(operations, "--model", "kv", "--allowance", "0.2").exit_code == 0


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "No such file or directory"),
        (b"nonsense", "line 1: no JSON at column 1"),
        (b'{"process": 0, "op": "put", "key": "x", "value": 1, "start": 0, "end": 1}', "field 'value': 1 is no string"),
    ],
)
def test_what_cannot_be_read(tmp_path, content, text):
    file = tmp_path / "history.ndjson"
    if content is not None:
        file.write_bytes(content)

    result = CliRunner().invoke(command, [str(file), "--model", "kv", "--json"])

    assert result.exit_code == 2
    assert text in " ".join(result.stderr.split())
    assert result.stdout == ""


def test_a_folder_is_no_history(tmp_path):
    assert CliRunner().invoke(command, [str(tmp_path), "--model", "kv"]).exit_code == 2


@pytest.mark.parametrize("options", [[], ["--model", "stack"], ["--model", "kv", "--seconds", "nan"]])
def test_wrong_usage(run, options):
    assert run([], *options).exit_code == 2


def test_help_teaches():
    text = CliRunner().invoke(command, ["--help"]).output

    for told in ("quorate sim check history.ndjson --model kv", "Exit code 0", '"end": null', "3 when"):
        assert told in text


def test_the_command_knows_all_models():
    assert set(MODELS) == set(KNOWN_MODELS)
