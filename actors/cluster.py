"""A whole cluster in one process: real actors in real time, with mailboxes for a network.

It is meant for trying Raft out, for tests and demonstrations: nodes can be added and removed, killed, restarted and cut
off from each other. All of it lives in the thread that made it, and runs while that thread waits: in the methods of the
cluster, in `LocalCluster.sleep`, or in anything else that waits by gevent. While the thread does something else, the
cluster stands still, and its time with it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import gevent
from pykka import Future

from raft.actor import LEASE, LINEARIZABLE, STALE, Backup, Propose, Read
from raft.config import Config
from raft.errors import InvalidCommand, InvalidConfig
from raft.membership import Configuration
from storage.disk import perform

from . import interrupts, results, session_commands
from .arguments import checked_timeout
from .client import Client, Deadline
from .errors import ClusterClosed, NotKeyValue, NotReadable, NotWatchable, TakesNoSnapshots, Unavailable, WrongThread
from .fault_calls import FaultCalls
from .kv import KeyValue
from .kv_calls import KeyValueCalls
from .local_nodes import MAX_NODES, LocalNodes
from .loop import run
from .member_calls import MemberCalls
from .ports import StateMachine
from .session_client import SessionClient
from .session_table import APPLIED, Reply, SessionLimits
from .stale_read import StaleRead
from .storage.backup_file import BackupFile, check_is_free, write_backup
from .storage.places import InDirectory, InMemory
from .storage.policy import SyncPolicy
from .storage.worker import Worker
from .supervisor import MemberStatus, Request
from .threads import main_greenlet
from .waiter import Waiter

# Mailboxes in one process answer within microseconds, so that a dead leader can be noticed soon.
LOCAL_CONFIG = Config(election_timeout_ms=300, heartbeat_interval_ms=50)


class LocalCluster(KeyValueCalls, MemberCalls, FaultCalls):
    """A cluster of nodes n1, n2, … in this process.

    Use it in a `with` statement, or call `close` when done. Nodes are named by id, "n1", or by position, 0. Keys and
    values are bytes; a string stands for its UTF-8 bytes. Every timeout is in seconds. In another thread
    than the one that made the cluster every method raises `WrongThread` and does nothing. Ctrl-C interrupts the program
    and no node.

    Args:
        nodes: how many there are at first, 1 to 9; `add` and `remove` change that.
        witnesses: how many of them, the last ones, vote and have no state machine (contract M8); at most half.
        machine: makes a fresh state machine, usually a class; called once for each start of a node.
        config: timeouts and limits of the nodes; elections within about half a second when None.
        limits: how much is remembered of clients; the defaults of `SessionLimits` when None.
        seed: an integer that decides in which order the nodes time out; another one each time when None.
        watch: called with every event of every node but messages (see `raft.observer`); must neither wait nor raise.
        directory: where the nodes keep what they store, each in a directory of its own; in memory when None. A cluster
            with the directory of an earlier one goes on where that was, with its nodes instead of new ones.
        sync: when entries are synced to a directory, and with that what power loss may lose (see `SyncPolicy`):
            "always"; "interval(ms)"; or "never", with which a cluster begins anew each time, whatever is in its
            directory, and a node that restarts has lost what it stored, as by `erase`.

    Raises:
        InvalidConfig: when an argument is out of its bounds.
        InvalidPolicy: when `sync` is no policy.
        DirectoryInUse: another cluster has the directory.
        StorageError: what is stored there cannot be used; it says why.
        ProgramTooOld: what is stored there is of a feature level that this program does not support.
    """

    def __init__(
        self,
        nodes: int = 3,
        *,
        witnesses: int = 0,
        machine: Callable[[], StateMachine] = KeyValue,
        config: Config | None = None,
        limits: SessionLimits | None = None,
        seed: int | None = None,
        watch: Callable[[object], None] | None = None,
        directory: str | Path | None = None,
        sync: str = "always",
    ) -> None:
        if type(nodes) is not int or not 1 <= nodes <= MAX_NODES:
            raise InvalidConfig("nodes", nodes, f"an integer from 1 to {MAX_NODES}")
        if type(witnesses) is not int or not 0 <= witnesses <= nodes // 2:
            raise InvalidConfig("witnesses", witnesses, f"an integer from 0 to {nodes // 2}, half of the nodes")
        if seed is not None and type(seed) is not int:
            raise InvalidConfig("seed", seed, "an integer or None")
        if config is not None and not isinstance(config, Config):
            raise InvalidConfig("config", config, "a Config or None")
        if limits is not None and not isinstance(limits, SessionLimits):
            raise InvalidConfig("limits", limits, "a SessionLimits or None")
        if watch is not None and not callable(watch):
            raise InvalidConfig("watch", watch, "a function of one event, or None")
        if directory is not None and not isinstance(directory, (str, Path)):
            raise InvalidConfig("directory", directory, "a path or None")
        limits = SessionLimits() if limits is None else limits
        policy = SyncPolicy.parse(sync)
        config = LOCAL_CONFIG if config is None else config
        place = InMemory() if directory is None else InDirectory(Path(directory), policy, config.max_entry_bytes)
        existing = place.existing()
        self._nodes = LocalNodes(machine, config, limits, seed, watch, place)
        self._leadership = self._nodes.leadership
        if existing:
            ids = [node.id for node in existing]
            for node in existing:
                self._nodes.create(node.id, witness=node.is_witness, configuration=node.first)
        else:
            ids = [self._nodes.new_id() for _ in range(nodes)]
            voters = Configuration(tuple(ids), witnesses=tuple(ids[nodes - witnesses :]))
            for id in ids:
                self._nodes.create(id, witness=id in voters.witnesses, configuration=voters)
        self._client = Client(lambda: self.members, self._submit, self._leadership)
        self._session = SessionClient(self._client, limits, self._decode_result)
        self._thread = main_greenlet()
        self._holds_interrupts = interrupts.hold()
        self._closed = False
        try:
            for id in ids:
                self._nodes.start(id)
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
        down = [f"{status.id} down" for status in self._nodes.statuses() if not status.running]
        return f"LocalCluster({', '.join([nodes, leads, *down])})"

    def close(self) -> None:
        """Take every node down and forget what was stored, but for what is in a directory.

        May be called again, above all after an interrupt in it.
        """
        self._check_thread()
        self._closed = True
        self._nodes.close()
        if self._holds_interrupts:
            self._holds_interrupts = False
            interrupts.release()
        self._nodes.join()  # last, since waiting is where an interrupt may come

    @property
    def members(self) -> tuple[str, ...]:
        """The ids of all nodes, in the order in which they came; those that are down too."""
        return self._nodes.ids

    # Any state machine

    def propose(self, command: bytes, timeout: float = 5.0, *, session: bool = True) -> Any:
        """Get a command applied on every node, and return what the state machine answered.

        Args:
            command: bytes that the state machine understands.
            timeout: seconds, 0 or more.
            session: whether the command goes under the session of this cluster's client: then it is sent again when
                its outcome is in doubt and applied once, and its result is kept as bytes meanwhile, so that what
                returns is equal to what the machine answered. Without, it is sent once, and what returns is the very
                object.

        Raises:
            InvalidCommand: when the command is not bytes.
            EntryTooLarge: when it is larger than `Config.max_entry_bytes`, less 25 bytes that tell session and
                sequence.
            ResultNotKept: it was applied, but its result is of a type that cannot be encoded (see `StateMachine`).
            Unavailable, OutcomeUnknown, ClusterClosed: as for `put`; without a session the outcome is unknown as soon
                as the leadership is lost.
        """
        self._check_open()
        if type(command) is not bytes:
            raise InvalidCommand(command)
        if session:
            return self._session.call(command, timeout)
        reply: Reply = self._client.call(partial(Propose, session_commands.plain(command)), timeout)
        assert reply.outcome == APPLIED, reply
        return reply.value

    def read(
        self, query: Any, timeout: float = 5.0, *, consistency: str = LINEARIZABLE, node: str | int | None = None
    ) -> Any:
        """Return what the state machine's `read` answers to a query, without a place in the log.

        It sees every command that was acknowledged before the call, whichever member serves it. A read that fails is
        tried again, at another member too, until the time is up.

        Args:
            query: what the machine's `read` understands; it is handed over as it is.
            timeout: seconds, 0 or more.
            consistency: "linearizable" asks a majority whether the leader still leads (ReadIndex). "lease" saves that
                while the leader holds a lease, and is as safe as the clocks are: see `Config.lease_promise_ms`, which
                is 0 by default, so that there are no leases, and `Config.max_clock_drift_ppm`.
            node: which member shall serve it; any when None.

        Raises:
            NotReadable: when the state machine has no `read`.
            InvalidConfig: when the timeout is no number of seconds, or the consistency none of the two.
            UnknownNode: when there is no such node.
            Unavailable: nobody served it in time.
            ClusterClosed: after `close`.
            Exception: whatever the machine's `read` has raised; the node that it was carries on.
        """
        if consistency not in (LINEARIZABLE, LEASE):
            raise InvalidConfig("consistency", consistency, f'"{LINEARIZABLE}" or "{LEASE}"; see read_stale')
        return self._read(query, consistency, timeout, node)

    def read_stale(self, query: Any, timeout: float = 5.0, *, node: str | int | None = None) -> StaleRead[Any]:
        """Return what one node's state machine answers to a query, without asking others, and how old that may be.

        It works at a node that is cut off, and may miss commands that were acknowledged long ago.

        Raises:
            NotReadable, InvalidConfig, UnknownNode, Unavailable, ClusterClosed, Exception: as for `read`.
        """
        value, staleness_ms = self._read(query, STALE, timeout, node)
        return StaleRead(value, None if staleness_ms is None else staleness_ms / 1000)

    def waiter(self, timeout: float = 5.0) -> Waiter:
        """Return a way to wait until the state machine has something to tell (see `ports.WatchableMachine`).

        Args:
            timeout: seconds; what other clients of the same machine need to reach a node.

        Raises:
            NotWatchable: when the state machine has no `watcher`.
            ClusterClosed: after `close`.
        """
        self._check_open()
        machine = self._nodes.machine
        if not callable(getattr(machine, "watcher", None)):
            raise NotWatchable(type(machine).__name__)
        return Waiter(lambda: self.members, self._submit, self._leadership, lambda told: told)

    def backup(self, file: str | Path, timeout: float = 5.0, *, force: bool = False) -> BackupFile:
        """Write the state of the cluster to one file, from which `quorate restore` makes a new cluster.

        It has every command that was acknowledged before the call, and the sessions of all clients. The cluster goes on
        meanwhile; what is applied later is not in it. The file is there when all of it is durable, and not before.

        Args:
            file: where.
            timeout: seconds, 0 or more, within which a member must have been found that has all of it. Writing the
                file takes as long as it takes.
            force: whether a file that is there may be replaced.

        Raises:
            FileIsThere: it is there, and may not be replaced.
            TakesNoSnapshots: when the state machine has no `snapshot` and `restore`.
            InvalidConfig: when the timeout is no number of seconds.
            Unavailable: no member had all of it in time.
            ClusterClosed: after `close`.
            OSError: the disk fails, is full, or must not be written to.
            Exception: whatever the machine's `snapshot` has raised; the node that it was carries on.
        """
        self._check_open()
        file = Path(file)
        machine = self._nodes.machine
        if not callable(getattr(machine, "snapshot", None)):
            raise TakesNoSnapshots(type(machine).__name__)
        check_is_free(file, force)
        worker = Worker()
        try:
            snapshot, chunks = run(self._client.read(Backup, Deadline(timeout)))
            return write_backup(
                file,
                snapshot,
                chunks,
                force=force,
                carry_out=lambda disk, operations: worker.wait_for(lambda: perform(disk, operations)),
            )
        finally:
            worker.stop()

    def machine(self, node: str | int) -> Any:
        """Return the state machine of one node, to look at; that of its last run while it is down; None for a witness.

        Raises:
            UnknownNode: when there is no such node.
        """
        self._check_thread()
        return self._nodes[self._nodes.named(node)].machine

    # Who leads

    def leader(self) -> str | None:
        """Return the id of the leader that a majority of the voters agree on, or None."""
        self._check_thread()
        return self._leadership.leader()

    def wait_for_leader(self, timeout: float = 5.0) -> str:
        """Wait until a majority of the voters agree on a leader, and return its id.

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
            if not run(self._leadership.wait(seen, max(0.0, deadline - time.monotonic()))):
                states = {report.id: report.state for report in self.status()}
                raise Unavailable("no leader was agreed on", timeout, states)

    def status(self) -> list[MemberStatus]:
        """Return what is known of each member, in order, those that are down too."""
        self._check_thread()
        return self._nodes.statuses()

    def sleep(self, seconds: float) -> None:
        """Wait, and let the cluster run; `time.sleep` would stop it.

        Raises:
            ClusterClosed: after `close`.
        """
        self._check_open()
        gevent.sleep(checked_timeout(seconds))

    # Internals

    def _submit(self, member: str, request: Request) -> Future[Any]:
        self._check_open()
        return self._nodes.ask(member, request)

    def _read(self, query: Any, consistency: str, timeout: float, node: str | int | None) -> Any:
        self._check_open()
        machine = self._nodes.machine
        if not callable(getattr(machine, "read", None)):
            raise NotReadable(type(machine).__name__)
        id = None if node is None else self._nodes.named(node)
        return run(self._client.read(partial(Read, query, consistency), Deadline(timeout), id))

    def _decode_result(self, data: bytes) -> Any:
        return getattr(self._nodes.machine, "decode_result", results.decode)(data)

    def _check_key_value(self) -> None:
        self._check_open()
        machine = self._nodes.machine
        if not isinstance(machine, KeyValue):
            raise NotKeyValue(type(machine).__name__)

    def _check_open(self) -> None:
        self._check_thread()
        if self._closed:
            raise ClusterClosed

    def _check_thread(self) -> None:
        if main_greenlet() is not self._thread:
            raise WrongThread(threading.current_thread().name)
