"""A member of a daemon, in this process: how it ends."""

import os
import threading

import gevent
import pytest

from actors.kv_commands import put
from raft.errors import OutcomeUnknown, RaftError
from tests.transport_zmq.daemon.daemons import until
from tests.transport_zmq.daemon.test_settings import settled
from transport_zmq.client import Client
from transport_zmq.daemon.member import Member

T = 30.0
COMMANDS = 20


@pytest.fixture
def member(tmp_path, closing):
    """A member that founds a cluster alone, and leads it."""
    settings = settled(
        name="n1",
        data_dir=str(tmp_path / "data"),
        peers="n1=127.0.0.1:1",
        listen="127.0.0.1:0",
        client_listen="127.0.0.1:0",
        http="off",
        election_timeout_ms="800",
        heartbeat_interval_ms="100",
    )
    member = Member(settings, lambda error: None)
    member.close = member.release
    closing(member)
    member.listen()
    member.start()
    until(lambda: not member.state.why_not_ready())
    return member


@pytest.fixture
def disk(monkeypatch):
    """Syncs wait while this is not set."""
    disk = threading.Event()
    disk.set()
    sync = os.fdatasync

    def wait_and_sync(file):
        disk.wait(T)
        sync(file)

    monkeypatch.setattr(os, "fdatasync", wait_and_sync)
    yield disk
    disk.set()


@pytest.fixture
def proposals(member, disk, closing):
    """What becomes of commands that are in the log of the member, and not on its disk."""
    client = closing(Client(member.clients.address))
    client.put("the first", "v", timeout=T)
    first = member.supervisor.status().raft.last_index
    disk.clear()

    def propose(number):
        try:
            client.propose(put(b"%d" % number, b"x"), timeout=T, session=False)
        except RaftError as error:
            return error
        return "acknowledged"

    greenlets = [gevent.spawn(propose, number) for number in range(COMMANDS)]
    until(lambda: member.supervisor.status().raft.last_index == first + COMMANDS)
    return greenlets


def test_what_is_under_way_is_answered_before_the_node_is_taken_down(member, disk, proposals):
    gevent.spawn_later(0.2, disk.set)

    assert member.end(T) is True

    assert not member.supervisor.running
    gevent.joinall(proposals, timeout=T)
    assert [proposal.value for proposal in proposals] == ["acknowledged"] * COMMANDS


def test_when_the_time_is_up_the_node_is_taken_down_and_those_who_wait_know_nothing(member, disk, proposals):
    assert member.end(0.1) is False

    assert not member.supervisor.running
    gevent.joinall(proposals, timeout=T)
    assert {type(proposal.value) for proposal in proposals} == {OutcomeUnknown}


def test_a_member_that_ends_sends_clients_elsewhere(member):
    member.end(T)

    assert member.state.why_not_ready() == "it is about to end"
    assert member.state.is_alive
    assert member.clients.status()["ready"] is False
