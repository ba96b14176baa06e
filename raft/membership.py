"""Who takes part: the configuration of a cluster (paper section 6, thesis section 4)."""

from .errors import InvalidConfig

MAX_MEMBERS = 64
MAX_ID_LENGTH = 64


class Configuration:
    """The members of a cluster and their parts. Immutable; every quorum is computed from one.

    Args:
        voters: ids of the members that vote; at least one. An id is a string of 1 to 64 characters.
        outgoing: the voters of the old configuration while this one is joint, else empty.
        learners: members that receive the log and never count.

    Raises:
        InvalidConfig: when an id is malformed or listed twice, no voter is left, or there are more than 64 members.

    Attributes:
        members: every id, sorted.
        halves: the voter sets each of which must agree: one, or two when joint.
    """

    __slots__ = ("halves", "learners", "members", "outgoing", "voters")

    def __init__(
        self, voters: "tuple[str, ...]", outgoing: "tuple[str, ...]" = (), learners: "tuple[str, ...]" = ()
    ) -> None:
        self.voters = _checked("voters", voters)
        self.outgoing = _checked("outgoing", outgoing)
        self.learners = _checked("learners", learners)
        if not self.voters:
            raise InvalidConfig("voters", (), "at least one id")
        for learner in self.learners:
            if learner in self.voters or learner in self.outgoing:
                raise InvalidConfig("learners", learner, "no voter at the same time")
        self.members = tuple(sorted(set(self.voters + self.outgoing + self.learners)))
        if len(self.members) > MAX_MEMBERS:
            raise InvalidConfig("members", len(self.members), f"at most {MAX_MEMBERS}")
        self.halves = (self.voters, self.outgoing) if self.outgoing else (self.voters,)

    @property
    def joint(self) -> bool:
        """Whether a change is under way and both halves must agree."""
        return bool(self.outgoing)

    def votes(self, member: str) -> bool:
        """Whether the member's vote counts in any half."""
        return member in self.voters or member in self.outgoing

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Configuration)
            and self.voters == other.voters
            and self.outgoing == other.outgoing
            and self.learners == other.learners
        )

    def __hash__(self) -> int:
        return len(self.members)

    def __repr__(self) -> str:
        return f"Configuration(voters={self.voters!r}, outgoing={self.outgoing!r}, learners={self.learners!r})"


def _checked(field: str, ids: object) -> "tuple[str, ...]":
    if not isinstance(ids, (tuple, list)):
        raise InvalidConfig(field, ids, "a tuple of ids")
    for member in ids:
        if not isinstance(member, str) or not 1 <= len(member) <= MAX_ID_LENGTH:
            raise InvalidConfig(field, member, f"a string of 1 to {MAX_ID_LENGTH} characters")
    ordered = tuple(sorted(ids))
    for i in range(1, len(ordered)):
        if ordered[i] == ordered[i - 1]:
            raise InvalidConfig(field, ordered[i], "listed once")
    return ordered
