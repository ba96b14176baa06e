"""Which faults a run meets, and when: drawn from the seed, then injected one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from raft.membership import Configuration
from raft.quorum import majority

from .chance import Chance
from .disk import DiskSpeed
from .host import Host
from .network import Network, Weather
from .scheduler import Scheduler

KINDS = (
    "latency",
    "drop",
    "duplicate",
    "reorder",
    "partition",
    "one-way",
    "crash",
    "slow-disk",
    "busy",
    "pause",
    "drift",
    "worst-moment",
    "membership",
    "transfer",
    "usurper",
)
"""Every kind of fault, by the name that the command line uses."""

LONGEST_STALL_US = 1_000_000
LONGEST_PAUSE_US = 1_000_000
LATE_US = 3_000_000  # long enough for several elections in between


def parse_kinds(text: str) -> tuple[str, ...]:
    """Return the kinds that a text names: "all", "none", or some of `KINDS` with commas between.

    Raises:
        ValueError: names the unknown kind and lists the known ones.
    """
    if text.strip() == "all":
        return KINDS
    if text.strip() == "none":
        return ()
    kinds = tuple(part.strip() for part in text.split(","))
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(f"unknown fault {kind!r}; use all alone, none alone, or some of {', '.join(KINDS)}")
    return kinds


def draw_weather(chance: Chance, kinds: Sequence[str]) -> Weather:
    """Draw how bad the network of a run is; every run has its own mix, calm ones among them."""
    weather = Weather()
    if "latency" in kinds:
        weather.usual_us = chance.pick((200, 800, 3_000, 10_000))
    if "drop" in kinds:
        weather.drop = chance.pick((0.0, 0.01, 0.05, 0.2))
    if "duplicate" in kinds:
        weather.duplicate = chance.pick((0.0, 0.02, 0.1))
    if "reorder" in kinds:
        weather.reorder = chance.pick((0.0, 0.02, 0.1, 0.3))
        weather.late_us = chance.pick((5_000, 50_000, 2_000_000))
    return weather


def draw_disk_speed(chance: Chance, kinds: Sequence[str]) -> DiskSpeed:
    """Draw how slow the disks of a run are."""
    speed = DiskSpeed()
    if "slow-disk" in kinds:
        speed.usual_us = chance.pick((500, 2_000, 10_000))
        speed.stall = chance.pick((0.0, 0.002, 0.01))
    return speed


def draw_busy(chance: Chance, kinds: Sequence[str]) -> float:
    """Draw how often actors are held up before a turn."""
    return chance.pick((0.0, 0.05, 0.3)) if "busy" in kinds else 0.0


def draw_drift(chance: Chance, kinds: Sequence[str], most_ppm: int) -> int:
    """Draw by how much the clocks of a run are wrong: not at all, or by all that is allowed."""
    return chance.pick((0, most_ppm)) if "drift" in kinds else 0


def _suffices(configurations: Sequence[Configuration], up: list[str]) -> bool:
    """Whether these hosts can elect a leader under any of the configurations.

    With a witness all voters are needed: the one that is down may be the only one to hold what it has acknowledged.
    """
    for configuration in configurations:
        for half in configuration.halves:
            needed = len(half) if configuration.witnesses else majority(len(half))
            if sum(voter in up for voter in half) < needed:
                return False
    return True


class Injector:
    """Crashes hosts and cuts links at random moments, and at the worst: when a node campaigns or was just elected.

    Args:
        hosts: all of them, in order.
        kinds: the kinds that may happen.
        leader: returns the host that leads, or None.

    Attributes:
        held: whether nothing new is injected for a while.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        chance: Chance,
        network: Network,
        hosts: Sequence[Host],
        kinds: Sequence[str],
        leader: Callable[[], Host | None],
    ) -> None:
        self._scheduler = scheduler
        self._chance = chance
        self._network = network
        self._hosts = hosts
        self._kinds = kinds
        self._leader = leader
        self._faults = chance.ledger.faults
        self._mean_pause_us = chance.pick((300_000, 1_000_000, 3_000_000))
        self._stopped = False
        self.held = False
        actions = {
            "partition": self._partition,
            "one-way": self._one_way,
            "crash": self._crash,
            "pause": self._pause,
        }
        self._actions = [actions[kind] for kind in actions if kind in kinds] if len(hosts) > 1 else []
        self._worst_moments = chance.pick((0.0, 0.3, 0.7)) if "worst-moment" in kinds else 0.0
        if self._actions:
            self._again()

    def stop(self, configurations: Sequence[Configuration]) -> None:
        """Inject nothing any more, mend every link, and let all hosts run, or as few as can elect a leader.

        Args:
            configurations: all that may be in force somewhere.
        """
        self._stopped = True
        self._network.heal()
        down: list[Host] = []
        if "crash" in self._kinds and self._chance.happens(0.5):
            for host in self._chance.shuffle(self._hosts):
                if _suffices(configurations, [other.id for other in self._hosts if other not in (*down, host)]):
                    down.append(host)
        for host in self._hosts:
            if host in down:
                host.crash()
            elif host.actor is None and host.starts:
                host.start()

    def start_all(self) -> None:
        """Start every host that is still down."""
        for host in self._hosts:
            if host.actor is None and host.starts:
                host.start()

    def role_changed(self, host: Host, role: str) -> None:
        """A node took on a role: in the middle of an election trouble hurts most."""
        if (
            role not in ("candidate", "leader")
            or self._stopped
            or self.held
            or not self._chance.strikes("worst-moment", self._worst_moments)
        ):
            return
        self._scheduler.after(self._chance.between(0, 5_000), self._hit, host)

    def _hit(self, host: Host) -> None:
        if self._stopped or host.actor is None:
            return
        others = [other.id for other in self._hosts if other is not host]
        blow = self._chance.between(0, 4)
        if blow == 0:
            host.disk.stall(self._chance.between(50_000, LONGEST_STALL_US))
        elif blow == 1:
            self._switch_off(host)
        elif blow == 2:
            self._network.late[host.id] = LATE_US
            self._scheduler.after(300_000, self._network.in_time, host.id)
        else:
            links = {(host.id, other) if blow == 3 else (other, host.id) for other in others}
            self._cut(links, self._duration())

    def _again(self) -> None:
        self._scheduler.after(self._chance.long_tailed(50_000, self._mean_pause_us), self._inject)

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
        return self._chance.long_tailed(50_000, 2 * self._mean_pause_us)

    def _crash(self) -> None:
        victims = [self._victim()]
        if self._chance.happens(0.1):
            victims = list(self._hosts)  # the power fails everywhere
        if self._chance.strikes("crash"):
            for host in victims:
                self._switch_off(host)

    def _switch_off(self, host: Host) -> None:
        duration_us = self._duration()
        if host.actor is not None:
            host.crash()
            self._scheduler.after(duration_us, self._restart, host)

    def _restart(self, host: Host) -> None:
        if host.actor is None and not self._stopped:
            self._faults["restart"] += 1
            host.start()

    def _pause(self) -> None:
        victim = self._victim()
        duration_us = self._chance.long_tailed(50_000, LONGEST_PAUSE_US // 5)
        if self._chance.strikes("pause"):
            victim.pause(duration_us)

    def _partition(self) -> None:
        ids = [host.id for host in self._hosts]
        if self._chance.happens(0.3):
            alone = self._victim().id
            groups = [alone], [id for id in ids if id != alone]
        else:
            groups = self._chance.split(ids)
        duration_us = self._duration()
        if self._chance.strikes("partition"):
            self._network.partition(*groups)
            self._scheduler.after(duration_us, self._heal, self._network.cut)

    def _one_way(self) -> None:
        """Cut some links in one direction: a victim that is not heard, does not hear, or a few links at random."""
        ids = [host.id for host in self._hosts]
        victim = self._victim().id
        shape = self._chance.between(0, 2)
        if shape == 0:
            cut = {(victim, other) for other in ids if other != victim}
        elif shape == 1:
            cut = {(other, victim) for other in ids if other != victim}
        else:
            cut = {(a, b) for a in ids for b in ids if a != b and self._chance.happens(0.3)}
        duration_us = self._duration()
        if self._chance.strikes("one-way"):
            self._cut(cut, duration_us)

    def _cut(self, links: set[tuple[str, str]], duration_us: int) -> None:
        self._network.cut = links
        self._scheduler.after(duration_us, self._heal, links)

    def _heal(self, cut: set[tuple[str, str]]) -> None:
        if self._network.cut is cut:
            self._network.heal()
