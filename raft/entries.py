"""What a log is made of."""

NOOP = 0  # the entry every leader opens its term with (thesis section 3.6.2, 6.4)
COMMAND = 1  # a command for the state machine
CONFIGURATION = 2  # who takes part from here on (thesis section 4.1), as `Configuration.encode` writes it
KINDS = (NOOP, COMMAND, CONFIGURATION)

OVERHEAD_BYTES = 32  # what an entry is charged beside its payload, so that empty commands are bounded too


class Entry:
    """One slot of the replicated log. Never changed once made.

    Attributes:
        index: position in the log, 1 or more.
        term: the term of the leader that created it, 1 or more.
        kind: `NOOP`, `COMMAND` or `CONFIGURATION`.
        data: the command, opaque to the core; empty for a no-op, and for every command at a witness.
        stamp_ms: log time, in milliseconds: what the leader's clock says has passed since the log began. Never falls
            along the log (thesis section 6.3).
        size_bytes: what it counts against every byte limit.
    """

    __slots__ = ("data", "index", "kind", "size_bytes", "stamp_ms", "term")

    def __init__(self, index: int, term: int, kind: int, data: bytes, stamp_ms: int = 0) -> None:
        self.index = index
        self.term = term
        self.kind = kind
        self.data = data
        self.stamp_ms = stamp_ms
        # What somebody has sent may be no bytes; that is judged later, and nothing may be raised before.
        self.size_bytes = OVERHEAD_BYTES + (len(data) if type(data) is bytes else 0)

    def without_payload(self) -> "Entry":
        """Return what a witness stores of it (contract M8): everything but the command."""
        return Entry(self.index, self.term, COMMAND, b"", self.stamp_ms) if self.kind == COMMAND else self

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Entry)
            and self.index == other.index
            and self.term == other.term
            and self.kind == other.kind
            and self.data == other.data
            and self.stamp_ms == other.stamp_ms
        )

    def __hash__(self) -> int:
        return self.index

    def __repr__(self) -> str:
        return f"Entry({self.index}, {self.term}, {self.kind}, {self.data!r}, {self.stamp_ms})"
