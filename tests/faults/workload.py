"""A process of clients: python -m tests.faults.workload ENDPOINTS FIRST SEED FOLDER

They work until SIGTERM; then what they did is in two files, for `quorate sim check`. All processes share one clock.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import gevent
from gevent.event import AsyncResult

from actors.errors import Unavailable
from raft.actor import LEASE, LINEARIZABLE, STALE
from raft.errors import OutcomeUnknown
from tests.faults.store import DigestStore
from transport_sim.histories import ADD, CAS, COUNTER, DELETE, GET, KV, PUT, Recorder, write_history
from transport_zmq import Client

# Of each client in a process. Who has little patience sees many unknown outcomes; who writes waits where nothing can be
# written, and only who reads nothing but sees what a leader tells that does not know of its successor.
PATIENCE_S = (0.3, 2.0, 20.0, 20.0)
READERS_PATIENCE_S = (0.5, 2.0)
PAUSE_S = 0.06  # on average half of it, between two steps: many minutes of this must be judged
# Keys are used for a while only, so that each is judged by itself, and many are at rest when a fault comes.
SHARED_S, COUNTED_S, OWN_S = 5, 30, 60
SHARED = 3
WRITER = {"touch": 10, "count": 4, "keep": 2, "renew": 3, "look": 3}
READER = {"read": 8, "read_counter": 2, "look": 1}


class Worker:
    """A client that does one thing after the other, and writes down what it did.

    Args:
        number: of the process, in the history.
        client: several may share it.
        nodes: how many it knows.
        kv, counter: the records.
        chance: what it draws from.
        patience_s: how long it waits for anything.
        weights: what it does, and how often.
    """

    def __init__(self, number, client, nodes, kv, counter, chance, patience_s, weights):
        self._number = number
        self._client = client
        self._nodes = nodes
        self._kv = kv
        self._counter = counter
        self._chance = chance
        self._patience_s = patience_s
        self._weights = weights
        self._steps = 0
        self._seen = {}  # by key, what it held when it was last looked at

    def run(self):
        steps = [getattr(self, f"_{name}") for name in self._weights]
        while True:
            self._steps += 1
            self._chance.choices(steps, [*self._weights.values()])[0]()
            gevent.sleep(self._chance.uniform(0, PAUSE_S))

    def _touch(self):
        """Everybody's keys, under everybody's hands."""
        key = self._shared_key
        op = self._chance.choice((GET, GET, PUT, CAS, CAS, DELETE))
        if op == GET:
            self._get(key)
        elif op == PUT:
            self._put(key)
        elif op == CAS:
            value, expected = self._value, self._seen.get(key)
            done = self._do(
                self._kv.begin(self._number, CAS, key, value, expected),
                lambda: self._client.cas(key, expected, value, self._patience_s),
            )
            if done:
                self._seen[key] = value
        else:
            self._do(self._kv.begin(self._number, DELETE, key), lambda: self._client.delete(key, self._patience_s))

    def _read(self):
        self._get(self._shared_key)

    def _read_counter(self):
        key = f"counter-{_epoch(COUNTED_S)}"
        self._do(self._counter.begin(self._number, GET, key), lambda: int(self._client.get(key, self._patience_s) or 0))

    def _count(self):
        """What would show that something was done twice, or is forgotten."""
        key = f"counter-{_epoch(COUNTED_S)}"
        command = b"+" + key.encode()
        self._do(
            self._counter.begin(self._number, ADD, key, 1),
            lambda: int(self._client.propose(command, self._patience_s).value),
        )

    def _keep(self):
        """A key that nobody writes again."""
        self._put(f"kept-{self._number}-{self._steps}")

    def _renew(self):
        self._put(f"own-{self._number}-{_epoch(OWN_S)}")

    def _look(self):
        """A stale read: at a node that may be cut off."""
        whose = self._number - self._number % 100 + self._chance.randrange(len(PATIENCE_S))
        key = f"own-{whose}-{_epoch(OWN_S)}"
        pending = self._kv.begin(self._number, GET, key, consistency=STALE)
        try:
            node = self._chance.randrange(self._nodes)
            stale = self._client.get_stale(key, min(self._patience_s, 1.0), node=node)
        except Unavailable:
            pending.discard()
            return
        pending.end(_text(stale.value), age=stale.staleness_s)

    def _put(self, key):
        value = self._value
        self._do(self._kv.begin(self._number, PUT, key, value), lambda: self._client.put(key, value, self._patience_s))

    def _get(self, key):
        consistency = self._chance.choice((LINEARIZABLE, LEASE))
        self._seen[key] = self._do(
            self._kv.begin(self._number, GET, key, consistency=consistency),
            lambda: _text(self._client.get(key, self._patience_s, consistency=consistency)),
        )

    @property
    def _shared_key(self):
        return f"shared-{_epoch(SHARED_S)}-{self._chance.randrange(SHARED)}"

    @property
    def _value(self):
        return f"{self._number}.{self._steps}"

    def _do(self, pending, step):
        """Carry out a step of the history: it was answered, had no effect, or nobody knows."""
        try:
            result = step()
        except OutcomeUnknown:
            return None
        except Unavailable:
            pending.discard()
            return None
        pending.end(result)
        return result


def _epoch(seconds):
    return int(time.monotonic() / seconds)


def _text(value):
    return None if value is None else value.decode()


def main(endpoints, first, seed, folder):
    over, nodes = AsyncResult(), len(endpoints.split(","))
    gevent.signal_handler(signal.SIGTERM, over.set)
    kv, counter = Recorder(time.monotonic, KV), Recorder(time.monotonic, COUNTER)
    with Client(endpoints, machine=DigestStore) as client:
        workers = []
        who = [(patience_s, WRITER) for patience_s in PATIENCE_S] + [(each, READER) for each in READERS_PATIENCE_S]
        for number, (patience_s, weights) in enumerate(who, int(first)):
            chance = random.Random(f"{seed} {number}")
            worker = Worker(number, client, nodes, kv, counter, chance, patience_s, weights)
            workers.append(gevent.spawn(worker.run))
            workers[-1].link_exception(lambda failed: over.set_exception(failed.exception))
        try:
            over.get()
        finally:
            gevent.killall(workers)
            for name, recorder in ((KV, kv), (COUNTER, counter)):
                partial = Path(folder) / f"{name}-{first}.partial"
                write_history(partial, recorder.operations)
                os.replace(partial, partial.with_suffix(".ndjson"))


if __name__ == "__main__":
    main(*sys.argv[1:])
