"""The benchmark: three daemons on this machine, client processes beside them, one depth after the other."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gevent
from gevent import subprocess

from raft.errors import RaftError

from ..client import Client
from ..local_daemons import three
from .histogram import Histogram
from .load import PATIENCE_S, WARM_UP_PART, Settings

START_S = 30.0  # how long daemons and client processes may take to begin
SHOWN_EVERY_S = 0.25


class BenchmarkFailed(Exception):
    """The benchmark could not be carried out; the text says why."""


@dataclass(frozen=True)
class Measured:
    """What was measured at one depth.

    Attributes:
        outstanding: how many requests were under way, of all clients together.
        operations_per_second: how many were answered.
        p50_ms, p99_ms: the time from a request to its answer that half, or 99 of 100, did not exceed.
        failures: how many ended with an error, by its name, warm-up included.
    """

    outstanding: int
    operations_per_second: float
    p50_ms: float
    p99_ms: float
    failures: dict[str, int]


@contextmanager
def cluster(folder: Path | None) -> Iterator[str]:
    """Run three daemons until the context is left; give their endpoints, separated by commas.

    Args:
        folder: where their data directories are made, and deleted in the end; where temporary files are when None.

    Raises:
        BenchmarkFailed: they do not begin.
    """
    home = Path(tempfile.mkdtemp(prefix="quorate-bench-", dir=folder))
    daemons = three(home)
    endpoints = ",".join(daemon.client_address for daemon in daemons)
    try:
        for daemon in daemons:
            daemon.start()
        with Client(endpoints) as client:
            client.put(b"begin", b"", START_S)
        yield endpoints
    except RaftError as error:
        raise BenchmarkFailed(f"the cluster does not answer: {error}") from None
    finally:
        for daemon in daemons:
            daemon.kill()
        shutil.rmtree(home, ignore_errors=True)


def measure(
    endpoints: str,
    outstanding: int,
    *,
    clients: int = 1,
    seconds: float = 3.0,
    value_bytes: int = 128,
    reads: bool = False,
    progress: Callable[[float], object] = lambda part: None,
) -> Measured:
    """Measure one depth.

    Args:
        endpoints: of the nodes, separated by commas.
        outstanding: how many requests shall be under way, all clients together.
        clients: how many client processes share them, at most `outstanding`.
        seconds: for how long to measure, behind a warm-up of a fifth of that.
        value_bytes: the size of each value.
        reads: whether to read, linearizably, instead of writing.
        progress: called with the part that is done, 0 to 1.

    Raises:
        BenchmarkFailed: a client process has failed, or nothing was answered.
    """
    shares = [outstanding // clients + (i < outstanding % clients) for i in range(clients)]
    processes = [
        _begin(Settings(endpoints, f"{outstanding}-{i}", share, seconds, value_bytes, reads))
        for i, share in enumerate(shares)
        if share
    ]
    try:
        for process in processes:
            _line(process)
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(b"begin\n")
            process.stdin.flush()
        _let_pass(seconds * (1 + WARM_UP_PART), progress)
        found = [_line(process) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    histogram = Histogram()
    failures: dict[str, int] = {}
    for each in found:
        histogram.add_buckets(each["buckets"])
        for name, count in each["failures"].items():
            failures[name] = failures.get(name, 0) + count
    p50_s, p99_s = histogram.percentile_s(50), histogram.percentile_s(99)
    if p50_s is None or p99_s is None:
        raise BenchmarkFailed(f"nothing was answered within {seconds} seconds: {failures or 'too slow'}")
    rate = sum(sum(count for _, count in each["buckets"]) / each["elapsed_s"] for each in found)
    return Measured(outstanding, round(rate, 1), round(p50_s * 1000, 3), round(p99_s * 1000, 3), failures)


def _begin(settings: Settings) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "transport_zmq.bench.load", json.dumps(asdict(settings))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


def _line(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Return what a client process says next."""
    assert process.stdout is not None
    with gevent.Timeout(START_S + PATIENCE_S, BenchmarkFailed("a client process says nothing")):
        line = process.stdout.readline()
    try:
        said: dict[str, Any] = json.loads(line)
    except ValueError:
        raise BenchmarkFailed("a client process has failed") from None
    if "error" in said:
        raise BenchmarkFailed(f"a client process has failed: {said['error']}")
    return said


def _let_pass(seconds: float, progress: Callable[[float], object]) -> None:
    """Show how time passes until the clients must be done."""
    begun_s = time.monotonic()
    while (passed_s := time.monotonic() - begun_s) < seconds:
        progress(passed_s / seconds)
        gevent.sleep(min(SHOWN_EVERY_S, seconds - passed_s))
    progress(1.0)
