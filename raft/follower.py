"""The follower: it stores what its leader sends, and campaigns when it hears none (paper section 5.2).

The election timer restarts on three occasions only (contract E7): a valid append or heartbeat from the leader of the
current term, a vote granted, and the node's own campaign, which makes it a follower no more. A refused vote or a
message of an older term leaves the timer alone, or elections would starve.
"""

from .errors import CommittedEntryConflict
from .messages import AppendAccepted, AppendRejected, HeartbeatEcho, NoRoom, SnapshotReceived
from .role import Role

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .messages import Append, Heartbeat, PreVoteRequest, ReadReply, SnapshotChunk, TimeoutNow
    from .node import Node


class Follower(Role):
    """A node that follows.

    Args:
        node: the node.
        leader: the leader of the current term, or None when not known yet.
        timer_start_ms: when the election timeout began.
        timeout_ms: how long it lasts, until a leader is heard for the first time.
    """

    name = "follower"

    def __init__(self, node: "Node", leader: "str | None", timer_start_ms: int, timeout_ms: int) -> None:
        Role.__init__(self, node)
        self.leader = leader
        self.timeout_ms = timeout_ms
        self.heard_ms: "int | None" = None  # when the leader of this term was last heard
        self._round = 0  # the newest round of heartbeats that was heard
        self._quiet_ms = 0  # how long a quiescent leader is waited for beyond the usual; else 0
        self.restart_timer(timer_start_ms)

    def hears_leader(self, now: int) -> bool:
        """Stickiness: who heard its leader within an election timeout helps nobody to depose it (thesis 4.2.3)."""
        patience_ms = self.node.config.election_timeout_ms + self._quiet_ms
        return self.heard_ms is not None and now - self.heard_ms < patience_ms

    def restart_timer(self, now: int) -> None:
        """Begin the election timeout anew; members that do not vote never campaign."""
        self.timer_start_ms = now
        self.deadline = now + self.timeout_ms + self._quiet_ms if self.node.restraint.may_campaign else None

    def on_configuration(self, now: int) -> None:
        """Who has become a voter waits for its leader like one; who is none any more never campaigns."""
        if (self.deadline is None) == self.node.restraint.may_campaign:
            self.restart_timer(now)

    def wake(self, now: int) -> None:
        """Wait no longer than usual for a leader that has said it would be silent (contract L4)."""
        if self._quiet_ms:
            self._quiet_ms = 0
            self.restart_timer(now)

    def on_pre_vote_request(self, message: "PreVoteRequest", now: int) -> None:
        """Answer like everybody; but if others miss a quiescent leader, begin to wait for it too."""
        Role.on_pre_vote_request(self, message, now)
        self.wake(now)

    def on_vote_granted(self, now: int) -> None:
        """Give the candidate a whole timeout to win."""
        self.restart_timer(now)

    def on_deadline(self, now: int) -> None:
        """No leader for a whole election timeout: ask for pre-votes."""
        self.node.campaign(now)

    def postpone(self, deadline: int) -> None:
        """Do not campaign before the deadline: a promise binds, or the own disk stands still."""
        self.deadline = deadline

    def on_timeout_now(self, message: "TimeoutNow", now: int) -> None:
        """The leader hands over: campaign at once, if this log goes as far as it says (contract L3).

        That raises the term, so the same order is obeyed only once.
        """
        node = self.node
        if (
            self.leader == message.sender
            and node.restraint.may_campaign
            and node.log.last_index >= message.last_index
            and not node.restraint.disk_is_stalled(now)
            and not node.room.is_full
        ):
            node.become_candidate(now, transfer=True)

    def replicate(self, now: int) -> None:
        """Ask the leader for the index of fresh reads."""
        if self.leader is not None:
            self.node.reads.ask_leader(self.leader, now)

    def on_read_reply(self, message: "ReadReply", now: int) -> None:
        """The leader says from which index on reads may be served."""
        if message.sender == self.leader:
            self.node.reads.on_reply(message)

    def on_heartbeat(self, message: "Heartbeat", now: int) -> None:
        """Echo the round at once: in a term that is durable an echo never waits for the disk (contract E11)."""
        is_new = message.round > self._round
        if not self._heard(message.sender, now, 2 * message.pause_ms if is_new else self._quiet_ms):
            return
        node = self.node
        if is_new:
            self._round = message.round
            node.reads.heard_commit(message.commit, now)
        promise_ms = node.restraint.promise(now)
        echo = HeartbeatEcho(
            node.id, node.term, message.round, node.log.settled_index, promise_ms, node.config.feature_level
        )
        node.outbox.send_in_term(message.sender, echo)

    def on_append(self, message: "Append", now: int) -> None:
        """Take over the entries if they fit the log, and answer when they are durable (paper section 5.3)."""
        if not self._heard(message.sender, now):
            return
        node = self.node
        if node.snapshots.installing is not None:
            return  # the log is about to be replaced; the leader will send it again
        log = node.log
        prev_index = message.prev_index
        own_term = log.term_at(prev_index)
        # What lies before the base was committed here, so the leader's log has the same (leader completeness).
        if own_term != message.prev_term and prev_index >= log.base_index:
            if own_term is not None and prev_index <= log.commit_index:
                raise CommittedEntryConflict(prev_index, own_term, message.prev_term, message.sender)
            hint = log.last_at_most(prev_index, message.prev_term)
            hint_term = log.term_at(hint) or 0
            rejected = AppendRejected(node.id, node.term, prev_index, hint, hint_term, self._round)
            node.outbox.send_in_term(message.sender, rejected)
            return
        entries = node.room.fitting(message.entries)
        truncated = log.merge(entries, message.sender)
        if truncated:
            node.watch.truncated(truncated, message.sender)
        # Only what this very append has verified may be acknowledged or committed: behind it the log may still hold
        # entries that the leader does not have (contract R2).
        verified = prev_index + len(entries)
        if log.commit_to(min(message.commit, verified)):
            node.watch.committed()
        if len(entries) < len(message.entries):
            node.outbox.send_in_term(message.sender, NoRoom(node.id, node.term, verified))
            if not entries:
                return  # an acknowledgement of nothing would bring the same entries again at once
        self._acknowledge(message.sender, verified)

    def on_snapshot_chunk(self, message: "SnapshotChunk", now: int) -> None:
        """Store a piece of a snapshot; when it is whole, install it (paper section 7)."""
        if not self._heard(message.sender, now):
            return
        node = self.node
        log = node.log
        snapshot = message.snapshot
        if node.snapshots.installing is not None:
            return
        if snapshot.index <= log.commit_index or log.term_at(snapshot.index) == snapshot.term:
            # All that it covers is here: nothing is ever taken back below the commit index, and an entry with the same
            # index and term keeps the log behind it (contract N3).
            if log.commit_to(snapshot.index):
                node.watch.committed()
            self._acknowledge(message.sender, snapshot.index)
            return
        node.features.check(snapshot.configuration)
        if node.snapshots.rests:
            return
        size_bytes = node.snapshots.receive(message)
        if node.snapshots.installing is None:
            received = SnapshotReceived(node.id, node.term, snapshot.index, message.offset, size_bytes)
            node.outbox.send_in_term(message.sender, received)

    def on_restored(self, index: int) -> None:
        """Tell the leader that the snapshot is installed, on the disk and in the state machine."""
        if self.leader is not None:
            self._acknowledge(self.leader, index)

    def _acknowledge(self, leader: str, index: int) -> None:
        """Tell the leader, once it is durable, that the log equals its own up to an index."""
        node = self.node
        node.outbox.send_when_durable(leader, AppendAccepted(node.id, node.term, index, self._round))

    def _heard(self, leader: str, now: int, quiet_ms: int = 0) -> bool:
        """Note a sign of life from the leader; return False when it is not the leader this term already has.

        Args:
            leader: who sent it.
            now: milliseconds.
            quiet_ms: how long beyond the usual to wait for the next one.
        """
        if self.leader is None:
            self.leader = leader
            # Drawn anew for each leader: who drew least campaigns, so a timeout that was kept would be a long one.
            self.timeout_ms = self.node.restraint.draw_timeout()
            self.node.watch.role_changed()
            self.node.outbox.take_back_pre_votes()  # who hears a leader helps nobody to depose it
        elif self.leader != leader:
            # Election safety (contract S1) rules this out; believing the second one would break it further.
            self.node.drop("second leader", leader, "claims term", self.node.term, "of leader", self.leader)
            return False
        self.heard_ms = now
        self._quiet_ms = quiet_ms
        self.restart_timer(now)
        return True
