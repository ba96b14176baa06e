"""The behaviour of a Raft node as an actor, over ports; the same under every runtime.

A runtime gives it each message of its mailbox (`on_receive`) and says when the mailbox is empty (`on_drained`). What
lies between two such moments is one *turn*: the clock is read once, everything received is taken into account, and
then there is one write at most, one batch of messages, one run of applications. So draining the mailbox is batching. If
the write is durable at once, what it has made possible is done in the same turn.
"""

from .due import Due
from .entries import COMMAND
from .errors import OutcomeUnknown, ProposalRefused, ReadFailed, StorageFailed, TransferRefused
from .messages import Message
from .node import Node
from .ready import Answer, Ready
from .snapshot import ChunkRequest, Snapshot
from .waiting import StopWaiting, WaitFor, Waiting


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


LINEARIZABLE = "linearizable"
LEASE = "lease"
STALE = "stale"


class Read:
    """Ask the state machine something that changes nothing.

    Args:
        query: what to ask it, see `StateMachine.read`.
        consistency: `LINEARIZABLE`: sees every write acknowledged before, by asking a quorum; `LEASE`: the same, by a
            lease if there is one; `STALE`: whatever this node has.
        reply: called once, as reply(error, result). The error is None, a `ReadFailed`, or whatever the state machine
            has raised: a query that it cannot answer is its asker's affair. A stale result comes as (result, staleness
            in milliseconds or None), see `Node.staleness_ms`.
    """

    __slots__ = ("consistency", "query", "reply")

    def __init__(self, query, consistency: str, reply) -> None:
        self.query = query
        self.consistency = consistency
        self.reply = reply


class Backup:
    """Ask for a copy of the state machine that has every write acknowledged before, as a linearizable read sees it.

    Args:
        reply: called once, as reply(error, result). The error is None, a `ReadFailed`, or whatever the state machine
            has raised. The result is a `Snapshot`, which says what the copy is of, and its content as an iterable of
            bytes, to be read at leisure: nothing that is applied later changes it.
    """

    __slots__ = ("reply",)
    consistency = LINEARIZABLE

    def __init__(self, reply) -> None:
        self.reply = reply


class TransferLeadership:
    """Ask the leader to hand over.

    Args:
        target: who shall lead; the leader chooses when None.
        reply: called once, as reply(error, leader). The error is None, `NotLeader`, `TransferRefused` or
            `TransferFailed`.
    """

    __slots__ = ("reply", "target")

    def __init__(self, target: "str | None", reply) -> None:
        self.target = target
        self.reply = reply


class ChangeMembership:
    """Ask the leader to change who takes part.

    Args:
        changes: a list of `Change`.
        reply: called once, as reply(error, index). The error is None when the entry of that index has ended the change,
            else `NotLeader`, a `ChangeRefused` or an `OutcomeUnknown`.
    """

    __slots__ = ("changes", "reply")

    def __init__(self, changes, reply) -> None:
        self.changes = changes
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


class RoomLeft:
    """From the storage: how much it is certain to take (contract D2).

    Args:
        limit_bytes: how many bytes of entries (see `Entry.size_bytes`), all those together that it was or will be given
            to write since the start.
        is_full: whether the disk is full, so that this will not soon be more.
    """

    __slots__ = ("is_full", "limit_bytes")

    def __init__(self, limit_bytes: int, is_full: bool) -> None:
        self.limit_bytes = limit_bytes
        self.is_full = is_full


class SnapshotSaved:
    """From the storage: this snapshot is durable."""

    __slots__ = ("snapshot",)

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot


class ChunkRead:
    """From the storage: the piece of a snapshot that a request asked for.

    Args:
        request: the `ChunkRequest`.
        fingerprint: of the whole content of the snapshot, see `Storage.receive_chunk`.
        data: the piece, or None when the snapshot is not stored any more.
        last: whether the snapshot ends with it.
    """

    __slots__ = ("data", "fingerprint", "last", "request")

    def __init__(self, request: ChunkRequest, fingerprint: int, data: "bytes | None", last: bool) -> None:
        self.request = request
        self.fingerprint = fingerprint
        self.data = data
        self.last = last


class DownloadChecked:
    """From the storage: all chunks of a leader's snapshot are there, or will never be.

    Args:
        snapshot: which one.
        fits: whether their content has the fingerprint that they carried. If not, or if there was no space for one of
            them, it was dropped.
    """

    __slots__ = ("fits", "snapshot")

    def __init__(self, snapshot: Snapshot, fits: bool) -> None:
        self.snapshot = snapshot
        self.fits = fits


class Tick:
    """From the timer: the deadline it was set to has come."""

    __slots__ = ()


class RaftActor:
    """Drives one `Node`: feeds it the mailbox, carries out its effects, answers proposers.

    Any exception that leaves `on_receive` or `on_drained` means that the node must stop (crash-stop); the runtime
    then calls `abandon`, and may start another actor from the same storage.

    Args:
        node: the node, not used by anybody else.
        clock, timer, transport, storage, machine, observer: the ports (see `ports.py`). The observer's level is read
            here, once.

    Raises:
        InvalidConfig: when the observer's level is none.
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
        self._asked = {}  # type: ignore[var-annotated]  # replies owed, by ticket, and the query of a read
        self._takes_snapshots = hasattr(machine, "snapshot")
        self._serves_reads = hasattr(machine, "read")
        self._saving = False  # whether a snapshot is on its way to the storage
        self._due = Due(node, machine)
        self._waiting = Waiting(node, machine)
        node.watch.listen(observer.level)

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
        elif isinstance(message, Message):
            self.node.step(message, now)
        elif isinstance(message, Persisted):
            self.node.persisted(message.number, now)
        elif isinstance(message, Tick):
            self._alarm = None
        elif isinstance(message, (Read, Backup)):
            self._read(message, now)
        elif isinstance(message, WaitFor):
            self._waiting.add(message, now)
        elif isinstance(message, StopWaiting):
            self._waiting.remove(message)
        elif isinstance(message, TransferLeadership):
            self._ask(message.reply, self.node.transfer_leadership, message.target, now)
        elif isinstance(message, ChangeMembership):
            self._ask(message.reply, self.node.change_membership, message.changes, now)
        elif isinstance(message, ChunkRead):
            self.node.snapshots.chunk_read(message.request, message.fingerprint, message.data, message.last)
        elif isinstance(message, DownloadChecked):
            self.node.snapshots.checked(message.snapshot, message.fits)
        elif isinstance(message, SnapshotSaved):
            self._saving = False
            self.node.snapshots.saved(message.snapshot)
        elif isinstance(message, RoomLeft):
            self.node.room.note(message.limit_bytes, message.is_full)
        elif isinstance(message, StorageBroke):
            self.node.watch.storage_failed(message.reason)
            self._show(self.node.watch.take())
            raise StorageFailed(message.reason)
        else:
            self.node.drop("malformed", "a", type(message).__name__, "is no message")

    def on_drained(self) -> None:
        """End the turn: let time pass, carry out what the node asks for, set the alarm."""
        now = self._now
        if now is None:
            return
        node = self.node
        node.tick(now)
        if self._due.is_timed:
            self._due.settle(now)
        has_changed = False  # whether the state machine has
        goes_on = True
        while goes_on:
            goes_on = False
            ready = node.ready()
            if ready is not None:
                goes_on = self._carry_out(ready, now)
                has_changed = has_changed or bool(ready.committed or ready.restore)
            if self._proposals and not node.leads(self._proposals_term):
                # Before it goes on: what is applied then may have replaced what was proposed here.
                self._abandon_proposals("leadership was lost before the command was known to be committed")
        self._waiting.settle(has_changed)
        if self._takes_snapshots and not self._saving and node.snapshots.is_due:
            self._saving = True
            self._storage.save_snapshot(node.snapshots.describe(), self._machine.snapshot())
        if node.watch.events:
            self._show(node.watch.take())  # what carrying out the effects has brought
        self._set_alarm(now)
        self._now = None

    def _carry_out(self, ready: Ready, now: int) -> bool:
        """Do what the node asks for; return whether there was a write, which is durable already."""
        node = self.node
        for chunk in ready.chunks:
            self._storage.receive_chunk(chunk)
        if ready.messages:
            self._transport.send(ready.messages)  # before the write, so that others write meanwhile
        is_durable = False
        if ready.write is not None and self._storage.write(ready.write):
            is_durable = True
            node.persisted(ready.write.number, now)
            acknowledgements = node.outbox.take()
            if acknowledgements:
                self._transport.send(acknowledgements)
        for request in ready.chunk_requests:
            self._storage.read_chunk(request)
        for answer in ready.answers:
            self._answer(answer)
        if ready.committed:
            self._apply(ready.committed)
        if ready.restore is not None:
            self._machine.restore(self._storage.read_snapshot(ready.restore))
            node.snapshots.restored(ready.restore)
        self._show(ready.events)
        return is_durable

    def abandon(self, reason: str) -> None:
        """Answer everybody who waits: the node stops, and will not. What was proposed may yet take effect."""
        self._abandon_proposals(reason)
        self._waiting.abandon(reason)
        asked = self._asked
        self._asked = {}
        for ticket in sorted(asked):
            reply, read = asked[ticket]
            reply(OutcomeUnknown(reason) if read is None else ReadFailed(reason), None)

    def _abandon_proposals(self, reason: str) -> None:
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
            self._abandon_proposals("another term began before the command was known to be committed")
            self._proposals_term = self.node.term
        self._proposals[index] = proposal.reply

    def _read(self, read: "Read | Backup", now: int) -> None:
        if not (self._serves_reads if isinstance(read, Read) else self._takes_snapshots):
            read.reply(ReadFailed("this node has no state machine that can be read"), None)
            return
        if read.consistency == STALE:
            self._serve(read, now)
            return
        try:
            ticket = self.node.read(now, read.consistency == LEASE)
        except ReadFailed as failure:
            read.reply(failure, None)
            return
        self._asked[ticket] = (read.reply, read)

    def _ask(self, reply, ask, what, now: int) -> None:
        try:
            ticket = ask(what, now)
        except (ProposalRefused, TransferRefused) as refusal:
            reply(refusal, None)
            return
        self._asked[ticket] = (reply, None)

    def _answer(self, answer: Answer) -> None:
        asked = self._asked.pop(answer.ticket, None)
        if asked is None:
            return
        reply, read = asked
        if read is not None and answer.error is None:
            self._serve(read, None)
        else:
            reply(answer.error, answer.value)

    def _serve(self, read: "Read | Backup", stale_at: "int | None") -> None:
        """Read the state machine; `stale_at` is the time of a stale read, else None."""
        try:
            if isinstance(read, Read):
                result = self._machine.read(read.query)
            else:
                result = (self._described(), self._machine.snapshot())
        except Exception as error:
            # The machine is as it was. Stopping would let one bad query take down member after member.
            read.reply(error, None)
            return
        if stale_at is not None:
            result = (result, self.node.staleness_ms(stale_at))
        read.reply(None, result)

    def _described(self) -> Snapshot:
        described = self.node.snapshots.present()
        if not described.configuration.members:
            raise ReadFailed("this node does not know yet who takes part")
        return described

    def _apply(self, entries) -> None:
        # What is applied in the very turn in which leadership is lost is still what was proposed: an entry that has
        # replaced another cannot be on this node's disk yet, and before it is the proposers are told.
        proposals = self._proposals
        apply = self._machine.apply
        for entry in entries:
            result = apply(entry) if entry.kind == COMMAND else None
            if proposals:
                reply = proposals.pop(entry.index, None)
                if reply is not None:
                    reply(None, result)
        self.node.applied(entries[-1].index)

    def _show(self, events) -> None:
        for event in events:
            self._observer.observe(event)

    def _set_alarm(self, now: int) -> None:
        # A deadline that moved away leaves the alarm as it is: the early tick finds nothing due and sets it anew.
        # That costs one wake-up per timeout, where following each move would cost one timer per message.
        deadline = now if self.node.has_work else self.node.deadline
        due = self._due.deadline(now)
        if due is not None and (deadline is None or due < deadline):
            deadline = due
        if deadline is not None and (self._alarm is None or deadline < self._alarm):
            self._alarm = deadline
            self._timer.set(deadline)
