"""Three daemons, started by the command that users type: they serve, survive kill -9, and end in good order."""

import signal
import time

import gevent
import pytest

from tests.transport_zmq.daemon.daemons import leader_of, trio, until
from transport_zmq.client import Client

T = 30.0


@pytest.fixture
def daemons(tmp_path, closing):
    """A cluster that is ready."""
    three = [closing(daemon) for daemon in trio(tmp_path)]
    for daemon in three:
        daemon.start()
    for daemon in three:
        until(lambda daemon=daemon: daemon.is_ready, f"is {daemon.id} ready: {daemon.told}")
    return three


class Writer:
    """Writes one value after the other, and remembers what was acknowledged and when."""

    def __init__(self, client):
        self.acknowledged = []
        self.longest_gap_s = 0.0
        self._client = client
        self._last_s = time.monotonic()
        self._greenlet = gevent.spawn(self._write)

    def _write(self):
        while True:
            key = f"key {len(self.acknowledged)}"
            self._client.put(key, key, timeout=T)
            now_s = time.monotonic()
            self.longest_gap_s = max(self.longest_gap_s, now_s - self._last_s)
            self._last_s = now_s
            self.acknowledged.append(key)

    def begin_anew(self):
        """Forgets the gaps so far."""
        self.longest_gap_s = 0.0

    def has_gone_on(self, writes=20):
        wanted = len(self.acknowledged) + writes
        until(lambda: len(self.acknowledged) >= wanted or self._greenlet.dead)
        assert not self._greenlet.dead

    def close(self):
        self._greenlet.kill()


def test_a_cluster_serves_loses_its_leader_and_ends_in_good_order(daemons, closing, record_property, capsys):
    # All agree on who leads, and say so.
    leader = until(lambda: leader_of(daemons))
    statuses = [daemon.status for daemon in daemons]
    assert {status["leader"] for status in statuses} == {leader.id}
    assert sorted(status["role"] for status in statuses) == ["follower", "follower", "leader"]
    for daemon, status in zip(daemons, statuses, strict=True):
        assert status["id"] == daemon.id
        assert status["ready"] is True
        assert status["configuration"]["voters"] == ["n1", "n2", "n3"]
        assert status["configuration"]["addresses"][daemon.id] == daemon.address
        assert status["commit_index"] == status["applied_index"] >= 1
        assert all(status["transport"]["connected"].values())
        assert status["transport"]["refused"] == {}
    assert {follower["id"] for follower in leader.status["followers"]} == {"n1", "n2", "n3"} - {leader.id}
    assert leader.ask("/livez") == (200, "alive\n")

    client = closing(Client(",".join(daemon.client_address for daemon in daemons)))
    writer = closing(Writer(client))
    writer.has_gone_on()

    # kill -9 of the leader: another one leads in a later term; the killed one comes back and follows.
    term = leader.status["term"]
    others = [daemon for daemon in daemons if daemon is not leader]
    leader.kill()
    second = until(lambda: leader_of(others))
    assert second.status["term"] > term
    writer.has_gone_on()
    leader.start()
    until(lambda: leader.is_ready, "has the killed leader caught up")
    assert leader.status["leader"] == second.id

    # SIGTERM of the leader: it hands over, which costs no election timeout, and ends with 0.
    term = second.status["term"]
    writer.has_gone_on()
    writer.begin_anew()
    second.signal(signal.SIGTERM)
    assert second.wait() == 0
    writer.has_gone_on()
    gap_ms = round(writer.longest_gap_s * 1000)
    record_property("write_unavailability_ms", gap_ms)
    with capsys.disabled():
        print(f" [no write for {gap_ms} ms while the leader ended] ", end="")
    assert gap_ms < 500, "half of the shortest time in which a lost leader is missed"
    rest = [daemon for daemon in daemons if daemon is not second]
    third = until(lambda: leader_of(rest))
    assert third.status["term"] == term + 1
    assert second.told.splitlines()[-1].endswith(f"{second.id}: ended")
    assert not any("Traceback" in daemon.told for daemon in daemons)

    # Nothing that was acknowledged is lost.
    writer.close()
    assert [key for key in writer.acknowledged if client.get(key, timeout=T) != key.encode()] == []

    # A leader that cannot hand over, since nobody answers, takes its time; a second signal ends it at once.
    follower = next(daemon for daemon in rest if daemon is not third)
    follower.signal(signal.SIGSTOP)
    third.signal(signal.SIGTERM)
    until(lambda: "ending in good order" in third.told)
    assert third.ask("/readyz") == (503, "not ready: it is about to end\n")
    third.signal(signal.SIGTERM)
    assert third.wait() == 143
    assert third.told.splitlines()[-1].startswith("quorate: ended at once, on a second signal")
    follower.signal(signal.SIGCONT)
    until(lambda: follower.ask("/readyz") == (503, "not ready: no leader is known\n"), "has it missed its leader")
    follower.signal(signal.SIGINT)
    assert follower.wait() == 0
