"""The effects of the core, as values: what a node hands to its runtime, and what the runtime must do with it."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .entries import Entry
    from .event import Event
    from .messages import Message, SnapshotChunk
    from .snapshot import ChunkRequest, Download, Snapshot


class Write:
    """One numbered write to stable storage. It is durable when all of it is; what a crash leaves: see `ports.py`.

    Attributes:
        number: counts up from 1 without gaps; the runtime reports it back with `Node.persisted`.
        term: the current term, to be stored together with `vote`, or None when neither has changed.
        vote: the member voted for in that term, or None.
        entries: consecutive entries; when there are any, they replace everything in the stored log at or after the
            first of them.
        base: (index, term): the log begins behind this entry. What is stored at or before it may be dropped; when it
            is not stored with that term, everything must be, before the entries are stored.
        install: a `Snapshot` whose chunks were all handed out: it becomes the stored one, and replaces the whole
            stored log, with the entries of this very write; or None.
        cluster: the id of the cluster, to be stored from now on (contract M9); 0 when that has not changed.
    """

    __slots__ = ("base", "cluster", "entries", "install", "number", "term", "vote")

    def __init__(
        self,
        number: int,
        term: "int | None",
        vote: "str | None",
        entries: "tuple[Entry, ...]",
        base: "tuple[int, int]" = (0, 0),
        install: "Snapshot | None" = None,
        cluster: int = 0,
    ) -> None:
        self.number = number
        self.term = term
        self.vote = vote
        self.entries = entries
        self.base = base
        self.install = install
        self.cluster = cluster

    def __repr__(self) -> str:
        also = f", {self.cluster:x}" if self.cluster else ""
        what = f"{self.term}, {self.vote!r}, {self.entries!r}, {self.base}, {self.install!r}"
        return f"Write({self.number}, {what}{also})"


class Answer:
    """What became of a read, a transfer or a change of membership.

    Attributes:
        ticket: what the node returned when it was asked.
        error: None when it was done; else why not, or `OutcomeUnknown`.
        value: for a read the index to which the state machine has come, so that it may be served from it now; for a
            transfer the new leader; for a change of membership the index of the entry that ended it.
    """

    __slots__ = ("error", "ticket", "value")

    def __init__(self, ticket: int, error: "Exception | None", value: object) -> None:
        self.ticket = ticket
        self.error = error
        self.value = value

    def __repr__(self) -> str:
        return f"Answer({self.ticket}, {self.error!r}, {self.value!r})"


class Ready:
    """What must be done now. The parts are independent: messages need not wait for the write.

    Attributes:
        write: a `Write` to begin, or None. Writes must take effect in the order of their numbers.
        messages: a list of (receiver id, message) to send; each may be lost, repeated or overtaken on its way. Those
            that depend on a write are held back by the node until it is reported as persisted.
        committed: a tuple of entries to apply, in order, before `Node.applied` is told the last index.
        chunks: a list of `SnapshotChunk` received, in order, to be stored; they need not be durable before the write
            that installs their snapshot; the last of them is followed by `Snapshots.checked`.
        chunk_requests: a list of `ChunkRequest`: pieces of the stored snapshot to read and to send.
        restore: a `Snapshot` that is installed and must now replace the state machine, after `committed` is applied
            and before `Snapshots.restored` is told; or None.
        answers: a list of `Answer`, each to be passed on before anything of `committed` is applied.
        events: a list of events (see `observer.py`) for whoever watches, oldest first.
    """

    __slots__ = ("answers", "chunk_requests", "chunks", "committed", "events", "messages", "restore", "write")

    def __init__(
        self,
        write: "Write | None",
        messages: "list[tuple[str, Message]]",
        committed: "tuple[Entry, ...]",
        chunks: "list[SnapshotChunk]",
        chunk_requests: "list[ChunkRequest]",
        restore: "Snapshot | None",
        answers: "list[Answer]",
        events: "list[Event]",
    ) -> None:
        self.write = write
        self.messages = messages
        self.committed = committed
        self.chunks = chunks
        self.chunk_requests = chunk_requests
        self.restore = restore
        self.answers = answers
        self.events = events


class Restored:
    """What a node finds in its storage at start.

    Args:
        term: the stored term, 0 for a new node.
        vote: the member voted for in that term, or None.
        entries: the stored log: consecutive entries from behind the base.
        base: (index, term) of the entry before the first one stored.
        snapshot: the newest stored `Snapshot`, which the state machine was restored from, or None.
        incarnation: drawn at random when the storage was created, 1 to 2**64 - 1 (contract M6); 0 for a storage without
            one, which can only be a member of a cluster of such.
        is_witness: whether the storage was created for a witness (contract M8); None when it does not tell.
        cluster: the stored id of the cluster (contract M9), 0 when none was stored.
        download: a `Download`: what is intact of a newer snapshot that was being received, or None.
    """

    __slots__ = ("base", "cluster", "download", "entries", "incarnation", "is_witness", "snapshot", "term", "vote")

    def __init__(
        self,
        term: int = 0,
        vote: "str | None" = None,
        entries: "tuple[Entry, ...]" = (),
        base: "tuple[int, int]" = (0, 0),
        snapshot: "Snapshot | None" = None,
        incarnation: int = 0,
        is_witness: "bool | None" = None,
        cluster: int = 0,
        download: "Download | None" = None,
    ) -> None:
        self.term = term
        self.vote = vote
        self.entries = entries
        self.base = base
        self.snapshot = snapshot
        self.download = download
        self.incarnation = incarnation
        self.is_witness = is_witness
        self.cluster = cluster
