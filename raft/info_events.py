"""Events of the level `INFO`: elections, transfers of leadership, snapshots, changes of membership, upgrades."""

from .event import INFO, Event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .membership import Configuration


class CampaignBegun(Event):
    """The node asks others to elect it.

    Attributes:
        node: id of the node.
        term: the term that it wants to lead.
        kind: "pre-vote" when it asks whether it would be elected, "vote" when it asks to be, "transfer" when its leader
            told it to ask.
    """

    __slots__ = ("kind", "node", "term")
    FIELDS = ("node", "term", "kind")
    level = INFO

    def __init__(self, node: str, term: int, kind: str) -> None:
        self.node = node
        self.term = term
        self.kind = kind


class CampaignWon(Event):
    """The node is elected, and leads.

    Attributes:
        node: id of the node.
        term: the term that it leads.
        voters: the members that voted for it, itself among them, in order.
    """

    __slots__ = ("node", "term", "voters")
    FIELDS = ("node", "term", "voters")
    level = INFO

    def __init__(self, node: str, term: int, voters: "tuple[str, ...]") -> None:
        self.node = node
        self.term = term
        self.voters = voters


class CampaignLost(Event):
    """The node gives up a campaign; another may follow.

    Attributes:
        node: id of the node.
        term: the term that it wanted to lead.
        reason: why, a short fixed text.
    """

    __slots__ = ("node", "reason", "term")
    FIELDS = ("node", "term", "reason")
    level = INFO

    def __init__(self, node: str, term: int, reason: str) -> None:
        self.node = node
        self.term = term
        self.reason = reason


class LeadershipLost(Event):
    """The node leads no more.

    Attributes:
        node: id of the node.
        term: the term that it led.
        reason: why, a short fixed text.
    """

    __slots__ = ("node", "reason", "term")
    FIELDS = ("node", "term", "reason")
    level = INFO

    def __init__(self, node: str, term: int, reason: str) -> None:
        self.node = node
        self.term = term
        self.reason = reason


class TransferBegun(Event):
    """The leader begins to hand over, on request or by itself (contract L3).

    Attributes:
        node: id of the node.
        term: the term that it leads.
        target: the member that shall lead.
    """

    __slots__ = ("node", "target", "term")
    FIELDS = ("node", "term", "target")
    level = INFO

    def __init__(self, node: str, term: int, target: str) -> None:
        self.node = node
        self.term = term
        self.target = target


class TransferEnded(Event):
    """It is known how a transfer ended.

    Attributes:
        node: id of the node that began it.
        target: the member that was to lead.
        leader: who leads now, as far as the node knows.
        succeeded: whether that is the target, in a later term.
    """

    __slots__ = ("leader", "node", "succeeded", "target")
    FIELDS = ("node", "target", "leader", "succeeded")
    level = INFO

    def __init__(self, node: str, target: str, leader: "str | None", succeeded: bool) -> None:
        self.node = node
        self.target = target
        self.leader = leader
        self.succeeded = succeeded


class SnapshotTaken(Event):
    """A snapshot of the node's state machine is durable.

    Attributes:
        node: id of the node.
        index: the last entry that it covers.
        term: the term of that entry.
    """

    __slots__ = ("index", "node", "term")
    FIELDS = ("node", "index", "term")
    level = INFO

    def __init__(self, node: str, index: int, term: int) -> None:
        self.node = node
        self.index = index
        self.term = term


class SnapshotOffered(Event):
    """The leader begins to send a snapshot, since its log lacks what a member needs (contract N2).

    Attributes:
        node: id of the node.
        follower: the member.
        index: the last entry that the snapshot covers.
    """

    __slots__ = ("follower", "index", "node")
    FIELDS = ("node", "follower", "index")
    level = INFO

    def __init__(self, node: str, follower: str, index: int) -> None:
        self.node = node
        self.follower = follower
        self.index = index


class DownloadBegun(Event):
    """The node is sent a snapshot by a leader that it had not received any of it from (contract N2).

    Attributes:
        node: id of the node.
        leader: the leader.
        index: the last entry that the snapshot covers.
        size_bytes: how much of it is here already, from another leader or from before a restart.
    """

    __slots__ = ("index", "leader", "node", "size_bytes")
    FIELDS = ("node", "leader", "index", "size_bytes")
    level = INFO

    def __init__(self, node: str, leader: str, index: int, size_bytes: int) -> None:
        self.node = node
        self.leader = leader
        self.index = index
        self.size_bytes = size_bytes


class DownloadRefused(Event):
    """What the node has received of a snapshot is dropped, and must be sent anew.

    It is not what was sent, or the disk has no space for it.

    Attributes:
        node: id of the node.
        index: the last entry that the snapshot covers.
    """

    __slots__ = ("index", "node")
    FIELDS = ("node", "index")
    level = INFO

    def __init__(self, node: str, index: int) -> None:
        self.node = node
        self.index = index


class SnapshotInstalled(Event):
    """The leader's snapshot has replaced the node's log and state machine.

    Attributes:
        node: id of the node.
        index: the last entry that it covers.
        term: the term of that entry.
    """

    __slots__ = ("index", "node", "term")
    FIELDS = ("node", "index", "term")
    level = INFO

    def __init__(self, node: str, index: int, term: int) -> None:
        self.node = node
        self.index = index
        self.term = term


class ChangeBegun(Event):
    """The leader begins a change of membership; each step of it that enters the log is a `ConfigurationChanged`.

    Attributes:
        node: id of the node.
        target: the `Configuration` that it shall end with.
    """

    __slots__ = ("node", "target")
    FIELDS = ("node", "target")
    level = INFO

    def __init__(self, node: str, target: "Configuration") -> None:
        self.node = node
        self.target = target


class CaughtUp(Event):
    """A future voter is near enough to the leader's log to vote (contract M4).

    Attributes:
        node: id of the node.
        member: its id.
        match_index: how far its log is known to equal the leader's.
    """

    __slots__ = ("match_index", "member", "node")
    FIELDS = ("node", "member", "match_index")
    level = INFO

    def __init__(self, node: str, member: str, match_index: int) -> None:
        self.node = node
        self.member = member
        self.match_index = match_index


class ChangeEnded(Event):
    """A change of membership is over for the leader that began it.

    Attributes:
        node: id of the node.
        index: the entry that ended it, which is committed; 0 when it has failed.
        reason: why it has failed; empty when it has not.
    """

    __slots__ = ("index", "node", "reason")
    FIELDS = ("node", "index", "reason")
    level = INFO

    def __init__(self, node: str, index: int, reason: str) -> None:
        self.node = node
        self.index = index
        self.reason = reason


class FeatureLevelRaised(Event):
    """The node knows that a higher feature level is in force (contract M10).

    Attributes:
        node: id of the node.
        feature_level: the level.
    """

    __slots__ = ("feature_level", "node")
    FIELDS = ("node", "feature_level")
    level = INFO

    def __init__(self, node: str, feature_level: int) -> None:
        self.node = node
        self.feature_level = feature_level
