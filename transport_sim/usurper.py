"""The attack that a lease must withstand: another leader is elected early, and the old one knows nothing of it.

Stickiness and check-quorum hide most mistakes in a lease: the old leader steps down before anybody else can be elected.
So one voter is first kept from hearing its leader until it wants to campaign. Then the leader is no longer heard by
anybody, what was on its way to it arrives late, and all other voters are restarted, so that they have forgotten whom
they follow. What is left to protect the old leader's lease are the promises (contract L2), also those from before the
restart (E10).
"""

from __future__ import annotations

from collections.abc import Callable

from .cluster import Cluster
from .host import Host


class Usurper:
    """Carries out the attack from time to time.

    Args:
        cluster: whose leader is attacked.
        read: reads at a host by its lease.
        propose: begins to propose commands to a host; returns what ends it.
        pause: lets everybody ask for nothing new, or go on: who has missed entries is elected by nobody.
    """

    def __init__(
        self,
        cluster: Cluster,
        read: Callable[[Host], None],
        propose: Callable[[Host], Callable[[], None]],
        pause: Callable[[bool], None],
    ) -> None:
        self._cluster = cluster
        self._scheduler = cluster.scheduler
        self._chance = cluster.chance
        self._network = cluster.network
        self._hosts = cluster.hosts
        self._timeout_us = cluster.setting.config.election_timeout_ms * 1000
        self._read = read
        self._propose = propose
        self._pause = pause
        self._stopped = False
        self._again()

    def stop(self) -> None:
        """Attack no more."""
        self._stopped = True

    def _again(self) -> None:
        self._scheduler.after(self._timeout_us * self._chance.between(3, 10), self._prepare)

    def _prepare(self) -> None:
        if not self._stopped:
            self._pause(True)
            self._scheduler.after(self._timeout_us, self._isolate)

    def _isolate(self) -> None:
        """Keep one voter from hearing the leader, and the leader from hearing it."""
        if self._stopped:
            return
        leader = self._cluster.leader()
        voters = leader.node.configuration.voters if leader is not None else ()
        others = [host for host in self._hosts if host.id in voters and host is not leader and not host.is_witness]
        if leader is None or not others:
            self._pause(False)
            self._again()
            return
        usurper = self._chance.pick(others)
        self._network.cut = {(leader.id, usurper.id), (usurper.id, leader.id)}
        wait_us = 2 * self._timeout_us + self._chance.between(0, self._timeout_us)
        self._scheduler.after(wait_us, self._slow_down, leader)
        self._scheduler.after(wait_us + self._timeout_us // 4, self._strike, leader, usurper)

    def _slow_down(self, leader: Host) -> None:
        self._network.late[leader.id] = self._timeout_us * 3 // 4

    def _strike(self, leader: Host, usurper: Host) -> None:
        """Silence the leader, let the others forget it, and read where it still believes to lead."""
        if self._stopped or leader.actor is None or leader.node.leading is None:
            self._end(leader)
            return
        self._cluster.faults["usurper"] += 1
        self._pause(False)
        others = [host for host in self._hosts if host is not leader]
        self._network.cut = {(leader.id, host.id) for host in others} | {(usurper.id, leader.id)}
        for host in others:
            if host is not usurper and host.actor is not None:
                host.crash()
                host.start()
        end = self._propose(usurper)
        for moment in range(40):
            self._scheduler.after(moment * self._timeout_us // 20, self._read, leader)
        self._scheduler.after(2 * self._timeout_us, end)
        self._scheduler.after(2 * self._timeout_us, self._end, leader)

    def _end(self, leader: Host) -> None:
        self._network.in_time(leader.id)
        self._pause(False)
        if not self._stopped:
            self._network.heal()
            self._again()
