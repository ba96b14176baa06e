"""Queries that wait for the state machine, and state machines for which log time must go on."""

import pytest

from raft.actor import Propose
from raft.errors import ReadFailed, TooManyReads
from raft.messages import AppendAccepted, HeartbeatEcho
from raft.waiting import StopWaiting, WaitFor
from tests.raft.test_actor import Stage, Surroundings

STAMP = b"stamp"


class Told(Surroundings):
    """Whose state machine tells how many commands it has seen, to whoever waits for more than some number."""

    def watcher(self, more_than):
        if more_than is None:
            raise ValueError("more than what?")

        def tell():
            if b"explode when asked" in self.applied:
                raise ZeroDivisionError
            return len(self.applied) if len(self.applied) > more_than else None

        return tell


class Timed(Surroundings):
    """Whose state machine has something due at some log time, until a command with a later stamp is applied."""

    def __init__(self, due_ms):
        super().__init__()
        self.due_ms = due_ms

    def apply(self, entry):
        if self.due_ms is not None and entry.stamp_ms >= self.due_ms:
            self.due_ms = None
        return super().apply(entry)

    def due(self):
        return None if self.due_ms is None else (self.due_ms, STAMP)


def leading(ports, **settings):
    stage = Stage(ports=ports, **settings)
    stage.lead()
    return stage


def wait(stage, query):
    asked = WaitFor(query, lambda error, result: stage.replies.append((query, error, result)))
    stage.turn(asked)
    return asked


def commit(stage, *commands):
    stage.turn(*[Propose(command, lambda error, result: None) for command in commands])
    stage.persist()
    stage.acknowledge()


# Waiting


def test_what_can_be_told_is_told_at_once_and_the_rest_when_it_can():
    stage = leading(Told())
    commit(stage, b"1", b"2")

    wait(stage, 1)
    wait(stage, 2)
    wait(stage, 3)
    assert stage.replies == [(1, None, 2)]
    commit(stage, b"3")
    assert stage.replies[1:] == [(2, None, 3)]
    commit(stage, b"4")
    commit(stage, b"5")
    assert stage.replies[2:] == [(3, None, 4)]


def test_nobody_is_looked_after_while_nothing_is_applied():
    stage = leading(Told())
    looks = []
    stage.ports.watcher = lambda query: lambda: looks.append(query)
    stage.actor._waiting._watcher = stage.ports.watcher
    wait(stage, 1)

    stage.turn(HeartbeatEcho("b", stage.node.term, stage.node.role.round, 0))
    stage.tick_when_due()

    assert looks == [1]


def test_who_does_not_want_to_know_any_more_is_not_told():
    stage = leading(Told())
    first = wait(stage, 0)
    wait(stage, 0)

    stage.turn(StopWaiting(first, lambda error, result: stage.replies.append((error, result))))
    stage.turn(StopWaiting(first, lambda error, result: stage.replies.append((error, result))))
    assert stage.replies == [(None, None)] * 2
    commit(stage, b"1")
    assert stage.replies[2:] == [(0, None, 1)]


def test_a_node_that_loses_its_leader_tells_all_who_wait():
    stage = leading(Told())
    wait(stage, 5)
    wait(stage, 6)

    for _ in range(40):
        stage.tick_when_due()  # nobody answers: the leader steps down

    assert [(query, type(error)) for query, error, _ in stage.replies] == [(5, ReadFailed), (6, ReadFailed)]
    assert "knows no leader" in str(stage.replies[0][1])
    wait(stage, 7)
    assert [type(error) for _, error, _ in stage.replies[2:]] == [ReadFailed]
    wait(stage, -1)
    assert stage.replies[3] == (-1, None, 0), "what it has it tells"


def test_a_node_that_stops_tells_all_who_wait():
    stage = leading(Told())
    wait(stage, 5)

    stage.actor.abandon("the power went")

    assert "the power went" in str(stage.replies[0][1])


def test_what_the_machine_raises_goes_to_who_asked_and_to_nobody_else():
    stage = leading(Told())
    wait(stage, None)
    assert isinstance(stage.replies[0][1], ValueError)

    wait(stage, 5)
    commit(stage, b"explode when asked")
    assert isinstance(stage.replies[1][1], ZeroDivisionError)
    assert stage.node.role.name == "leader"


def test_the_number_of_those_who_wait_is_bounded():
    stage = leading(Told(), max_pending_reads=2)

    for _ in range(3):
        wait(stage, 5)

    ((_, error, _),) = stage.replies
    assert isinstance(error, TooManyReads)
    assert (error.pending, error.limit) == (2, 2)


def test_a_machine_that_cannot_be_waited_for_says_so():
    stage = leading(Surroundings())
    wait(stage, 1)
    assert "no state machine that can be waited for" in str(stage.replies[0][1])


# What is due


def stamps(stage):
    log = stage.node.log
    entries = [log.entry(index) for index in range(1, log.last_index + 1)]
    return [entry for entry in entries if entry.data == STAMP]


@pytest.mark.contract("C1")
def test_the_leader_proposes_one_stamp_when_something_is_due_and_none_before():
    stage = leading(Timed(None))
    begin = stage.ports.now
    log_time_ms = stage.node.leading.log_time_ms(begin)
    stage.ports.due_ms = log_time_ms + 250
    stage.turn()
    answer(stage)

    while stage.ports.now < begin + 249:
        assert stamps(stage) == []
        stage.tick_when_due()
        answer(stage)
    assert stage.ports.now == begin + 250, "the alarm is set for it"
    assert [entry.stamp_ms for entry in stamps(stage)] == [log_time_ms + 250]
    for _ in range(5):
        stage.tick_when_due()
        answer(stage)
    assert len(stamps(stage)) == 1, "while one is under way there is no other"
    stage.persist()
    stage.acknowledge()
    assert STAMP in stage.ports.applied
    assert stage.ports.due_ms is None


def answer(stage):
    """Let the followers be heard, so that the leader goes on."""
    stage.turn(HeartbeatEcho("b", stage.node.term, stage.node.role.round, 0))
    stage.turn(AppendAccepted("b", stage.node.term, stage.node.log.last_index))


def test_a_follower_proposes_nothing():
    stage = Stage(ports=Timed(0))

    stage.turn()

    assert stamps(stage) == []


def test_a_stamp_that_is_refused_is_proposed_later():
    stage = leading(Timed(None), max_uncommitted_bytes=100)
    stage.turn(Propose(bytes(90), lambda error, result: None))
    stage.ports.due_ms = stage.node.leading.log_time_ms(stage.ports.now) + 1
    stage.ports.now += 1
    stage.turn(Propose(b"", lambda error, result: None))
    assert stamps(stage) == [], "the leader is overloaded"
    assert stage.ports.alarms[-1] > stage.ports.now, "it does not try again at once"

    stage.persist()
    stage.acknowledge()
    for _ in range(3):
        stage.tick_when_due()
    assert len(stamps(stage)) == 1
