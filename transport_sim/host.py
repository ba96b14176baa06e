"""One simulated machine: it keeps its disk and its clock while the node on it crashes and starts again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raft.actor import Propose, RaftActor, Tick
from raft.config import Config
from raft.entries import Entry
from raft.membership import Configuration
from raft.messages import Message
from raft.node import Node
from raft.observer import RoleChanged

from .chance import Chance
from .disk import DiskSpeed, SimDisk
from .network import Network
from .runtime import SimActor
from .scheduler import Scheduler

if TYPE_CHECKING:
    from .invariants import Checker

TURN_DELAY_US = 5_000  # the longest that an actor is held up before a turn


@dataclass
class World:
    """What all hosts of a simulation share.

    Attributes:
        busy: probability that an actor is held up before a turn, so that several messages meet in one.
    """

    scheduler: Scheduler
    chance: Chance
    network: Network
    checker: Checker
    configuration: Configuration
    config: Config
    disk_speed: DiskSpeed
    busy: float
    faults: Counter[str]
    make_machine: Callable[[], Machine]
    turn_ended: Callable[[Host], None]
    record: Callable[..., None]
    role_changed: Callable[[Host, str], None]
    broke: Callable[[str, Exception], None]


class Machine:
    """The state machine of a simulated node: the list of the commands it was given.

    Attributes:
        commands: everything applied since the log began.
    """

    def __init__(self) -> None:
        self.commands: list[bytes] = []

    def apply(self, entry: Entry) -> int:
        """Take a command; the result is its position."""
        self.commands.append(entry.data)
        return len(self.commands)

    def snapshot(self) -> list[bytes]:
        """Return the commands, a line each."""
        return [command + b"\n" for command in self.commands]

    def restore(self, chunks: Iterable[bytes]) -> None:
        """Come to the state that `snapshot` told."""
        self.commands = b"".join(chunks).split(b"\n")[:-1]


class SimClock:
    """The clock of one host: virtual time since this host was switched on. Implements the clock port."""

    def __init__(self, scheduler: Scheduler, offset_us: int) -> None:
        self._scheduler = scheduler
        self.offset_us = offset_us

    def now_ms(self) -> int:
        """Return the host's time."""
        return (self._scheduler.now_us + self.offset_us) // 1000


class SimTimer:
    """The alarm of one running node. Implements the timer port."""

    def __init__(self, scheduler: Scheduler, clock: SimClock, tell: Callable[[object], None]) -> None:
        self._scheduler = scheduler
        self._clock = clock
        self._tell = tell
        self._setting = 0

    def set(self, deadline_ms: int) -> None:
        """Replace the alarm."""
        self._setting += 1
        self._scheduler.at(deadline_ms * 1000 - self._clock.offset_us, self._ring, self._setting)

    def _ring(self, setting: int) -> None:
        if setting == self._setting:
            self._tell(Tick())


class Host:
    """A machine with one member of the cluster on it; implements the transport and observer ports.

    Attributes:
        id: the member.
        disk: survives crashes.
        actor: the running actor, or None while the node is down.
        node: the node of the actor that runs now or ran last.
        machine: its state machine.
        starts: how often a node was started here.
    """

    node: Node
    machine: Machine

    def __init__(self, id: str, number: int, world: World) -> None:
        self.id = id
        self.number = number
        self.actor: SimActor | None = None
        self.starts = 0
        self._world = world
        self._clock = SimClock(world.scheduler, world.chance.between(0, 3_600_000_000))
        self.disk = SimDisk(world.scheduler, world.chance, world.disk_speed, self.tell, self._disk_changed)

    @property
    def now_ms(self) -> int:
        """The host's time in milliseconds."""
        return self._clock.now_ms()

    def start(self) -> None:
        """Start the node from what is on the disk."""
        world = self._world
        self.starts += 1
        seed = world.chance.between(0, (1 << 30) - 1)
        self.node = Node(self.id, world.configuration, world.config, self.disk.load(), seed, self._clock.now_ms())
        self.machine = world.make_machine()
        timer = SimTimer(world.scheduler, self._clock, self.tell)
        behaviour = RaftActor(self.node, self._clock, timer, self, self.disk, self.machine, self)
        world.checker.started(self)
        self.actor = SimActor(behaviour, world.scheduler, self._turn_delay, self._turn_ended, self._failed)
        self.actor.launch()

    def crash(self) -> None:
        """Switch the machine off: everything that was not durable is gone."""
        actor, self.actor = self.actor, None
        if actor is not None:
            actor.kill()
            self._world.faults["lost-write"] += self.disk.crash()
            actor.behaviour.abandon("the node crashed")

    def receive(self, message: Message) -> None:
        """Take a message from the network; a machine that is down loses it."""
        if self.actor is not None:
            self._world.checker.delivered(self, message)
            self.actor.actor_ref.tell(message)

    def tell(self, message: object) -> None:
        """Put a message in the mailbox of the node, if it runs."""
        if self.actor is not None:
            self.actor.actor_ref.tell(message)

    def propose(self, data: bytes, reply: Callable[[Exception | None, object], None]) -> bool:
        """Ask the node to replicate a command; return False when it does not run."""
        if self.actor is None:
            return False
        self.actor.actor_ref.tell(Propose(data, reply))
        return True

    # Ports

    def send(self, messages: list[tuple[str, Message]]) -> None:
        """Transport port: check every message against the promises, then put it on its way."""
        for receiver, message in messages:
            self._world.checker.sent(self, receiver, message)
        self._world.record(self.id, messages)
        self._world.network.send(self.id, messages)

    def observe(self, event: object) -> None:
        """Observer port: pass on changes of role; the checker looks at the node itself."""
        if isinstance(event, RoleChanged):
            self._world.role_changed(self, event.role)

    # What happens on this host

    def _disk_changed(self, write: object) -> None:
        self._world.checker.disk_changed(self, write)  # type: ignore[arg-type]

    def _turn_delay(self) -> int:
        world = self._world
        return world.chance.between(1, TURN_DELAY_US) if world.chance.happens(world.busy) else 0

    def _turn_ended(self) -> None:
        self._world.turn_ended(self)

    def _failed(self, error: Exception) -> None:
        self.actor = None
        self._world.broke(self.id, error)
