"""A cluster in a box: hosts with real nodes on them, a network between them, and the checker that watches it all.

It does nothing by itself. Who drives it decides what happens: a random run (`simulation.py`), or a script
(`scenario.py`).
"""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from actors.session_table import SessionLimits
from actors.storage.policy import ALWAYS, SyncPolicy
from raft.config import Config
from raft.leader import Leader
from raft.membership import Configuration
from raft.messages import Message

from .application import Application
from .chance import Chance
from .disk import DiskSpeed
from .host import MODEL, Host, World
from .invariants import Checker
from .levels import Levels
from .network import Network, Weather
from .programs import Programs
from .scheduler import Scheduler
from .session_model import SessionModel
from .shadow import InvariantError
from .situations import Situations
from .spotter import Spotter

if TYPE_CHECKING:
    from .traces.recording import Recorder


@dataclass
class Setting:
    """What a cluster is made of.

    Attributes:
        ids: every host, members and machines that stand by.
        configuration: the first one.
        witnesses: the hosts that are witnesses whenever they are members.
        config: of every node.
        limits: those of client sessions.
        weather: of the network.
        disk_speed: of every disk.
        policy: when the disks sync entries.
        storage: what works on every disk, one of `STORAGES`.
        busy: see `World`.
        drift_ppm: by how many millionths clocks may be wrong; each host's is too slow or too fast, by all of that.
        drifts_ppm: by how many millionths the clocks of some hosts run too fast, exactly.
        programs: the feature level of the first program on each machine, see `Programs`.
        application: what the nodes compute.
        reserve_bytes: how much every disk reserves ahead; more than the largest entry.
    """

    ids: Sequence[str]
    configuration: Configuration
    witnesses: Collection[str]
    config: Config
    limits: SessionLimits
    weather: Weather
    disk_speed: DiskSpeed
    policy: SyncPolicy = ALWAYS
    storage: str = MODEL
    busy: float = 0.0
    drift_ppm: int = 0
    drifts_ppm: Mapping[str, int] = field(default_factory=dict)
    programs: Mapping[str, int] = field(default_factory=dict)
    application: Application = field(default_factory=Application)
    reserve_bytes: int = 1 << 26


class Cluster:
    """The hosts of a setting, none of which runs yet.

    Args:
        chance: decides whatever the setting leaves open.
        setting: what to build.

    Attributes:
        scheduler: virtual time.
        chance, setting: as above.
        faults: how often each kind of fault struck.
        network, checker, levels: as their names say.
        programs: those on the machines.
        situations: the rare situations that the cluster has come to.
        hosts: all of them, in the order of the setting.
        role_changed: called as role_changed(host, role) when a node takes on a role; may be replaced.
        storage_failed: called with a host whose node has stopped because its disk failed; may be replaced.
        trace: where everything is recorded, or None; a recorder enters itself.
        witness_degraded: how often a leader began to send a witness its whole log.
    """

    def __init__(self, chance: Chance, setting: Setting) -> None:
        self.chance = chance
        self.setting = setting
        self.scheduler = Scheduler()
        self.faults = chance.ledger.faults
        self.role_changed: Callable[[Host, str], None] = lambda host, role: None
        self.storage_failed: Callable[[Host], None] = lambda host: None
        self.trace: Recorder | None = None
        self.witness_degraded = 0
        self._degraded: set[str] = set()
        self._digest = hashlib.blake2b(digest_size=16)
        config = setting.config
        longest_pause_ms = config.quiescent_timeouts * config.election_timeout_ms
        self.checker = Checker(
            setting.configuration,
            setting.ids,
            config.election_timeout_ms,
            longest_pause_ms,
            SessionModel(setting.limits, setting.application.machine()),
        )
        self.network = Network(self.scheduler, chance, setting.weather, self._deliver)
        self.situations = Situations()
        self.hosts: list[Host] = []
        self.levels = Levels(self.hosts)
        self.programs = Programs(config, setting.programs)
        self.world = World(
            scheduler=self.scheduler,
            chance=chance,
            network=self.network,
            checker=self.checker,
            levels=self.levels,
            configuration=setting.configuration,
            programs=self.programs,
            disk_speed=setting.disk_speed,
            reserve_bytes=setting.reserve_bytes,
            policy=setting.policy,
            storage=setting.storage,
            busy=setting.busy,
            faults=self.faults,
            limits=setting.limits,
            turn_ended=self._turn_ended,
            record=self.record,
            role_changed=lambda host, role: self.role_changed(host, role),
            broke=self._broke,
            storage_failed=lambda host: self.storage_failed(host),
            spotter=Spotter(self.hosts, self.situations, config.election_timeout_ms),
            application=setting.application,
        )
        self.hosts += [Host(id, self.world, id in setting.witnesses, self._drift_ppm(id)) for id in setting.ids]
        self._host = {host.id: host for host in self.hosts}

    def _drift_ppm(self, id: str) -> int:
        drift_ppm = self.setting.drift_ppm
        if not drift_ppm:
            return self.setting.drifts_ppm.get(id, 0)
        return self.chance.fork(f"drift {id}").pick((-drift_ppm, drift_ppm))

    def host(self, id: str) -> Host:
        """Return the host of this id."""
        return self._host[id]

    def start(self) -> None:
        """Start the first members."""
        for host in self.hosts:
            if host.id in self.setting.configuration.members:
                host.start()

    def close(self) -> None:
        """Stop every node."""
        for host in self.hosts:
            if host.actor is not None:
                host.actor.kill()

    def leader(self) -> Host | None:
        """Return the running host that leads the highest term, or None."""
        leaders = [host for host in self.hosts if host.actor is not None and isinstance(host.node.role, Leader)]
        return max(leaders, key=lambda host: host.node.term, default=None)

    def record(self, *what: object) -> None:
        """Take something that happened into the digest."""
        self._digest.update(repr((self.scheduler.now_us, what)).encode())

    def final_digest(self) -> str:
        """Return the digest, with what became of every log: their contents, entry by entry."""
        for host in self.hosts:
            for entry in host.disk.entries:
                self.record(host.id, entry)
            if host.starts:
                self.record(host.id, host.machine.commands)
        self.record(sorted(self.faults.items()), self.scheduler.events)
        return self._digest.hexdigest()

    # What the network and the hosts report

    def _deliver(self, receiver: str, message: Message) -> bool:
        return self._host[receiver].receive(message)

    def _turn_ended(self, host: Host) -> None:
        """Check the host, and take its state and the time into the digest."""
        try:
            self.checker.turn_ended(host)
            self.levels.turn_ended(host)
            self.setting.application.turn_ended(host)
        except InvariantError as broken:
            broken.node = host.id
            raise
        finally:
            if self.trace is not None:
                self.trace.turn_ended(host)
        node = host.node
        log = node.log
        leader = node.leading
        if leader is None or not leader.witness_mode.degraded:
            self._degraded.discard(host.id)
        elif host.id not in self._degraded:
            self._degraded.add(host.id)
            self.witness_degraded += 1
        line = (
            f"{self.scheduler.now_us} {host.id} {node.term} {node.vote} {node.role.name} {node.role.leader} "
            f"{log.last_index} {log.commit_index} {log.applied_index} {log.durable_index}\n"
        )
        self._digest.update(line.encode())

    def _broke(self, id: str, error: Exception) -> None:
        """A node stopped with an error; nothing that the simulator does to it allows that."""
        if isinstance(error, (InvariantError, AssertionError)):
            raise error
        raise InvariantError("failure", f"{id} stopped with {described(error)}", place_of(error))


def described(error: Exception) -> str:
    """Return an error with the place where it was raised."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})"


def place_of(error: Exception) -> str:
    """Return what tells one error from another: its type, and where it was raised."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {where.filename}:{where.lineno}"
