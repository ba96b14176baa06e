"""A lock between processes, over real sockets: a holder is killed, a leader is killed, and clients connect again."""

import sys

import gevent
import pytest
from gevent import subprocess

from actors.recipes import Election, Lock
from tests.transport_zmq.nodes import T, wait_until
from tests.transport_zmq.served import cluster, endpoints_of, leading
from tests.transport_zmq.test_processes import CHECKOUT
from transport_zmq import Client

HOLDER = """
import sys
import gevent
from actors.recipes import Lock
from transport_zmq import Client

with Client(sys.argv[1]) as client, Lock(client, "l", ttl=float(sys.argv[2])) as lock:
    print(lock.token, flush=True)
    gevent.sleep(60)
"""
TTL = 1.0


@pytest.fixture
def nodes(tmp_path, closing):
    return cluster(closing, tmp_path)


def test_a_holder_that_is_killed_is_followed_by_one_that_waits_while_the_leader_is_killed(nodes, closing):
    client = closing(Client(endpoints_of(nodes)))
    client.put("k", "1", T)
    command = [sys.executable, "-c", HOLDER, ",".join(endpoints_of(nodes)), str(TTL)]
    holder = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE)
    try:
        token = int(holder.stdout.readline())
        lock = Lock(client, "l", ttl=5)
        waiting = gevent.spawn(lock.acquire)
        wait_until(lambda: len(client.prefix("l/").items) == 2)
        gevent.sleep(1.5 * TTL)
        assert not waiting.ready(), "the holder keeps it alive"

        killed = leading(nodes)
        killed.stop()
        holder.kill()
        assert waiting.get(timeout=T)
        assert lock.token > token
        assert lock.held
        lock.release()
        killed.start(None)
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def test_a_leader_of_an_election_stays_it_when_its_connections_are_lost(nodes, closing):
    client, other = closing(Client(endpoints_of(nodes))), closing(Client(endpoints_of(nodes)))
    elected = Election(client, "e", ttl=10)
    assert elected.campaign("me", T)
    token = elected.token
    seen = []

    def observe():
        for leader in Election(other, "e").observe():
            seen.append(leader)

    observing = gevent.spawn(observe)
    wait_until(lambda: seen)
    for number in range(3):
        for one in (client, other):
            for link in one._calls.links._links:
                link._lane._hang_up()
                link._lane.reconsider()
            assert one.status(0)[0].node is None
            one.put("k", str(number), T)
    assert elected.leads
    assert elected.txn().put("k", "3").commit(T).succeeded
    elected.resign(T)
    wait_until(lambda: seen[-1] is None)
    observing.kill()
    assert [leader and (leader.value, leader.token) for leader in seen] == [(b"me", token), None]
