"""Injects faults one after the other, at random moments and at the worst."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from raft.membership import Configuration
from raft.quorum import majority
from storage.disk import RENAME, SYNC, SYNC_DIRECTORY

from . import partitions
from .chance import Chance
from .climate import Mix
from .host import Host
from .network import Network
from .quorums import suffices
from .replacement import Replacement
from .rolling import RollingRestart
from .scheduler import Scheduler
from .stored_disk import StoredDisk

LONGEST_STALL_US = 1_000_000
LONGEST_PAUSE_US = 1_000_000
LATE_US = 3_000_000  # long enough for several elections in between

_WEIGHTS = {"partition": 3, "one-way": 3, "crash": 3, "pause": 2, "bit-rot": 2}  # of those that are not drawn once each
_STOPS = ("rolling-restart", "disk-error", "disk-full")  # what stops machines without asking whether they can be spared
_HAS_TWO_HALVES = 3  # members that a bridge needs
_HAS_STRANGERS = 4  # members that a ring needs


class Injector:
    """Crashes hosts, cuts links, breaks disks; also when a node campaigns or was just elected, where it hurts most.

    Args:
        hosts: all of them, in order.
        mix: which faults, and how many.
        timeout_us: the election timeout.
        leader: returns the host that leads, or None.
        replacement: replaces machines whose disk has rotted.

    Attributes:
        held: whether nothing new is injected for a while.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        chance: Chance,
        network: Network,
        hosts: Sequence[Host],
        mix: Mix,
        timeout_us: int,
        leader: Callable[[], Host | None],
        replacement: Replacement,
    ) -> None:
        self._scheduler = scheduler
        self._chance = chance
        self._network = network
        self._hosts = hosts
        self._ids = [host.id for host in hosts]
        self._mix = mix
        self._timeout_us = timeout_us
        self._leader = leader
        self._replacement = replacement
        self._rolling = RollingRestart(scheduler, hosts, timeout_us)
        self._faults = chance.ledger.faults
        self._stopped = False
        self.held = False
        self._forget = hosts[0].disk.forgets  # whether machines that start again have lost their disks
        for host in hosts:
            host.disk.tearing = mix.tearing
        actions = {
            "partition": self._partition,
            "one-way": self._one_way,
            "bridge": self._bridge,
            "ring": self._ring,
            "crash": self._crash,
            "rolling-restart": self._restart_all,
            "pause": self._pause,
            "clock-jump": self._jump,
            "disk-error": self._break_disk,
            "disk-full": self._fill_disk,
        }
        most = {"bridge": _HAS_TWO_HALVES, "ring": _HAS_STRANGERS}
        self._actions = [
            actions[kind]
            for kind in mix.struck
            if not (self._forget and kind in _STOPS)
            if len(hosts) >= most.get(kind, 2)
            for _ in range(_WEIGHTS.get(kind, 1))
        ]
        if self._actions:
            if mix.rot and mix.worst_moments:
                self._actions += [self._lose_disk] * _WEIGHTS["bit-rot"]
            if "crash" in mix.struck and isinstance(hosts[0].disk, StoredDisk):
                self._actions += [self._crash_at_work] * _WEIGHTS["crash"]
            self._again()

    def stop(self, configurations: Sequence[Configuration]) -> None:
        """Inject nothing any more, mend every link, and let all hosts run, or as few as can elect a leader.

        Args:
            configurations: all that may be in force somewhere.
        """
        self._stopped = True
        self._rolling.stop()
        self._network.heal()
        waiting = self._replacement.waiting
        down = [host for host in self._hosts if host.disk.is_damaged or host is waiting]
        if "crash" in self._mix.struck and not self._forget and self._chance.happens(0.5):
            for host in self._chance.shuffle(self._hosts):
                if suffices(configurations, [other.id for other in self._hosts if other not in (*down, host)]):
                    down.append(host)
        for host in self._hosts:
            host.disk.fails = False
            host.disk.make_space()
            host.disk.tearing = 0.0
            if host in down:
                host.crash()
            elif host.actor is None and host.starts:
                host.start()

    def start_all(self) -> None:
        """Start every host that is still down."""
        for host in self._hosts:
            if host.actor is None and host.starts:
                host.start()

    def storage_failed(self, host: Host) -> None:
        """A node has stopped because its disk failed: somebody looks after it, and starts it again."""
        self._scheduler.after(self._duration(), self._restart, host)

    # The worst moments

    def role_changed(self, host: Host, role: str) -> None:
        """A node took on a role: in the middle of an election trouble hurts most."""
        if (
            role not in ("candidate", "leader")
            or self._stopped
            or self.held
            or not self._chance.strikes("worst-moment", self._mix.worst_moments)
        ):
            return
        self._scheduler.after(self._chance.between(0, 5_000), self._hit, host)

    def _hit(self, host: Host) -> None:
        if self._stopped or host.actor is None:
            return
        others = [other for other in self._ids if other != host.id]
        blow = self._chance.between(0, 5 if self._mix.rot else 4)
        if blow == 0:
            host.disk.stall(self._chance.between(50_000, LONGEST_STALL_US))
        elif blow == 1:
            self._switch_off(host, self._duration())
        elif blow == 2:
            self._network.late[host.id] = LATE_US
            self._scheduler.after(300_000, self._network.in_time, host.id)
        elif blow == 5:
            self._lose_disk()
        else:
            links = {(host.id, other) if blow == 3 else (other, host.id) for other in others}
            self._cut(links, self._duration())

    # At random moments

    def _again(self) -> None:
        self._scheduler.after(self._chance.long_tailed(50_000, self._mix.pace_us), self._inject)

    def _inject(self) -> None:
        if self._stopped:
            return
        if not self.held:
            self._chance.pick(self._actions)()
        self._again()

    def _victim(self) -> Host:
        """Return a host, rather often the leader: that is where it hurts."""
        leader = self._leader()
        if leader is not None and self._chance.happens(0.4):
            return leader
        return self._chance.pick(self._hosts)

    def _duration(self) -> int:
        return self._chance.long_tailed(50_000, 2 * (self._mix.pace_us or 500_000))

    # The network

    def _partition(self) -> None:
        leader = self._leader()
        links = partitions.split(self._chance, self._ids, self._victim().id, None if leader is None else leader.id)
        self._cut_if_it_strikes("partition", links)

    def _one_way(self) -> None:
        self._cut_if_it_strikes("one-way", partitions.one_way(self._chance, self._ids, self._victim().id))

    def _bridge(self) -> None:
        self._cut_if_it_strikes("bridge", partitions.bridge(self._chance, self._ids))

    def _ring(self) -> None:
        self._cut_if_it_strikes("ring", partitions.ring(self._chance, self._ids))

    def _cut_if_it_strikes(self, kind: str, links: partitions.Links) -> None:
        duration_us = self._duration()
        if self._chance.strikes(kind):
            self._cut(links, duration_us)

    def _cut(self, links: partitions.Links, duration_us: int) -> None:
        self._network.cut = links
        self._scheduler.after(duration_us, self._heal, links)

    def _heal(self, cut: partitions.Links) -> None:
        if self._network.cut is cut:
            self._network.heal()

    # Machines

    def _crash(self) -> None:
        victims = [self._victim()]
        if self._chance.happens(0.1):
            victims = list(self._hosts)  # the power fails everywhere
        durations_us = [self._duration() for _ in victims]
        if self._chance.strikes("crash"):
            for host, duration_us in zip(victims, durations_us, strict=True):
                self._switch_off(host, duration_us)

    def _crash_at_work(self) -> None:
        """Switch a machine off in the middle of what its disk does next, or of what it does only now and then."""
        victim = self._victim()
        kind = self._chance.pick((SYNC, SYNC_DIRECTORY, RENAME))
        share = self._chance.unit()
        duration_us = self._duration()
        if isinstance(victim.disk, StoredDisk) and self._chance.strikes("crash"):
            victim.disk.interrupt(kind, share, lambda: self._interrupt(victim, duration_us))

    def _interrupt(self, host: Host, duration_us: int) -> None:
        if not self._stopped and not self.held:
            self._switch_off(host, duration_us)

    def _switch_off(self, host: Host, duration_us: int) -> None:
        if host.actor is None:
            return
        if self._forget:
            self._forgotten(host)
            return
        host.crash()
        self._scheduler.after(duration_us, self._restart, host)

    def _forgotten(self, host: Host) -> None:
        """A machine crashes that will have lost its disk: it must be replaced (contract D6)."""
        if self._replacement.may_begin(host):
            host.crash()
            self._replacement.begin(host, comes_back=self._chance.happens(0.5))

    def _restart(self, host: Host) -> None:
        if host.actor is not None or self._stopped:
            return
        share = self._chance.unit()
        comes_back = self._chance.happens(0.5)
        if self._mix.rot and self._replacement.may_begin(host) and self._chance.strikes("bit-rot", self._mix.rot):
            host.disk.rot(share)
        host.start()
        if host.disk.is_damaged:
            self._replacement.begin(host, comes_back)
        else:
            self._faults["restart"] += 1

    def _restart_all(self) -> None:
        order = self._chance.shuffle(self._hosts)
        in_good_order = self._chance.happens(0.7)
        down_us = self._chance.long_tailed(10_000, self._timeout_us)
        pause_us = self._chance.long_tailed(10_000, 2 * self._timeout_us)
        if not self._rolling.is_under_way and self._chance.strikes("rolling-restart"):
            self._rolling.begin(order, in_good_order, down_us, pause_us)

    def _pause(self) -> None:
        victim = self._victim()
        duration_us = self._chance.long_tailed(50_000, LONGEST_PAUSE_US // 5)
        if self._chance.strikes("pause"):
            victim.pause(duration_us)

    def _jump(self) -> None:
        """Let a clock jump; backwards only a little, since a node waits until its clock has come to where it was."""
        victim = self._victim()
        timeout_us = self._timeout_us
        by_us = self._chance.pick((-timeout_us // 4, timeout_us // 2, 2 * timeout_us, 10_000_000, 3_600_000_000))
        if self._chance.strikes("clock-jump"):
            victim.jump_clock(by_us)

    # Disks

    def _lose_disk(self) -> None:
        """Let a machine forget what just a majority knows, and then meet only those who never knew.

        If they believe the one that came back, they elect a leader without what was committed (contract M6).
        """
        order = self._chance.shuffle(self._hosts)
        learning_us = self._chance.between(self._timeout_us // 2, 2 * self._timeout_us)
        duration_us = self._chance.between(2 * self._timeout_us, 6 * self._timeout_us)
        leader = self._leader()
        if leader is None:
            return
        voters = leader.node.log.configurations.newest.voters
        others = [host for host in order if host is not leader and host.id in voters]
        victim = next((host for host in others if self._replacement.may_begin(host)), None)
        if victim is None or not self._chance.strikes("worst-moment"):
            return
        others.remove(victim)
        beside = majority(len(voters)) - 2
        knowing = [leader.id, *(host.id for host in others[:beside])]
        ignorant = [host.id for host in others[beside:]]
        self._cut(partitions.between([*knowing, victim.id], ignorant), learning_us)
        meeting = partitions.between(knowing, [*ignorant, victim.id])
        self._scheduler.after(learning_us, self._come_back, victim, meeting, duration_us)

    def _come_back(self, host: Host, meeting: partitions.Links, duration_us: int) -> None:
        if self._stopped or not self._replacement.may_begin(host) or not self._chance.strikes("bit-rot"):
            return
        host.crash()
        self._cut(meeting, duration_us)
        self._replacement.begin(host, comes_back=True)

    def _break_disk(self) -> None:
        victim = self._victim()
        if self._chance.strikes("disk-error"):
            victim.disk.fails = True

    def _fill_disk(self) -> None:
        victim = self._victim()
        duration_us = self._duration()
        if self._chance.strikes("disk-full"):
            victim.disk.space.fill()
            self._scheduler.after(duration_us, self._make_space, victim)

    def _make_space(self, host: Host) -> None:
        host.disk.make_space()
