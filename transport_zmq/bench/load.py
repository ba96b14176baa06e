"""One client process of the benchmark: a closed loop that keeps a number of requests under way.

It is started as `python -m transport_zmq.bench.load SETTINGS`, the settings being a JSON object with the fields of
`Settings`. It says that it is ready, waits for a line on standard input, works, and prints what it has measured, all as
lines of JSON.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

import gevent
from gevent.event import Event

from actors.runtime import GeventFuture
from raft.errors import RaftError

from ..client import Client
from .histogram import Histogram

KEYS = 100_000  # so many of each client, so that what is stored does not grow with the time
READ_KEYS = 1000  # they are written before
PATIENCE_S = 10.0  # how long a request may take
WARM_UP_PART = 0.2  # of the time that is measured, before it
SLICE_S = 0.05  # how often it looks at the clock


@dataclass(frozen=True)
class Settings:
    """What a client process does.

    Attributes:
        endpoints: of the nodes, separated by commas.
        name: of this process; no other writes the same keys.
        outstanding: how many requests are under way.
        seconds: for how long it measures.
        value_bytes: the size of each value.
        reads: whether it reads, linearizably, instead of writing.
    """

    endpoints: str
    name: str
    outstanding: int
    seconds: float
    value_bytes: int
    reads: bool


class _Load:
    """The closed loop: every answer begins the next request."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self.durations_s: list[float] = []
        self.failures: dict[str, int] = {}
        self.measures = False
        self._settings = settings
        self._pipeline = client.pipeline()
        self._value = b"x" * settings.value_bytes
        self._prefix = settings.name.encode() + b"-"
        self._keys = READ_KEYS if settings.reads else KEYS
        self._begun = 0
        self._under_way = 0
        self._ends = False
        self._ended = Event()

    def fill(self) -> None:
        """Store what is to be read."""
        with self._pipeline:
            stored = [self._pipeline.put(self._key(number), self._value, PATIENCE_S) for number in range(self._keys)]
        for future in stored:
            future.get()
        self._pipeline.get(self._key(0), PATIENCE_S).get()

    def start(self) -> None:
        for _ in range(self._settings.outstanding):
            self._begin()

    def end(self) -> None:
        self._ends = True
        if self._under_way:
            self._ended.wait()

    def _key(self, number: int) -> bytes:
        return self._prefix + b"%d" % number

    def _begin(self) -> None:
        self._begun += 1
        self._under_way += 1
        key = self._key(self._begun % self._keys)
        begun_s = time.perf_counter()
        if self._settings.reads:
            future: GeventFuture[Any] = self._pipeline.get(key, PATIENCE_S)
        else:
            future = self._pipeline.put(key, self._value, PATIENCE_S)
        future.when_done(partial(self._done, begun_s))

    def _done(self, begun_s: float, error: BaseException | None) -> None:
        self._under_way -= 1
        if error is not None:
            name = type(error).__name__
            self.failures[name] = self.failures.get(name, 0) + 1
        elif self.measures:
            self.durations_s.append(time.perf_counter() - begun_s)
        if not self._ends:
            self._begin()
        elif not self._under_way:
            self._ended.set()


def run(settings: Settings) -> dict[str, Any]:
    """Do what a client process does, and return what it has measured."""
    with Client(settings.endpoints) as client:
        load = _Load(client, settings)
        if settings.reads:
            load.fill()
        else:
            client.put(b"warm", b"", PATIENCE_S)
        print(json.dumps({"ready": True}), flush=True)
        sys.stdin.readline()
        load.start()
        gevent.sleep(settings.seconds * WARM_UP_PART)
        load.measures = True
        begun_s = time.perf_counter()
        gevent.sleep(settings.seconds)
        load.measures = False
        elapsed_s = time.perf_counter() - begun_s
        load.end()
    histogram = Histogram()
    for duration_s in load.durations_s:
        histogram.add(duration_s)
    return {"elapsed_s": elapsed_s, "buckets": histogram.buckets, "failures": load.failures}


def main() -> None:
    """Be a client process."""
    gc.freeze()
    settings = Settings(**json.loads(sys.argv[1]))
    try:
        print(json.dumps(run(settings)), flush=True)
    except RaftError as error:
        print(json.dumps({"error": str(error)}), flush=True)


if __name__ == "__main__":
    main()
