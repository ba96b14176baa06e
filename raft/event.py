"""The levels of events, and what all events have in common."""

NOTHING = 0
ESSENTIAL = 1  # who leads, who takes part, and what a person must look after
INFO = 2  # the course of things: elections, transfers, snapshots, changes of membership
DEBUG = 3  # each step: votes, commits, applications, reads, writes, truncations, refusals
TRACE = 4  # every message


class Event:
    """Something that happened at a node: a value, never changed once made.

    Every class lists its fields in `FIELDS`, in the order of the constructor's arguments.

    Attributes:
        level: the lowest level at which events of this class are made.
        node: id of the node that it happened at.
    """

    __slots__ = ()
    FIELDS: "tuple[str, ...]" = ()
    level = ESSENTIAL
    node: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join([repr(getattr(self, field)) for field in self.FIELDS])})"
