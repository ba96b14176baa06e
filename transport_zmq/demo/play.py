"""What the demonstration does, and what it checks: a test that people enjoy."""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import gevent
from gevent import get_hub
from gevent.pool import Pool
from rich.console import Console
from rich.table import Table

from actors.threads import main_greenlet
from raft.errors import RaftError

from ..client import Client
from ..local_daemons import DaemonProcess, three

WRITES = 200  # before the crash, and again after the return of the killed one
READERS = 32  # that read at once in the end
PATIENCE_S = 30.0  # how long anything may take before the demonstration counts it as failed
STATUS_S = 1.0
TERMINATED = 143  # as shells have it


def run(console: Console, *, pace_s: float = 1.2) -> dict[str, Any]:
    """Show three daemons through an election, writes, SIGKILL of their leader, its return, and their end.

    Args:
        console: where to show it.
        pace_s: seconds to pause between the steps, for people to read; 0 or more.

    Returns:
        What was found, as values that JSON has; "passed" says whether every check held. A failure is shown, not raised.
    """
    folder = Path(tempfile.mkdtemp(prefix="quorate-demo-"))
    daemons = three(folder)
    signal.signal(signal.SIGTERM, _end)  # else the daemons would be left behind
    client = Client([daemon.client_address for daemon in daemons])
    play = _Play(console, daemons, client, pace_s)
    try:
        play.play()
    except RaftError as error:
        play.check(False, f"it went wrong: {error}")
    finally:
        play.writer.kill()
        client.close()
        for daemon in daemons:
            daemon.kill()
        if play.passed:
            shutil.rmtree(folder, ignore_errors=True)
    if play.passed:
        console.print("\n[bold green]Everything held: no acknowledged write was lost.[/]")
    else:
        console.print(f"\n[bold red]Something did not hold; see above, and the logs in {folder}.[/]", highlight=False)
    return {"passed": play.passed, **play.found, "checks": play.checks}


def _end(number: int, frame: FrameType | None) -> None:
    get_hub().loop.run_callback_threadsafe(main_greenlet().throw, SystemExit(TERMINATED))


class _Play:
    """Attributes: passed, found, checks: what `run` returns; writer: the greenlet that writes all the time."""

    def __init__(self, console: Console, daemons: list[DaemonProcess], client: Client, pace_s: float) -> None:
        self.passed = True
        self.found: dict[str, Any] = {}
        self.checks: list[dict[str, Any]] = []
        self.writer: gevent.Greenlet[[], None] = gevent.Greenlet()
        self._console = console
        self._daemons = daemons
        self._client = client
        self._pace_s = pace_s
        self._steps = 0
        self._acknowledged: dict[str, str] = {}
        self._longest_gap_s = 0.0

    def play(self) -> None:
        """Go through the steps."""
        for daemon in self._daemons:
            daemon.start()
        self._step("Three daemons start", "Each is a process of its own, with ports and a directory of its own:")
        for daemon in self._daemons:
            self._console.print(
                f"  process {daemon.pid}: quorate {' '.join(daemon.arguments)}", style="dim", soft_wrap=True
            )
        self._console.print("  Watch them live, each page shows all three:", highlight=False)
        for daemon in self._daemons:
            self._console.print(f"    http://{daemon.http_address}/", highlight=False, soft_wrap=True)
        with self._console.status("They start, find each other, and elect one of them ..."):
            first = self._wait(self._leader)
        if first is None:
            self.check(False, f"a leader is elected within {PATIENCE_S:g} s")
            return
        term = self._term(first)
        self.check(True, f"{first.id} is elected, in term {term}")
        self._table()
        self._pause()

        began = time.monotonic()
        self.writer = gevent.spawn(self._write_on)
        self._write(WRITES, "Writing")
        rate = len(self._acknowledged) / (time.monotonic() - began)
        self._step(f"A client writes {len(self._acknowledged)} values, one after the other",
                   "Each is acknowledged once two of the three have synced it to their disks.")  # fmt: skip
        self.check(True, f"{len(self._acknowledged)} writes were acknowledged, {rate:,.0f} a second")
        self._pause()

        self._kill(first, term)
        self._come_back(first)
        self._read_back()
        self._end_all()

    def check(self, held: bool, claim: str) -> None:
        """Show whether a claim held, and remember it."""
        self.passed = self.passed and held
        self.checks.append({"claim": claim, "held": held})
        yes, no = ("ok:", "NOT:") if self._console.options.ascii_only else ("✓", "✗")
        mark = f"[green]{yes}[/]" if held else f"[bold red]{no}[/]"
        self._console.print(f"  {mark} {claim}", highlight=False)

    # The steps

    def _kill(self, first: DaemonProcess, term: int) -> None:
        self._step(f"SIGKILL for {first.id}, which leads", f"kill -9 {first.pid}, while the client goes on writing.")
        self._longest_gap_s = 0.0
        killed = time.monotonic()
        first.kill()
        before = len(self._acknowledged)
        with self._console.status("The others miss their leader ..."):
            second = self._wait(lambda: self._leader(later_than=term))
            self._wait(lambda: len(self._acknowledged) > before + 1 or self.writer.dead)
        if second is None:
            self.check(False, f"another member leads within {PATIENCE_S:g} s")
            return
        took_s = time.monotonic() - killed
        self.found["failover_ms"] = round(self._longest_gap_s * 1000)
        self.check(second is not first, f"{second.id} leads, in term {self._term(second)}")
        self.check(
            len(self._acknowledged) > before + 1,
            f"writes go on: there was none for {self._longest_gap_s:.2f} s, and none had to be repeated by hand",
        )
        self._console.print(f"  (all of it took {took_s:.2f} s)", style="dim", highlight=False)
        self._table()
        self._pause()

    def _come_back(self, first: DaemonProcess) -> None:
        first.start()
        self._step(f"{first.id} comes back", "Its directory is as the kill has left it. It is sent what it has missed.")
        self._write(WRITES, "Writing on")
        self.writer.kill()
        with self._console.status(f"{first.id} catches up ..."):
            caught_up = self._wait(self._are_level)
        self.check(bool(caught_up), f"{first.id} has caught up, and all three have applied the same entries")
        self._table()
        self._pause()

    def _read_back(self) -> None:
        wanted = self._acknowledged
        self._step("Everything is read back", "Each read asks a majority whether its answer is the newest.")
        read = Pool(READERS).map(lambda key: self._client.get(key, timeout=PATIENCE_S), wanted)
        lost = [key for key, value in zip(wanted, read, strict=True) if value != wanted[key].encode()]
        self.found |= {"acknowledged": len(wanted), "lost": len(lost)}
        what = f"all {len(wanted)} acknowledged writes are there" if not lost else f"lost: {', '.join(lost)}"
        self.check(not lost, what)
        self._pause()

    def _end_all(self) -> None:
        self._step("The end", "SIGTERM: who leads hands over, all sync, and end with exit code 0.")
        codes = {daemon.id: daemon.stop(PATIENCE_S) for daemon in self._daemons}
        told = ", ".join(f"{id}: {code}" for id, code in codes.items())
        self.check(set(codes.values()) == {0}, f"exit codes {told}")

    # What they are made of

    def _step(self, title: str, story: str) -> None:
        self._steps += 1
        self._console.print(f"\n[bold]{self._steps}. {title}.[/] {story}", highlight=False)

    def _pause(self) -> None:
        gevent.sleep(self._pace_s)

    def _write_on(self) -> None:
        """Write one value after the other, until the greenlet is killed."""
        last = time.monotonic()
        while True:
            key = f"key {len(self._acknowledged):05}"
            try:
                self._client.put(key, f"value of {key}", timeout=PATIENCE_S)
            except RaftError as error:
                self.check(False, f"the write of {key!r} failed: {error}")
                return
            now = time.monotonic()
            self._longest_gap_s = max(self._longest_gap_s, now - last)
            last = now
            self._acknowledged[key] = f"value of {key}"

    def _write(self, count: int, what: str) -> None:
        """Wait until so many more writes were acknowledged."""
        wanted = len(self._acknowledged) + count
        with self._console.status(f"{what} ..."):
            self._wait(lambda: len(self._acknowledged) >= wanted or self.writer.dead)

    def _wait(self, condition: Callable[[], Any]) -> Any:
        """Wait until something is so; return it, or what it is when the time is up."""
        deadline = time.monotonic() + PATIENCE_S
        while not (result := condition()) and time.monotonic() < deadline:
            gevent.sleep(0.02)
        return result

    def _nodes(self) -> dict[str, dict[str, Any] | None]:
        """Return what each member says of itself, None where it says nothing."""
        found: dict[str, dict[str, Any] | None] = {daemon.id: None for daemon in self._daemons}
        for told in self._client.status(timeout=STATUS_S):
            if told.node is not None:
                found[told.node["id"]] = told.node
        return found

    def _leader(self, later_than: int = 0) -> DaemonProcess | None:
        """Return who leads in a term later than another."""
        terms = {id: node["term"] for id, node in self._nodes().items() if node and node["role"] == "leader"}
        led = [(term, id) for id, term in terms.items() if term > later_than]
        return next((daemon for daemon in self._daemons if led and daemon.id == max(led)[1]), None)

    def _term(self, daemon: DaemonProcess) -> int:
        node = self._nodes()[daemon.id]
        return 0 if node is None else int(node["term"])

    def _are_level(self) -> bool:
        nodes = self._nodes().values()
        return None not in nodes and len({node["applied_index"] for node in nodes if node}) == 1

    def _table(self) -> None:
        table = Table()
        table.add_column("node")
        table.add_column("process", justify="right")
        table.add_column("role", min_width=13)
        for name in ("term", "last entry", "committed", "applied"):
            table.add_column(name, justify="right")
        for daemon, node in zip(self._daemons, self._nodes().values(), strict=True):
            process = str(daemon.pid) if daemon.runs else "-"
            if node is None:
                table.add_row(daemon.id, process, "[red]down[/]", "", "", "", "")
            else:
                role = f"[bold green]{node['role']}[/]" if node["role"] == "leader" else node["role"]
                numbers = [str(node[name]) for name in ("term", "last_index", "commit_index", "applied_index")]
                table.add_row(daemon.id, process, role, *numbers)
        self._console.print(table)
