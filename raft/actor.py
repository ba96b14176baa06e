"""The behaviour of a Raft node as an actor, over ports; the same under every runtime.

A runtime gives it each message of its mailbox (`on_receive`) and says when the mailbox is empty (`on_drained`). What
lies between two such moments is one *turn*: the clock is read once, everything received is taken into account, and
then there is at most one write, one batch of messages, one run of applications. So draining the mailbox is batching.
"""

from .entries import COMMAND
from .errors import OutcomeUnknown, ProposalRefused, StorageFailed
from .messages import Message, SnapshotChunk
from .node import Node
from .snapshots import ChunkRequest, Snapshot


class Propose:
    """Ask the node to replicate a command.

    Args:
        data: the command.
        reply: called once, as reply(error, result). The error is None when the command has been applied, and result
            is what the state machine returned; else it is a `ProposalRefused` or an `OutcomeUnknown`.
    """

    __slots__ = ("data", "reply")

    def __init__(self, data: bytes, reply) -> None:
        self.data = data
        self.reply = reply


class Persisted:
    """From the storage: the write of this number is durable."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


class StorageBroke:
    """From the storage: a write has failed, and no later one will be tried."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


class SnapshotSaved:
    """From the storage: this snapshot is durable."""

    __slots__ = ("snapshot",)

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot


class ChunkRead:
    """From the storage: the piece of a snapshot that a request asked for.

    Args:
        request: the `ChunkRequest`.
        data: the piece, or None when the snapshot is not stored any more.
        last: whether the snapshot ends with it.
    """

    __slots__ = ("data", "last", "request")

    def __init__(self, request: ChunkRequest, data: "bytes | None", last: bool) -> None:
        self.request = request
        self.data = data
        self.last = last


class Tick:
    """From the timer: the deadline it was set to has come."""

    __slots__ = ()


class RaftActor:
    """Drives one `Node`: feeds it the mailbox, carries out its effects, answers proposers.

    Any exception that leaves `on_receive` or `on_drained` means that the node must stop (crash-stop); the runtime
    then calls `abandon`, and may start another actor from the same storage.

    Args:
        node: the node, not used by anybody else.
        clock, timer, transport, storage, machine, observer: the ports (see `ports.py`).
    """

    def __init__(self, node: Node, clock, timer, transport, storage, machine, observer) -> None:
        self.node = node
        self._clock = clock
        self._timer = timer
        self._transport = transport
        self._storage = storage
        self._machine = machine
        self._observer = observer
        self._now: "int | None" = None  # the time of the turn under way
        self._alarm: "int | None" = None  # what the timer is set to
        self._proposals = {}  # type: ignore[var-annotated]  # replies owed, by index of the entry
        self._proposals_term = 0  # the term in which those entries were proposed
        self._takes_snapshots = hasattr(machine, "snapshot")
        self._saving = False  # whether a snapshot is on its way to the storage

    def on_start(self) -> None:
        """Bring the state machine to the stored snapshot, if there is one, and set the first alarm."""
        newest = self.node.snapshots.newest
        if newest is not None:
            self._machine.restore(self._storage.read_snapshot(newest))
        self._now = self._clock.now_ms()
        self.on_drained()

    def on_receive(self, message: object) -> None:
        """Take one message of the mailbox into account; effects wait for `on_drained`."""
        now = self._now
        if now is None:
            now = self._now = self._clock.now_ms()
        if isinstance(message, Propose):
            self._propose(message, now)
        elif isinstance(message, Persisted):
            self.node.persisted(message.number, now)
        elif isinstance(message, Tick):
            self._alarm = None
        elif isinstance(message, ChunkRead):
            self._send_chunk(message)
        elif isinstance(message, SnapshotSaved):
            self._saving = False
            self.node.snapshots.saved(message.snapshot)
        elif isinstance(message, StorageBroke):
            raise StorageFailed(message.reason)
        elif isinstance(message, Message):
            self.node.step(message, now)
        else:
            self.node.drop("malformed", f"a {type(message).__name__} is no message")

    def on_drained(self) -> None:
        """End the turn: let time pass, carry out what the node asks for, set the alarm."""
        now = self._now
        if now is None:
            return
        node = self.node
        node.tick(now)
        ready = node.ready()
        if ready is not None:
            for chunk in ready.chunks:
                self._storage.receive_chunk(chunk)
            if ready.write is not None:
                self._storage.write(ready.write)
            if ready.messages:
                self._transport.send(ready.messages)
            for request in ready.chunk_requests:
                self._storage.read_chunk(request)
            if ready.committed:
                self._apply(ready.committed)
            if ready.restore is not None:
                self._machine.restore(self._storage.read_snapshot(ready.restore))
                node.snapshots.restored(ready.restore)
            for event in ready.events:
                self._observer.observe(event)
        if self._proposals and not node.leads(self._proposals_term):
            self.abandon("leadership was lost before the command was known to be committed")
        if self._takes_snapshots and not self._saving and node.snapshots.is_due:
            self._saving = True
            self._storage.save_snapshot(node.snapshots.describe(), self._machine.snapshot())
        self._set_alarm(now)
        self._now = None

    def abandon(self, reason: str) -> None:
        """Tell every waiting proposer that the outcome is unknown."""
        proposals = self._proposals
        self._proposals = {}
        for index in sorted(proposals):
            proposals[index](OutcomeUnknown(reason), None)

    def _propose(self, proposal: Propose, now: int) -> None:
        try:
            index = self.node.propose(proposal.data, now)
        except ProposalRefused as refusal:
            proposal.reply(refusal, None)
            return
        if self._proposals_term != self.node.term:
            self.abandon("another term began before the command was known to be committed")
            self._proposals_term = self.node.term
        self._proposals[index] = proposal.reply

    def _apply(self, entries) -> None:
        # What is applied in the very turn in which leadership is lost is still what was proposed: an entry that has
        # replaced another cannot be on this node's disk yet, and at the end of the turn the proposers are told.
        proposals = self._proposals
        for entry in entries:
            result = self._machine.apply(entry) if entry.kind == COMMAND else None
            if proposals:
                reply = proposals.pop(entry.index, None)
                if reply is not None:
                    reply(None, result)
        self.node.applied(entries[-1].index)

    def _send_chunk(self, read: ChunkRead) -> None:
        request = read.request
        node = self.node
        if read.data is None:
            node.snapshots.gone(request)
        elif node.leads(request.term):
            chunk = SnapshotChunk(node.id, request.term, request.snapshot, request.offset, read.data, read.last)
            self._transport.send([(request.receiver, chunk)])

    def _set_alarm(self, now: int) -> None:
        # A deadline that moved away leaves the alarm as it is: the early tick finds nothing due and sets it anew.
        # That costs one wake-up per timeout, where following each move would cost one timer per message.
        deadline = now if self.node.has_work else self.node.deadline
        if deadline is not None and (self._alarm is None or deadline < self._alarm):
            self._alarm = deadline
            self._timer.set(deadline)
