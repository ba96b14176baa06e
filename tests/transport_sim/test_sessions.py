"""The simulator's clients with sessions: they meet everything that sessions are for, and their checks can fail."""

from collections import Counter

import pytest

from actors.session_commands import in_session, register
from actors.session_table import AHEAD, ANSWERED, APPLIED, CROWDED, EXPIRED, FULL, REGISTERED, Reply, SessionLimits
from raft.entries import COMMAND, Entry
from raft.errors import OutcomeUnknown
from transport_sim import Simulation
from transport_sim.chance import Chance
from transport_sim.scheduler import Scheduler
from transport_sim.session_model import SessionModel
from transport_sim.shadow import InvariantError
from transport_sim.workloads.session_client import SessionClient

pytestmark = pytest.mark.contract("C1")


@pytest.fixture
def replies(monkeypatch):
    """Counts what entries come to, on whichever host."""
    seen = Counter()
    make = Reply.__init__

    def counting(self, outcome, value=None):
        seen[outcome] += 1
        make(self, outcome, value)

    monkeypatch.setattr(Reply, "__init__", counting)
    return seen


@pytest.mark.contract("N4")
def test_clients_meet_every_answer_and_send_again_what_is_in_doubt(replies):
    retries = installs = 0
    for seed in range(30):
        simulation = Simulation(seed, seconds=10)
        result = simulation.run()
        assert result.violation is None
        retries += result.session_retries
        installs += simulation.checker.installs

    assert {REGISTERED, APPLIED, AHEAD, ANSWERED, FULL, CROWDED, EXPIRED} <= set(replies)
    assert retries > 100
    assert installs > 10


def test_without_faults_commands_of_sessions_are_acknowledged_too():
    simulation = Simulation(1, faults=(), seconds=5)

    assert simulation.run().violation is None

    assert all(client.acknowledged for client in [*simulation.clients, *simulation.session_clients])


class Host:
    """Takes every proposal, and answers when the test says so."""

    id = "n1"

    def __init__(self):
        self.proposed = []

    def propose(self, data, reply):
        self.proposed.append((data, reply))
        return True


@pytest.fixture
def client():
    scheduler = Scheduler()
    host = Host()
    client = SessionClient("s", scheduler, Chance(3), [host], 1000, lambda *what: None)
    scheduler.run_until(5_000)
    assert host.proposed[0][0] == register()
    host.proposed[0][1](None, Reply(REGISTERED, 7))
    scheduler.run_until(10_000, lambda: client.proposed)
    client.stop()
    client.answer = host.proposed[-1][1]
    client.proposals = host.proposed
    client.scheduler = scheduler
    return client


def test_a_command_in_doubt_is_sent_again_as_it_was_and_counted_once(client):
    first = client.proposals[-1][0]

    for _ in range(3):
        client.proposals[-1][1](OutcomeUnknown("lost"), None)
        client.scheduler.run_until(client.scheduler.now_us + 280_000)  # less than any client's patience
        assert client.proposals[-1][0] == first

    assert client.retries == 1


def test_another_answer_to_a_retry_is_noticed(client):
    client.answer(None, Reply(APPLIED, b"t"))

    client.answer(None, Reply(APPLIED, b"t"))
    with pytest.raises(InvariantError, match="C1: .* is answered .*, and then"):
        client.answer(None, Reply(APPLIED, b"f"))


def test_a_client_that_is_told_it_has_an_answer_knows_better(client):
    with pytest.raises(InvariantError, match="C1: .* is answered Reply.'answered', None., and its client waits for it"):
        client.answer(None, Reply(ANSWERED))


def test_a_command_of_an_expired_session_is_not_sent_again(client):
    sent = len(client.proposals)

    client.answer(None, Reply(EXPIRED))
    client.scheduler.run_until(client.scheduler.now_us + 20_000_000)

    assert not client.waits
    assert client.refused == client.proposed
    assert len(client.proposals) == sent


# The model that the checker holds machines against


def applied(limits, *log):
    model = SessionModel(SessionLimits(**limits))
    for index, (stamp_ms, data) in enumerate(log, start=1):
        model.read(Entry(index, 1, COMMAND, data, stamp_ms))
    return model.applied


def test_the_model_applies_once():
    log = [(0, register()), (0, in_session(1, 1, 1, b"a")), (0, in_session(1, 1, 1, b"a"))]

    assert applied({}, *log) == [b"a"]


def test_the_model_forgets_a_session_when_log_time_says_so():
    log = [(0, register()), (10, in_session(1, 1, 1, b"a")), (20, in_session(1, 2, 1, b"b"))]

    assert applied({"timeout_ms": 10}, *log) == [b"a", b"b"]
    assert applied({"timeout_ms": 9}, *log) == []
