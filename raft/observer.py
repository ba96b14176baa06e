"""What a node tells whoever watches it. Events are values, handed out with `Ready`; the core calls nobody.

Whoever watches says how much it wants to know, by a level: `ESSENTIAL`, `INFO`, `DEBUG` or `TRACE`, each with all of
those before it; None when nobody listens. Events above that level are never made. This file holds those of `ESSENTIAL`,
`info_events.py` and `debug_events.py` the others; `watch.py` decides which are made.
"""

from .debug_events import (
    Applied,
    Committed,
    MessageDropped,
    MessageReceived,
    MessageSent,
    ReadServed,
    Truncated,
    VoteAnswered,
    WriteBegun,
    WriteCompleted,
)
from .event import DEBUG, ESSENTIAL, INFO, TRACE, Event
from .info_events import (
    CampaignBegun,
    CampaignLost,
    CampaignWon,
    CaughtUp,
    ChangeBegun,
    ChangeEnded,
    DownloadBegun,
    DownloadRefused,
    FeatureLevelRaised,
    LeadershipLost,
    SnapshotInstalled,
    SnapshotOffered,
    SnapshotTaken,
    TransferBegun,
    TransferEnded,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .membership import Configuration


class RoleChanged(Event):
    """The node took on another role, or another term, or learned who leads.

    Attributes:
        node: id of the node.
        term: its term now.
        role: "follower", "pre-candidate", "candidate" or "leader".
        leader: id of the leader it knows, or None.
    """

    __slots__ = ("leader", "node", "role", "term")
    FIELDS = ("node", "term", "role", "leader")

    def __init__(self, node: str, term: int, role: str, leader: "str | None") -> None:
        self.node = node
        self.term = term
        self.role = role
        self.leader = leader


class ConfigurationChanged(Event):
    """Another configuration is in force at the node, committed or not (contract M3).

    Attributes:
        node: id of the node.
        index: the entry that brought it.
        configuration: the `Configuration`.
    """

    __slots__ = ("configuration", "index", "node")
    FIELDS = ("node", "index", "configuration")

    def __init__(self, node: str, index: int, configuration: "Configuration") -> None:
        self.node = node
        self.index = index
        self.configuration = configuration


class Refused(Event):
    """Another member says that this node's id is bound to another incarnation (contract M6).

    Its storage was created anew, or is a copy: it must join under an id of its own, or be added again.

    Attributes:
        node: id of the node.
        by: the member that says so.
        bound: the incarnation that may speak for the id.
    """

    __slots__ = ("bound", "by", "node")
    FIELDS = ("node", "by", "bound")

    def __init__(self, node: str, by: str, bound: int) -> None:
        self.node = node
        self.by = by
        self.bound = bound

    def __repr__(self) -> str:
        return f"Refused({self.node!r}, {self.by!r}, {self.bound:x})"


class FollowerHealth(Event):
    """A follower stopped making progress although entries wait for it, or makes progress again (contract R8).

    Attributes:
        node: id of the leader that noticed.
        follower: id of the follower.
        stuck: True when it stopped, False when it recovered.
    """

    __slots__ = ("follower", "node", "stuck")
    FIELDS = ("node", "follower", "stuck")

    def __init__(self, node: str, follower: str, stuck: bool) -> None:
        self.node = node
        self.follower = follower
        self.stuck = stuck


class AcknowledgedLost(Event):
    """A follower has lost entries that it had acknowledged to this leader (contract D6).

    Attributes:
        node: id of the leader that noticed.
        follower: id of the follower.
        acknowledged: the last entry that it had acknowledged.
        kept: how far its log may still equal the leader's.
        replace: True when nothing that it says counts any more: remove it, and add it again with a new storage; False
            when its policy allows the loss, and it is caught up.
    """

    __slots__ = ("acknowledged", "follower", "kept", "node", "replace")
    FIELDS = ("node", "follower", "acknowledged", "kept", "replace")

    def __init__(self, node: str, follower: str, acknowledged: int, kept: int, replace: bool) -> None:
        self.node = node
        self.follower = follower
        self.acknowledged = acknowledged
        self.kept = kept
        self.replace = replace


class StorageFault(Event):
    """The node's storage has failed, and the node stops: this is the last that it tells.

    Attributes:
        node: id of the node.
        reason: what the storage says.
    """

    __slots__ = ("node", "reason")
    FIELDS = ("node", "reason")

    def __init__(self, node: str, reason: str) -> None:
        self.node = node
        self.reason = reason


class SpaceChanged(Event):
    """The node's disk is full, and it takes no commands (contract D2); or there is space again.

    Attributes:
        node: id of the node.
        full: whether it is full now.
    """

    __slots__ = ("full", "node")
    FIELDS = ("node", "full")

    def __init__(self, node: str, full: bool) -> None:
        self.node = node
        self.full = full


EVENTS = (
    RoleChanged,
    ConfigurationChanged,
    Refused,
    FollowerHealth,
    AcknowledgedLost,
    StorageFault,
    SpaceChanged,
    CampaignBegun,
    CampaignWon,
    CampaignLost,
    LeadershipLost,
    TransferBegun,
    TransferEnded,
    SnapshotTaken,
    SnapshotOffered,
    DownloadBegun,
    DownloadRefused,
    SnapshotInstalled,
    ChangeBegun,
    CaughtUp,
    ChangeEnded,
    FeatureLevelRaised,
    MessageDropped,
    VoteAnswered,
    Committed,
    Applied,
    ReadServed,
    WriteBegun,
    WriteCompleted,
    Truncated,
    MessageReceived,
    MessageSent,
)

__all__ = [
    "DEBUG",
    "ESSENTIAL",
    "EVENTS",
    "INFO",
    "TRACE",
    "Event",
    "AcknowledgedLost",
    "Applied",
    "CampaignBegun",
    "CampaignLost",
    "CampaignWon",
    "CaughtUp",
    "ChangeBegun",
    "ChangeEnded",
    "Committed",
    "ConfigurationChanged",
    "DownloadBegun",
    "DownloadRefused",
    "FeatureLevelRaised",
    "FollowerHealth",
    "LeadershipLost",
    "MessageDropped",
    "MessageReceived",
    "MessageSent",
    "ReadServed",
    "Refused",
    "RoleChanged",
    "SnapshotInstalled",
    "SnapshotOffered",
    "SnapshotTaken",
    "SpaceChanged",
    "StorageFault",
    "TransferBegun",
    "TransferEnded",
    "Truncated",
    "VoteAnswered",
    "WriteBegun",
    "WriteCompleted",
]
