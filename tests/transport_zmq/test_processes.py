"""Three members in three processes: what `kill -9` does to one of them, and what the others make of it."""

import json
import sys
from pathlib import Path

import gevent
import pytest
from gevent import subprocess

from tests.transport_zmq.keyring import Keyring
from tests.transport_zmq.nodes import wait_until

CHECKOUT = Path(__file__).resolve().parents[2]
ANSWER_S = 20


class Member:
    """A process that runs one member."""

    def __init__(self, id, folder, keys=()):
        self.id = id
        self._arguments = [sys.executable, "-m", "tests.transport_zmq.member_process", id, str(folder), *map(str, keys)]
        self.run()

    def run(self):
        self._process = subprocess.Popen(
            self._arguments, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.running = True
        self.address = None

    def listens(self):
        self.address = self._read()["address"]

    def tell(self, **order):
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        return self._read()

    def kill(self):
        self._process.kill()
        self._process.wait()
        self.running = False
        self._process.stdin.close()
        self._process.stdout.close()

    def close(self):
        if self.running:
            self.kill()

    def _read(self):
        with gevent.Timeout(ANSWER_S):
            return json.loads(self._process.stdout.readline())


@pytest.fixture
def members(tmp_path, closing):
    ids = ["n1", "n2", "n3"]
    ring = Keyring(tmp_path, ids)
    for id in ids:
        ring.keys[id].save(tmp_path / f"{id}.secret")
    trio = [closing(Member(id, tmp_path, (tmp_path / f"{id}.secret", ring.path))) for id in ids]
    for member in trio:
        member.listens()
    addresses = {member.id: member.address for member in trio}
    for member in trio:
        member.tell(start=addresses)
    return trio


def leader_of(members):
    said = [(member.tell(status=True), member) for member in members if member.running]
    leaders = [(status["term"], member.id, member) for status, member in said if status["role"] == "leader"]
    return max(leaders)[2] if leaders else None


def put(members, key, value):
    def acknowledged():
        leader = leader_of(members)
        return leader is not None and leader.tell(put=[key, value])["put"] is None

    wait_until(acknowledged)


def have(members, key, value):
    return all(member.tell(get=key)["get"] == value for member in members)


def test_three_processes_survive_the_kill_of_their_leader(members):
    put(members, "k", "1")
    wait_until(lambda: have(members, "k", "1"))
    leader = leader_of(members)
    rest = [member for member in members if member is not leader]
    before = leader.address

    leader.kill()
    put(rest, "k", "2")

    leader.run()
    leader.listens()
    assert leader.address != before, "it was given another port, and tells the others itself"
    leader.tell(start={})
    wait_until(lambda: have(members, "k", "2"))
    put(members, "k", "3")
    wait_until(lambda: have(members, "k", "3"))
    assert [member.tell(status=True)["refused"] for member in rest] == [0, 0]
