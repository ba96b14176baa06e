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

from raft.quorum import majority

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
        least_us, most_us = self._promises_are_over(leader, usurper)
        if self._chance.happens(0.5):
            least_us //= 2  # too early for anybody but a restarted voter that has forgotten its promise
        aim_us = self._chance.between(least_us, most_us)
        patience_us = 3 * self._timeout_us
        self._scheduler.after(2 * self._timeout_us, self._await_campaign, leader, usurper, aim_us, patience_us)

    def _await_campaign(self, leader: Host, usurper: Host, aim_us: int, patience_us: int) -> None:
        """Strike so that the usurper campaigns about when the promises of those restarted are over.

        Args:
            leader: whom to silence.
            usurper: who shall be elected.
            aim_us: how long after the strike it shall campaign.
            patience_us: for how long to wait for such a moment.
        """
        role = usurper.node.role
        left_us = 0 if role.deadline is None else usurper.lasts_us(role.deadline - usurper.now_ms)
        misses_by_us = aim_us - (left_us - self._timeout_us // 4)
        if patience_us <= 0 or (role.name == "pre-candidate" and 0 <= misses_by_us < self._timeout_us // 20):
            self._network.late[leader.id] = self._timeout_us * 3 // 4
            self._scheduler.after(self._timeout_us // 4, self._strike, leader, usurper)
        else:
            self._scheduler.after(LOOK_US, self._await_campaign, leader, usurper, aim_us, patience_us - LOOK_US)

    def _promises_are_over(self, leader: Host, usurper: Host) -> tuple[int, int]:
        """Return how long the promises of enough voters last, and how long the leader may rely on them; clocks differ.

        The second is a little more than the first at least, since what is on its way may come late.
        """
        promise_ms = leader.node.config.lease_promise_ms
        voters = leader.node.configuration.voters
        lasting = sorted(
            host.lasts_us(promise_ms) for host in self._hosts if host.id in voters and host not in (leader, usurper)
        )
        enough_us = lasting[max(majority(len(voters)) - 2, 0)] if lasting else 0
        return enough_us, max(leader.lasts_us(promise_ms), enough_us + self._timeout_us // 8)

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
