"""Exactly once, as the user of a local cluster meets it: leaders die, logs are cut off, sessions expire."""

from functools import partial

import gevent
import pytest

from actors import (
    Config,
    InvalidConfig,
    KeyValue,
    LocalCluster,
    OutcomeUnknown,
    ResultNotKept,
    SessionExpired,
    SessionLimits,
    Unavailable,
)
from actors.client import Client
from actors.leadership import Leadership
from actors.runtime import GeventFuture
from actors.session_client import SessionClient
from actors.session_commands import in_session, register
from actors.session_table import APPLIED, FULL, REGISTERED, Reply
from actors.storage.memory import MemoryStorage
from raft.actor import Propose
from tests.actors.clusters import Counter, T, level, others, raft_status, wait_until

pytestmark = pytest.mark.contract("C1")

OFTEN = Config(election_timeout_ms=300, heartbeat_interval_ms=50, snapshot_entries=20, snapshot_tail_entries=0)


class SavedCounter(Counter):
    """Counts, and counts what it was asked for; both survive in snapshots."""

    def __init__(self):
        super().__init__()
        self.times = 0

    def apply(self, command):
        self.times += 1
        return super().apply(command)

    def snapshot(self):
        return [b"%d %d" % (self.total, self.times)]

    def restore(self, chunks):
        self.total, self.times = map(int, b"".join(chunks).split())


@pytest.fixture
def cluster():
    with LocalCluster(3, machine=SavedCounter) as cluster:
        assert cluster.propose(b"1", T) == 1
        yield cluster


def totals(cluster):
    wait_until(lambda: level(cluster))
    return [(cluster.machine(node).total, cluster.machine(node).times) for node in cluster.members]


def ask(cluster, data):
    """Puts an entry before the cluster as it is, and returns what it came to."""
    return cluster._client.call(partial(Propose, data), T)


def take_without_an_answer(cluster, command):
    """Lets the followers store a command whose acknowledgements never reach the leader; returns leader and greenlet."""
    leader = cluster.wait_for_leader(T)
    wait_until(lambda: level(cluster))
    last_index = raft_status(cluster, leader).last_index
    for follower in others(cluster, leader):
        cluster.cut(follower, leader)
    asked = gevent.spawn(cluster.propose, command, T)
    wait_until(
        lambda: all(raft_status(cluster, follower).last_index > last_index for follower in others(cluster, leader))
    )
    return leader, asked


# Leaders die


def test_a_command_whose_leader_dies_is_sent_again_and_applied_once(cluster):
    leader, asked = take_without_an_answer(cluster, b"10")

    cluster.kill(leader)
    cluster.heal()

    assert asked.get(timeout=T) == 11
    cluster.restart(leader)
    assert totals(cluster) == [(11, 2)] * 3


def test_both_copies_are_in_the_log_and_one_is_applied(cluster):
    leader, asked = take_without_an_answer(cluster, b"10")

    wait_until(lambda: raft_status(cluster, leader).role != "leader")  # it hears no echo; the command is in doubt
    cluster.heal()

    assert asked.get(timeout=T) == 11
    assert totals(cluster) == [(11, 2)] * 3
    stored = cluster._nodes[leader].storage.load().entries
    assert [entry.data.endswith(b"10") for entry in stored].count(True) == 2


def test_a_command_that_no_other_node_has_seen_is_done_by_the_next_leader(cluster):
    leader = cluster.wait_for_leader(T)
    last_index = raft_status(cluster, leader).last_index
    cluster.partition([leader])
    asked = gevent.spawn(cluster.propose, b"10", T)
    wait_until(lambda: raft_status(cluster, leader).last_index > last_index)

    assert asked.get(timeout=T) == 11

    cluster.heal()
    assert totals(cluster) == [(11, 2)] * 3


def test_a_power_cut_of_all_nodes_loses_no_session(cluster):
    leader, asked = take_without_an_answer(cluster, b"10")

    for node in cluster.members:
        cluster.kill(node)
    cluster.heal()
    for node in cluster.members:
        cluster.restart(node)

    assert asked.get(timeout=T) == 11
    assert totals(cluster) == [(11, 2)] * 3


def test_many_callers_share_the_session_through_one_crash_after_the_other():
    with LocalCluster(3, machine=SavedCounter, limits=SessionLimits(window=8)) as cluster:
        callers = [gevent.spawn(cluster.propose, b"1", T) for _ in range(300)]
        for _ in range(3):
            leader = cluster.wait_for_leader(T)
            gevent.sleep(0.02)
            cluster.kill(leader)
            cluster.wait_for_leader(T)
            cluster.restart(leader)
        results = sorted(caller.get(timeout=T) for caller in callers)

        assert results == list(range(1, 301))
        assert totals(cluster) == [(300, 300)] * 3
        assert (
            len({entry.data for entry in cluster._nodes["n1"].storage.load().entries if entry.data == register()}) == 1
        )


@pytest.mark.contract("N4")
def test_sessions_survive_snapshots_restarts_and_installation():
    with LocalCluster(3, machine=SavedCounter, config=OFTEN) as cluster:
        away = others(cluster, cluster.wait_for_leader(T))[0]
        session = ask(cluster, register()).value
        command = in_session(session, 1, 1, b"10")
        reply = ask(cluster, command)
        cluster.kill(away)
        for _ in range(60):
            cluster.propose(b"1", T, session=False)

        cluster.restart(away)  # its log is gone elsewhere: it gets a snapshot
        wait_until(lambda: level(cluster))
        assert cluster._nodes[away].storage.load().base[0] > session
        for node in cluster.members:
            cluster.kill(node)
        for node in cluster.members:
            cluster.restart(node)

        assert ask(cluster, command) == reply
        assert totals(cluster) == [(70, 61)] * 3


# Sessions expire


def test_a_session_that_was_idle_is_replaced_before_it_expires():
    with LocalCluster(1, machine=SavedCounter, limits=SessionLimits(timeout_ms=2000)) as cluster:
        cluster.propose(b"1", T)
        first = cluster._session._session.id
        cluster.propose(b"1", T)
        assert cluster._session._session.id == first

        cluster.sleep(1.1)

        assert cluster.propose(b"1", T) == 3
        assert cluster._session._session.id > first


def test_a_command_of_an_expired_session_is_unknown_and_never_sent_under_another():
    with LocalCluster(1, machine=SavedCounter, limits=SessionLimits(timeout_ms=200)) as cluster:
        cluster.propose(b"1", T)
        expired = cluster._session._session
        expired.used_s = float("inf")  # as if this process's clock had stood still
        cluster.sleep(0.5)

        with pytest.raises(SessionExpired, match=f"session {expired.id} has expired") as caught:
            cluster.propose(b"10", T)

        assert isinstance(caught.value, OutcomeUnknown)
        assert caught.value.session == expired.id
        assert cluster.propose(b"100", T) == 101
        assert cluster._session._session.id != expired.id


def test_what_waits_for_room_in_a_session_that_expires_goes_under_the_next():
    limits = SessionLimits(timeout_ms=200, window=1)
    with LocalCluster(1, machine=SavedCounter, limits=limits) as cluster:
        cluster.propose(b"1", T)
        session = cluster._session._session
        session.used_s = float("inf")
        cluster.sleep(0.5)

        asked = [gevent.spawn(caught, cluster.propose, b"10", T) for _ in range(3)]

        outcomes = [greenlet.get(timeout=T) for greenlet in asked]
        assert [type(outcome) for outcome in outcomes] == [SessionExpired, int, int]
        assert sorted(outcomes[1:]) == [11, 21]


def caught(method, *arguments):
    try:
        return method(*arguments)
    except Exception as error:
        return error


# Time runs out


@pytest.fixture
def lone():
    """A cluster of one with a session, whose leader takes commands for as long as it is."""
    with LocalCluster(1, machine=SavedCounter, limits=SessionLimits(window=1)) as cluster:
        assert cluster.propose(b"1", T) == 1
        yield cluster


def power_cycle(cluster):
    cluster.kill("n1")
    cluster.restart("n1")


def test_time_that_runs_out_after_a_node_took_the_command_leaves_it_unknown(lone, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(MemoryStorage, "write", lambda storage, write: None)  # a disk that stands still

        with pytest.raises(OutcomeUnknown, match="n1 was given the command and has not answered in time"):
            lone.propose(b"10", 0.2)

    power_cycle(lone)
    assert lone.propose(b"100", T) == 101


def test_without_any_leader_no_session_is_opened_and_the_command_has_no_effect():
    with LocalCluster(3, machine=SavedCounter) as cluster:
        cluster.partition([0], [1], [2])
        with pytest.raises(Unavailable):
            cluster.propose(b"1", 0.1)
        cluster.heal()

        assert cluster.propose(b"10", T) == 10


def test_who_waits_for_a_session_that_another_opens_is_told_when_the_time_is_up():
    with LocalCluster(3, machine=SavedCounter) as cluster:
        cluster.partition([0], [1], [2])
        opens = gevent.spawn(caught, cluster.propose, b"1", T)
        gevent.sleep(0)

        with pytest.raises(Unavailable, match="another caller has not opened the session within 0.1 s"):
            cluster.propose(b"1", 0.1)

        cluster.heal()
        assert opens.get(timeout=T) == 1


def test_who_waits_for_room_in_the_window_is_told_when_the_time_is_up(lone, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(MemoryStorage, "write", lambda storage, write: None)
        asked = gevent.spawn(lone.propose, b"10", T)
        gevent.sleep(0)

        with pytest.raises(Unavailable, match="no earlier command of the session was answered within 0.2 s"):
            lone.propose(b"1", 0.2)

    power_cycle(lone)
    assert asked.get(timeout=T) == 11
    assert totals(lone) == [(11, 2)]


# Bounds


def test_beyond_the_limit_no_session_is_opened_until_others_expire():
    limits = SessionLimits(sessions=1, timeout_ms=1500)
    with LocalCluster(1, machine=SavedCounter, limits=limits) as cluster:
        ask(cluster, register())
        with pytest.raises(Unavailable, match="no session could be opened beside 1 others within 0.3 s"):
            cluster.propose(b"1", 0.3)

        assert cluster.propose(b"1", T) == 1


def test_replies_that_others_keep_hold_a_command_up_until_they_expire():
    limits = SessionLimits(reply_bytes=1, timeout_ms=1500)
    with LocalCluster(1, machine=SavedCounter, limits=limits) as cluster:
        other = ask(cluster, register()).value
        assert ask(cluster, in_session(other, 1, 1, b"1")).outcome == APPLIED
        with pytest.raises(Unavailable, match="the replies kept for clients took too many bytes within 0.3 s"):
            cluster.propose(b"1", 0.3)

        assert cluster.propose(b"1", T) == 2


@pytest.mark.contract("C2")
def test_a_command_that_was_in_doubt_and_finds_no_room_afterwards_stays_in_doubt():
    answers = iter([Reply(REGISTERED, 1), OutcomeUnknown("the connection was lost"), *[Reply(FULL)] * 1000])

    def submit(member, request):
        future = GeventFuture()
        answer = next(answers)
        if isinstance(answer, Reply):
            future.set(answer)
        else:
            future.set_exception((type(answer), answer, None))
        return future

    client = SessionClient(Client(lambda: ("n1",), submit, Leadership()), SessionLimits(), bytes)

    with pytest.raises(OutcomeUnknown, match="the connection was lost"):
        client.call(b"1", 0.1)  # the first attempt may yet arrive
    with pytest.raises(Unavailable, match="took too many bytes"):
        client.call(b"2", 0.1)


@pytest.mark.parametrize("limits", [{}, 5, SessionLimits])
def test_limits_are_session_limits(limits):
    with pytest.raises(InvalidConfig, match="it must be a SessionLimits or None"):
        LocalCluster(limits=limits)


# Results


class Rich:
    def __init__(self):
        self.kept = object()

    def apply(self, command):
        return self.kept if command == b"object" else {"list": [command, 1.5], "tuple": (None, True)}


def test_results_of_every_kind_come_back_and_others_need_no_session():
    with LocalCluster(3, machine=Rich) as cluster:
        assert cluster.propose(b"dict", T) == {"list": [b"dict", 1.5], "tuple": (None, True)}
        with pytest.raises(ResultNotKept, match="the command was applied, but its result cannot be told: a object is"):
            cluster.propose(b"object", T)
        assert type(cluster.propose(b"object", T, session=False)) is object
        assert all(member.running for member in cluster.status())


class Halfway(KeyValue):
    decode_result = None


def test_a_machine_that_encodes_must_decode_too():
    with pytest.raises(InvalidConfig, match="a class that has decode_result too, or no encode_result"):
        LocalCluster(machine=Halfway)


def test_bytes_that_are_no_command_are_answered(cluster):
    assert ask(cluster, b"\x09") == Reply("invalid", "there is no kind 9")
    assert cluster.propose(b"1", T) == 2
