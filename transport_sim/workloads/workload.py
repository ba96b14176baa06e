"""The clients of random runs: each does one thing after the other, and all that they do goes into one history."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from actors.errors import Unavailable
from actors.stale_read import StaleRead
from raft.actor import LEASE, LINEARIZABLE, STALE
from raft.errors import OutcomeUnknown

from ..chance import Chance
from ..histories.operation import ADD, APPEND, CAS, DELETE, GET, PUT
from ..histories.recorder import Recorder
from ..histories.validation import COUNTER, KV, LIST, REGISTER
from ..requests import Request, SimClient
from .store import Store, command
from .verdict import judge

MOST_OPERATIONS = 150
"""How many operations one process may do, so that the check of a long run stays quick."""

PROCESSES = 4
LAST_LOOK = PROCESSES + 1  # who reads everything at the end

_READS = (GET, GET)
_OPERATIONS = {
    REGISTER: (*_READS, PUT, CAS, CAS, DELETE),
    KV: (*_READS, PUT, APPEND, CAS, CAS, DELETE),
    LIST: (*_READS, APPEND, APPEND),
    COUNTER: (*_READS, ADD, ADD),
}

_CONSISTENCIES = (LINEARIZABLE, LINEARIZABLE, LEASE, LEASE, STALE)


class Workload:
    """Four processes over a few keys of one model.

    Args:
        chance: decides what they do.
        clock: returns the time in seconds.
        allowance_s: how much older than they said stale reads may be, in seconds.
        drift_ppm: by how many millionths the clocks that tell their age may be too slow.

    Attributes:
        model: what the keys hold, one of `histories.MODELS`.
        keys: their names.
        history: everything that was done.
        clients: the processes.
        undecided: how many keys had a history that took too long to judge.
    """

    def __init__(self, chance: Chance, clock: Callable[[], float], allowance_s: float, drift_ppm: int) -> None:
        self.model = chance.pick(tuple(_OPERATIONS))
        self.keys = [f"{self.model}-{number}" for number in range(1, chance.pick((1, 3, 5)) + 1)]
        self.history = Recorder(clock, self.model)
        self._pause_s = chance.pick((0.02, 0.1, 0.3))
        self._timeout_s = chance.pick((None, None, 0.5, 2.0))
        self._unsure = chance.pick((0.0, 0.2))  # how often a command goes without a session
        self.clients = [self._work] * PROCESSES
        self.undecided = 0
        self._allowance_s = allowance_s
        self._slowest = 1 - drift_ppm / 1_000_000

    def ended(self, store: Store) -> None:
        """All is mended: note what a member holds now, and judge.

        Args:
            store: that of a member which has applied everything.

        Raises:
            InvariantError: the history is not linearizable.
        """
        for key in self.keys:
            self.history.begin(LAST_LOOK, GET, key).end(store.read(key))
        self.undecided = judge(self.history.operations, self.model, self._allowance_s)

    def _work(self, client: SimClient) -> Generator[Request, Any, None]:
        number = int(client.name.removeprefix("_work"))
        for count in range(MOST_OPERATIONS):
            yield from self._do_one(client, number, f"{number}.{count}")
            yield client.sleep(client.chance.unit() * 2 * self._pause_s)

    def _do_one(self, client: SimClient, number: int, unique: str) -> Generator[Request, Any, None]:
        chance = client.chance
        key = chance.pick(self.keys)
        op = chance.pick(_OPERATIONS[self.model])
        if op == CAS:  # what a cas expects was read just before, or it would hardly ever come about
            expected = yield from self._read(client, number, key, chance.pick(_CONSISTENCIES))
            yield from self._write(client, number, op, key, unique, expected)
        elif op == GET:
            yield from self._read(client, number, key, chance.pick(_CONSISTENCIES))
        elif op == ADD:
            yield from self._write(client, number, op, key, chance.between(1, 9))
        else:
            yield from self._write(client, number, op, key, None if op == DELETE else unique)

    def _read(self, client: SimClient, number: int, key: str, consistency: str) -> Generator[Request, Any, Any]:
        operation = self.history.begin(number, GET, key, consistency=consistency)
        try:
            value = yield client.read(key, consistency, self._timeout_s)
        except Unavailable:
            operation.discard()
            return None
        age = None
        if isinstance(value, StaleRead):
            value, told_s = value.value, value.staleness_s
            # It was counted by the clock of a node, which may be slow; the history goes by the true time.
            age = None if told_s is None else told_s / self._slowest
        operation.end(value, age=age)
        return value

    def _write(
        self, client: SimClient, number: int, op: str, key: str, value: Any, expected: Any = None
    ) -> Generator[Request, Any, None]:
        operation = self.history.begin(number, op, key, value, expected)
        data = command(op, key, value, expected, self.model)
        try:
            result = yield client.call(data, self._timeout_s, session=not client.chance.happens(self._unsure))
        except Unavailable:
            operation.discard()
        except OutcomeUnknown:
            pass  # what has no end may have taken effect at any time since, or never
        else:
            operation.end(result)
