"""A whole cluster in one process: real actors in real time, with mailboxes for a network.

It is meant for trying Raft out, for tests and demonstrations: nodes can be killed, restarted and cut off from each
other. All of it lives in the thread that made it, and runs while that thread waits: in the methods of the cluster, in
`LocalCluster.sleep`, or in anything else that waits by gevent. While the thread does something else, the cluster stands
still, and its time with it.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

import gevent
from pykka import Future

from raft.config import Config
from raft.errors import InvalidConfig
from raft.membership import Configuration

from . import interrupts, kv_commands
from .arguments import as_bytes, checked_timeout, disjoint_groups, made_by
from .client import Client
from .errors import ClusterClosed, NotKeyValue, Unavailable, UnknownNode, WrongThread
from .kv import DONE, INVALID, KeyValue, Result
from .leadership import Leadership
from .local_transport import LocalNetwork, LocalTransport
from .node import NodeActor
from .ports import StateMachine
from .storage.memory import MemoryStorage
from .supervisor import MemberStatus, Supervisor
from .threads import main_greenlet
from .timers import ClusterClock, MonotonicClock

MAX_NODES = 9  # more would not make a cluster safer, only slower

# Mailboxes in one process answer within microseconds, so that a dead leader can be noticed soon.
LOCAL_CONFIG = Config(election_timeout_ms=300, heartbeat_interval_ms=50)


class LocalCluster:
    """A cluster of nodes n1, n2, … in this process.

    Use it in a `with` statement, or call `close` when done. Nodes are named by id, "n1", or by position, 0. Keys and
    values are bytes; a string stands for its UTF-8 bytes. Every timeout is in seconds. In another thread
    than the one that made the cluster every method raises `WrongThread` and does nothing. Ctrl-C interrupts the program
    and no node.

    Args:
        nodes: how many, 1 to 9.
        machine: makes a fresh state machine, usually a class; called once for each start of a node.
        config: timeouts and limits of the nodes; elections within about half a second when None.
        seed: an integer that decides in which order the nodes time out; another one each time when None.

    Raises:
        InvalidConfig: when an argument is out of its bounds.

    Attributes:
        members: the ids of all nodes, in order.
    """

    def __init__(
        self,
        nodes: int = 3,
        *,
        machine: Callable[[], StateMachine] = KeyValue,
        config: Config | None = None,
        seed: int | None = None,
    ) -> None:
        if type(nodes) is not int or not 1 <= nodes <= MAX_NODES:
            raise InvalidConfig("nodes", nodes, f"an integer from 1 to {MAX_NODES}")
        if seed is not None and type(seed) is not int:
            raise InvalidConfig("seed", seed, "an integer or None")
        if config is not None and not isinstance(config, Config):
            raise InvalidConfig("config", config, "a Config or None")
        self.members = tuple(f"n{number}" for number in range(1, nodes + 1))
        self._make_machine = machine
        self._config = LOCAL_CONFIG if config is None else config
        self._next_seed = secrets.randbits(30) if seed is None else seed
        self._configuration = Configuration(self.members)
        self._network = LocalNetwork()
        self._leadership = Leadership(self.members)
        self._storages = {member: MemoryStorage() for member in self.members}
        self._machines: dict[str, StateMachine] = {}
        self._supervisors = {member: self._supervisor(member) for member in self.members}
        self._client = Client(self.members, self._submit, self._leadership)
        self._thread = main_greenlet()
        # Half a heartbeat: after a standstill nobody is nearer to losing patience than by that much.
        self._clock = ClusterClock(max(1, self._config.heartbeat_interval_ms // 2), MonotonicClock())
        self._holds_interrupts = interrupts.hold()
        self._closed = False
        try:
            for supervisor in self._supervisors.values():
                supervisor.start()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        nodes = f"{len(self.members)} node{'s' if len(self.members) > 1 else ''}"
        if self._closed:
            return f"LocalCluster({nodes}, closed)"
        leader = self._leadership.leader()
        leads = "no leader" if leader is None else f"{leader} leads"
        down = [f"{member} down" for member, supervisor in self._supervisors.items() if not supervisor.running]
        return f"LocalCluster({', '.join([nodes, leads, *down])})"

    def close(self) -> None:
        """Take every node down and forget what was stored; may be called again, above all after an interrupt in it."""
        self._check_thread()
        self._closed = True
        self._clock.close()
        for supervisor in self._supervisors.values():
            if supervisor.running:
                supervisor.crash()
        if self._holds_interrupts:
            self._holds_interrupts = False
            interrupts.release()
        for supervisor in self._supervisors.values():  # last, since waiting is where an interrupt may come
            supervisor.join()

    # The replicated key-value store

    def put(self, key: bytes | str, value: bytes | str, timeout: float = 5.0) -> None:
        """Store a value under a key.

        Args:
            key: 1 to 1024 bytes.
            value: 0 bytes to 1 MiB.
            timeout: seconds, 0 or more.

        Raises:
            OutOfBounds: when key or value is no str or bytes object, or too short or too long; nothing was sent.
            InvalidConfig: when the timeout is no number of seconds.
            Unavailable: nobody took the command in time; it had no effect.
            OutcomeUnknown: a node took it and then lost its leadership or ran out of time; it may yet take effect.
            NotKeyValue: when the cluster replicates another machine.
            ClusterClosed: after `close`.
        """
        self._kv(kv_commands.put(as_bytes("key", key), as_bytes("value", value)), timeout)

    def get(self, key: bytes | str, timeout: float = 5.0) -> bytes | None:
        """Return the value of a key, or None when there is none, as of some moment during this call (linearizable).

        Raises:
            OutOfBounds, Unavailable, NotKeyValue, ClusterClosed: as for `put`.
        """
        return self._kv(kv_commands.get(as_bytes("key", key)), timeout, read_only=True).value

    def delete(self, key: bytes | str, timeout: float = 5.0) -> bool:
        """Remove a key; return whether it was there.

        Raises:
            OutOfBounds, Unavailable, OutcomeUnknown, NotKeyValue, ClusterClosed: as for `put`.
        """
        return self._kv(kv_commands.delete(as_bytes("key", key)), timeout).value is not None

    def cas(self, key: bytes | str, expected: bytes | str | None, value: bytes | str, timeout: float = 5.0) -> bool:
        """Store a value if the key holds the expected one, None for "absent"; return whether it did.

        Raises:
            OutOfBounds, Unavailable, OutcomeUnknown, NotKeyValue, ClusterClosed: as for `put`.
        """
        expected = None if expected is None else as_bytes("expected", expected)
        command = kv_commands.cas(as_bytes("key", key), expected, as_bytes("value", value))
        return self._kv(command, timeout).outcome == DONE

    # Any state machine

    def propose(self, command: bytes, timeout: float = 5.0) -> Any:
        """Get a command applied on every node, and return what the state machine answered, the very object.

        Raises:
            InvalidCommand: when the command is not bytes.
            EntryTooLarge: when it is larger than `Config.max_entry_bytes`.
            Unavailable, OutcomeUnknown, ClusterClosed: as for `put`.
        """
        self._check_open()
        return self._client.call(command, timeout)

    def machine(self, node: str | int) -> Any:
        """Return the state machine of one node, to look at; that of its last run while the node is down.

        Raises:
            UnknownNode: when there is no such node.
        """
        self._check_thread()
        return self._machines[self._member(node)]

    # Who leads

    def leader(self) -> str | None:
        """Return the id of the leader that a majority of the members agree on, or None."""
        self._check_thread()
        return self._leadership.leader()

    def wait_for_leader(self, timeout: float = 5.0) -> str:
        """Wait until a majority of the members agree on a leader, and return its id.

        Raises:
            Unavailable: when they do not in time.
            ClusterClosed: after `close`.
        """
        deadline = time.monotonic() + checked_timeout(timeout)
        while True:
            self._check_open()
            seen = self._leadership.version
            leader = self._leadership.leader()
            if leader is not None:
                return leader
            if not self._leadership.wait(seen, max(0.0, deadline - time.monotonic())):
                states = {report.id: report.state for report in self.status()}
                raise Unavailable("no leader was agreed on", timeout, states)

    def status(self) -> list[MemberStatus]:
        """Return what is known of each member, in order, those that are down too."""
        self._check_thread()
        return [supervisor.status() for supervisor in self._supervisors.values()]

    # Faults

    def kill(self, node: str | int) -> None:
        """Crash a node, as by a power cut: writes under way and its mailbox are lost, its storage stays.

        Raises:
            UnknownNode: when there is no such node.
            NotRunning: when it is down.
            ClusterClosed: after `close`.
        """
        self._check_open()
        supervisor = self._supervisors[self._member(node)]
        supervisor.crash()
        supervisor.join()

    def restart(self, node: str | int) -> None:
        """Start a node that is down, from its storage and with a fresh state machine.

        Raises:
            UnknownNode: when there is no such node.
            AlreadyRunning: when it runs.
            ClusterClosed: after `close`.
        """
        self._check_open()
        self._supervisors[self._member(node)].start()

    def partition(self, *groups: Iterable[str | int]) -> None:
        """Split the network so that nodes hear only their own group; replaces all cuts made before.

        Args:
            groups: each a list of nodes. Nodes that are named in none form one more group.

        Raises:
            UnknownNode: when there is no such node.
            InvalidGroups: when a group is no list of nodes, or a node is in two.
            ClusterClosed: after `close`.
        """
        self._check_open()
        parts = disjoint_groups(groups, self._member)
        named = [member for part in parts for member in part]
        self._network.partition([*parts, [member for member in self.members if member not in named]])

    def cut(self, sender: str | int, receiver: str | int) -> None:
        """Lose whatever one node sends to another; the other direction stays as it is.

        Raises:
            UnknownNode: when there is no such node.
            ClusterClosed: after `close`.
        """
        self._check_open()
        self._network.cut(self._member(sender), self._member(receiver))

    def heal(self) -> None:
        """Mend every cut.

        Raises:
            ClusterClosed: after `close`.
        """
        self._check_open()
        self._network.heal()

    def sleep(self, seconds: float) -> None:
        """Wait, and let the cluster run; `time.sleep` would stop it.

        Raises:
            ClusterClosed: after `close`.
        """
        self._check_open()
        gevent.sleep(checked_timeout(seconds))

    # Internals

    def _supervisor(self, member: str) -> Supervisor:
        def spawn(on_down: Callable[[BaseException | None], None]) -> NodeActor:
            machine = made_by(self._make_machine)
            actor = NodeActor.spawn(
                member,
                self._configuration,
                self._config,
                self._next_seed,
                clock=self._clock,
                storage=self._storages[member],
                transport=LocalTransport(self._network, member),
                machine=machine,
                observer=self._leadership,
                on_down=on_down,
            )
            self._next_seed += 1
            self._machines[member] = machine
            return actor

        return Supervisor(member, spawn, self._leadership.forget)

    def _submit(self, member: str, command: bytes) -> Future[Any]:
        self._check_open()
        return self._supervisors[member].propose(command)

    def _kv(self, command: bytes, timeout: float, read_only: bool = False) -> Result:
        self._check_open()
        machine = self._machines[self.members[0]]
        if not isinstance(machine, KeyValue):
            raise NotKeyValue(type(machine).__name__)
        result: Result = self._client.call(command, timeout, read_only=read_only)
        assert result.outcome != INVALID, result.problem
        return result

    def _member(self, node: object) -> str:
        if type(node) is int and 0 <= node < len(self.members):
            return self.members[node]
        if isinstance(node, str) and node in self.members:
            return node
        raise UnknownNode(node, self.members)

    def _check_open(self) -> None:
        self._check_thread()
        if self._closed:
            raise ClusterClosed

    def _check_thread(self) -> None:
        if main_greenlet() is not self._thread:
            raise WrongThread(threading.current_thread().name)
