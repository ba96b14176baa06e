"""One simulated machine: it keeps its disk and its clock while the node on it crashes and starts again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actors.machine import for_core
from actors.session_table import SessionLimits
from actors.storage.policy import SyncPolicy
from raft.actor import ChangeMembership, Propose, RaftActor, Read, TransferLeadership
from raft.changes import Change
from raft.errors import ProgramTooOld, StorageFailed
from raft.log import Log
from raft.membership import Configuration
from raft.messages import Message
from raft.node import Node
from raft.observer import DEBUG, Event, RoleChanged
from raft.ready import Restored, Write
from raft.witness import WitnessMachine

from .application import Application
from .chance import Chance
from .clock import SimClock, SimTimer
from .disk import DamagedStorage, DiskSpeed, SimDisk
from .machine import Machine, Query
from .network import Network
from .programs import Programs
from .runtime import SimActor
from .scheduler import Scheduler
from .shadow import InvariantError
from .stored_disk import StoredDisk

if TYPE_CHECKING:
    from .invariants import Checker
    from .levels import Levels
    from .spotter import Spotter
    from .traces.recording import Recorder

Reply = Callable[[Exception | None, object], None]
"""Takes the answer to a request: an error or None, and the result."""

MODEL, REAL = STORAGES = ("model", "real")
"""What works on the disks: a model of a storage, or the real one, byte by byte."""

TURN_DELAY_US = 5_000  # the longest that an actor is held up before a turn
UPGRADE_US = 500_000  # how long it takes until somebody has put the right program on a machine


@dataclass
class World:
    """What all hosts of a simulation share.

    Attributes:
        reserve_bytes: how much every disk reserves ahead.
        storage: what works on every disk, one of `STORAGES`.
        busy: probability that an actor is held up before a turn, so that several messages meet in one.
        trace: where everything is recorded, or None.
    """

    scheduler: Scheduler
    chance: Chance
    network: Network
    checker: Checker
    levels: Levels
    configuration: Configuration
    programs: Programs
    disk_speed: DiskSpeed
    reserve_bytes: int
    policy: SyncPolicy
    storage: str
    busy: float
    faults: Counter[str]
    limits: SessionLimits
    turn_ended: Callable[[Host], None]
    record: Callable[..., None]
    role_changed: Callable[[Host, str], None]
    broke: Callable[[str, Exception], None]
    storage_failed: Callable[[Host], None]
    spotter: Spotter
    application: Application
    trace: Recorder | None = None


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
    _timer: SimTimer

    def __init__(self, id: str, world: World, is_witness: bool, drift_ppm: int) -> None:
        self.id = id
        self.is_witness = is_witness
        self.actor: SimActor | None = None
        self.starts = 0
        self._world = world
        self.joins = id not in world.configuration.members
        self._earlier_lease_reads = 0
        self._paused_until_us = 0
        self._latest_ms = 0  # what the node's time has come to
        self._chance = world.chance.fork(id)
        self._clock = SimClock(world.scheduler, self._chance.between(0, 3_600_000_000), drift_ppm)
        chance = world.chance.fork(f"disk {id}")
        disk = (world.scheduler, chance, world.disk_speed, self.tell, self._disk_changed, is_witness)
        if world.storage == REAL:
            self.disk: SimDisk = StoredDisk(id, *disk)
        else:
            self.disk = SimDisk(*disk, world.reserve_bytes, world.policy, self._disk_cut)

    @property
    def now_ms(self) -> int:
        """The host's time in milliseconds."""
        return self._clock.now_ms()

    def lasts_us(self, milliseconds: int) -> int:
        """Return how much virtual time passes while the host's clock goes on by so much."""
        return self._clock.lasts_us(milliseconds)

    def start(self) -> None:
        """Start the node from what is on the disk; with a damaged one it does not start."""
        world = self._world
        if self.disk.forgets and self.starts and not self.disk.is_new:
            self.lose_disk()
        try:
            restored = self.disk.load()
        except DamagedStorage:
            return
        self._earlier_lease_reads = self.lease_reads
        self.starts += 1
        seed = self._chance.between(0, (1 << 30) - 1)
        known = None if self.joins else world.configuration
        self._try_older_program(restored, known)
        self.node = Node(self.id, known, world.programs.config(self.id), restored, seed, self._clock.now_ms())
        self._latest_ms = self.node.now
        self.machine = world.application.machine(self.id)
        machine = WitnessMachine() if self.is_witness else for_core(self.machine, world.limits)
        self._timer = timer = SimTimer(world.scheduler, self._clock, self.tell)
        behaviour = RaftActor(self.node, self._clock, timer, self, self.disk, machine, self)
        world.checker.started(self)
        world.spotter.started(self)
        if world.trace is not None:
            world.trace.started(self)
        self.actor = SimActor(behaviour, world.scheduler, self._turn_delay, self._turn_ended, self._failed)
        self.disk.space.begin()
        self.actor.launch()

    def _try_older_program(self, restored: Restored, known: Configuration | None) -> None:
        """Start a program that is too old for what is on the disk: it must refuse (contract M10)."""
        if not self._world.programs.differ:
            return
        level = Log.restored(restored, Configuration.first(self.id, known)).configurations.newest.feature_level
        older = self._world.programs.older_config(level)
        if older is None:
            return
        try:
            Node(self.id, known, older, restored)
        except ProgramTooOld as error:
            assert error.level == level
            return
        raise InvariantError("M10", f"a program that supports less starts on the disk of {self.id}, of level {level}")

    def upgrade(self) -> None:
        """Put the next program on the machine, for the next start."""
        self._world.programs.upgrade(self.id)

    def crash(self, loses_power: bool = True) -> None:
        """Switch the machine off: everything that was not durable is gone.

        Args:
            loses_power: whether it may be the machine; else it is the process alone, see `SimDisk.crash`.
        """
        actor, self.actor = self.actor, None
        if actor is not None:
            if self._world.trace is not None:
                self._world.trace.record("crash", node=self.id)
            self._world.spotter.crashed(self)
            actor.kill()
            self._world.faults["lost-write"] += self.disk.crash(loses_power)
            actor.behaviour.abandon("the node crashed")

    def stop(self) -> None:
        """Stop the node in good order: what it has written is durable."""
        self.disk.finish()
        self.crash()

    def prepare_to_join(self) -> None:
        """Get ready to be added: as it was, or with a new disk once everybody has heard of its removal."""
        may_lose_disk = self.starts and not self.disk.is_new and not self._world.checker.is_remembered(self.id)
        loses_disk = self._chance.happens(0.5) or self.disk.is_damaged
        if may_lose_disk and loses_disk:
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
        self._world.programs.put_back(self.id)
        self._world.checker.disk_lost(self)

    def pause(self, duration_us: int) -> None:
        """Let the node do nothing for a while, as in a long garbage collection; its clock goes on."""
        self._paused_until_us = self._world.scheduler.now_us + duration_us
        if self._world.trace is not None:
            self._world.trace.record("pause", node=self.id, until=self._paused_until_us)

    def jump_clock(self, by_us: int) -> None:
        """Let the clock jump forward, or back."""
        self._clock.jump(by_us)
        if self.actor is not None:
            self._timer.follow_clock()
        if self._world.trace is not None:
            direction = "forward" if by_us >= 0 else "back"
            self._world.trace.record("clock", node=self.id, direction=direction, microseconds=abs(by_us))

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

    def _disk_cut(self, index: int) -> None:
        if self._world.trace is not None:
            self._world.trace.record("power-loss", node=self.id, last_index=index)
        self._world.checker.disk_cut(self, index)

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
        now = self.node.now
        if now < self._latest_ms:
            raise InvariantError("E9", f"time goes back from {self._latest_ms} to {now} ms on {self.id}")
        self._latest_ms = now
        # A write that the node waits for fails within a turn, which goes on to its end.
        failed_in_turn, self.disk.has_just_failed = self.disk.has_just_failed, False
        if self.disk.has_failed and not failed_in_turn:
            raise InvariantError("D2", f"{self.id} goes on although its disk has failed")
        self._world.turn_ended(self)

    def _failed(self, error: Exception) -> None:
        self.actor = None
        too_old = isinstance(error, ProgramTooOld) and self.node.config.feature_level < error.level
        if not too_old and not (isinstance(error, StorageFailed) and self.disk.has_failed):
            self._world.broke(self.id, error)
            return
        if self._world.trace is not None:
            self._world.trace.record("crash", node=self.id, why=str(error))
        self._world.faults["lost-write"] += self.disk.crash()
        if isinstance(error, ProgramTooOld):
            self._world.levels.stopped(self, error.level)
            self._world.faults["old-program"] += 1
            self._world.programs.upgrade(self.id, error.level)
            self._world.scheduler.after(UPGRADE_US, self._start_if_down)
        else:
            self._world.storage_failed(self)

    def _start_if_down(self) -> None:
        if self.actor is None:
            self.start()
