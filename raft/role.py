"""What every role does alike: it votes, and it says no to what it cannot use.

A role is an object that the node replaces when its role changes. `Node.step` has already settled the term: when one of
these handlers runs, the message is of the node's own term, save for pre-votes, which never touch the term.
"""

from .messages import PreVoteReply, VoteReply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .messages import (
        Append,
        AppendAccepted,
        AppendRejected,
        Heartbeat,
        HeartbeatEcho,
        HigherTerm,
        Message,
        NoRoom,
        PreVoteRequest,
        ReadReply,
        ReadRequest,
        SnapshotChunk,
        SnapshotReceived,
        TimeoutNow,
        VoteRequest,
        WrongIncarnation,
    )
    from .node import Node
    from .snapshot import Snapshot


class Role:
    """Base of the four roles.

    Attributes:
        name: as shown to people.
        leader: id of the leader of the current term, as far as this node knows.
        deadline: the time in milliseconds at which `on_deadline` is due, or None for never.
    """

    name = ""

    def __init__(self, node: "Node") -> None:
        self.node = node
        self.leader: "str | None" = None
        self.deadline: "int | None" = None

    def hears_leader(self, now: int) -> bool:
        """Whether a leader was heard within the last election timeout, so that votes are refused (thesis 4.2.3)."""
        return False

    def on_deadline(self, now: int) -> None:
        """Act on a deadline that has passed."""

    def on_persisted(self, now: int) -> None:
        """Act on a grown prefix of completed writes."""

    def replicate(self, now: int) -> None:
        """Send the entries and requests that are due."""

    def wake(self, now: int) -> None:
        """There is something to do: a quiescent node stops being so (contract L4)."""

    def left(self) -> None:
        """Another role takes over."""

    def on_configuration(self, now: int) -> None:
        """Act on another configuration being in force."""

    def on_unbound(self, message: "Message", now: int) -> None:
        """A member speaks that no incarnation is bound to yet; a leader binds it."""

    # Voting: every role may be asked.

    def on_pre_vote_request(self, message: "PreVoteRequest", now: int) -> None:
        """Say whether a vote would be granted, and change nothing (thesis section 9.6).

        A refusal tells this node's own term: an asker that is behind in term but ahead in log adopts it, and can win
        the next time (contract E4).
        """
        node = self.node
        granted = (
            message.term > node.term
            and not self.hears_leader(now)
            and now >= node.restraint.promised_until_ms
            and node.log.is_up_to_date(message.last_index, message.last_term)
        )
        node.watch.vote_answered(message, granted, now)
        node.outbox.send_in_term(message.sender, PreVoteReply(node.id, node.term, message.campaign, granted))

    def on_vote_request(self, message: "VoteRequest", now: int) -> None:
        """Grant the one vote of this term, or grant it again, to a candidate with a good enough log (paper 5.4.1)."""
        node = self.node
        granted = node.vote == message.sender or (
            node.vote is None and self.leader is None and node.log.is_up_to_date(message.last_index, message.last_term)
        )
        if granted and node.vote is None and now < node.restraint.promised_until_ms and not message.transfer:
            # No answer, rather than a refusal: the same candidate may ask again when the promise is over (contract L2).
            node.drop("promised to elect nobody", message.sender)
            return
        node.watch.vote_answered(message, granted, now)
        if granted and node.vote is None:
            node.cast_vote(message.sender)
        if granted:
            self.on_vote_granted(now)  # first: what a role has not said when it ends is never said
        # The answer waits for the vote and for the log by which it was judged (contract E1).
        node.outbox.send_when_durable(message.sender, VoteReply(node.id, node.term, granted))

    def on_vote_granted(self, now: int) -> None:
        """Give the candidate time to win; only who might campaign against it has to do anything."""

    # Everything else is for one role only; elsewhere it comes too late and is dropped.

    def on_pre_vote_reply(self, message: "PreVoteReply", now: int) -> None:
        """For a pre-candidate."""

    def on_vote_reply(self, message: "VoteReply", now: int) -> None:
        """For a candidate."""

    def on_append_accepted(self, message: "AppendAccepted", now: int) -> None:
        """For a leader."""

    def on_append_rejected(self, message: "AppendRejected", now: int) -> None:
        """For a leader."""

    def on_no_room(self, message: "NoRoom", now: int) -> None:
        """For a leader."""

    def on_heartbeat_echo(self, message: "HeartbeatEcho", now: int) -> None:
        """For a leader."""

    def on_read_request(self, message: "ReadRequest", now: int) -> None:
        """For a leader."""

    def on_read_reply(self, message: "ReadReply", now: int) -> None:
        """For a follower."""

    def on_timeout_now(self, message: "TimeoutNow", now: int) -> None:
        """For a follower; whoever campaigns already needs no order to."""

    def on_snapshot_received(self, message: "SnapshotReceived", now: int) -> None:
        """For a leader."""

    def on_snapshot_gone(self, follower: str, snapshot: "Snapshot") -> None:
        """For a leader."""

    def on_restored(self, index: int) -> None:
        """For a follower, which tells its leader."""

    def on_higher_term(self, message: "HigherTerm", now: int) -> None:
        """The term it told of has been adopted already; nothing is left to do."""

    def on_wrong_incarnation(self, message: "WrongIncarnation", now: int) -> None:
        """Tell observers that others do not take this node for who it says it is (contract M6)."""
        if message.bound != self.node.identity.incarnation:
            self.node.watch.refused(message.sender, message.bound)

    # Whoever leads this term has spoken: candidates give way.

    def on_append(self, message: "Append", now: int) -> None:
        """Follow the sender, then take the append as its follower (paper section 5.2)."""
        self.node.become_follower(message.term, message.sender, now).on_append(message, now)

    def on_heartbeat(self, message: "Heartbeat", now: int) -> None:
        """Follow the sender, then take the heartbeat as its follower."""
        self.node.become_follower(message.term, message.sender, now).on_heartbeat(message, now)

    def on_snapshot_chunk(self, message: "SnapshotChunk", now: int) -> None:
        """Follow the sender, then take the chunk as its follower."""
        self.node.become_follower(message.term, message.sender, now).on_snapshot_chunk(message, now)
