"""What clients do is written down while they do it."""

import pytest

from transport_sim.histories import AlreadyOver, InvalidHistory, Operation, Recorder, UnknownModel, check, read_history
from transport_sim.histories import write_history as write


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_what_is_answered_known_and_the_rest_unknown(clock, tmp_path):
    recorder = Recorder(clock, "kv")
    put = recorder.begin(0, "put", "x", "a")
    clock.now = 1.0
    refused = recorder.begin(1, "put", "x", "b")
    recorder.begin(2, "delete", "x")
    clock.now = 2.0
    put.end()
    refused.discard()
    cas = recorder.begin(0, "cas", "x", "c", expected="a")
    read = recorder.begin(1, "get", "x", consistency="stale")
    clock.now = 3.0
    cas.end(True)
    read.end("a", age=0.25)

    assert recorder.operations == [
        Operation(0, "put", "x", "a", None, None, 0.0, 2.0, line=1),
        Operation(2, "delete", "x", None, None, None, 1.0, None, line=2),
        Operation(0, "cas", "x", "c", "a", True, 2.0, 3.0, line=3),
        Operation(1, "get", "x", None, None, "a", 2.0, 3.0, "stale", 0.25, line=4),
    ]
    write(tmp_path / "history.ndjson", recorder.operations)
    assert read_history(tmp_path / "history.ndjson", "kv") == recorder.operations
    assert check(recorder.operations, "kv").linearizable is True


def test_an_operation_is_over_once(clock):
    recorder = Recorder(clock, "register")
    ended, discarded = recorder.begin(0, "put", "x", 1), recorder.begin(1, "put", "x", 2)
    ended.end()
    discarded.discard()

    for pending in (ended, discarded):
        with pytest.raises(AlreadyOver, match="the put of 'x' by process"):
            pending.end()
        with pytest.raises(AlreadyOver):
            pending.discard()
    assert len(recorder.operations) == 1


def test_what_no_history_may_have_is_refused_at_once(clock):
    recorder = Recorder(clock, "kv")
    with pytest.raises(InvalidHistory, match="model kv has no 'add'"):
        recorder.begin(0, "add", "x", 1)
    read = recorder.begin(0, "get", "x")
    with pytest.raises(InvalidHistory, match="5 is no string"):
        read.end(5)
    read.end("a")
    assert [operation.result for operation in recorder.operations] == ["a"]
    with pytest.raises(UnknownModel):
        Recorder(clock, "stack")
