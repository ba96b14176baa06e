"""Clients whose calls are written down, so that the project's checker can judge what they were answered."""

from __future__ import annotations

from actors.errors import Unavailable
from raft.errors import OutcomeUnknown
from tests.contract.port import T
from transport_sim.histories import CAS, DELETE, GET, KV, PUT, Recorder, check

ALLOWANCE_TIMEOUTS = 2  # for so many election timeouts a deposed leader goes on before it knows, see `StaleRead`
ALLOWANCE_S = 1.0  # a heartbeat travels, and a process may wait for its turn on a busy machine


class History:
    """What the clients of one test did.

    Args:
        cluster: whose clients they are.
    """

    def __init__(self, cluster):
        self._cluster = cluster
        self._recorder = Recorder(cluster.now_s, KV)
        self._processes = 0
        self.acknowledged = 0
        self.unknown = 0

    def client(self):
        """A new client, which does one thing at a time."""
        self._processes += 1
        return RecordedClient(self, self._recorder, self._processes, self._cluster.client())

    def check(self):
        """Fails the test unless there is an order that explains all answers (contract C3)."""
        allowance_s = ALLOWANCE_TIMEOUTS * self._cluster.election_timeout_s + ALLOWANCE_S
        verdict = check(self._recorder.operations, KV, allowance_s=allowance_s)
        assert verdict.linearizable, verdict.explanation or verdict.undecided


class RecordedClient:
    """A client whose calls are written down; those that fail are no errors, but say what is known of their outcome."""

    def __init__(self, history, recorder, process, client):
        self._history = history
        self._recorder = recorder
        self._process = process
        self._client = client

    def put(self, key, value, timeout=T):
        self._noted((PUT, key, value), lambda: self._client.put(key, value, timeout))

    def cas(self, key, expected, value, timeout=T):
        return self._noted((CAS, key, value, expected), lambda: self._client.cas(key, expected, value, timeout))

    def delete(self, key, timeout=T):
        return self._noted((DELETE, key), lambda: self._client.delete(key, timeout))

    def get(self, key, timeout=T):
        return self._noted((GET, key), lambda: _text(self._client.get(key, timeout)))

    def get_stale(self, key, timeout=T):
        pending = self._recorder.begin(self._process, GET, key, consistency="stale")
        try:
            stale = self._client.get_stale(key, timeout)
        except Unavailable:
            pending.discard()
            return
        pending.end(_text(stale.value), age=stale.staleness_s)

    def _noted(self, operation, call):
        pending = self._recorder.begin(self._process, *operation)
        try:
            result = call()
        except Unavailable:
            pending.discard()
            return None
        except OutcomeUnknown:
            self._history.unknown += 1
            return None
        pending.end(result)
        self._history.acknowledged += 1
        return result


def _text(value):
    return None if value is None else value.decode()
