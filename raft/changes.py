"""Changes of membership, as asked for, and the configurations that they lead through (thesis section 4).

One voter more or less needs no joint configuration: any majority of the old voters and any of the new ones share a
member (thesis section 4.1). Everything else goes through a joint configuration, in which both sets must agree
(section 4.3). A leader that removes itself goes through one too, so that it can hand over in between.
"""

from .errors import InvalidChange, InvalidConfig, LastVoter, WitnessMajority
from .membership import Configuration, is_id, united

VOTER = "voter"
LEARNER = "learner"
REMOVED = "removed"


class Change:
    """One member's new part. A list of them is one change: all of it takes effect, or none.

    Attributes:
        member: its id.
        part: `VOTER`, `LEARNER` or `REMOVED`.
        address, priority: None to leave as they are (or "" and 0 for a new member).
        incarnation: the one incarnation that may speak for it; a member that joins needs it, for others 0 leaves it.
        witness: whether it stores no payloads (contract M8); None to leave as it is (or False for a new member).
    """

    __slots__ = ("address", "incarnation", "member", "part", "priority", "witness")

    def __init__(
        self,
        member: str,
        part: str,
        address: "str | None" = None,
        incarnation: int = 0,
        witness: "bool | None" = None,
        priority: "int | None" = None,
    ) -> None:
        self.member = member
        self.part = part
        self.address = address
        self.incarnation = incarnation
        self.witness = witness
        self.priority = priority

    def __repr__(self) -> str:
        return f"Change({self.member!r}, {self.part!r})"


def changed(configuration: Configuration, changes: "list[Change]") -> Configuration:
    """Return the configuration that the changes lead to in the end; the same one when they change nothing.

    Args:
        configuration: the present one, not joint.
        changes: at most one for each member.

    Raises:
        InvalidChange: when a member is named twice or changed in a way that cannot be, or what is said of it is out of
            its bounds.
        LastVoter, WitnessMajority: when the voters that would be left cannot keep anything safe.
    """
    voters = list(configuration.voters)
    learners = list(configuration.learners)
    witnesses = list(configuration.witnesses)
    addresses = dict(configuration.addresses)
    incarnations = dict(configuration.incarnations)
    priorities = dict(configuration.priorities)
    seen: "list[str]" = []
    for change in changes:
        member = change.member
        if not is_id(member):
            raise InvalidChange(repr(member), "its id must be a string of 1 to 64 characters")
        if member in seen:
            raise InvalidChange(member, "it is named twice")
        seen.append(member)
        _check(configuration, change)
        for part, ids in ((VOTER, voters), (LEARNER, learners)):
            if change.part == part and member not in ids:
                ids.append(member)
            elif change.part != part and member in ids:
                ids.remove(member)
        if change.witness and member not in witnesses:
            witnesses.append(member)
        if change.address is not None:
            addresses[member] = change.address
        if change.incarnation:
            incarnations[member] = change.incarnation
        if change.priority is not None:
            priorities[member] = change.priority
    full = [voter for voter in voters if voter not in witnesses]
    if not full:
        raise LastVoter
    if 2 * (len(voters) - len(full)) > len(voters):
        raise WitnessMajority
    try:
        return configuration.replaced(
            tuple(voters), (), tuple(learners), tuple(witnesses), addresses, incarnations, priorities
        )
    except InvalidConfig as error:
        problem = error
    raise InvalidChange(str(problem.value), f"{problem.field} must be {problem.bound}")


def _check(configuration: Configuration, change: Change) -> None:
    member = change.member
    if change.part not in (VOTER, LEARNER, REMOVED):
        raise InvalidChange(member, f"its part is {change.part!r}, not {VOTER}, {LEARNER} or {REMOVED}")
    if member not in configuration.members:
        # Whoever spoke first would be bound, and that could be a message of the id's last life, still on its way.
        if change.part != REMOVED and configuration.incarnations and not change.incarnation:
            raise InvalidChange(member, "a member that joins needs the incarnation of its storage")
        return
    bound = configuration.incarnations.get(member, 0)
    if change.incarnation and bound and change.incarnation != bound:
        raise InvalidChange(
            member, f"its id is bound to incarnation {bound:x}; remove it first, then add it with its new one"
        )
    if change.witness is not None and change.witness != (member in configuration.witnesses):
        raise InvalidChange(member, "a witness never becomes a full member, nor the other way round; remove it first")


def next_step(configuration: Configuration, target: Configuration, leader: str) -> Configuration:
    """Return the configuration to enter now on the way to the target: the target itself, or a joint one."""
    added = [voter for voter in target.voters if voter not in configuration.voters]
    removed = [voter for voter in configuration.voters if voter not in target.voters]
    if len(added) + len(removed) <= 1 and leader not in removed:
        return target
    return target.replaced(
        outgoing=configuration.voters,
        witnesses=united(configuration.witnesses, target.witnesses),
        addresses=_both(configuration.addresses, target.addresses),
        incarnations=_both(configuration.incarnations, target.incarnations),
        priorities=_both(configuration.priorities, target.priorities),
    )


def _both(old, new):
    both = dict(old)
    both.update(new)
    return both


def with_learners(configuration: Configuration, target: Configuration, members: "list[str]") -> Configuration:
    """Return the present configuration with these future members as learners, so that they can catch up first."""
    return configuration.replaced(
        learners=united(configuration.learners, tuple(members)),
        witnesses=united(configuration.witnesses, target.witnesses),
        addresses=_both(target.addresses, configuration.addresses),
        incarnations=_both(target.incarnations, configuration.incarnations),
        priorities=_both(target.priorities, configuration.priorities),
    )
