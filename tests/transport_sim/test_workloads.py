"""The histories of random runs are linearizable, and what is wrong with a history is found (contract C3)."""

import pytest

from raft.config import Config
from transport_sim import Simulation
from transport_sim.histories import MODELS
from transport_sim.histories.files import read_history
from transport_sim.histories.operation import Operation
from transport_sim.shadow import InvariantError
from transport_sim.workloads import store
from transport_sim.workloads.verdict import allowance_s, judge

CALM_S = 0.1


@pytest.mark.contract("C3")
def test_histories_of_runs_under_faults_are_linearizable():
    models = set()
    operations = unknown = undecided = 0
    seen = set()
    for seed in range(20):
        simulation = Simulation(seed, seconds=8)
        result = simulation.run().check()
        history = simulation.workload.history.operations
        models.add(result.model)
        operations += result.operations
        undecided += result.undecided_keys
        unknown += sum(operation.end is None for operation in history)
        seen |= {(operation.op, operation.consistency) for operation in history if operation.end is not None}
    assert models == set(MODELS)
    assert operations > 800
    assert unknown > 20
    assert undecided == 0
    ops = {"get", "put", "append", "cas", "delete", "add"}
    assert seen >= {(op, "linearizable") for op in ops} | {("get", "lease"), ("get", "stale")}


def test_a_history_is_written_as_it_was(tmp_path):
    from transport_sim.runner import Plan, run_seeds

    path = tmp_path / "history.ndjson"
    summary = run_seeds([3], Plan(3, ("drop", "crash"), 4), 1, lambda _: None, history=path)
    simulation = Simulation(3, 3, ("drop", "crash"), 4)
    simulation.run()

    (model,) = summary.models
    read = read_history(path, model)
    assert [each.as_object() for each in read] == [each.as_object() for each in simulation.workload.history.operations]
    assert len(read) == summary.operations > 5


def did(process, op, start, end, *, value=None, expected=None, result=None, **more):
    return Operation(process, op, "k", value, expected, result, start, end, **more)


WRITTEN = did(1, "put", 0.0, 1.0, value="new")

WRONG = {
    "a stale read served as linearizable": (
        "register",
        [
            did(1, "put", 0.0, 0.5, value="old"),
            did(1, "put", 0.6, 1.0, value="new"),
            did(2, "get", 2.0, 3.0, result="old"),
        ],
    ),
    "a lease read after the lease": (
        "register",
        [WRITTEN, did(2, "get", 2.0, 3.0, result=None, consistency="lease")],
    ),
    "a lost update": (
        "counter",
        [
            did(1, "add", 0.0, 1.0, value=1, result=1),
            did(2, "add", 0.0, 1.0, value=1, result=1),
            did(3, "get", 2.0, 3.0, result=1),
        ],
    ),
    "a command applied twice": (
        "list",
        [did(1, "append", 0.0, 1.0, value="a"), did(2, "get", 2.0, 3.0, result=["a", "a"])],
    ),
    "a write that is gone": ("kv", [WRITTEN, did(2, "get", 2.0, 3.0, result=None)]),
    "two cas that both succeed": (
        "register",
        [
            did(1, "cas", 0.0, 1.0, value="a", result=True),
            did(2, "cas", 0.0, 1.0, value="b", result=True),
        ],
    ),
    "a read that goes back while the write is under way": (
        "register",
        [
            did(1, "put", 0.0, None, value="new"),
            did(2, "get", 1.0, 2.0, result="new"),
            did(3, "get", 3.0, 4.0, result=None),
        ],
    ),
    "a stale read older than it says": (
        "register",
        [WRITTEN, did(2, "get", 9.0, 9.1, result=None, consistency="stale", age=0.5)],
    ),
    "a stale read of what never was": (
        "register",
        [WRITTEN, did(2, "get", 9.0, 9.1, result="nonsense", consistency="stale")],
    ),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.contract("C3")
def test_what_is_not_linearizable_is_found(name):
    model, operations = WRONG[name]
    with pytest.raises(InvariantError, match="C3: the [0-9]+ operations on key 'k'"):
        judge(operations, model, CALM_S)


@pytest.mark.parametrize(
    ("model", "operations"),
    [
        ("register", [WRITTEN, did(2, "get", 0.5, 3.0, result=None)]),
        ("register", [WRITTEN, did(2, "get", 9.0, 9.1, result=None, consistency="stale", age=8.5)]),
        ("register", [WRITTEN, did(2, "get", 9.0, 9.1, result=None, consistency="stale")]),
        ("register", [did(1, "put", 0.0, None, value="new"), did(2, "get", 5.0, 6.0, result="new")]),
        ("counter", [did(1, "add", 0.0, None, value=1), did(2, "get", 5.0, 6.0, result=None)]),
    ],
)
def test_what_may_be_passes(model, operations):
    assert judge(operations, model, CALM_S) == 0


def test_the_explanation_names_the_key_and_an_answer():
    with pytest.raises(InvariantError) as broken:
        judge(WRONG["a lost update"][1], "counter", CALM_S)
    assert "the 3 operations on key 'k' (counter)" in str(broken.value)
    assert "add(1) = 1 of process " in str(broken.value)


def test_the_allowance_grows_with_the_time_that_a_deposed_leader_needs_to_notice():
    usual = allowance_s(Config(election_timeout_ms=300, heartbeat_interval_ms=50))
    assert usual < allowance_s(Config(election_timeout_ms=1000, heartbeat_interval_ms=50))
    assert usual < allowance_s(Config(election_timeout_ms=300, heartbeat_interval_ms=50, quiescent_timeouts=2))


class Overwriting(store.Store):
    """Applies a cas whatever it finds."""

    def apply(self, command):
        result = super().apply(command)
        if result is False:
            op, key, value, _, in_list = store.results.decode(command)
            super().apply(store.results.encode(("put", key, value, None, in_list)))
            return op == "cas"
        return result


class Losing(store.Store):
    """Loses every tenth write, and says nothing."""

    def __init__(self):
        super().__init__()
        self.writes = 0

    def apply(self, command):
        self.writes += 1
        kept = dict(self._values)
        result = super().apply(command)
        if self.writes % 10 == 0:
            self._values = kept
        return result

    def snapshot(self):
        return [store.results.encode((self.writes, self._values))]

    def restore(self, chunks):
        self.writes, self._values = store.results.decode(b"".join(chunks))


class Repeating(store.Store):
    """Applies appends and sums twice."""

    def apply(self, command):
        if store.results.decode(command)[0] in ("append", "add"):
            super().apply(command)
        return super().apply(command)


@pytest.mark.parametrize("machine", [Overwriting, Losing, Repeating])
@pytest.mark.contract("C3")
def test_a_store_that_does_something_else_is_found_in_the_histories_of_runs(machine, monkeypatch):
    monkeypatch.setattr("transport_sim.simulation.Store", machine)
    for seed in range(20):
        violation = Simulation(seed, 3, seconds=8).run().violation
        if violation is not None:
            break
    assert violation.invariant == "C3"


def test_a_slow_clock_tells_ages_that_are_too_small():
    # A member that was removed reads for 15 seconds, of which its clock counts 12.6.
    assert Simulation(2197).run().violation is None


def test_a_store_comes_back_from_its_snapshot():
    before = store.Store()
    for command in (
        store.command("put", "a", "x"),
        store.command("append", "a", "y", model="kv"),
        store.command("append", "b", "z", model="list"),
        store.command("add", "c", 3),
        store.command("cas", "d", "new", None),
    ):
        before.apply(command)
    after = store.Store()
    after.restore(before.snapshot())

    assert [after.read(key) for key in "abcde"] == ["xy", ["z"], 3, "new", None]
    assert after.apply(store.command("cas", "d", "newer", "old")) is False
    assert after.apply(store.command("delete", "d")) is True
    assert after.apply(store.command("delete", "d")) is False
