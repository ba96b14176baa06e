"""A cluster in the hands of a script: time passes when the script says so, and what it names goes wrong.

What the cluster is asked for, and what is expected of it: see `scenario.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from actors.session_table import SessionLimits
from actors.storage.policy import SyncPolicy
from raft.config import Config
from raft.entries import CONFIGURATION
from raft.features import BASE_LEVEL
from raft.membership import Configuration
from raft.message import Message
from raft.node import Node

from .chance import Chance
from .cluster import Cluster, Setting
from .disk import DiskSpeed
from .host import MODEL, Host
from .network import Weather
from .shadow import InvariantError
from .traffic import Rule, Traffic

TIMEOUTS = 20
"""For how many election timeouts a script waits for something, unless it says otherwise."""

TOLD = 40
"""How many lines of its story an error tells."""


class ScenarioError(AssertionError):
    """Something did not happen as the script expects."""


class Stage:
    """A cluster to which nothing happens but what a script says.

    Args:
        nodes: how many first members: n1, n2, …
        spares: how many machines stand by, with the next numbers.
        witnesses: those of all these that are witnesses whenever they are members.
        seed: decides what the script leaves open: timeouts and latencies.
        priorities: those of the first members, where not 0.
        drifts_ppm: by how many millionths the clocks of some run too fast.
        reserve_bytes: how much log every disk reserves ahead.
        programs: the feature level of the first program on each machine; all run this very one when None.
        sync: when the disks sync entries, see `SyncPolicy`.
        storage: what works on the disks, one of `host.STORAGES`.
        settings: those of `Config`; the defaults where they are not given.

    Attributes:
        traffic: counts every message that is sent.
        story: what happened so far, a line each.
    """

    def __init__(
        self,
        nodes: int,
        spares: int,
        witnesses: Sequence[str] = (),
        seed: int = 1,
        priorities: Mapping[str, int] | None = None,
        drifts_ppm: Mapping[str, int] | None = None,
        reserve_bytes: int = 1 << 26,
        programs: Mapping[str, int] | None = None,
        sync: str = "always",
        storage: str = MODEL,
        **settings: int,
    ) -> None:
        ids = [f"n{number}" for number in range(1, nodes + spares + 1)]
        first = tuple(ids[:nodes])
        policy = SyncPolicy.parse(sync)
        setting = Setting(
            ids=ids,
            configuration=Configuration(
                first, witnesses=tuple(id for id in witnesses if id in first), priorities=dict(priorities or {})
            ),
            witnesses=witnesses,
            config=Config(**{"may_lose_acknowledged": int(policy.may_lose_acknowledged), **settings}),
            limits=SessionLimits(),
            weather=Weather(),
            disk_speed=DiskSpeed(hasty=0.0),
            policy=policy,
            drifts_ppm=drifts_ppm or {},
            reserve_bytes=reserve_bytes,
            programs={id: programs.get(id, BASE_LEVEL) for id in ids} if programs else {},
            storage=storage,
        )
        self.story: list[str] = []
        self._cluster = Cluster(Chance(seed), setting)
        self._cluster.role_changed = lambda host, role: self._tell(f"{host.id} is {role} of term {host.node.term}")
        self.traffic = Traffic(self._cluster.network)
        self._gone: set[str] = set()
        for host in self._cluster.hosts:
            host.disk.takes_all = True
        self._cluster.start()

    # Looking

    @property
    def now_ms(self) -> int:
        """The virtual time since the beginning."""
        return self._cluster.scheduler.now_us // 1000

    @property
    def delivered(self) -> int:
        """How many messages have arrived so far."""
        return self._cluster.network.delivered

    @property
    def election_timeout_ms(self) -> int:
        """The election timeout of every node."""
        return self._cluster.setting.config.election_timeout_ms

    @property
    def elections(self) -> int:
        """How many leaders were elected so far."""
        return self._cluster.checker.elections

    def host(self, id: str) -> Host:
        """Return the machine of this id."""
        return self._cluster.host(id)

    def node(self, id: str) -> Node:
        """Return the node that runs, or ran last, on a machine."""
        return self.host(id).node

    def runs(self, id: str) -> bool:
        """Whether a node runs on this machine."""
        return self.host(id).actor is not None

    def leader(self) -> str | None:
        """Return who leads the highest term, or None."""
        leader = self._cluster.leader()
        return None if leader is None else leader.id

    def configuration(self) -> Configuration:
        """Return the configuration in force at the leader."""
        return self._leading().node.configuration

    def degraded(self) -> bool:
        """Whether the leader is in degraded mode (contract M8)."""
        role = self._leading().node.leading
        assert role is not None
        return role.witness_mode.degraded

    def configurations(self, id: str) -> list[Configuration]:
        """Return every configuration in a node's log, one after the other; the log must not have been cut off."""
        log = self.node(id).log
        entries = [log.entry(index) for index in range(1, log.last_index + 1)]
        return [Configuration.decode(entry.data) for entry in entries if entry.kind == CONFIGURATION]

    def digest(self) -> str:
        """Return the digest of all that happened; to be asked for once, at the end."""
        return self._cluster.final_digest()

    def _leading(self) -> Host:
        leader = self._cluster.leader()
        if leader is None:
            raise self._failure("nobody leads")
        return leader

    # Time

    def run(self, milliseconds: float) -> None:
        """Let virtual time pass."""
        scheduler = self._cluster.scheduler
        scheduler.run_until(scheduler.now_us + int(milliseconds * 1000))

    def run_until(self, condition: Callable[[], bool], timeout_ms: int | None = None, what: str = "") -> None:
        """Run until something is so; fail when it takes too long."""
        if not self.runs_into(condition, timeout_ms):
            raise self._failure(f"{what or 'what the script waits for'} does not come about")

    def runs_into(self, condition: Callable[[], bool], timeout_ms: int | None = None) -> bool:
        """Run until something is so, or for some time; return whether it came about."""
        if condition():
            return True
        timeout_ms = TIMEOUTS * self.election_timeout_ms if timeout_ms is None else timeout_ms
        scheduler = self._cluster.scheduler
        return scheduler.run_until(scheduler.now_us + timeout_ms * 1000, condition)

    def run_deliveries(self, count: int) -> None:
        """Run until so many more messages have arrived and were handled."""
        goal = self.delivered + count
        self.run_until(lambda: self.delivered >= goal, what=f"the arrival of {count} messages")

    def run_events(self, count: int) -> None:
        """Run so many events: a message that arrives, a write that is done, an alarm that rings."""
        goal = self._cluster.scheduler.events + count
        self.run_until(lambda: self._cluster.scheduler.events >= goal, what=f"{count} events")

    # Disturbing

    def crash(self, *ids: str) -> None:
        """Switch machines off; what was not on their disks is lost."""
        for id in ids:
            self._tell(f"{id} crashes")
            self.host(id).crash()

    def kill(self, *ids: str) -> None:
        """End the processes of nodes; their machines keep power, and what has reached the operating system."""
        for id in ids:
            self._tell(f"{id} is killed")
            self.host(id).crash(loses_power=False)

    def restart(self, *ids: str) -> None:
        """Start nodes from what is on their disks; those that run crash first."""
        for id in ids:
            if self.runs(id):
                self.crash(id)
            self._tell(f"{id} starts")
            self.host(id).start()

    def upgrade(self, *ids: str, level: int | None = None) -> None:
        """Start nodes with the next program, or with the one that supports a level."""
        for id in ids:
            self._cluster.programs.upgrade(id, level)
            self._tell(f"{id} gets a newer program")
            self.restart(id)

    def lose(self, *ids: str) -> None:
        """Lose machines for good, with their disks."""
        for id in ids:
            self.lose_disk(id)
            self._gone.add(id)

    def lose_disk(self, id: str, joins: bool = True) -> None:
        """Let a machine crash and get a new disk; see `Host.lose_disk`."""
        self.crash(id)
        self._tell(f"{id} gets a new disk")
        self.host(id).lose_disk(joins)

    def pause(self, id: str, milliseconds: int) -> None:
        """Let a node do nothing for a while; its clock goes on."""
        self._tell(f"{id} pauses for {milliseconds} ms")
        self.host(id).pause(milliseconds * 1000)

    def stall_disk(self, id: str, milliseconds: int) -> None:
        """Let a disk finish nothing that begins from now on, for a while."""
        self._tell(f"the disk of {id} stalls for {milliseconds} ms")
        self.host(id).disk.stall(milliseconds * 1000)

    def fill_disk(self, id: str) -> None:
        """Let a disk have no space for more than was promised already."""
        self._tell(f"the disk of {id} is full")
        self.host(id).disk.space.fill()

    def make_space(self, id: str) -> None:
        """Let a disk have space again."""
        self._tell(f"the disk of {id} has space again")
        self.host(id).disk.make_space()

    def slow_disk(self, id: str, milliseconds: float) -> None:
        """Let every write to a disk take at least so long, from now on."""
        self.host(id).disk.speed = DiskSpeed(least_us=int(milliseconds * 1000), hasty=0.0)

    def cut(self, *links: tuple[str, str]) -> None:
        """Let nothing pass from one member to another, besides what is cut already."""
        self._tell(f"cut: {', '.join(f'{sender} to {receiver}' for sender, receiver in links)}")
        self._cluster.network.cut = self._cluster.network.cut.union(links)

    def isolate(self, *ids: str) -> None:
        """Cut some members off from all others."""
        others = [host.id for host in self._cluster.hosts if host.id not in ids]
        self.cut(*[link for id in ids for other in others for link in ((id, other), (other, id))])

    def heal(self) -> None:
        """Mend every link."""
        self._tell("all links are mended")
        self._cluster.network.heal()

    def hold(
        self,
        *kinds: type[Message],
        sender: str | None = None,
        receiver: str | None = None,
        matches: Callable[[Message], bool] | None = None,
    ) -> Rule:
        """Hold messages back until `release`; see `Rule`."""
        return self.traffic.add(Rule(kinds, sender, receiver, matches, holds=True))

    def drop(
        self,
        *kinds: type[Message],
        sender: str | None = None,
        receiver: str | None = None,
        matches: Callable[[Message], bool] | None = None,
    ) -> Rule:
        """Lose messages until `release`; see `Rule`."""
        return self.traffic.add(Rule(kinds, sender, receiver, matches, holds=False))

    def release(self, rule: Rule) -> None:
        """End a rule: what was held arrives now."""
        self._tell(f"{len(rule.taken) if rule.holds else 'no'} messages that were taken go on their way")
        self.traffic.end(rule)

    # The story

    def _tell(self, event: str) -> None:
        self.story.append(f"{self._cluster.scheduler.now_us / 1000:10.3f} ms  {event}")

    def _failure(self, what: str) -> ScenarioError:
        self._tell(what)
        return ScenarioError("\n".join([what, *self.story[-TOLD:]]))

    def _annotate(self, error: InvariantError) -> None:
        error.add_note("\n".join(self.story[-TOLD:]))
