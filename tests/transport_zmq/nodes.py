"""Real nodes over real sockets: what a daemon will put together, as small as tests need it."""

import time
from functools import partial

import gevent

from actors import kv_commands
from actors.errors import NodeStopped
from actors.kv import KeyValue
from actors.node import NodeActor
from actors.runtime import GeventFuture
from actors.session_commands import plain
from actors.session_table import SessionLimits
from actors.storage.directory import DirectoryStorage
from actors.timers import MonotonicClock
from raft.actor import Propose
from raft.config import Config
from raft.errors import RaftError
from raft.membership import Configuration
from transport_zmq.address import resolve
from transport_zmq.limits import Limits
from transport_zmq.network import Network
from transport_zmq.peers import PeerTransport, RoutingObserver

T = 30.0
CONFIG = Config(election_timeout_ms=500, heartbeat_interval_ms=50)


class Node:
    """One member with its port and its directory.

    A node is made, listens at once, and runs from `start` on, so that ports can be chosen by the system before the
    configuration is written.
    """

    def __init__(
        self,
        id,
        folder,
        *,
        listen="127.0.0.1:0",
        security=None,
        config=CONFIG,
        advertise="",
        resolve=resolve,
        machine=KeyValue,
        session_limits=None,
    ):
        self.id = id
        self.network = Network(security, resolve=resolve)
        self.transport = PeerTransport(self.network, id, listen, Limits.of(config), advertise)
        self.machine = machine()
        self.actor = None
        self.session_limits = session_limits or SessionLimits()
        self._make_machine = machine
        self._config = config
        self._folder = folder
        self._storage = None
        self.transport.listen()

    @property
    def statistics(self):
        return self.network.statistics

    @property
    def status(self):
        return self.actor.status()

    def start(self, configuration):
        self._storage = DirectoryStorage(self._folder / self.id, self.id, first=configuration, segment_bytes=1 << 22)
        self.machine = self._make_machine()
        if configuration is not None:
            self.transport.follow(configuration)
        self.actor = NodeActor.spawn(
            self.id,
            configuration,
            self._config,
            int(self.id[1:]),
            clock=MonotonicClock(),
            storage=self._storage,
            transport=self.transport,
            machine=self.machine,
            limits=self.session_limits,
            observer=RoutingObserver(self.transport),
            on_down=lambda error: None,
        )
        self.transport.follow(self.status.configuration)

    def ask(self, request):
        """The result of what is asked of the node, or the error."""
        future = GeventFuture()

        def reply(error, result):
            future.set((error, result))

        self.actor.actor_ref.tell(request(reply=reply))
        return future.get(timeout=5)

    def put(self, key, value):
        return self.ask(partial(Propose, plain(kv_commands.put(key, value))))

    def stop(self):
        if self.actor is not None:
            self.actor.crash()
            self.actor.join(5)
            self._storage.release()
            self.actor = None

    def close(self):
        self.stop()
        self.transport.release()
        self.network.close()


def configuration_of(nodes, **settings):
    addresses = {node.id: node.transport.address for node in nodes}
    return Configuration(tuple(sorted(addresses)), addresses=addresses, **settings)


def wait_until(condition, timeout=T):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout} s"
        gevent.sleep(0.005)


def leader_of(nodes):
    leaders = [node for node in nodes if node.actor is not None and node.status.role == "leader"]
    return max(leaders, key=lambda node: node.status.term, default=None)


def put(nodes, key, value, timeout=T):
    """Puts a value by whoever leads, until it is acknowledged."""
    deadline = time.monotonic() + timeout
    while True:
        assert time.monotonic() < deadline, "no leader takes a command"
        leader = leader_of(nodes)
        if leader is None:
            gevent.sleep(0.01)
            continue
        try:
            error, _ = leader.put(key, value)
        except NodeStopped:
            continue
        if error is None:
            return
        assert isinstance(error, RaftError)
        gevent.sleep(0.01)


def have(nodes, key, value):
    return all(dict(node.machine.items()).get(key) == value for node in nodes)
