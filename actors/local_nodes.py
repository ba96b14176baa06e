"""The nodes of a local cluster: what each consists of, made and dropped while the cluster runs."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from pykka import Future

from raft.config import Config
from raft.errors import InvalidConfig
from raft.membership import Configuration
from raft.observer import DEBUG, ESSENTIAL

from .arguments import made_by
from .errors import AlreadyRunning, NodeStopped, NoMoreNodes, UnknownNode
from .leadership import Leadership
from .local_transport import LocalNetwork, LocalTransport
from .node import NodeActor
from .ports import StateMachine, Storage
from .runtime import GeventFuture
from .session_table import SessionLimits
from .storage.places import Place
from .supervisor import MemberStatus, Request, Supervisor
from .timers import ClusterClock, MonotonicClock

MAX_NODES = 9  # more would not make a cluster safer, only slower


class LocalNode:
    """One node, whether it runs or is down.

    Attributes:
        id: its id.
        witness: whether it has no state machine (contract M8).
        configuration: with whom it begins; None when others add it, and once its storage was erased.
        storage: survives its crashes.
        config: with what it starts; None for the config of all.
        machine: the state machine of its last run; None for a witness.
        supervisor: starts it and takes it down.
        has_run: whether it was ever started here.
    """

    def __init__(self, id: str, witness: bool, configuration: Configuration | None, storage: Storage) -> None:
        self.id = id
        self.witness = witness
        self.configuration = configuration
        self.storage = storage
        self.config: Config | None = None
        self.machine: StateMachine | None = None
        self.has_run = False
        self.supervisor: Supervisor


class LocalNodes:
    """All nodes of a cluster, and what they share: network, clock, settings.

    Args:
        make_machine: makes a fresh state machine.
        config: timeouts and limits.
        limits: how much is remembered of clients.
        seed: decides in which order the nodes time out; another one each time when None.
        watch: is told every event of every node; nobody when None.
        place: where the nodes keep what they store.

    Attributes:
        network: carries their messages.
        leadership: knows who leads.
        clock: their time.
    """

    def __init__(
        self,
        make_machine: Callable[[], StateMachine],
        config: Config,
        limits: SessionLimits,
        seed: int | None,
        watch: Callable[[object], None] | None,
        place: Place,
    ) -> None:
        self.network = LocalNetwork()
        self.leadership = Leadership()
        # Half a heartbeat: after a standstill nobody is nearer to losing patience than by that much.
        self.clock = ClusterClock(max(1, config.heartbeat_interval_ms // 2), MonotonicClock())
        self._make_machine = make_machine
        self._config = config
        self._limits = limits
        self._watch = watch
        self._place = place
        self._next_seed = secrets.randbits(30) if seed is None else seed
        self._nodes: dict[str, LocalNode] = {}
        self._named = 0  # the number of the last node that was named here

    # Which there are

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all nodes, in the order in which they came."""
        return tuple(self._nodes)

    def __getitem__(self, id: str) -> LocalNode:
        return self._nodes[id]

    def __contains__(self, id: str) -> bool:
        return id in self._nodes

    def named(self, node: object) -> str:
        """Return the id of a node that is named by id or by position.

        Raises:
            UnknownNode: when there is no such node.
        """
        ids = self.ids
        if type(node) is int and 0 <= node < len(ids):
            return ids[node]
        if isinstance(node, str) and node in self._nodes:
            return node
        raise UnknownNode(node, ids)

    def new_id(self) -> str:
        """Return an id that no node has or had, unless somebody else has named it."""
        while True:
            self._named += 1
            id = f"n{self._named}"
            if id not in self._nodes:
                return id

    def create(self, id: str, *, witness: bool, configuration: Configuration | None) -> None:
        """Make a node with the storage that its place has for it, empty or not, and leave it down.

        Raises:
            NoMoreNodes: when there are as many as there may be.
        """
        if len(self._nodes) >= MAX_NODES:
            raise NoMoreNodes(MAX_NODES)
        node = LocalNode(id, witness, configuration, self._place.make(id, witness, configuration))

        def spawn(on_down: Callable[[BaseException | None], None]) -> NodeActor:
            return self._spawn(node, on_down)

        node.supervisor = Supervisor(id, spawn, self.leadership.forget)
        self._nodes[id] = node

    def drop(self, id: str) -> None:
        """Take a node down if it runs, and forget it with all that it has stored."""
        supervisor = self._nodes[id].supervisor
        if supervisor.running:
            supervisor.crash()
        node = self._nodes.pop(id)
        supervisor.join()
        self._place.discard(id, node.storage)

    def erase(self, id: str) -> None:
        """Give a node that is down an empty storage.

        Raises:
            AlreadyRunning: when it runs.
        """
        node = self._nodes[id]
        if node.supervisor.running:
            raise AlreadyRunning(id)
        self._place.discard(id, node.storage)
        node.storage = self._place.make(id, node.witness, None)
        node.configuration = None

    def configure(self, id: str, config: Config) -> None:
        """Give a node that is down settings of its own.

        Raises:
            InvalidConfig: when they are none.
            AlreadyRunning: when it runs.
        """
        if not isinstance(config, Config):
            raise InvalidConfig("config", config, "a Config or None")
        if self._nodes[id].supervisor.running:
            raise AlreadyRunning(id)
        self._nodes[id].config = config

    # What they do

    def start(self, id: str) -> None:
        """Start a node from what its storage holds; raises as `Supervisor.start` does.

        Where nothing is synced, that is nothing after its first run: it waits to be added (contract D6).
        """
        node = self._nodes[id]
        if node.has_run and self._place.forgets:
            self.erase(id)
        node.has_run = True
        node.supervisor.start()

    def ask(self, id: str, request: Request) -> Future[Any]:
        """Put a request before a node; the future brings what it is replied, or `NodeStopped`."""
        node = self._nodes.get(id)
        if node is not None:
            return node.supervisor.ask(request)
        future: GeventFuture[Any] = GeventFuture()
        future.answer(NodeStopped(id, "it was removed"), None)
        return future

    def statuses(self) -> list[MemberStatus]:
        """Return what is known of each node."""
        return [node.supervisor.status() for node in self._nodes.values()]

    @property
    def machine(self) -> StateMachine:
        """The state machine of some node; there is always a node that has one."""
        return next(node.machine for node in self._nodes.values() if node.machine is not None)

    def close(self) -> None:
        """Take every node down; may be called again, above all after an interrupt in it."""
        self.clock.close()
        supervisors = [node.supervisor for node in self._nodes.values()]
        for supervisor in supervisors:
            if supervisor.running:
                supervisor.crash()

    def join(self) -> None:
        """Wait until the greenlets of all nodes that were taken down have ended, and let go of their storage."""
        for node in list(self._nodes.values()):
            node.supervisor.join()
            self._place.release(node.storage)

    # Internals

    def _spawn(self, node: LocalNode, on_down: Callable[[BaseException | None], None]) -> NodeActor:
        machine = None if node.witness else made_by(self._make_machine)
        config = self._config if node.config is None else node.config
        if self._place.may_lose_acknowledged:
            config = config.replaced(may_lose_acknowledged=1)
        actor = NodeActor.spawn(
            node.id,
            node.configuration,
            config,
            self._next_seed,
            clock=self.clock,
            storage=node.storage,
            transport=LocalTransport(self.network, node.id),
            machine=machine,
            limits=self._limits,
            observer=Watcher(node.supervisor, self.leadership, self._watch),
            on_down=on_down,
        )
        self._next_seed += 1
        self.leadership.begin(node.id, actor.status().configuration)
        node.machine = machine
        return actor


class Watcher:
    """Passes the events of one node on to all that watch it; the port `Observer` of `actors.ports`."""

    def __init__(self, supervisor: Supervisor, leadership: Leadership, watch: Callable[[object], None] | None) -> None:
        self._supervisor = supervisor
        self._leadership = leadership
        self._watch = watch
        self.level = ESSENTIAL if watch is None else DEBUG

    def observe(self, event: object) -> None:
        """Pass an event on."""
        self._supervisor.observe(event)
        self._leadership.observe(event)
        if self._watch is not None:
            self._watch(event)
