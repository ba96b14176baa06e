"""The cluster under test as `LocalCluster`: actors in this process, in real time."""

from __future__ import annotations

import time
from functools import partial

import gevent

from actors import LocalCluster
from actors.client import Deadline
from actors.cluster import LOCAL_CONFIG
from actors.loop import run
from actors.session_commands import in_session, register
from actors.session_table import SessionLimits
from raft.actor import Propose
from tests.contract.port import SNAPSHOT_ENTRIES, TAIL_ENTRIES, Capability, Cluster, Seen, T, told
from tests.transport_zmq.machines import CountingStore
from transport_zmq.report import report


class RealTime:
    """Time and concurrency of a cluster that lives on gevent's loop."""

    def now_s(self):
        return time.monotonic()

    def sleep(self, seconds):
        gevent.sleep(seconds)

    def together(self, *functions):
        greenlets = [gevent.spawn(function) for function in functions]
        try:
            gevent.joinall(greenlets, raise_error=True)
        finally:
            gevent.killall(greenlets)


def open_session(client):
    """Opens a session, by an `actors.client.Client`."""
    return run(client.ask(partial(Propose, register()), Deadline(T), read_only=True)).value


def apply_in_session(client, session, sequence, command):
    """Sends a command of a session, by an `actors.client.Client`."""
    data = in_session(session, sequence, sequence, command)
    reply = run(client.ask(partial(Propose, data), Deadline(T), once=True))
    return told(reply, session, CountingStore().decode_result)


class ActorCluster(RealTime, Cluster):
    """A `LocalCluster`; all clients are the one that it has."""

    capabilities = frozenset({Capability.CUTS_LINKS, Capability.ASKS_SILENCED, Capability.EXPIRES_SESSIONS})

    def __init__(self, session_timeout_ms=3_600_000):
        super().__init__()
        self.election_timeout_s = LOCAL_CONFIG.election_timeout_ms / 1000
        self._silenced = []
        self._cluster = LocalCluster(
            3,
            machine=CountingStore,
            config=LOCAL_CONFIG.replaced(snapshot_entries=SNAPSHOT_ENTRIES, snapshot_tail_entries=TAIL_ENTRIES),
            limits=SessionLimits(timeout_ms=session_timeout_ms),
        )

    def close(self):
        self._cluster.close()

    discard = close

    # Clients

    def client(self):
        return self._cluster

    def open_session(self):
        return open_session(self._cluster._client)

    def apply_in_session(self, session, sequence, command):
        return apply_in_session(self._cluster._client, session, sequence, command)

    # Members

    @property
    def members(self):
        return self._cluster.members

    def _status(self, id):
        return next(status.raft for status in self._cluster.status() if status.id == id)

    def runs(self, id):
        return self._status(id) is not None

    def look_at(self, id):
        status = self._status(id)
        return None if status is None else Seen.of(report(status))

    def kill(self, *ids):
        for id in ids:
            self._cluster.kill(id)

    def restart(self, *ids):
        for id in ids:
            self._cluster.restart(id)

    def stop(self, id):
        self._cluster.stop(id, T)

    def silence(self, *ids):
        self._silenced += ids
        self._cluster.partition(*[[id] for id in self._silenced])

    def cut(self, sender, receiver):
        self._cluster.cut(sender, receiver)

    def heal(self):
        self._silenced.clear()
        self._cluster.heal()

    def transfer(self, to):
        return self._cluster.transfer(to, T)

    def add(self, *, learner=False):
        return self._cluster.add(learner=learner, timeout=T)

    def change(self, *changes):
        self._cluster.change(*changes, timeout=T)

    def lose_disk(self, id):
        self._cluster.erase(id)
        self._terms.pop(id, None)
