"""Clients of three processes whose leader is killed under load: nothing acknowledged is lost, nothing happens twice."""

import asyncio
import json
import random
import signal
import socket
import sys
import time

import gevent
import pytest
from gevent import subprocess

from actors.errors import Unavailable
from raft.errors import OutcomeUnknown
from tests.transport_zmq.machines import CountingStore
from tests.transport_zmq.nodes import wait_until
from tests.transport_zmq.test_processes import CHECKOUT
from transport_sim.histories import CAS, DELETE, GET, KV, PUT, Recorder, check
from transport_zmq import AsyncClient, Client

IDS = ("n1", "n2", "n3")
CLIENTS = 4


def free_addresses(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    return addresses


class Member:
    """A process that runs one member."""

    def __init__(self, id, folder, peers, clients):
        self.id = id
        self.endpoint = clients[id]
        addresses = (json.dumps(peers), json.dumps(clients))
        self._arguments = [sys.executable, "-m", "tests.transport_zmq.served_process", id, str(folder), *addresses]
        self.run()

    def run(self):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(self._arguments, cwd=CHECKOUT, **pipes)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.close()

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
            self.process = None


@pytest.fixture
def members(tmp_path, closing):
    addresses = free_addresses(6)
    peers, clients = dict(zip(IDS, addresses[:3], strict=True)), dict(zip(IDS, addresses[3:], strict=True))
    return [closing(Member(id, tmp_path, peers, clients)) for id in IDS]


@pytest.fixture
def connect(members, closing):
    endpoints = [member.endpoint for member in members]
    return lambda: closing(Client(endpoints, machine=CountingStore))


class Worker:
    """A client that does one thing after the other, and writes down what it did."""

    def __init__(self, number, client, recorder, closing):
        self.number = number
        self.client = client
        self.counted = []  # what each count was answered
        self.in_doubt = 0  # counts whose outcome is unknown
        self.stored = []  # keys that were acknowledged
        self._recorder = recorder
        self._chance = random.Random(number)
        self._steps = 0
        self._greenlet = gevent.spawn(self._run)

    def close(self):
        self._greenlet.kill()

    def _run(self):
        while True:
            self._steps += 1
            # Every second client has so little patience that outcomes are unknown around a failover.
            timeout = 20 if self.number % 2 else 0.3
            self._chance.choice((self._count, self._store, self._touch, self._touch))(timeout)

    def _count(self, timeout):
        try:
            self.counted.append(int(self.client.propose(b"+total", timeout).value))
        except OutcomeUnknown:
            self.in_doubt += 1
        except Unavailable:
            pass

    def _store(self, timeout):
        key = f"{self.number}-{self._steps}"
        try:
            self.client.put(key, "1", timeout)
        except (OutcomeUnknown, Unavailable):
            return
        self.stored.append(key)

    def _touch(self, timeout):
        """One step of the history that is checked."""
        key, value = f"k{self._chance.randrange(3)}", f"{self.number}.{self._steps}"
        op = self._chance.choice((GET, GET, PUT, CAS, DELETE))
        expected = self._chance.choice((None, f"{self._chance.randrange(CLIENTS)}.{self._steps - 1}"))
        # Whoever does not know what became of a step may not be the one that takes the next: it may yet take effect.
        process = self.number + CLIENTS * self._steps
        pending = self._recorder.begin(
            process, op, key, value if op in (PUT, CAS) else None, expected if op == CAS else None
        )
        try:
            if op == GET:
                found = self.client.get(key, timeout)
                pending.end(None if found is None else found.decode())
            elif op == PUT:
                pending.end(self.client.put(key, value, timeout))
            elif op == DELETE:
                pending.end(self.client.delete(key, timeout))
            else:
                pending.end(self.client.cas(key, expected, value, timeout))
        except OutcomeUnknown:
            pass
        except Unavailable:
            pending.discard()


def leader_of(client, members):
    def leading():
        found = [status for status in client.status(1) if status.node is not None and status.node["role"] == "leader"]
        return max(found, key=lambda status: status.node["term"], default=None)

    wait_until(lambda: leading() is not None)
    endpoint = leading().endpoint
    return next(member for member in members if member.endpoint == endpoint)


@pytest.mark.contract("C1", "C2", "C3")
def test_one_leader_is_killed_and_one_frozen_under_load(members, connect, closing):
    observer = connect()
    observer.put("k0", "0", 20)
    recorder = Recorder(time.monotonic, KV)
    recorder.begin(0, PUT, "k0", "0").end()
    workers = [closing(Worker(number, connect(), recorder, closing)) for number in range(CLIENTS)]
    gevent.sleep(0.7)

    killed = leader_of(observer, members)
    killed.kill()
    observer.put("after", killed.id, 20)
    gevent.sleep(0.3)
    killed.run()
    gevent.sleep(0.7)
    frozen = leader_of(observer, members)
    frozen.process.send_signal(signal.SIGSTOP)
    observer.put("after", frozen.id, 20)
    gevent.sleep(0.3)
    frozen.process.send_signal(signal.SIGCONT)
    gevent.sleep(0.7)
    for worker in workers:
        worker.close()

    counted = sorted(count for worker in workers for count in worker.counted)
    in_doubt = sum(worker.in_doubt for worker in workers)
    total = int(observer.get("total", 20))
    assert len(set(counted)) == len(counted) > 50, "no two counts came to the same"
    assert len(counted) <= total <= len(counted) + in_doubt + CLIENTS, "each was applied once"
    lost = [key for worker in workers for key in worker.stored if observer.get(key, 20) is None]
    assert lost == []
    for key in ("k0", "k1", "k2"):
        pending = recorder.begin(0, GET, key)
        found = observer.get(key, 20)
        pending.end(None if found is None else found.decode())
    verdict = check(recorder.operations, KV, seconds=20)
    assert verdict.linearizable, verdict
    assert verdict.operations > 100


async def load_of_asyncio(members):
    """Counts with many calls under way while the leader is killed; returns what was answered, and the total."""
    endpoints = [member.endpoint for member in members]
    async with AsyncClient(endpoints, machine=CountingStore) as client:
        await client.put("total", "0", 20)
        counted = []

        async def count(calls):
            for _ in range(calls):
                counted.append(int((await client.propose(b"+total", 30)).value))

        counting = asyncio.gather(*[count(20) for _ in range(100)])
        while len(counted) < 200:
            await asyncio.sleep(0.001)
        found = [status for status in await client.status() if status.node["role"] == "leader"]
        next(member for member in members if member.endpoint == found[0].endpoint).kill()
        in_time = len(counted)
        await counting
        return counted, in_time, int(await client.get("total", 20))


@pytest.mark.contract("C1")
def test_a_leader_is_killed_under_load_of_asyncio(members):
    counted, in_time, total = asyncio.run(load_of_asyncio(members))

    assert in_time < 2000, "calls were under way when the leader was killed"
    assert sorted(counted) == list(range(1, 2001)), "each was applied once, and each answer is its own"
    assert total == 2000


@pytest.mark.contract("C1")
def test_a_leader_is_killed_under_load_of_a_pipeline(members, connect):
    client = connect()
    client.put("total", "0", 20)
    killed = leader_of(client, members)
    with client.pipeline() as pipeline:
        before = [pipeline.propose(b"+total", 30) for _ in range(500)]
        before[50].get()
        killed.kill()
        after = [pipeline.propose(b"+total", 30) for _ in range(1500)]

    counted = sorted(int(future.get().value) for future in [*before, *after])
    assert counted == list(range(1, 2001)), "each was applied once, and each answer is its own"
    assert int(client.get("total", 20)) == 2000
