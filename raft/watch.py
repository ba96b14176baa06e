"""Where events are made, if anybody wants them: one method per event, and one short line wherever something happens.

The caller hands over what it has at hand. What has to be looked up or put into words is looked up here, behind the
question whether anybody listens, so that an event that nobody wants costs one call and one comparison. Messages are
too many even for a call: where they pass, `traces` is asked first.
"""

from .errors import InvalidConfig
from .event import DEBUG, ESSENTIAL, INFO, NOTHING, TRACE
from .messages import PreVoteRequest
from .observer import (
    AcknowledgedLost,
    Applied,
    CampaignBegun,
    CampaignLost,
    CampaignWon,
    CaughtUp,
    ChangeBegun,
    ChangeEnded,
    Committed,
    ConfigurationChanged,
    DownloadBegun,
    DownloadRefused,
    FeatureLevelRaised,
    FollowerHealth,
    LeadershipLost,
    MessageDropped,
    MessageReceived,
    MessageSent,
    ReadServed,
    Refused,
    RoleChanged,
    SnapshotInstalled,
    SnapshotOffered,
    SnapshotTaken,
    SpaceChanged,
    StorageFault,
    TransferBegun,
    TransferEnded,
    Truncated,
    VoteAnswered,
    WriteBegun,
    WriteCompleted,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .event import Event
    from .membership import Configuration
    from .messages import Message, VoteRequest
    from .node import Node
    from .ready import Write
    from .snapshot import Download, Snapshot
    from .transfer import Transfer


class Watch:
    """What one node tells its observers.

    Args:
        node: the node.

    Attributes:
        level: events up to this level are made; `NOTHING` at first.
        traces: whether events of messages are made.
        events: those made and not handed out yet, oldest first.
    """

    def __init__(self, node: "Node") -> None:
        self._node = node
        self.level = NOTHING
        self.traces = False
        self.events: "list[Event]" = []

    def listen(self, level: "int | None") -> None:
        """Make events up to a level from now on, or none when it is None.

        Raises:
            InvalidConfig: when that is no level.
        """
        if level is not None and (type(level) is not int or not ESSENTIAL <= level <= TRACE):
            raise InvalidConfig("level", level, "ESSENTIAL, INFO, DEBUG or TRACE, or None when nobody listens")
        self.level = NOTHING if level is None else level
        self.traces = self.level >= TRACE

    def take(self) -> "list[Event]":
        """Return, once, the events made so far."""
        events = self.events
        self.events = []
        return events

    # Essential

    def role_changed(self) -> None:
        """Tell of a new role, term or leader."""
        if self.level >= ESSENTIAL:
            node = self._node
            self.events.append(RoleChanged(node.id, node.term, node.role.name, node.role.leader))

    def configuration_changed(self, index: int, configuration: "Configuration") -> None:
        """Tell which configuration is in force."""
        if self.level >= ESSENTIAL:
            self.events.append(ConfigurationChanged(self._node.id, index, configuration))

    def refused(self, by: str, bound: int) -> None:
        """Tell that a member does not take this node for who it says it is."""
        if self.level >= ESSENTIAL:
            self.events.append(Refused(self._node.id, by, bound))

    def follower_health(self, follower: str, stuck: bool) -> None:
        """Tell that a follower is stuck, or is no more."""
        if self.level >= ESSENTIAL:
            self.events.append(FollowerHealth(self._node.id, follower, stuck))

    def space_changed(self, full: bool) -> None:
        """Tell that the disk is full, or is no more."""
        if self.level >= ESSENTIAL:
            self.events.append(SpaceChanged(self._node.id, full))

    def acknowledged_lost(self, follower: str, acknowledged: int, kept: int, replace: bool) -> None:
        """Tell that a follower has lost what it had acknowledged."""
        if self.level >= ESSENTIAL:
            self.events.append(AcknowledgedLost(self._node.id, follower, acknowledged, kept, replace))

    def storage_failed(self, reason: str) -> None:
        """Tell that the node stops because of its storage."""
        if self.level >= ESSENTIAL:
            self.events.append(StorageFault(self._node.id, reason))

    # Info: elections

    def campaign_begun(self, term: int, kind: str) -> None:
        """Tell that the node asks others to elect it."""
        if self.level >= INFO:
            self.events.append(CampaignBegun(self._node.id, term, kind))

    def campaign_won(self, voted: "dict[str, int]") -> None:
        """Tell that the node is elected, and by whom."""
        if self.level >= INFO:
            self.events.append(CampaignWon(self._node.id, self._node.term, tuple(sorted(voted))))

    def gave_up(self, reason: str) -> None:
        """Tell why the node is about to give up a campaign or leadership; a follower has none to give up."""
        if self.level >= INFO:
            node = self._node
            name = node.role.name
            if name == "leader":
                self.events.append(LeadershipLost(node.id, node.term, reason))
            elif name != "follower":
                term = node.term + 1 if name == "pre-candidate" else node.term
                self.events.append(CampaignLost(node.id, term, reason))

    # Info: transfers, snapshots, members, upgrades

    def transfer_begun(self, target: str) -> None:
        """Tell that the leader hands over."""
        if self.level >= INFO:
            self.events.append(TransferBegun(self._node.id, self._node.term, target))

    def transfer_ended(self, transfer: "Transfer", succeeded: bool) -> None:
        """Tell how a transfer ended."""
        if self.level >= INFO:
            self.events.append(TransferEnded(self._node.id, transfer.target, self._node.role.leader, succeeded))

    def snapshot_taken(self, snapshot: "Snapshot") -> None:
        """Tell that a snapshot of the node's own is durable."""
        if self.level >= INFO:
            self.events.append(SnapshotTaken(self._node.id, snapshot.index, snapshot.term))

    def snapshot_offered(self, follower: str, snapshot: "Snapshot") -> None:
        """Tell that the leader begins to send a snapshot."""
        if self.level >= INFO:
            self.events.append(SnapshotOffered(self._node.id, follower, snapshot.index))

    def download_begun(self, leader: str, download: "Download") -> None:
        """Tell that a leader's snapshot is received, and how much of it is there."""
        if self.level >= INFO:
            self.events.append(DownloadBegun(self._node.id, leader, download.snapshot.index, download.size_bytes))

    def download_refused(self, snapshot: "Snapshot") -> None:
        """Tell that a received snapshot has not the content it should have."""
        if self.level >= INFO:
            self.events.append(DownloadRefused(self._node.id, snapshot.index))

    def snapshot_installed(self, snapshot: "Snapshot") -> None:
        """Tell that a leader's snapshot has replaced the log."""
        if self.level >= INFO:
            self.events.append(SnapshotInstalled(self._node.id, snapshot.index, snapshot.term))

    def change_begun(self, target: "Configuration") -> None:
        """Tell that a change of membership begins."""
        if self.level >= INFO:
            self.events.append(ChangeBegun(self._node.id, target))

    def caught_up(self, member: str, match_index: int) -> None:
        """Tell that a future voter is near enough to the end of the log."""
        if self.level >= INFO:
            self.events.append(CaughtUp(self._node.id, member, match_index))

    def change_ended(self, index: int, error: "Exception | None") -> None:
        """Tell that a change of membership is done, or has failed."""
        if self.level >= INFO:
            self.events.append(ChangeEnded(self._node.id, index, "" if error is None else str(error)))

    def feature_level_raised(self, level: int) -> None:
        """Tell that a higher feature level is in force."""
        if self.level >= INFO:
            self.events.append(FeatureLevelRaised(self._node.id, level))

    # Debug

    def dropped(self, reason: str, detail: "tuple[object, ...]") -> None:
        """Tell that a message was refused; the parts of the detail are put together with spaces."""
        if self.level >= DEBUG:
            text = " ".join([str(part) for part in detail])
            self.events.append(MessageDropped(self._node.id, reason, text))

    def vote_answered(self, request: "PreVoteRequest | VoteRequest", granted: bool, now: int) -> None:
        """Tell what is answered to a request; call it before the vote is spent."""
        if self.level >= DEBUG:
            is_pre_vote = isinstance(request, PreVoteRequest)
            reason = "" if granted else self._refusal(is_pre_vote, request.term, now)
            answered = VoteAnswered(self._node.id, request.sender, request.term, is_pre_vote, granted, reason)
            self.events.append(answered)

    def _refusal(self, is_pre_vote: bool, term: int, now: int) -> str:
        """Return the first reason that there is; the last one is left when no other holds."""
        node = self._node
        if is_pre_vote and term <= node.term:
            return "the term is not higher"
        if is_pre_vote and node.role.hears_leader(now):
            return "leader is heard"
        if is_pre_vote and now < node.restraint.promised_until_ms:
            return "promised to elect nobody"
        if not is_pre_vote and node.vote is not None:
            return "voted for another"
        if not is_pre_vote and node.role.leader is not None:
            return "the term has a leader"
        return "its log is behind"

    def committed(self) -> None:
        """Tell how far the log is committed."""
        if self.level >= DEBUG:
            self.events.append(Committed(self._node.id, self._node.log.commit_index))

    def applied(self, index: int) -> None:
        """Tell that the entries up to an index are applied, if any are new; call it before they count as applied."""
        if self.level >= DEBUG and index > self._node.log.applied_index:
            self.events.append(Applied(self._node.id, self._node.log.applied_index + 1, index))

    def read_served(self, ticket: int, index: int, by_lease: bool) -> None:
        """Tell that a read may be served."""
        if self.level >= DEBUG:
            self.events.append(ReadServed(self._node.id, ticket, index, by_lease))

    def write_begun(self, write: "Write") -> None:
        """Tell that a write is handed out."""
        if self.level >= DEBUG:
            ballot = write.term is not None
            self.events.append(WriteBegun(self._node.id, write.number, len(write.entries), ballot))

    def write_completed(self, done: int) -> None:
        """Tell that all writes up to a number are durable."""
        if self.level >= DEBUG:
            self.events.append(WriteCompleted(self._node.id, done))

    def truncated(self, first: int, leader: str) -> None:
        """Tell that the end of the log is dropped."""
        if self.level >= DEBUG:
            self.events.append(Truncated(self._node.id, first, leader))

    # Trace

    def received(self, message: object) -> None:
        """Tell of a message that has arrived; to be called if `traces`."""
        self.events.append(MessageReceived(self._node.id, message))

    def sent(self, receiver: str, message: "Message") -> None:
        """Tell of a message that may leave; to be called if `traces`."""
        self.events.append(MessageSent(self._node.id, receiver, message))
