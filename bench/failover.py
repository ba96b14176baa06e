"""For how long is there no write when the leader goes? Three daemons here, and a client that writes all the time.

python -m bench.failover --help
"""

from __future__ import annotations

import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from types import FrameType
from typing import Any

import click
import gevent
from gevent import get_hub
from gevent.pool import Pool
from rich.console import Console
from rich.table import Table

from actors.threads import main_greenlet
from raft.config import Config
from raft.errors import RaftError
from transport_zmq.client import Client
from transport_zmq.local_daemons import DaemonProcess, three

PATIENCE_S = 60.0  # for anything, before it counts as failed
SETTLED = 100  # so many writes are acknowledged before a leader goes, and again before it is told what that cost
READERS = 32  # that read at once in the end
TERMINATED = 143  # as shells have it
ELECTION_TIMEOUT_MS = Config().election_timeout_ms


class Stuck(RaftError):
    """The cluster has not come to what is measured."""


@dataclass(frozen=True)
class Loss:
    """One leader that went.

    Attributes:
        member: its id.
        successor: who leads then.
        pause_ms: the longest time without an acknowledged write, from the signal on.
    """

    member: str
    successor: str
    pause_ms: float


@dataclass(frozen=True)
class Report:
    """What was measured.

    Attributes:
        kills: leaders that got SIGKILL.
        stops: leaders that got SIGTERM.
        rolls_ms: the longest pause between two acknowledged writes while all three were restarted, one after the other.
        lost: keys that were acknowledged and are not there.
    """

    kills: list[Loss]
    stops: list[Loss]
    rolls_ms: list[float]
    lost: list[str]

    @property
    def median_timeouts(self) -> float | None:
        """The median of the kills, in election timeouts; None when there were none."""
        gaps = [loss.pause_ms for loss in self.kills]
        return median(gaps) / ELECTION_TIMEOUT_MS if gaps else None

    def keeps_to(self, kill_timeouts: float, stop_ms: float, roll_ms: float) -> bool:
        """Whether nothing is lost, and all is within its bounds.

        Args:
            kill_timeouts: of the median of the kills, in election timeouts.
            stop_ms: of the median of the stops.
            roll_ms: of the longest restart of all.
        """
        stops = [loss.pause_ms for loss in self.stops]
        return (
            not self.lost
            and (self.median_timeouts or 0) <= kill_timeouts
            and (not stops or median(stops) <= stop_ms)
            and max(self.rolls_ms, default=0) <= roll_ms
        )

    def as_object(self) -> dict[str, Any]:
        """Return the report as JSON prints it."""
        return {
            "election_timeout_ms": ELECTION_TIMEOUT_MS,
            "kills_ms": [round(loss.pause_ms, 1) for loss in self.kills],
            "kill_median_timeouts": None if self.median_timeouts is None else round(self.median_timeouts, 3),
            "stops_ms": [round(loss.pause_ms, 1) for loss in self.stops],
            "rolls_ms": [round(pause_ms, 1) for pause_ms in self.rolls_ms],
            "lost": self.lost,
        }


class _Cluster:
    """Three daemons and one client that writes one value after the other."""

    def __init__(self, folder: Path) -> None:
        self.daemons = three(folder)
        self.client = Client([daemon.client_address for daemon in self.daemons])
        self.acknowledged_s: list[float] = []
        self._writer = gevent.spawn(self._write_on)

    def lose_leader(self, end: Callable[[DaemonProcess], object]) -> Loss:
        """End the leader, measure, and have it back."""
        leader = self.wait(self.leader)
        self.settle()
        first, begun_s = len(self.acknowledged_s), time.monotonic()
        end(leader)
        wanted = len(self.acknowledged_s) + SETTLED
        self.wait(lambda: len(self.acknowledged_s) > wanted)
        pause_ms = _longest_pause_ms([begun_s, *self.acknowledged_s[first:]])
        successor = self.wait(self.leader)
        leader.start()
        self.wait(self.all_ready)
        return Loss(leader.id, successor.id, pause_ms)

    def roll(self) -> float:
        """Restart one after the other, each of which is ready before the next one's turn; return the longest pause."""
        self.settle()
        first = len(self.acknowledged_s) - 1
        for daemon in self.daemons:
            _stop(daemon)
            daemon.start()
            self.wait(self.all_ready)
        self.settle()
        return _longest_pause_ms(self.acknowledged_s[first:])

    def settle(self) -> None:
        """Let some writes be acknowledged."""
        wanted = len(self.acknowledged_s) + SETTLED
        self.wait(lambda: len(self.acknowledged_s) >= wanted)

    def lost(self) -> list[str]:
        """Return which acknowledged writes are not there."""
        self._writer.kill()
        numbers = range(len(self.acknowledged_s))
        read = Pool(READERS).map(lambda number: self.client.get(f"key {number}", PATIENCE_S), numbers)
        return [str(number) for number in numbers if read[number] != b"%d" % number]

    def close(self) -> None:
        self._writer.kill()
        self.client.close()
        for daemon in self.daemons:
            daemon.kill()

    def wait(self, condition: Callable[[], Any]) -> Any:
        """Wait until something is so, and return it."""
        until_s = time.monotonic() + PATIENCE_S
        while not (result := condition()):
            if self._writer.dead:
                raise Stuck(f"the client does not write any more: {self._writer.exception}")
            if time.monotonic() > until_s:
                raise Stuck(f"the cluster has not recovered within {PATIENCE_S:g} s")
            gevent.sleep(0.02)
        return result

    def leader(self) -> DaemonProcess | None:
        """Return who leads in the latest term, as far as those who run say."""
        terms = {id: node["term"] for id, node in self._nodes().items() if node["role"] == "leader"}
        return next(
            (daemon for daemon in self.daemons if terms and daemon.id == max(terms, key=terms.__getitem__)), None
        )

    def all_ready(self) -> bool:
        """Whether all three can serve."""
        return [node["ready"] for node in self._nodes().values()] == [True] * len(self.daemons)

    def _nodes(self) -> dict[str, dict[str, Any]]:
        return {told.node["id"]: told.node for told in self.client.status(1.0) if told.node is not None}

    def _write_on(self) -> None:
        while True:
            number = len(self.acknowledged_s)
            self.client.put(f"key {number}", str(number), PATIENCE_S)
            self.acknowledged_s.append(time.monotonic())


def _longest_pause_ms(moments_s: list[float]) -> float:
    return 1000 * max(later - earlier for earlier, later in pairwise(moments_s))


def measure(kills: int, stops: int, rolls: int, show: Callable[[str], None] = lambda line: None) -> Report:
    """Lose so many leaders, one after the other, each of which is back before the next one goes; then restart all.

    Args:
        kills: how many leaders by SIGKILL.
        stops: how many by SIGTERM.
        rolls: how many times all three are restarted.
        show: called with a line of progress.

    Raises:
        RaftError: the cluster did not work.
    """
    folder = Path(tempfile.mkdtemp(prefix="quorate-failover-"))
    cluster = _Cluster(folder)
    found: dict[str, list[Loss]] = {"SIGKILL": [], "SIGTERM": []}
    try:
        for daemon in cluster.daemons:
            daemon.start()
        cluster.wait(cluster.all_ready)
        for name, count, end in (("SIGKILL", kills, _kill), ("SIGTERM", stops, _stop)):
            for number in range(1, count + 1):
                show(f"{name} for the leader, {number} of {count}")
                found[name].append(cluster.lose_leader(end))
        rolls_ms = []
        for number in range(1, rolls + 1):
            show(f"all are restarted, {number} of {rolls}")
            rolls_ms.append(cluster.roll())
        show("everything is read back")
        return Report(found["SIGKILL"], found["SIGTERM"], rolls_ms, cluster.lost())
    finally:
        cluster.close()
        shutil.rmtree(folder, ignore_errors=True)


def _kill(daemon: DaemonProcess) -> None:
    daemon.kill()


def _stop(daemon: DaemonProcess) -> None:
    if (code := daemon.stop(PATIENCE_S)) != 0:
        raise Stuck(f"{daemon.id} has ended with {code} on SIGTERM")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--kills", type=click.IntRange(0, 1000), default=20, show_default=True, help="Leaders lost by kill -9.")
@click.option(
    "--stops", type=click.IntRange(0, 1000), default=5, show_default=True, help="Leaders that end by SIGTERM."
)
@click.option("--rolls", type=click.IntRange(0, 1000), default=3, show_default=True, help="Restarts of all three.")
@click.option(
    "--kill-bound",
    type=click.FloatRange(min=0),
    default=1.5,
    show_default=True,
    help="What the median of the kills may come to, in election timeouts.",
)
@click.option(
    "--stop-bound",
    type=click.FloatRange(min=0),
    default=100.0,
    show_default=True,
    help="What the median of the stops may come to, in milliseconds.",
)
@click.option(
    "--roll-bound",
    type=click.FloatRange(min=0),
    default=500.0,
    show_default=True,
    help="What the longest pause of the restarts may come to, in milliseconds.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def main(
    kills: int, stops: int, rolls: int, kill_bound: float, stop_bound: float, roll_bound: float, as_json: bool
) -> None:
    """Measure for how long nobody's write is acknowledged when the leader of three daemons goes.

    Exit code 0 when all keeps to its bounds and nothing that was acknowledged is lost, 1 otherwise.
    """
    signal.signal(signal.SIGTERM, _end)  # else the daemons would be left behind
    console = Console(stderr=True, highlight=False)
    try:
        with console.status("three daemons start") as status:
            report = measure(kills, stops, rolls, status.update)
    except RaftError as error:
        console.print(f"bench.failover: {error}", style="bold red")
        sys.exit(1)
    passed = report.keeps_to(kill_bound, stop_bound, roll_bound)
    if as_json:
        print(json.dumps({"passed": passed, **report.as_object()}))
    else:
        _print(report)
        print(
            "within the bounds" if passed else f"NOT within the bounds, or lost: {', '.join(report.lost) or 'nothing'}"
        )
    sys.exit(not passed)


def _end(number: int, frame: FrameType | None) -> None:
    get_hub().loop.run_callback_threadsafe(main_greenlet().throw, SystemExit(TERMINATED))


def _print(report: Report) -> None:
    table = Table("leader lost by", "times", "shortest", "median", "longest", title="without an acknowledged write")
    kills, stops = ([loss.pause_ms for loss in losses] for losses in (report.kills, report.stops))
    for name, gaps in (("kill -9", kills), ("SIGTERM", stops), ("a restart of all", report.rolls_ms)):
        if gaps:
            table.add_row(name, str(len(gaps)), *(f"{each(gaps):,.0f} ms" for each in (min, median, max)))
    Console(highlight=False).print(table)
    if report.median_timeouts is not None:
        print(f"kill -9: median of {report.median_timeouts:.2f} election timeouts of {ELECTION_TIMEOUT_MS} ms")


if __name__ == "__main__":
    main()
