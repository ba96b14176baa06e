import subprocess

import pytest

from tests.micropython import interpreters


def test_each_interpreter_runs_and_is_new_enough(micropython):
    program = "import sys; print(sys.implementation[0], sys.implementation[1][:2] >= (1, 25))"

    ran = subprocess.run([*micropython.argv, "-c", program], capture_output=True, text=True, timeout=30, check=True)

    assert ran.stdout == "micropython True\n"


def test_fetched_interpreters_come_first_and_in_order(tmp_path, monkeypatch):
    for name in ("path/micropython", "fetched/i386/run", "fetched/amd64/run"):
        program = tmp_path / name
        program.parent.mkdir(parents=True)
        program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))

    found = interpreters.find(tmp_path / "fetched")

    assert [interpreter.name for interpreter in found] == ["amd64", "i386", "path"]
    assert found[0].argv == (str(tmp_path / "fetched/amd64/run"),)


def test_a_missing_interpreter_is_skipped_with_a_reason(monkeypatch):
    monkeypatch.delenv(interpreters.REQUIRED, raising=False)
    with pytest.raises(pytest.skip.Exception, match="tests/micropython/fetch"):
        interpreters.none_found()


def test_a_missing_interpreter_fails_where_it_is_required(monkeypatch):
    monkeypatch.setenv(interpreters.REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match="tests/micropython/fetch"):
        interpreters.none_found()
