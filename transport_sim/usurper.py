"""The attack that a lease must withstand: another leader is elected early, and the old one knows nothing of it.

Stickiness and check-quorum hide most mistakes in a lease: the old leader steps down before anybody else can be elected.
So one voter is first kept from hearing its leader until it wants to campaign. Then the leader is no longer heard by
anybody, what was on its way to it arrives late, and all other voters are restarted, so that they have forgotten whom
they follow. What is left to protect the old leader's lease are the promises (contract L2), also those from before the
restart (E10). Or the leader is asked to hand over, and hears nothing any more once it has told its successor to
campaign: no promise holds against that, so it must have no lease any more.
"""

from __future__ import annotations

from collections.abc import Callable

from .cluster import Cluster
from .host import Host

LOOK_US = 2_000  # how often it looks whether the moment has come
READS = 100  # at the old leader, in one attack


class Usurper:
    """Carries out the attack from time to time.

    Args:
        cluster: whose leader is attacked.
        read: reads at a host by its lease.
        propose: begins to propose commands to a host; returns what ends it.
        pause: lets everybody ask for nothing new, or go on: who has missed entries is elected by nobody.
        hold: keeps all other faults off, or lets them happen again.
    """

    def __init__(
        self,
        cluster: Cluster,
        read: Callable[[Host], None],
        propose: Callable[[Host], Callable[[], None]],
        pause: Callable[[bool], None],
        hold: Callable[[bool], None],
    ) -> None:
        self._cluster = cluster
        self._scheduler = cluster.scheduler
        self._chance = cluster.chance.fork("usurper")
        self._network = cluster.network
        self._hosts = cluster.hosts
        self._timeout_us = cluster.setting.config.election_timeout_ms * 1000
        self._read = read
        self._propose = propose
        self._pause = pause
        self._hold = hold
        self._stopped = False
        self._again()

    def stop(self) -> None:
        """Attack no more."""
        self._stopped = True

    def _again(self) -> None:
        self._scheduler.after(self._timeout_us * self._chance.between(1, 4), self._prepare)

    def _prepare(self) -> None:
        if self._stopped:
            return
        if not self._chance.strikes("usurper"):
            self._again()
            return
        self._pause(True)
        self._hold(True)
        self._scheduler.after(self._timeout_us, self._isolate)

    def _isolate(self) -> None:
        """Choose who shall be elected, and how."""
        if self._stopped:
            return
        leader = self._cluster.leader()
        voters = leader.node.configuration.voters if leader is not None else ()
        others = [host for host in self._hosts if host.id in voters and host is not leader and not host.is_witness]
        if leader is None or not others:
            self._end(None)
            return
        usurper = self._chance.pick(others)
        if self._chance.happens(0.3):
            leader.transfer(usurper.id, lambda error, result: None)
            self._await_order(leader, usurper, self._scheduler.now_us + self._timeout_us)
            return
        self._network.cut = {(leader.id, usurper.id), (usurper.id, leader.id)}
        self._scheduler.after(2 * self._timeout_us, self._await_campaign, leader, usurper, 3 * self._timeout_us)

    def _await_campaign(self, leader: Host, usurper: Host, patience_us: int) -> None:
        """Strike so that the usurper campaigns about when the promises of those restarted are over."""
        node = usurper.node
        timeout_ms = node.config.election_timeout_ms
        left_ms = 0 if node.role.deadline is None else node.role.deadline - usurper.now_ms
        # Between half a promise, before which restarted voters must not forget it, and a little more than a whole one.
        promise_ms = node.config.lease_promise_ms
        least_ms, most_ms = timeout_ms // 4 + promise_ms // 2, timeout_ms // 4 + promise_ms + timeout_ms // 8
        if patience_us <= 0 or (node.role.name == "pre-candidate" and least_ms < left_ms <= most_ms):
            self._network.late[leader.id] = self._timeout_us * 3 // 4
            self._scheduler.after(self._timeout_us // 4, self._strike, leader, usurper)
        else:
            self._scheduler.after(LOOK_US, self._await_campaign, leader, usurper, patience_us - LOOK_US)

    def _strike(self, leader: Host, usurper: Host) -> None:
        """Silence the leader, and let the others forget it."""
        if self._stopped or leader.actor is None or leader.node.leading is None:
            self._end(leader)
            return
        others = [host for host in self._hosts if host is not leader]
        self._network.cut = {(leader.id, host.id) for host in others} | {(usurper.id, leader.id)}
        for host in others:
            if host is not usurper and host.actor is not None:
                host.crash()
                host.start()
        self._read_at(leader, usurper)

    def _await_order(self, leader: Host, usurper: Host, latest_us: int) -> None:
        """Let the leader hear nothing any more once it has told the usurper to campaign (contract L3)."""
        leading = leader.node.leading
        if self._stopped or leader.actor is None or leading is None or self._scheduler.now_us > latest_us:
            self._end(leader)
        elif leading.succession.told:
            self._network.cut = {(host.id, leader.id) for host in self._hosts if host is not leader}
            self._read_at(leader, usurper)
        else:
            self._scheduler.after(LOOK_US // 10, self._await_order, leader, usurper, latest_us)

    def _read_at(self, leader: Host, usurper: Host) -> None:
        """Read where the old leader still believes to lead, while others write."""
        self._pause(False)
        end = self._propose(usurper)
        for moment in range(READS):
            self._scheduler.after(moment * 2 * self._timeout_us // READS, self._read, leader)
        self._scheduler.after(2 * self._timeout_us, end)
        self._scheduler.after(2 * self._timeout_us, self._end, leader)

    def _end(self, leader: Host | None) -> None:
        if leader is not None:
            self._network.in_time(leader.id)
        self._pause(False)
        self._hold(False)
        if not self._stopped:
            self._network.heal()
            self._again()
