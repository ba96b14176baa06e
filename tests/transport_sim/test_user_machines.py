"""Users test their own state machine in the simulator: what is right passes, and what is wrong is found and named."""

import random
import time

import pytest

from actors import EntryTooLarge, OutcomeUnknown, ResultNotKept, SessionExpired, StaleRead, Unavailable
from raft.errors import InvalidConfig
from transport_sim import Simulation, SimulationFailed

SEEDS = range(12)


class Account:
    """Right in every respect; the wrong ones below differ in one."""

    def __init__(self):
        self.balance = 100

    def apply(self, command):
        if command == b"withdraw 10":
            if self.balance < 10:
                return None
            self.balance -= 10
        elif command == b"deposit 10":
            self.balance += 10
        return self.balance

    def read(self, query):
        return self.balance

    def snapshot(self):
        return [str(self.balance).encode()]

    def restore(self, chunks):
        self.balance = int(b"".join(chunks))


def trade(client):
    while True:
        yield client.call(client.chance.pick((b"withdraw 10", b"withdraw 10", b"deposit 10")))
        yield client.sleep(0.05)


def never_negative(account):
    assert account.balance >= 0, f"the balance is {account.balance}"


def simulations(machine, clients=(trade, trade), seeds=SEEDS, **settings):
    for seed in seeds:
        yield Simulation(seed, 3, seconds=8, machine=machine, clients=clients, **settings)


def found(machine, clients=(trade, trade), seeds=range(40), **settings):
    """Return the first violation, and how often it is found; every one must be of the same kind."""
    for simulation in simulations(machine, clients, seeds, **settings):
        violation = simulation.run().violation
        if violation is not None:
            return violation
    raise AssertionError("nothing was found")


def test_a_right_machine_passes():
    acknowledged = snapshots = 0
    for simulation in simulations(Account, invariant=never_negative, at_end=never_negative):
        snapshots += simulation.run().check().snapshots_installed
        acknowledged += sum(len(process.caller.acknowledged) for process in simulation.processes)
    assert acknowledged > 300
    assert snapshots > 3


def test_a_run_is_decided_by_its_seed():
    runs = [[simulation.run() for simulation in simulations(Account, seeds=range(3))] for _ in range(2)]
    assert [run.digest for run in runs[0]] == [run.digest for run in runs[1]]
    assert [run.events for run in runs[0]] == [run.events for run in runs[1]]


def test_a_broken_invariant_is_found_with_the_replay():
    class Generous(Account):
        def apply(self, command):
            self.balance += -10 if command == b"withdraw 10" else 10
            return self.balance

    with pytest.raises(SimulationFailed) as failed:
        for simulation in simulations(Generous, invariant=never_negative):
            simulation.run().check()

    text = str(failed.value)
    assert "never_negative does not hold on n" in text
    assert "the balance is -10" in text
    assert "machine=Generous, clients=[trade, trade], invariant=never_negative).run()" in text
    assert isinstance(failed.value, AssertionError)
    assert isinstance(failed.value.__cause__, AssertionError)


def test_a_condition_may_also_return_false():
    violation = found(Account, invariant=lambda account: account.balance > 80)
    assert violation.invariant == "invariant"
    violation = found(Account, at_end=lambda account: account.balance == 12345)
    assert violation.invariant == "at_end"


class Forgetful(Account):
    def restore(self, chunks):
        self.balance = 100 if len(list(chunks)) else 0


class Lazy(Account):
    def snapshot(self):
        yield str(self.balance).encode()


class Chancy(Account):
    def apply(self, command):
        return super().apply(command), random.random()


class Clocked(Account):
    def __init__(self):
        super().__init__()
        self.made = time.perf_counter()

    def snapshot(self):
        return [f"{self.balance} {self.made}".encode()]

    def restore(self, chunks):
        balance, made = b"".join(chunks).split()
        self.balance, self.made = int(balance), float(made)


class Impatient(Account):
    def restore(self, chunks):
        self.balance = int(next(iter(chunks)))


class Brittle(Account):
    def apply(self, command):
        if self.balance < 10 and command == b"withdraw 10":
            raise ValueError("too poor")
        return super().apply(command)


class Mute(Account):
    def snapshot(self):
        raise RuntimeError("no snapshot today")


@pytest.mark.parametrize(
    ("machine", "told"),
    [
        (Forgetful, "restore of Forgetful does not bring back what snapshot saved: n"),
        (Lazy, "returned a snapshot that changed when the next command was applied"),
        (Chancy, "not deterministic: command"),
        (Clocked, "not deterministic: after the same"),
        (Impatient, "restore of Impatient does not bring back what snapshot saved: n"),
        (Brittle, "raises ValueError: too poor when it applies b'withdraw 10'"),
        (Mute, "raises RuntimeError: no snapshot today when it is snapshotted"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
@pytest.mark.contract("S5")
def test_a_machine_that_breaks_its_contract_is_named(machine, told):
    violation = found(machine)
    assert violation.invariant == "machine"
    assert machine.__name__ in violation.message
    assert told in violation.message


def test_nondeterminism_names_who_differs_and_where():
    message = found(Chancy).message
    assert " is answered differently on " in message
    assert "b'" in message


def test_a_machine_without_snapshots_runs_too():
    class Diary:
        def __init__(self):
            self.lines = []

        def apply(self, command):
            self.lines.append(command)

    def write(client):
        while True:
            yield client.call(b"line\nwith a break and a \\ and \\n")

    def check(diary):
        assert set(diary.lines) <= {b"line\nwith a break and a \\ and \\n"}

    for simulation in simulations(Diary, [write], range(4), at_end=check):
        assert simulation.run().check().snapshots_installed == 0


def test_commands_are_bytes_of_any_kind_also_in_snapshots():
    class Diary:
        def __init__(self):
            self.lines = []

        def apply(self, command):
            self.lines.append(command)
            return command

        def snapshot(self):
            return [line.hex().encode() + b"\n" for line in self.lines]

        def restore(self, chunks):
            self.lines = [bytes.fromhex(line.decode()) for line in b"".join(chunks).split(b"\n")[:-1]]

    def write(client):
        while True:
            line = bytes(client.chance.pick(b"\n\\n @\x00\xff") for _ in range(client.chance.between(0, 6)))
            assert (yield client.call(line)) == line

    assert sum(simulation.run().check().snapshots_installed for simulation in simulations(Diary, [write])) > 0


@pytest.mark.contract("C1")
def test_calls_take_effect_once_and_answers_are_those_of_their_commands():
    class Tally:
        def __init__(self):
            self.counts = {}

        def apply(self, command):
            self.counts[command] = self.counts.get(command, 0) + 1
            return self.counts[command]

        def snapshot(self):
            return [b"%b %d\n" % item for item in sorted(self.counts.items())]

        def restore(self, chunks):
            pairs = [line.split() for line in b"".join(chunks).splitlines()]
            self.counts = {name: int(count) for name, count in pairs}

    def count(client):
        own = client.name.encode()
        sure = unsure = 0
        while True:
            try:
                told = yield client.call(own)
                sure += 1
            except OutcomeUnknown:
                unsure += 1
            else:
                assert sure <= told <= sure + unsure

    retries = 0
    for simulation in simulations(Tally, [count, count]):
        retries += simulation.run().check().session_retries
    assert retries > 50


def test_what_goes_wrong_is_raised_into_the_process():
    seen = {}

    def ask(client):
        while True:
            try:
                timeout = client.chance.pick((None, 0.01, 0.2))
                yield client.call(b"deposit 10", timeout=timeout, session=client.chance.happens(0.5))
            except (OutcomeUnknown, Unavailable) as error:
                seen.setdefault(type(error), str(error))
                yield client.sleep(client.chance.pick((0, 0, 1.5)))

    for simulation in simulations(Account, [ask, ask]):
        simulation.cluster.setting.limits.timeout_ms = 200
        simulation.run().check()

    assert set(seen) == {OutcomeUnknown, Unavailable, SessionExpired}
    assert "s (" in seen[Unavailable]


def test_reads_of_every_consistency():
    seen = []

    def look(client):
        while True:
            yield client.call(b"withdraw 10")
            strong = yield client.read(None)
            by_lease = yield client.read(None, "lease")
            stale = yield client.read(None, consistency="stale")
            assert strong >= by_lease
            assert isinstance(stale, StaleRead)
            seen.append((by_lease, stale.staleness_s))

    for simulation in simulations(Account, [look]):
        simulation.run().check()
    assert len(seen) > 50
    assert any(age for _, age in seen)
    assert {balance for balance, _ in seen} > {0, 50}


def test_the_seed_decides_what_a_process_leaves_to_chance():
    drawn = []

    def draw(client):
        drawn.append((client.chance.between(0, 1 << 30), client.now))
        yield client.sleep(1)
        drawn.append((client.chance.between(0, 1 << 30), client.now))

    for _ in range(2):
        Simulation(3, machine=Account, clients=[draw, draw], seconds=3).run().check()
    assert drawn[:4] == drawn[4:]
    assert len(set(drawn)) == 4


def test_a_process_that_dies_of_the_clusters_errors_begins_anew():
    begun = []

    def naive(client):
        begun.append(client.now)
        while True:
            yield client.call(b"deposit 10", timeout=0.05)

    for simulation in simulations(Account, [naive]):
        simulation.run().check()
    assert len(begun) > 2 * len(SEEDS)


def _asserts(client):
    yield client.call(b"deposit 10")
    raise AssertionError("the bank is wrong")


def _stumbles(client):
    yield client.sleep(0.1)
    return {}["missing"]


def _forgets_to_yield(client):
    client.call(b"deposit 10")
    yield client.sleep(0.1)


def _forgets_at_the_end(client):
    yield client.sleep(0.1)
    client.call(b"deposit 10")


def _yields_nonsense(client):
    yield 0.1


def _sends_text(client):
    yield client.call("deposit 10")


def _reads_weirdly(client):
    yield client.read(None, "yesterday")


def _clings_to_life(client):
    try:
        while True:
            yield client.sleep(0.1)
    finally:
        yield client.sleep(0.1)


@pytest.mark.parametrize(
    ("process", "told"),
    [
        (_asserts, "_asserts1: the bank is wrong"),
        (_stumbles, "_stumbles1: KeyError: 'missing'"),
        (_forgets_to_yield, "was made and not yielded, so it was not done; write `yield client.call(...)`"),
        (_forgets_at_the_end, "was made and not yielded"),
        (_yields_nonsense, "a process yielded 0.1; it may yield what client.call"),
        (_sends_text, "InvalidCommand: a command is a bytes object, not str"),
        (_reads_weirdly, "consistency is 'yesterday'"),
        (_clings_to_life, "generator ignored GeneratorExit"),
    ],
)
def test_what_a_process_raises_is_a_finding(process, told):
    violation = Simulation(1, 3, seconds=8, machine=Account, clients=[process]).run().violation
    assert violation.invariant == "client"
    assert told in violation.message


def test_results_that_cannot_be_kept_are_told():
    class Odd(Account):
        def apply(self, command):
            return object()

    def ask(client):
        with pytest.raises(ResultNotKept):
            yield client.call(b"x")

    for simulation in simulations(Odd, [ask], range(4)):
        simulation.run().check()


def test_a_command_that_is_too_large_is_refused_into_the_process():
    def ask(client):
        with pytest.raises(EntryTooLarge):
            yield client.call(bytes(9 << 20))

    Simulation(1, 3, seconds=4, machine=Account, clients=[ask]).run().check()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"machine": Account()}, "the class Account itself"),
        ({"machine": dict}, "machine"),
        ({"clients": [5]}, "clients is 5; it must be generator functions"),
        ({"clients": [lambda client: None]}, "generator functions of one argument"),
        ({"invariant": 3}, "invariant is 3; it must be a function"),
        ({"nodes": 10}, "nodes is 10; it must be an integer from 1 to 9"),
        ({"seconds": 0}, "seconds is 0"),
        ({"faults": "gremlins"}, "faults is 'gremlins'; it must be 'all', 'none', or some of latency"),
        ({"climate": "tropical"}, "climate is 'tropical'; it must be one of calm"),
        ({"storage": "tape"}, "storage is 'tape'; it must be one of model, real, or None"),
    ],
)
def test_bad_arguments_are_named(arguments, told):
    with pytest.raises(InvalidConfig, match=told):
        Simulation(**{"seed": 1, "machine": Account, "clients": [trade], **arguments})


def test_without_a_machine_clients_use_the_key_value_store():
    from actors import KeyValue
    from actors.kv_commands import cas, get

    seen = []

    def race(client):
        result = yield client.call(cas(b"winner", None, client.name.encode()))
        winner = yield client.read(get(b"winner"))
        seen.append((result.outcome, winner.value))

    Simulation(2, clients=[race, race]).run().check()
    assert sorted(outcome for outcome, _ in seen) == ["conflict", "done"]
    assert len({winner for _, winner in seen}) == 1
    assert KeyValue.__name__ in Simulation(2, clients=[race])._trial.machine_name


def test_shrinking_can_leave_commands_out():
    whole = Simulation(2, 3, "latency,duplicate", seconds=4, machine=Account, clients=[trade])
    whole.run().check()
    calls = [key for key in whole.decisions if key.startswith("call ")]
    kept = [key for key in whole.decisions if key not in calls[1::2]]

    part = Simulation(2, 3, "latency,duplicate", seconds=4, machine=Account, clients=[trade], only=kept)
    part.run().check()

    assert len(calls) > 4
    assert set(part.decisions) <= set(kept)
    assert 0 < len(part.processes[0].caller.acknowledged) < len(whole.processes[0].caller.acknowledged)


def test_a_trace_of_a_machine_of_users_is_read_but_not_replayed_without_it(tmp_path):
    from transport_sim.traces.reading import MalformedTrace, opened
    from transport_sim.traces.replaying import replay
    from transport_sim.traces.writing import trace_file

    path = tmp_path / "run.ndjson"
    with trace_file(path) as write:
        recorded = Simulation(2, 3, "latency", seconds=4, trace=write, machine=Account, clients=[trade]).run()

    assert recorded.digest == Simulation(2, 3, "latency", seconds=4, machine=Account, clients=[trade]).run().digest
    with opened(path) as trace:
        subjects = [event["subject"] for event in trace.events() if event["event"] == "propose"]
    assert any("withdraw 10" in subject for subject in subjects)
    with pytest.raises(MalformedTrace, match="Account is a machine of users; run the test that recorded it again"):
        replay(path)
