"""A trace is there under its name only when it is whole."""

import os
import resource
import signal

import pytest

from transport_sim import Simulation
from transport_sim.traces.writing import UnwritableTrace, check_writable, trace_file


def test_the_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "run.ndjson"
    with trace_file(path) as write:
        write({"at": 1, "text": "é"})
        assert not path.exists()
    assert path.read_text(encoding="utf-8") == '{"at":1,"text":"\\u00e9"}\n'
    assert os.listdir(tmp_path) == ["run.ndjson"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
@pytest.mark.parametrize("before", [None, "what was there\n"])
def test_interrupted_writing_leaves_what_was_there(tmp_path, error, before):
    path = tmp_path / "run.ndjson"
    if before is not None:
        path.write_text(before)
    with pytest.raises(error), trace_file(path) as write:
        write({"at": 1})
        raise error
    assert os.listdir(tmp_path) == ([] if before is None else ["run.ndjson"])
    assert before is None or path.read_text() == before


@pytest.mark.parametrize("check", [check_writable, lambda path: trace_file(path).__enter__()])
def test_what_cannot_be_written_is_told_at_once(tmp_path, check):
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    places = {
        tmp_path / "nowhere" / "run.ndjson": "No such file or directory",
        tmp_path / "file" / "run.ndjson": "Not a directory",
        tmp_path: "it is no regular file",
        tmp_path / "pipe": "it is no regular file",
        tmp_path / ("x" * 300): "File name too long",
    }
    for path, problem in places.items():
        with pytest.raises(UnwritableTrace, match=f"cannot be written: {problem}; name another file"):
            check(path)
    assert sorted(os.listdir(tmp_path)) == ["file", "pipe"]


def test_a_check_touches_nothing(tmp_path):
    path = tmp_path / "run.ndjson"
    check_writable(path)
    assert os.listdir(tmp_path) == []
    path.write_text("mine")
    check_writable(path)
    assert path.read_text() == "mine"


def test_a_full_disk_is_no_failure_of_the_run(tmp_path):
    """A limit on the size of files stands for the disk: what is beyond it cannot be written."""
    path = tmp_path / "run.ndjson"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    results = []
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        with pytest.raises(UnwritableTrace, match="File too large"), trace_file(path) as write:
            results.append(Simulation(1, seconds=2, trace=write).run())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert results == [Simulation(1, seconds=2).run()]
    assert os.listdir(tmp_path) == []
