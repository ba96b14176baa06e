"""The follower: it stores what its leader sends, and campaigns when it hears none (paper section 5.2).

The election timer restarts on three occasions only (contract E7): a valid append or heartbeat from the leader of the
current term, a vote granted, and the node's own campaign, which makes it a follower no more. A refused vote or a
message of an older term leaves the timer alone, or elections would starve.
"""

from .errors import CommittedEntryConflict
from .messages import AppendAccepted, AppendRejected, HeartbeatEcho, SnapshotReceived
from .role import Role

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .messages import Append, Heartbeat, SnapshotChunk
    from .node import Node


class Follower(Role):
    """A node that follows.

    Args:
        node: the node.
        leader: the leader of the current term, or None when not known yet.
        timer_start_ms: when the election timeout began.
        timeout_ms: how long it lasts.
    """

    name = "follower"

    def __init__(self, node: "Node", leader: "str | None", timer_start_ms: int, timeout_ms: int) -> None:
        Role.__init__(self, node)
        self.leader = leader
        self.timeout_ms = timeout_ms
        self.heard_ms: "int | None" = None  # when the leader of this term was last heard
        self.restart_timer(timer_start_ms)

    def hears_leader(self, now: int) -> bool:
        """Stickiness: who heard its leader within an election timeout helps nobody to depose it (thesis 4.2.3)."""
        return self.heard_ms is not None and now - self.heard_ms < self.node.config.election_timeout_ms

    def restart_timer(self, now: int) -> None:
        """Begin the election timeout anew; members that do not vote never campaign."""
        self.timer_start_ms = now
        self.deadline = now + self.timeout_ms if self.node.may_campaign else None

    def on_vote_granted(self, now: int) -> None:
        """Give the candidate a whole timeout to win."""
        self.restart_timer(now)

    def on_deadline(self, now: int) -> None:
        """No leader for a whole election timeout: ask for pre-votes."""
        self.node.become_pre_candidate(now)

    def on_heartbeat(self, message: "Heartbeat", now: int) -> None:
        """Echo the round at once: in a term that is durable an echo never waits for the disk (contract E11)."""
        if not self._heard(message.sender, now):
            return
        node = self.node
        node.send_in_term(message.sender, HeartbeatEcho(node.id, node.term, message.round, node.log.settled_index))

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
            node.send_in_term(
                message.sender, AppendRejected(node.id, node.term, prev_index, hint, log.term_at(hint) or 0)
            )
            return
        log.merge(message.entries, message.sender)
        # Only what this very append has verified may be acknowledged or committed: behind it the log may still hold
        # entries that the leader does not have (contract R2).
        verified = prev_index + len(message.entries)
        log.commit_to(min(message.commit, verified))
        node.send_when_durable(message.sender, AppendAccepted(node.id, node.term, verified))

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
            log.commit_to(snapshot.index)
            node.send_when_durable(message.sender, AppendAccepted(node.id, node.term, snapshot.index))
            return
        size_bytes = node.snapshots.receive(message)
        if node.snapshots.installing is None:
            received = SnapshotReceived(node.id, node.term, snapshot.index, message.offset, size_bytes)
            node.send_in_term(message.sender, received)

    def on_restored(self, index: int) -> None:
        """Tell the leader that the snapshot is installed, on the disk and in the state machine."""
        if self.leader is not None:
            self.node.send_when_durable(self.leader, AppendAccepted(self.node.id, self.node.term, index))

    def _heard(self, leader: str, now: int) -> bool:
        """Note a sign of life from the leader; return False when it is not the leader this term already has."""
        if self.leader is None:
            self.leader = leader
            self.node.note_role()
            self.node.take_back_pre_votes()  # who hears a leader helps nobody to depose it
        elif self.leader != leader:
            # Election safety (contract S1) rules this out; believing the second one would break it further.
            self.node.drop("second leader", f"{leader} claims term {self.node.term}, which {self.leader} leads")
            return False
        self.heard_ms = now
        self.restart_timer(now)
        return True
