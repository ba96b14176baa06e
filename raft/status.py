"""A picture of a node at one moment, for people and programs to read."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .log import Log


class FollowerStatus:
    """What a leader knows of another member.

    Attributes:
        id: the member.
        state: "probe" or "replicate" (see `progress.py`).
        match_index: how far its log is known to equal the leader's, durably.
        stuck: whether it makes no progress although entries wait for it (contract R8).
    """

    __slots__ = ("id", "match_index", "state", "stuck")

    def __init__(self, id: str, state: str, match_index: int, stuck: bool) -> None:
        self.id = id
        self.state = state
        self.match_index = match_index
        self.stuck = stuck

    def __repr__(self) -> str:
        return f"FollowerStatus({self.id!r}, {self.state!r}, match_index={self.match_index}, stuck={self.stuck})"


class Status:
    """What a node says of itself.

    Attributes:
        id: the node.
        role: "follower", "pre-candidate", "candidate" or "leader".
        term: the current term.
        leader: the leader of this term, or None when not known.
        last_index: index of the last entry of the log.
        commit_index: highest index known to be committed *and* on this node's own disk (contract S7).
        applied_index: highest index the state machine has taken.
        followers: a tuple of `FollowerStatus`, empty unless the node leads.
    """

    __slots__ = ("applied_index", "commit_index", "followers", "id", "last_index", "leader", "role", "term")

    def __init__(
        self,
        id: str,
        role: str,
        term: int,
        leader: "str | None",
        log: "Log",
        followers: "tuple[FollowerStatus, ...]",
    ) -> None:
        self.id = id
        self.role = role
        self.term = term
        self.leader = leader
        self.last_index = log.last_index
        self.commit_index = log.settled_index
        self.applied_index = log.applied_index
        self.followers = followers

    def __repr__(self) -> str:
        return (
            f"Status({self.id!r}, {self.role!r}, term={self.term}, leader={self.leader!r}, "
            f"last_index={self.last_index}, commit_index={self.commit_index}, applied_index={self.applied_index})"
        )
