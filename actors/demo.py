"""A cluster that loses its leader before your eyes and carries on: what `quorate demo` shows.

Every claim it makes is checked, and the checks are shown: it is a test that people enjoy.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import gevent
from rich.console import Console
from rich.table import Table

from raft.errors import RaftError

from .cluster import LocalCluster
from .kv import KeyValue

NODES = 3
WRITES = 100  # before the crash, and again after it
CAUGHT = 5  # writes that the crash meets on their way, and again as many that come just after it
PATIENCE_S = 10.0  # how long anything may take before the demonstration counts it as failed


def run(console: Console, *, machine: Callable[[], KeyValue] = KeyValue, pace_s: float = 1.2) -> bool:
    """Show a cluster of three through an election, writes, the loss of its leader and the leader's return.

    Args:
        console: where to show it.
        machine: makes the state machine that is replicated.
        pace_s: seconds to pause between the eight steps, for people to read; 0 or more.

    Returns:
        Whether every check held. A failure is shown, not raised.
    """
    with LocalCluster(NODES, machine=machine) as cluster:
        demo = _Demo(console, cluster, pace_s)
        try:
            demo.play()
        except RaftError as error:
            demo.check(False, f"it went wrong: {error}")
        finally:
            demo.stop()  # before the cluster closes, which would fail their writes
    if demo.passed:
        console.print("\n[bold green]Everything held: no acknowledged write was lost.[/]")
    else:
        console.print("\n[bold red]Something did not hold; see above.[/]")
    return demo.passed


class _Demo:
    def __init__(self, console: Console, cluster: LocalCluster, pace_s: float) -> None:
        self.passed = True
        self._console = console
        self._cluster = cluster
        self._pace_s = pace_s
        self._steps = 0
        self._acknowledged: dict[str, str] = {}
        self._writers: list[gevent.Greenlet[..., None]] = []

    def play(self) -> None:
        """Go through the steps."""
        cluster = self._cluster
        self._step("Three nodes start", "Each waits for a random time; the first to lose patience asks for votes.")
        self._pause()

        first = cluster.wait_for_leader(PATIENCE_S)
        first_term = self._term(first)
        self._step(f"{first} is elected", f"A majority voted for it, so it leads term {first_term}.")
        self._pause()

        self._write(WRITES)
        self._step(f"{first} takes {WRITES} writes", "Each is acknowledged once a majority has stored it.")
        self.check(bool(self._acknowledged), f"{len(self._acknowledged)} writes were acknowledged")
        self._pause()

        crashed_at = time.monotonic()
        self._crash_amid_writes(first)
        self._step(
            f"{first} crashes",
            f"It had just received {CAUGHT} more writes and answered none: they will be sent again, under the same "
            f"numbers, so that none takes effect twice. Another {CAUGHT} arrive now and wait for a new leader.",
        )

        second = cluster.wait_for_leader(PATIENCE_S)
        took_s = time.monotonic() - crashed_at
        gevent.joinall(self._writers, timeout=PATIENCE_S)
        self._step(f"{second} is elected", "Two of three are still a majority.")
        self.check(second != first, f"another node leads, {took_s:.2f} s after the crash")
        self.check(self._term(second) > first_term, f"its term is above {first_term}, the one of {first}")
        answered = all(writer.ready() for writer in self._writers)
        self.check(answered, "every write, caught by the crash or waiting, has got its answer")
        self._pause()

        self._write(WRITES)
        self._step(f"{second} takes {WRITES} writes", f"{first} misses them all.")
        self._pause()

        cluster.restart(first)
        self._step(f"{first} comes back", "Its log has survived. The leader sends it what it has missed.")
        self.check(self._wait_until(self._level), f"{first} has caught up")
        self._pause()

        self._step(
            "Three nodes again",
            "All have the same log. It has more entries than there were writes: every new leader adds an empty one, "
            "and there are those that say who takes part, and which client writes.",
        )
        self._check_contents()

    def stop(self) -> None:
        """Give up the writes under way, if any."""
        gevent.killall(self._writers)

    def check(self, held: bool, claim: str) -> None:
        """Show whether a claim held, and remember if it did not."""
        self.passed = self.passed and held
        yes, no = ("ok:", "NOT:") if self._console.options.ascii_only else ("✓", "✗")
        mark = f"[green]{yes}[/]" if held else f"[bold red]{no}[/]"
        self._console.print(f"  {mark} {claim}", highlight=False)

    def _step(self, title: str, story: str) -> None:
        self._steps += 1
        table = Table()
        table.add_column("node")
        table.add_column("role", min_width=13)
        for name in ("term", "last entry", "committed", "applied"):
            table.add_column(name, justify="right")
        for member in self._cluster.status():
            node = member.raft
            if node is None:
                table.add_row(member.id, "[red]down[/]", "", "", "", "")
            else:
                role = f"[bold green]{node.role}[/]" if node.role == "leader" else node.role
                numbers = (node.term, node.last_index, node.commit_index, node.applied_index)
                table.add_row(member.id, role, *[str(number) for number in numbers])
        self._console.print(f"\n[bold]{self._steps}. {title}.[/] {story}", highlight=False)
        self._console.print(table)

    def _pause(self) -> None:
        self._cluster.sleep(self._pace_s)

    def _term(self, node: str) -> int:
        terms = [member.raft.term for member in self._cluster.status() if member.raft and member.id == node]
        return terms[0] if terms else 0

    def _write(self, count: int) -> None:
        for _ in range(count):
            self._put(f"key {len(self._acknowledged):03}")

    def _put(self, key: str) -> None:
        value = f"value of {key}"
        self._cluster.put(key, value, PATIENCE_S)
        self._acknowledged[key] = value

    def _put_aside(self, key: str) -> None:
        # In a greenlet of its own there is nobody to catch an error.
        try:
            self._put(key)
        except RaftError as error:
            self.check(False, f"the write of {key!r} failed: {error}")

    def _crash_amid_writes(self, leader: str) -> None:
        self._writers += [gevent.spawn(self._put_aside, f"caught {number}") for number in range(CAUGHT)]
        gevent.sleep(0)  # the writes go into the leader's mailbox
        gevent.sleep(0)  # and into its log
        self._cluster.kill(leader)
        self._writers += [gevent.spawn(self._put_aside, f"waiting {number}") for number in range(CAUGHT)]
        gevent.sleep(0)

    def _level(self) -> bool:
        nodes = [member.raft for member in self._cluster.status()]
        return len({node.applied_index if node else None for node in nodes}) == 1 and None not in nodes

    def _wait_until(self, condition: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + PATIENCE_S
        while not condition() and time.monotonic() < deadline:
            self._cluster.sleep(0.02)
        return condition()

    def _check_contents(self) -> None:
        lost = [key for key, value in self._acknowledged.items() if self._cluster.get(key) != value.encode()]
        count = len(self._acknowledged)
        self.check(
            not lost, f"all {count} acknowledged writes are read back" if not lost else f"lost: {', '.join(lost)}"
        )
        self._wait_until(self._level)
        contents = [self._cluster.machine(node).items() for node in range(NODES)]
        self.check(all(content == contents[0] for content in contents), f"all {NODES} nodes hold the same")
