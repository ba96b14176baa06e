"""What a cluster owes once everything is mended: it comes back to life, and has kept its word (contract E4, R5, S5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from raft.quorum import majority

from .cluster import Cluster
from .host import Host
from .shadow import InvariantError
from .workloads.proposer import Client

HEALING_TIMEOUTS = 20
"""Within how many election timeouts of healing a cluster must have a leader (contract E4)."""

LONGEST_RECOVERY_S = 600
"""How much virtual time a healed cluster may take, however slowly it gets further."""

STANDSTILL_TIMEOUTS = 10
"""For how many election timeouts nobody may get further at all."""


class Told(Protocol):
    """Whoever proposed commands and remembers what it was told.

    Attributes:
        acknowledged: the commands that were answered with a result, and the results.
        refused: those that certainly did not take effect.
    """

    acknowledged: list[tuple[bytes, object]]
    refused: list[bytes]


class Recovery:
    """Holds a mended cluster to its promises; every method raises `InvariantError` when one is broken.

    Args:
        cluster: the cluster.
        gone: hosts that never come back, and of which nothing is expected.

    Attributes:
        settled: the hosts that were seen to have everything, once all have the same log.
    """

    def __init__(self, cluster: Cluster, gone: Collection[str] = ()) -> None:
        self._cluster = cluster
        self._gone = gone
        self._timeout_us = cluster.setting.config.election_timeout_ms * 1000
        self.settled: list[Host] = []

    def elect(self) -> None:
        """Run until a majority follows a leader."""
        scheduler = self._cluster.scheduler
        deadline_us = scheduler.now_us + HEALING_TIMEOUTS * self._timeout_us
        if not scheduler.run_until(deadline_us, self._majority_has_leader):
            raise InvariantError("E4", f"no leader within {HEALING_TIMEOUTS} election timeouts of healing")

    def commit(self) -> None:
        """Run until a fresh command is committed."""
        cluster = self._cluster
        pause_us = self._timeout_us // 10
        chance = cluster.chance.fork("fresh")
        fresh = Client("fresh", cluster.scheduler, chance, cluster.hosts, pause_us, cluster.record)
        self._run_while_alive(lambda: bool(fresh.acknowledged), "a fresh command is not committed")
        fresh.stop()

    def raise_level(self) -> None:
        """Run until the feature level is the highest that all members support (contract M10)."""
        if not self._cluster.programs.differ:
            return
        self._run_while_alive(self._level_has_risen, "the feature level does not rise", "M10")

    def _level_has_risen(self) -> bool:
        leader = self._cluster.leader()
        if leader is None or leader.node.log.configurations.newest_index > leader.node.log.commit_index:
            return False
        supported = [self._cluster.host(id).node.config.feature_level for id in leader.node.configuration.members]
        return leader.node.features.level == min(supported)

    def converge(self) -> None:
        """Run until all members have the same log, have applied it, and know the same feature level.

        Messages are not lost for ever: where leaders lose their quorum by it more often than a snapshot of many small
        pieces takes, nobody would ever catch up.
        """
        self._cluster.scheduler.after(LONGEST_RECOVERY_S * 1_000_000 // 2, self._lose_nothing)
        self._run_while_alive(self._converged, "the logs differ")
        self.settled = self._members()  # a change of membership under way may yet bring others

    def _lose_nothing(self) -> None:
        self._cluster.network.weather.drop = 0.0

    def check_told(self, told: Iterable[Told], at_most_once: Iterable[bytes] = ()) -> None:
        """Check that all that converged have applied what was acknowledged, once, and nothing that was refused.

        Args:
            told: everybody who proposed commands.
            at_most_once: commands that may have been proposed many times.
        """
        everybody = list(told)
        once = list(at_most_once)
        for host in self.settled:
            if not host.is_witness:
                _check_told(host, everybody, once)

    def _run_while_alive(self, done: Callable[[], bool], complaint: str, promise: str = "R5") -> None:
        """Run until something is done. With a long backlog it may take its time, but not stand still."""
        cluster = self._cluster
        scheduler = cluster.scheduler
        latest_us = scheduler.now_us + LONGEST_RECOVERY_S * 1_000_000
        reached = -1
        while not scheduler.run_until(scheduler.now_us + STANDSTILL_TIMEOUTS * self._timeout_us, done):
            before, reached = reached, sum(_reached(host) for host in cluster.hosts)
            if reached == before:
                raise InvariantError(
                    promise, f"{complaint}, and nobody got further within {STANDSTILL_TIMEOUTS} election timeouts"
                )
            if scheduler.now_us > latest_us:
                raise InvariantError(promise, f"{complaint} within {LONGEST_RECOVERY_S} s")

    def _majority_has_leader(self) -> bool:
        """Whether a majority follows one leader in its term: a leader of before the healing may be nobody's."""
        leader = self._cluster.leader()
        if leader is None:
            return False
        followers = [
            host.id
            for host in self._cluster.hosts
            if host.actor is not None and host.node.term == leader.node.term and host.node.role.leader == leader.id
        ]
        halves = leader.node.configuration.halves
        return all(sum(voter in followers for voter in half) >= majority(len(half)) for half in halves)

    def _converged(self) -> bool:
        first = self._cluster.leader()
        if first is None or first.node.configuration.joint:
            return False
        last_index = first.node.log.last_index
        checker = self._cluster.checker
        chain = checker.chain_of(first)
        return all(
            host.node.log.applied_index == last_index
            and checker.chain_of(host) == chain
            and host.node.features.level == first.node.features.level
            for host in self._members()
        )

    def _members(self) -> list[Host]:
        leader = self._cluster.leader()
        assert leader is not None
        return [self._cluster.host(id) for id in leader.node.configuration.members if id not in self._gone]


def _reached(host: Host) -> int:
    """Return a number that rises whenever a node gets further in any way."""
    if not host.starts:
        return 0
    node = host.node
    download = node.snapshots.download
    downloaded = download.size_bytes if download is not None else 0
    return node.log.durable_index + node.log.applied_index + downloaded


def _check_told(host: Host, told: list[Told], at_most_once: list[bytes]) -> None:
    times = Counter(host.machine.commands)
    for command in at_most_once:
        if times[command] > 1:
            raise InvariantError("C1", f"{command!r} is {times[command]} times on {host.id}")
    for one in told:
        for command, position in one.acknowledged:
            if times[command] != 1:
                raise InvariantError("S5", f"acknowledged {command!r} is {times[command]} times on {host.id}")
            if not isinstance(position, int) or host.machine.commands[position - 1] != command:
                raise InvariantError("S5", f"{command!r} was answered {position!r}, another command's result")
        for command in one.refused:
            if times[command]:
                raise InvariantError("C2", f"refused {command!r} was applied on {host.id}")
