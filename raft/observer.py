"""What a node tells whoever watches it. Events are values, handed out with `Ready`; the core calls nobody."""


class RoleChanged:
    """The node took on another role, or another term, or learned who leads.

    Attributes:
        node: id of the node.
        term: its term now.
        role: "follower", "pre-candidate", "candidate" or "leader".
        leader: id of the leader it knows, or None.
    """

    __slots__ = ("leader", "node", "role", "term")

    def __init__(self, node: str, term: int, role: str, leader: "str | None") -> None:
        self.node = node
        self.term = term
        self.role = role
        self.leader = leader

    def __repr__(self) -> str:
        return f"RoleChanged({self.node!r}, {self.term}, {self.role!r}, {self.leader!r})"


class MessageDropped:
    """A message was refused before it changed anything.

    Attributes:
        node: id of the node.
        reason: a short fixed text, also the key of the counter in `Node.dropped`.
        detail: what exactly was wrong.
    """

    __slots__ = ("detail", "node", "reason")

    def __init__(self, node: str, reason: str, detail: str) -> None:
        self.node = node
        self.reason = reason
        self.detail = detail

    def __repr__(self) -> str:
        return f"MessageDropped({self.node!r}, {self.reason!r}, {self.detail!r})"


class FollowerHealth:
    """A follower stopped making progress although entries wait for it, or makes progress again (contract R8).

    Attributes:
        node: id of the leader that noticed.
        follower: id of the follower.
        stuck: True when it stopped, False when it recovered.
    """

    __slots__ = ("follower", "node", "stuck")

    def __init__(self, node: str, follower: str, stuck: bool) -> None:
        self.node = node
        self.follower = follower
        self.stuck = stuck

    def __repr__(self) -> str:
        return f"FollowerHealth({self.node!r}, {self.follower!r}, {self.stuck})"
