"""The leader: it orders proposals, replicates them, and commits what a quorum holds durably (paper section 5.3).

It sends nothing from its handlers but heartbeats. Appends are made when the node is asked for its effects, one turn
later: all that has arrived meanwhile travels together, one append per follower.
"""

from .entries import COMMAND, CONFIGURATION, NOOP, OVERHEAD_BYTES
from .errors import EntryTooLarge, InvalidCommand, Overloaded, TransferInProgress
from .losses import lost_acknowledged
from .messages import Append, Heartbeat, SnapshotChunk
from .news import News
from .progress import REPLICATE, SNAPSHOT, Progress
from .quorum import reached
from .reads import ReadRounds, freshness_index
from .reconfiguration import Reconfiguration
from .role import Role
from .status import FollowerStatus
from .succession import Succession
from .witness import WitnessMode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .entries import Entry
    from .messages import (
        AppendAccepted,
        AppendRejected,
        HeartbeatEcho,
        Message,
        NoRoom,
        PreVoteRequest,
        ReadRequest,
        SnapshotReceived,
    )
    from .node import Node
    from .snapshot import Snapshot

FAR_MS = 1 << 62  # a time that never comes


class Leader(Role):
    """The node that leads the current term.

    Args:
        node: the node.
        now: milliseconds.
        voted: a dict from each voter that elected it to the incarnation that spoke for it, 0 for none.

    Attributes:
        progress: a dict from every other member to its `Progress`.
        witness_mode: what witnesses are sent.
        reconfiguration: the change of membership under way, if any.
        succession: who leads next, and when.
        round: number of the last round of heartbeats.
        news: of commits, that followers were not told yet.
    """

    name = "leader"

    def __init__(self, node: "Node", now: int, voted: "dict[str, int]") -> None:
        Role.__init__(self, node)
        self.leader = node.id
        self.progress: "dict[str, Progress]" = {}
        self._followers: "tuple[str, ...]" = ()
        self.deadline = now
        self.witness_mode = WitnessMode(self)
        self.reconfiguration = Reconfiguration(self)
        self.succession = Succession(self, now)
        self._read_rounds = ReadRounds(self)
        self.news = News(node)
        self._voted = voted
        self._stuck: "list[str]" = []  # followers reported as unhealthy
        self.round = 0
        self._round_sent_ms: "list[int]" = []  # when each of the last rounds was sent, the newest last
        # Log time goes on from the last stamp in the log, by this leader's own clock (contract C1).
        self._first_stamp_ms = node.log.last_stamp_ms
        self._elected_ms = now
        self.first_index = node.log.last_index + 1  # of this term
        self._pause_ms = 0  # until the next round of heartbeats, while quiescent; else 0
        self._woke_ms = now  # when it was elected, or was quiescent last
        self._follow_members(now)

    def start(self, now: int) -> None:
        """Open the term with a no-op, by which everything older is committed too (paper section 5.4.2, 8).

        Entries of earlier terms are never committed by counting replicas: Figure 8 of the paper shows how one that a
        majority holds can still be overwritten.
        """
        self.append(NOOP, b"", now)
        self._bind(self._voted, now)
        self.on_deadline(now)

    def left(self) -> None:
        """Leadership is lost: tell whoever waits for a change of membership, and remember how current the node is."""
        self.reconfiguration.abandon()
        self.node.reads.note_current(self, self.node.now)

    @property
    def has_committed(self) -> bool:
        """Whether an entry of this term is committed, so that the leader knows all that its predecessors committed."""
        return self.node.log.commit_index >= self.first_index

    # Members

    def on_configuration(self, now: int) -> None:
        """Follow the members of the configuration now in force, and commit what its quorum holds (contract M7)."""
        self._follow_members(now)
        self.commit()

    def _follow_members(self, now: int) -> None:
        node = self.node
        self._followers = tuple([member for member in node.configuration.members if member != node.id])
        for follower in self._followers:
            if follower not in self.progress:
                self.progress[follower] = Progress(node.log.last_index + 1, now)
        for follower in sorted(self.progress):
            if follower not in self._followers:
                del self.progress[follower]
        self._stuck = [follower for follower in self._stuck if follower in self.progress]

    def on_unbound(self, message: "Message", now: int) -> None:
        """Bind a member to the incarnation that speaks for it, before anything it says counts (contract M6)."""
        self._bind({message.sender: message.incarnation}, now)

    def _bind(self, speaking: "dict[str, int]", now: int) -> None:
        """Bind whoever of these is not bound yet, and give the cluster an id if it has none.

        That changes no quorum, so it need not wait for other changes.
        """
        node = self.node
        configuration = node.configuration
        bound = dict(configuration.incarnations)
        for member in sorted(speaking):
            if speaking[member] and member in configuration.members and member not in bound:
                bound[member] = speaking[member]
        if len(bound) > len(configuration.incarnations):
            cluster = configuration.cluster or node.identity.draw()
            bound_now = configuration.replaced(incarnations=bound, cluster=cluster)
            self.append(CONFIGURATION, bound_now.encode(), now)

    def match_of(self, member: str) -> int:
        """Return how far a member's log is known to equal this one, durably."""
        return self.node.log.durable_index if member == self.node.id else self.progress[member].match_index

    def hears(self, member: str, now: int) -> bool:
        """Whether a member has echoed a round of this term that was sent within the last election timeout."""
        if member == self.node.id:
            return True
        progress = self.progress[member]
        patience_ms = self.node.config.election_timeout_ms + 2 * self._pause_ms
        return progress.echoed_round > 0 and now - progress.heard_ms <= patience_ms

    def follower_statuses(self) -> "tuple[FollowerStatus, ...]":
        """Return what is known of every other member, in order of id."""
        return tuple([FollowerStatus(id, self, id in self._stuck) for id in self._followers])

    # Time

    def hears_leader(self, now: int) -> bool:
        """A leader that a quorum still hears helps nobody to depose it."""
        return now - self.quorum_heard_ms(now) < self._patience_ms

    @property
    def _patience_ms(self) -> int:
        """How long a quorum may be silent: an election timeout, or two beats of a quiescent leader (contract L4)."""
        return self.node.config.election_timeout_ms + 2 * self._pause_ms

    def on_deadline(self, now: int) -> None:
        """Step down when no quorum echoes or the own disk stands still, else send the next round (thesis 6.2)."""
        node = self.node
        if now - max(self.quorum_heard_ms(now), self._woke_ms) > self._patience_ms:
            # Others may have elected a leader that this one cannot see; clients must not wait here (contract E5).
            node.become_follower(node.term, None, now, "no quorum is heard")
        elif node.restraint.disk_is_stalled(now):
            # A member whose disk works can do better (contract D4).
            self.succession.resign(now)
            node.become_follower(node.term, None, now, "the own disk stands still")
        else:
            self._pause_ms = self._next_pause_ms(now)
            self.deadline = now + (self._pause_ms or node.config.heartbeat_interval_ms)
            self.beat(now)
            self.succession.yield_to_better(now)

    def beat(self, now: int) -> None:
        """Send a round of heartbeats.

        It leaves the deadline alone: reads bring rounds of their own, however many, and must not keep the leader from
        looking at its quorum and its disk.
        """
        node = self.node
        self.round += 1
        self.news.hurry(now)
        self._round_sent_ms.append(now)
        # Older rounds are of no use; the newest of each millisecond stands for all of it.
        while self._round_sent_ms[0] < now - 2 * node.config.election_timeout_ms:
            del self._round_sent_ms[0]
        heartbeat = Heartbeat(node.id, node.term, self.round, freshness_index(self), self._pause_ms)
        for follower in self._followers:
            node.outbox.send(follower, heartbeat)
        self._report_health(now)
        self.witness_mode.beat()
        self._read_rounds.round_sent(self.round)
        self._note_echo()

    def wake(self, now: int) -> None:
        """Beat at the usual pace again: there is something to do (contract L4)."""
        if self._pause_ms:
            self._pause_ms = 0
            self._woke_ms = now
            self.deadline = now + self.node.config.heartbeat_interval_ms
            self.beat(now)

    def _next_pause_ms(self, now: int) -> int:
        """Return how long to be silent: long only when every member has everything and has said so."""
        node = self.node
        pause_ms = node.config.quiescent_timeouts * node.config.election_timeout_ms
        last_index = node.log.last_index
        idle = node.log.applied_index == last_index and node.transfer is None and not node.reads.wait
        for follower in self._followers:
            progress = self.progress[follower]
            all_known = progress.match_index == last_index and progress.told_commit == last_index
            idle = idle and all_known and progress.echoed_round == self.round
        if not pause_ms or not idle:
            if self._pause_ms:
                self._woke_ms = now
            return 0
        return pause_ms

    def quorum_heard_ms(self, now: int) -> int:
        """Return the latest moment such that a quorum has echoed a round of heartbeats sent then or later."""
        return self._reached("heard_ms", now)

    def _reached(self, field: str, own: int) -> int:
        """Return what a quorum has reached in a field of `Progress`, itself being so far."""
        values = {self.node.id: own}
        for follower in self._followers:
            values[follower] = getattr(self.progress[follower], field)
        return reached(values, self.node.configuration.halves)

    def _report_health(self, now: int) -> None:
        for follower in self._followers:
            progress = self.progress[follower]
            progress.note_if_current(self.sendable_to(follower), now)
            stuck = progress.is_stuck(now, self._patience_ms)
            if stuck and follower not in self._stuck:
                self._stuck.append(follower)
                self.node.watch.follower_health(follower, True)
            elif not stuck and follower in self._stuck:
                self._stuck.remove(follower)
                self.node.watch.follower_health(follower, False)

    # Reads

    def on_read_request(self, message: "ReadRequest", now: int) -> None:
        """Let the next round of heartbeats stand for a follower's reads."""
        self.wake(now)
        self._read_rounds.request(message)

    def _note_echo(self) -> None:
        """Tell the reads which round a quorum has echoed."""
        self._read_rounds.echoed(self._reached("echoed_round", self.round))

    def lease_holds(self, now: int) -> bool:
        """Whether no other leader can be there now, by the promises of a quorum (contract L2).

        Each voter's promise counts from when the round that it echoed was *sent*, shortened by what the clocks may be
        wrong. The leader's own vote is safe meanwhile: it refuses votes for as long as a quorum hears it.
        """
        if not self.node.config.lease_promise_ms or self.succession.told or not self.has_committed:
            return False
        return now < self._reached("promised_until_ms", FAR_MS)

    # Proposals

    def propose(self, data: bytes, now: int) -> int:
        """Append a command to the log and return its index; see `Node.propose`."""
        node = self.node
        if type(data) is not bytes:
            raise InvalidCommand(data)
        if len(data) > node.config.max_entry_bytes:
            raise EntryTooLarge(len(data), node.config.max_entry_bytes)
        if node.transfer is not None:
            raise TransferInProgress(node.transfer.target)
        pending = node.log.unsettled_bytes
        # The no-op of the term is not the clients' doing: it must not keep out the one proposal that always passes.
        if pending > OVERHEAD_BYTES and pending + OVERHEAD_BYTES + len(data) > node.config.max_uncommitted_bytes:
            raise Overloaded(pending, node.config.max_uncommitted_bytes)
        node.room.demand(OVERHEAD_BYTES + len(data))
        self.wake(now)
        return self.append(COMMAND, data, now)

    def append(self, kind: int, data: bytes, now: int) -> int:
        """Add an entry to the log and return its index. A configuration is in force at once (thesis section 4.1)."""
        index = self.node.log.append(self.node.term, kind, data, self.log_time_ms(now)).index
        if kind == CONFIGURATION:
            self.node.follow_configuration(now)
        return index

    def log_time_ms(self, now: int) -> int:
        """Return what the stamp of an entry of this moment is (see `Entry.stamp_ms`)."""
        return self._first_stamp_ms + now - self._elected_ms

    # Replication

    def replicate(self, now: int) -> None:
        """Send every follower what it lacks, as far as its window allows, or in time at least the news of a commit."""
        node = self.node
        log = node.log
        if not self.reconfiguration.advance(now):
            return
        self.witness_mode.update(now)
        if self._read_rounds.want_round:
            self.beat(now)
        made = {}  # followers that are equally far get the very same message, so that it is encoded once
        for follower in self._followers:
            progress = self.progress[follower]
            last = self.sendable_to(follower)
            while not progress.was_sent_all(last, log) and progress.may_send(node.config):
                first = progress.next_index
                if progress.state == SNAPSHOT or first <= log.base_index:
                    self._send_chunk(follower, progress, now)
                    break
                if progress.state == REPLICATE and first > last and not self.news.is_due(now):
                    break
                key = (first, follower in node.configuration.witnesses)
                if key not in made:
                    made[key] = self._append_from(first, last, key[1])
                append, size_bytes = made[key]
                progress.sent(first - 1 + len(append.entries), size_bytes, log.commit_index, now, self.round)
                node.outbox.send(follower, append)
        self.news.settle(now)
        self.succession.advance()

    def sendable_to(self, follower: str) -> int:
        """Return the last entry that a follower may be sent now."""
        if follower in self.node.configuration.witnesses:
            return self.witness_mode.limit()
        return self.node.log.last_index

    def _send_chunk(self, follower: str, progress: Progress, now: int) -> None:
        """Ask for the next piece of the snapshot that the follower needs, and begin with the newest one."""
        node = self.node
        if progress.snapshot is None:
            assert node.snapshots.newest is not None, "N1: the log was cut off without a snapshot"
            progress.begin_snapshot(node.snapshots.newest)
            node.watch.snapshot_offered(follower, node.snapshots.newest)
        snapshot = progress.snapshot
        assert snapshot is not None
        progress.chunk_sent(now)
        if follower in node.configuration.witnesses:
            # Without a state machine there is nothing to send of it but up to where it goes.
            node.outbox.send(follower, SnapshotChunk(node.id, node.term, snapshot, 0, 0, b"", True))
            return
        node.snapshots.ask_for_chunk(follower, snapshot, progress.snapshot_offset)

    def on_snapshot_gone(self, follower: str, snapshot: "Snapshot") -> None:
        """Begin anew with the newest snapshot, if it is another than the one that is not stored any more."""
        newest = self.node.snapshots.newest
        progress = self.progress.get(follower)
        if progress is not None and newest is not None and newest != snapshot and progress.snapshot == snapshot:
            progress.begin_snapshot(newest)
            self.node.watch.snapshot_offered(follower, newest)

    def on_snapshot_received(self, message: "SnapshotReceived", now: int) -> None:
        """Go on with the next piece."""
        self.progress[message.sender].chunk_received(message.index, message.offset, message.size_bytes, now)

    def _append_from(self, first: int, last: int, for_witness: bool) -> "tuple[Append, int]":
        node = self.node
        log = node.log
        most = min(node.config.max_append_entries, last + 1 - first)
        entries: "tuple[Entry, ...]" = log.slice(first, most, node.config.max_append_bytes) if most > 0 else ()
        if for_witness:
            entries = tuple([entry.without_payload() for entry in entries])
            self.witness_mode.sent(first - 1 + len(entries))
        size_bytes = sum([entry.size_bytes for entry in entries])
        prev_term = log.term_at(first - 1) or 0
        return Append(node.id, node.term, first - 1, prev_term, log.commit_index, entries), size_bytes

    def on_append_accepted(self, message: "AppendAccepted", now: int) -> None:
        """Raise what is known to match, and commit what a quorum now holds."""
        if message.match_index > self.node.log.last_index:
            self.node.drop("beyond the log", message.sender, "acknowledges entry", message.match_index)
            return
        progress = self.progress[message.sender]
        rose = message.round >= progress.trusted_round and progress.accepted(message.match_index, now, self.round)
        if rose and message.match_index > self.node.log.commit_index:
            self.commit()

    def on_append_rejected(self, message: "AppendRejected", now: int) -> None:
        """Go back by a whole term: to the last entry that is here of a term not above the hint's (paper 5.3)."""
        next_index = self.node.log.last_at_most(message.hint_index, message.hint_term) + 1
        progress = self.progress[message.sender]
        if message.round <= self.round and progress.disproves(message.prev_index, message.round):
            lost_acknowledged(self, message.sender, min(next_index, message.prev_index), now)
        else:
            progress.rejected(message.prev_index, next_index, now)

    def on_no_room(self, message: "NoRoom", now: int) -> None:
        """Leave a follower with a full disk alone for a while (contract D2)."""
        self.progress[message.sender].refused_for_space(message.prev_index, now)

    def on_heartbeat_echo(self, message: "HeartbeatEcho", now: int) -> None:
        """Note that the follower hears its leader, and look whether something on the way to it was lost."""
        progress = self.progress[message.sender]
        age = self.round - message.round
        if not 0 <= age < len(self._round_sent_ms):
            return  # too old to prove anything, or never sent
        config = self.node.config
        sent_ms = self._round_sent_ms[len(self._round_sent_ms) - 1 - age]
        promise_ms = min(message.promise_ms, config.election_timeout_ms)
        drift = config.max_clock_drift_ppm
        shortened_ms = promise_ms * (1_000_000 - drift) // (1_000_000 + drift)
        if not progress.echoed(message.round, sent_ms, sent_ms + shortened_ms, message.feature_level):
            return
        self._note_echo()
        progress.retry_lost(now, config.retry_ms, config.election_timeout_ms)
        if message.commit < min(progress.match_index, self.node.log.commit_index):
            progress.missed_commit(message.commit, message.round)

    def on_pre_vote_request(self, message: "PreVoteRequest", now: int) -> None:
        """Refuse like everybody; a quiescent leader is missed by somebody, and wakes."""
        self.wake(now)
        Role.on_pre_vote_request(self, message, now)

    def on_append(self, message: "Append | Heartbeat | SnapshotChunk", now: int) -> None:
        """Election safety rules out a second leader of this term (contract S1); never give way to one."""
        self.node.drop("second leader", message.sender)

    on_heartbeat = on_append
    on_snapshot_chunk = on_append

    # Commitment

    def on_persisted(self, now: int) -> None:
        """The own disk counts like any follower's, and only when it is done (contract R10, thesis section 10.2.1)."""
        self.commit()

    def commit(self) -> None:
        """Commit up to the highest index that a quorum holds durably, if it is of this term (paper 5.4.2)."""
        log = self.node.log
        index = self._reached("match_index", log.durable_index)
        if index > log.commit_index and log.term_at(index) == self.node.term:
            log.commit_to(index)
            self.node.watch.committed()

    def check(self) -> None:
        """Assert the invariants of every follower's progress."""
        for follower in self._followers:
            self.progress[follower].check()
