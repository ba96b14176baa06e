"""The leader: it orders proposals, replicates them, and commits what a quorum holds durably (paper section 5.3).

It sends nothing from its handlers but heartbeats. Appends are made when the node is asked for its effects, one turn
later: all that has arrived meanwhile travels together, one append per follower.
"""

from .entries import COMMAND, NOOP, OVERHEAD_BYTES
from .errors import EntryTooLarge, InvalidCommand, Overloaded
from .messages import Append, Heartbeat
from .observer import FollowerHealth
from .progress import REPLICATE, SNAPSHOT, Progress
from .quorum import reached
from .role import Role
from .snapshots import ChunkRequest
from .status import FollowerStatus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .messages import AppendAccepted, AppendRejected, HeartbeatEcho, SnapshotChunk, SnapshotReceived
    from .node import Node
    from .snapshots import Snapshot


class Leader(Role):
    """The node that leads the current term.

    Attributes:
        progress: a dict from every other member to its `Progress`.
    """

    name = "leader"

    def __init__(self, node: "Node", now: int) -> None:
        Role.__init__(self, node)
        self.leader = node.id
        self._followers = tuple([member for member in node.configuration.members if member != node.id])
        self.progress = {}
        for follower in self._followers:
            self.progress[follower] = Progress(node.log.last_index + 1, now)
        self.deadline = now
        self._stuck: "list[str]" = []  # followers reported as unhealthy
        self._round = 0
        self._round_sent_ms: "list[int]" = []  # when each of the last rounds was sent, the newest last
        # A lone round echoed within an election timeout is enough to stay; older rounds are of no use.
        # Log time goes on from the last stamp in the log, by this leader's own clock (contract C1).
        self._first_stamp_ms = node.log.last_stamp_ms
        self._elected_ms = now
        self._rounds_kept = 2 * node.config.election_timeout_ms // node.config.heartbeat_interval_ms + 2

    def start(self, now: int) -> None:
        """Open the term with a no-op, by which everything older is committed too (paper section 5.4.2, 8).

        Entries of earlier terms are never committed by counting replicas: Figure 8 of the paper shows how one that a
        majority holds can still be overwritten.
        """
        self.node.log.append(self.node.term, NOOP, b"", self._stamp(now))
        self.on_deadline(now)

    # Time

    def hears_leader(self, now: int) -> bool:
        """A leader that a quorum still hears helps nobody to depose it."""
        return now - self._quorum_heard_ms(now) < self.node.config.election_timeout_ms

    def on_deadline(self, now: int) -> None:
        """Step down when no quorum echoes, else send the next round of heartbeats (thesis section 6.2)."""
        node = self.node
        if now - self._quorum_heard_ms(now) > node.config.election_timeout_ms:
            # Others may have elected a leader that this one cannot see; clients must not wait here (contract E5).
            node.become_follower(node.term, None, now)
            return
        self._round += 1
        self._round_sent_ms.append(now)
        if len(self._round_sent_ms) > self._rounds_kept:
            del self._round_sent_ms[0]
        heartbeat = Heartbeat(node.id, node.term, self._round)
        for follower in self._followers:
            node.send(follower, heartbeat)
        self._report_health(now)
        self.deadline = now + node.config.heartbeat_interval_ms

    def _quorum_heard_ms(self, now: int) -> int:
        """The latest moment such that a quorum has echoed a round of heartbeats sent then or later."""
        heard = {self.node.id: now}
        for follower in self._followers:
            heard[follower] = self.progress[follower].heard_ms
        return reached(heard, self.node.configuration.halves)

    def _report_health(self, now: int) -> None:
        last_index = self.node.log.last_index
        for follower in self._followers:
            progress = self.progress[follower]
            progress.note_if_current(last_index, now)
            stuck = progress.is_stuck(now, self.node.config.election_timeout_ms)
            if stuck and follower not in self._stuck:
                self._stuck.append(follower)
                self.node.events.append(FollowerHealth(self.node.id, follower, True))
            elif not stuck and follower in self._stuck:
                self._stuck.remove(follower)
                self.node.events.append(FollowerHealth(self.node.id, follower, False))

    def follower_statuses(self) -> "tuple[FollowerStatus, ...]":
        """Return what is known of every other member, in order of id."""
        statuses = []
        for follower in self._followers:
            progress = self.progress[follower]
            statuses.append(FollowerStatus(follower, progress.state, progress.match_index, follower in self._stuck))
        return tuple(statuses)

    # Proposals

    def _stamp(self, now: int) -> int:
        return self._first_stamp_ms + now - self._elected_ms

    def propose(self, data: bytes, now: int) -> int:
        """Append a command to the log and return its index; see `Node.propose`."""
        node = self.node
        config = node.config
        if type(data) is not bytes:
            raise InvalidCommand(data)
        if len(data) > config.max_entry_bytes:
            raise EntryTooLarge(len(data), config.max_entry_bytes)
        pending = node.log.unsettled_bytes
        # The no-op of the term is not the clients' doing: it must not keep out the one proposal that always passes.
        if pending > OVERHEAD_BYTES and pending + OVERHEAD_BYTES + len(data) > config.max_uncommitted_bytes:
            raise Overloaded(pending, config.max_uncommitted_bytes)
        return node.log.append(node.term, COMMAND, data, self._stamp(now)).index

    # Replication

    def replicate(self, now: int) -> None:
        """Send every follower what it lacks, as far as its window allows, or at least the news of a commit."""
        node = self.node
        log = node.log
        made = {}  # followers that are equally far get the very same message, so that it is encoded once
        for follower in self._followers:
            progress = self.progress[follower]
            while progress.may_send(node.config):
                first = progress.next_index
                if progress.state == SNAPSHOT or first <= log.base_index:
                    self._send_chunk(follower, progress, now)
                    break
                has_news = first <= log.last_index or progress.told_commit < log.commit_index
                if progress.state == REPLICATE and not has_news:
                    break
                if first not in made:
                    made[first] = self._append_from(first)
                append, size_bytes = made[first]
                progress.sent(first - 1 + len(append.entries), size_bytes, log.commit_index, now)
                node.send(follower, append)

    def _send_chunk(self, follower: str, progress: Progress, now: int) -> None:
        """Ask for the next piece of the snapshot that the follower needs, and begin with the newest one."""
        node = self.node
        if progress.snapshot is None:
            assert node.snapshots.newest is not None, "N1: the log was cut off without a snapshot"
            progress.begin_snapshot(node.snapshots.newest)
        snapshot = progress.snapshot
        assert snapshot is not None
        limit_bytes = node.config.snapshot_chunk_bytes
        node.snapshots.requests.append(
            ChunkRequest(follower, node.term, snapshot, progress.snapshot_offset, limit_bytes)
        )
        progress.chunk_sent(now)

    def on_snapshot_gone(self, follower: str, snapshot: "Snapshot") -> None:
        """Begin anew with the newest snapshot, if it is another than the one that is not stored any more."""
        newest = self.node.snapshots.newest
        if newest is not None and newest != snapshot and self.progress[follower].snapshot == snapshot:
            self.progress[follower].begin_snapshot(newest)

    def on_snapshot_received(self, message: "SnapshotReceived", now: int) -> None:
        """Go on with the next piece."""
        self.progress[message.sender].chunk_received(message.index, message.offset, message.size_bytes, now)

    def _append_from(self, first: int) -> "tuple[Append, int]":
        node = self.node
        log = node.log
        entries = log.slice(first, node.config.max_append_entries, node.config.max_append_bytes)
        size_bytes = 0
        for entry in entries:
            size_bytes += entry.size_bytes
        prev_term = log.term_at(first - 1) or 0
        return Append(node.id, node.term, first - 1, prev_term, log.commit_index, entries), size_bytes

    def on_append_accepted(self, message: "AppendAccepted", now: int) -> None:
        """Raise what is known to match, and commit what a quorum now holds."""
        if message.match_index > self.node.log.last_index:
            self.node.drop("beyond the log", f"{message.sender} acknowledges entry {message.match_index}")
            return
        if self.progress[message.sender].accepted(message.match_index, now):
            self.commit()

    def on_append_rejected(self, message: "AppendRejected", now: int) -> None:
        """Go back by a whole term: to the last entry that is here of a term not above the hint's (paper 5.3)."""
        next_index = self.node.log.last_at_most(message.hint_index, message.hint_term) + 1
        self.progress[message.sender].rejected(message.prev_index, next_index, now)

    def on_heartbeat_echo(self, message: "HeartbeatEcho", now: int) -> None:
        """Note that the follower hears its leader, and look whether something on the way to it was lost."""
        progress = self.progress[message.sender]
        age = self._round - message.round
        if not 0 <= age < len(self._round_sent_ms):
            return  # too old to prove anything, or never sent
        if not progress.echoed(message.round, self._round_sent_ms[len(self._round_sent_ms) - 1 - age]):
            return
        config = self.node.config
        progress.retry_lost(now, config.retry_ms, config.election_timeout_ms)
        if message.commit < min(progress.match_index, self.node.log.commit_index):
            progress.missed_commit(message.commit)

    def on_append(self, message: "Append", now: int) -> None:
        """Election safety rules out a second leader of this term (contract S1); never give way to one."""
        self.node.drop("second leader", message.sender)

    def on_heartbeat(self, message: "Heartbeat", now: int) -> None:
        """As for `on_append`."""
        self.node.drop("second leader", message.sender)

    def on_snapshot_chunk(self, message: "SnapshotChunk", now: int) -> None:
        """As for `on_append`."""
        self.node.drop("second leader", message.sender)

    # Commitment

    def on_persisted(self, now: int) -> None:
        """The own disk counts like any follower's, and only when it is done (contract R10, thesis section 10.2.1)."""
        self.commit()

    def commit(self) -> None:
        """Commit up to the highest index that a quorum holds durably, if it is of this term (paper 5.4.2)."""
        log = self.node.log
        match = {self.node.id: log.durable_index}
        for follower in self._followers:
            match[follower] = self.progress[follower].match_index
        index = reached(match, self.node.configuration.halves)
        if index > log.commit_index and log.term_at(index) == self.node.term:
            log.commit_to(index)

    def check(self) -> None:
        """Assert the invariants of every follower's progress."""
        for follower in self._followers:
            self.progress[follower].check()
