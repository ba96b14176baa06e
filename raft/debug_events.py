"""Events of the levels `DEBUG`, each step of a node, and `TRACE`, every message."""

from .event import DEBUG, TRACE, Event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .message import Message


class MessageDropped(Event):
    """A message was refused before it changed anything.

    Attributes:
        node: id of the node.
        reason: a short fixed text, also the key of the counter in `Node.dropped`.
        detail: what exactly was wrong.
    """

    __slots__ = ("detail", "node", "reason")
    FIELDS = ("node", "reason", "detail")
    level = DEBUG

    def __init__(self, node: str, reason: str, detail: str) -> None:
        self.node = node
        self.reason = reason
        self.detail = detail


class VoteAnswered(Event):
    """The node says whether it votes for another, or would vote for it.

    Attributes:
        node: id of the node.
        candidate: who asks.
        term: the term that it wants to lead.
        is_pre_vote: whether it asks only whether it would be elected.
        granted: the answer.
        reason: why it is no, a short fixed text; empty when it is yes.
    """

    __slots__ = ("candidate", "granted", "is_pre_vote", "node", "reason", "term")
    FIELDS = ("node", "candidate", "term", "is_pre_vote", "granted", "reason")
    level = DEBUG

    def __init__(self, node: str, candidate: str, term: int, is_pre_vote: bool, granted: bool, reason: str) -> None:
        self.node = node
        self.candidate = candidate
        self.term = term
        self.is_pre_vote = is_pre_vote
        self.granted = granted
        self.reason = reason


class Committed(Event):
    """The node knows of more entries that they are committed.

    Attributes:
        node: id of the node.
        index: up to here now.
    """

    __slots__ = ("index", "node")
    FIELDS = ("node", "index")
    level = DEBUG

    def __init__(self, node: str, index: int) -> None:
        self.node = node
        self.index = index


class Applied(Event):
    """The state machine has taken a batch of entries.

    Attributes:
        node: id of the node.
        first: index of the first of them.
        last: index of the last.
    """

    __slots__ = ("first", "last", "node")
    FIELDS = ("node", "first", "last")
    level = DEBUG

    def __init__(self, node: str, first: int, last: int) -> None:
        self.node = node
        self.first = first
        self.last = last


class ReadServed(Event):
    """A read may be served from the state machine as it is now (contract L1, L2).

    Attributes:
        node: id of the node.
        ticket: what the node returned when it was asked.
        index: how far the state machine is.
        by_lease: whether a lease was enough, so that no quorum was asked.
    """

    __slots__ = ("by_lease", "index", "node", "ticket")
    FIELDS = ("node", "ticket", "index", "by_lease")
    level = DEBUG

    def __init__(self, node: str, ticket: int, index: int, by_lease: bool) -> None:
        self.node = node
        self.ticket = ticket
        self.index = index
        self.by_lease = by_lease


class WriteBegun(Event):
    """A write to stable storage is handed out (see `Write`).

    Attributes:
        node: id of the node.
        number: its number.
        entries: how many entries it carries.
        ballot: whether it carries a term and vote.
    """

    __slots__ = ("ballot", "entries", "node", "number")
    FIELDS = ("node", "number", "entries", "ballot")
    level = DEBUG

    def __init__(self, node: str, number: int, entries: int, ballot: bool) -> None:
        self.node = node
        self.number = number
        self.entries = entries
        self.ballot = ballot


class WriteCompleted(Event):
    """Writes are durable.

    Attributes:
        node: id of the node.
        number: all up to this one are now.
    """

    __slots__ = ("node", "number")
    FIELDS = ("node", "number")
    level = DEBUG

    def __init__(self, node: str, number: int) -> None:
        self.node = node
        self.number = number


class Truncated(Event):
    """A follower drops the end of its log, since its leader's is another (paper section 5.3).

    Attributes:
        node: id of the node.
        first: index of the first entry dropped.
        leader: the leader.
    """

    __slots__ = ("first", "leader", "node")
    FIELDS = ("node", "first", "leader")
    level = DEBUG

    def __init__(self, node: str, first: int, leader: str) -> None:
        self.node = node
        self.first = first
        self.leader = leader


class MessageReceived(Event):
    """A message has arrived, of which nothing is checked yet.

    Attributes:
        node: id of the node.
        message: the message, or whatever it is.
    """

    __slots__ = ("message", "node")
    FIELDS = ("node", "message")
    level = TRACE

    def __init__(self, node: str, message: object) -> None:
        self.node = node
        self.message = message


class MessageSent(Event):
    """A message may leave: what it says is durable.

    Attributes:
        node: id of the node.
        receiver: the member that it goes to.
        message: the message.
    """

    __slots__ = ("message", "node", "receiver")
    FIELDS = ("node", "receiver", "message")
    level = TRACE

    def __init__(self, node: str, receiver: str, message: "Message") -> None:
        self.node = node
        self.receiver = receiver
        self.message = message
