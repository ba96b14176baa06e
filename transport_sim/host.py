"""One simulated machine: it keeps its disk and its clock while the node on it crashes and starts again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actors.machine import for_core
from actors.session_table import SessionLimits
from raft.actor import ChangeMembership, Propose, RaftActor, Read, Tick, TransferLeadership
from raft.changes import Change
from raft.config import Config
from raft.membership import Configuration
from raft.messages import Message
from raft.node import Node
from raft.observer import DEBUG, Event, RoleChanged
from raft.ready import Write
from raft.witness import WitnessMachine

from .application import Application
from .chance import Chance
from .disk import DiskSpeed, SimDisk
from .machine import Machine, Query
from .network import Network
from .runtime import SimActor
from .scheduler import Scheduler

if TYPE_CHECKING:
    from .invariants import Checker
    from .spotter import Spotter
    from .traces.recording import Recorder

Reply = Callable[[Exception | None, object], None]
"""Takes the answer to a request: an error or None, and the result."""

TURN_DELAY_US = 5_000  # the longest that an actor is held up before a turn


@dataclass
class World:
    """What all hosts of a simulation share.

    Attributes:
        busy: probability that an actor is held up before a turn, so that several messages meet in one.
        trace: where everything is recorded, or None.
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
    limits: SessionLimits
    turn_ended: Callable[[Host], None]
    record: Callable[..., None]
    role_changed: Callable[[Host, str], None]
    broke: Callable[[str, Exception], None]
    spotter: Spotter
    application: Application
    trace: Recorder | None = None


class SimClock:
    """The clock of one host: virtual time since this host was switched on. Implements the clock port.

    Args:
        offset_us: what it showed when the run began.
        drift_ppm: by how many millionths it runs too fast.
    """

    def __init__(self, scheduler: Scheduler, offset_us: int, drift_ppm: int) -> None:
        self._scheduler = scheduler
        self._offset_us = offset_us
        self._rate_ppm = 1_000_000 + drift_ppm

    def now_ms(self) -> int:
        """Return the host's time."""
        return (self._scheduler.now_us * self._rate_ppm // 1_000_000 + self._offset_us) // 1000

    def when_us(self, time_ms: int) -> int:
        """Return the moment of virtual time at which the clock has reached a time."""
        return -((self._offset_us - time_ms * 1000) * 1_000_000 // self._rate_ppm)


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
        self._scheduler.at(self._clock.when_us(deadline_ms), self._ring, self._setting)

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
        machine: its state machine, behind the sessions of clients.
        starts: how often a node was started here.
        joins: whether it starts as one that knows nobody and waits to be added.
        is_witness: whether the member is a witness whenever it is one; it then has no state machine.
        level: which events it wants of its node.
    """

    level = DEBUG

    node: Node
    machine: Machine

    def __init__(self, id: str, world: World, is_witness: bool, drift_ppm: int) -> None:
        self.id = id
        self.is_witness = is_witness
        self.actor: SimActor | None = None
        self.starts = 0
        self._world = world
        self.joins = id not in world.configuration.members
        self._earlier_lease_reads = 0
        self._paused_until_us = 0
        self._chance = world.chance.fork(id)
        self._clock = SimClock(world.scheduler, self._chance.between(0, 3_600_000_000), drift_ppm)
        chance = world.chance.fork(f"disk {id}")
        self.disk = SimDisk(world.scheduler, chance, world.disk_speed, self.tell, self._disk_changed, is_witness)

    @property
    def now_ms(self) -> int:
        """The host's time in milliseconds."""
        return self._clock.now_ms()

    def start(self) -> None:
        """Start the node from what is on the disk."""
        world = self._world
        self._earlier_lease_reads = self.lease_reads
        self.starts += 1
        seed = self._chance.between(0, (1 << 30) - 1)
        known = None if self.joins else world.configuration
        self.node = Node(self.id, known, world.config, self.disk.load(), seed, self._clock.now_ms())
        self.machine = world.application.machine(self.id)
        machine = WitnessMachine() if self.is_witness else for_core(self.machine, world.limits)
        timer = SimTimer(world.scheduler, self._clock, self.tell)
        behaviour = RaftActor(self.node, self._clock, timer, self, self.disk, machine, self)
        world.checker.started(self)
        world.spotter.started(self)
        if world.trace is not None:
            world.trace.started(self)
        self.actor = SimActor(behaviour, world.scheduler, self._turn_delay, self._turn_ended, self._failed)
        self.actor.launch()

    def crash(self) -> None:
        """Switch the machine off: everything that was not durable is gone."""
        actor, self.actor = self.actor, None
        if actor is not None:
            if self._world.trace is not None:
                self._world.trace.record("crash", node=self.id)
            self._world.spotter.crashed(self)
            actor.kill()
            self._world.faults["lost-write"] += self.disk.crash()
            actor.behaviour.abandon("the node crashed")

    def prepare_to_join(self) -> None:
        """Get ready to be added: as it was, or with a new disk once everybody has heard of its removal."""
        may_lose_disk = self.starts and not self.disk.is_new and not self._world.checker.is_remembered(self.id)
        if may_lose_disk and self._chance.happens(0.5):
            self.crash()
            self.lose_disk()
        if self.actor is None:
            self.start()

    def lose_disk(self, joins: bool = True) -> None:
        """Get a new disk: nothing of what was stored is left. The node must be down.

        Args:
            joins: whether the node will wait to be added, or starts once more as one of the first members.
        """
        self._world.faults["lost-disk"] += 1
        self.joins = joins
        self.disk.format()
        self._world.checker.disk_lost(self)

    def pause(self, duration_us: int) -> None:
        """Let the node do nothing for a while, as in a long garbage collection; its clock goes on."""
        self._paused_until_us = self._world.scheduler.now_us + duration_us
        if self._world.trace is not None:
            self._world.trace.record("pause", node=self.id, until=self._paused_until_us)

    @property
    def lease_reads(self) -> int:
        """How many reads were served by a lease here."""
        return self._earlier_lease_reads + (self.node.reads.served_by_lease if self.starts else 0)

    def receive(self, message: Message) -> bool:
        """Take a message from the network; return False when the machine is down, which loses it."""
        if self.actor is None:
            return False
        self._world.checker.delivered(self, message)
        self._world.spotter.received(self, message)
        self.actor.actor_ref.tell(message)
        return True

    def tell(self, message: object) -> None:
        """Put a message in the mailbox of the node, if it runs."""
        if self.actor is not None:
            self.actor.actor_ref.tell(message)

    def propose(self, data: bytes, reply: Reply) -> bool:
        """Ask the node to replicate a command; return False when it does not run."""
        return self._ask(Propose(data, self._watched("propose", data, reply)))

    def read(self, consistency: str, reply: Reply, query: Query | None = None) -> bool:
        """Ask the state machine how many commands it was given, or a query; return False when the node does not run."""
        if self.actor is not None:
            self._world.spotter.asked_to_read(self, consistency)
        return self._ask(Read(query, consistency, self._watched("read", consistency, reply)))

    def transfer(self, target: str | None, reply: Reply) -> bool:
        """Ask the node to hand leadership over; return False when it does not run."""
        return self._ask(TransferLeadership(target, self._watched("transfer", target, reply)))

    def change(self, changes: list[Change], reply: Reply) -> bool:
        """Ask the node to change the members; return False when it does not run."""
        return self._ask(ChangeMembership(changes, self._watched("change", changes, reply)))

    def _watched(self, what: str, subject: object, reply: Reply) -> Reply:
        world = self._world

        def answered(error: Exception | None, result: object) -> None:
            world.spotter.answered(error, result)
            reply(error, result)

        if world.trace is None or self.actor is None:
            return answered
        return world.trace.asked(self, what, subject, answered)

    def _ask(self, request: object) -> bool:
        if self.actor is None:
            return False
        self.actor.actor_ref.tell(request)
        return True

    # Ports

    def send(self, messages: list[tuple[str, Message]]) -> None:
        """Transport port: check every message against the promises, then put it on its way."""
        for receiver, message in messages:
            self._world.checker.sent(self, receiver, message)
        self._world.record(self.id, messages)
        self._world.network.send(self.id, messages)

    def observe(self, event: Event) -> None:
        """Observer port: pass on what happens; the checker looks at the node itself."""
        if isinstance(event, RoleChanged):
            self._world.role_changed(self, event.role)
        else:
            self._world.spotter.observe(self, event)

    # What happens on this host

    def _disk_changed(self, write: Write) -> None:
        if self._world.trace is not None:
            self._world.trace.written(self, write)
        self._world.checker.disk_changed(self, write)

    def _turn_delay(self) -> int:
        world = self._world
        paused_us = self._paused_until_us - world.scheduler.now_us
        if paused_us > 0:
            return paused_us
        if not world.busy:
            return 0
        delay_us = self._chance.between(1, TURN_DELAY_US)
        return delay_us if self._chance.strikes("busy", world.busy) else 0

    def _turn_ended(self) -> None:
        self._world.turn_ended(self)

    def _failed(self, error: Exception) -> None:
        self.actor = None
        self._world.broke(self.id, error)
