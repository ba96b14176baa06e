"""The effects of the core, as values: what a node hands to its runtime, and what the runtime must do with it."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .entries import Entry
    from .messages import Message


class Write:
    """One numbered write to stable storage; all of it becomes durable at once, or none of it.

    Attributes:
        number: counts up from 1 without gaps; the runtime reports it back with `Node.persisted`.
        term: the current term, to be stored together with `vote`, or None when neither has changed.
        vote: the member voted for in that term, or None.
        entries: consecutive entries; when there are any, they replace everything in the stored log at or after the
            first of them.
    """

    __slots__ = ("entries", "number", "term", "vote")

    def __init__(self, number: int, term: "int | None", vote: "str | None", entries: "tuple[Entry, ...]") -> None:
        self.number = number
        self.term = term
        self.vote = vote
        self.entries = entries

    def __repr__(self) -> str:
        return f"Write({self.number}, {self.term}, {self.vote!r}, {self.entries!r})"


class Ready:
    """What must be done now. The parts are independent: messages need not wait for the write.

    Attributes:
        write: a `Write` to begin, or None. Writes must take effect in the order of their numbers.
        messages: a list of (receiver id, message) to send; each may be lost, repeated or overtaken on its way. Those
            that depend on a write are held back by the node until it is reported as persisted.
        committed: a tuple of entries to apply, in order, before `Node.applied` is told the last index.
        events: a list of events (see `observer.py`) for whoever watches.
    """

    __slots__ = ("committed", "events", "messages", "write")

    def __init__(
        self,
        write: "Write | None",
        messages: "list[tuple[str, Message]]",
        committed: "tuple[Entry, ...]",
        events: "list[object]",
    ) -> None:
        self.write = write
        self.messages = messages
        self.committed = committed
        self.events = events


class Restored:
    """What a node finds in its storage at start.

    Args:
        term: the stored term, 0 for a new node.
        vote: the member voted for in that term, or None.
        entries: the stored log: consecutive entries from index 1.
    """

    __slots__ = ("entries", "term", "vote")

    def __init__(self, term: int = 0, vote: "str | None" = None, entries: "tuple[Entry, ...]" = ()) -> None:
        self.term = term
        self.vote = vote
        self.entries = entries
