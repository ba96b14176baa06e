"""What a snapshot is of, how much of one is here, the wish for a piece: what is in it is nothing to the core."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .membership import Configuration

LARGEST_FINGERPRINT = (1 << 64) - 1


class Snapshot:
    """What a snapshot is of.

    Attributes:
        index: the last entry that it covers, 1 or more.
        term: the term of that entry.
        stamp_ms: log time as of that entry (see `Entry`).
        configuration: who took part as of that entry.
    """

    __slots__ = ("configuration", "index", "stamp_ms", "term")
    FIELDS = ("index", "term", "stamp_ms", "configuration")

    def __init__(self, index: int, term: int, stamp_ms: int, configuration: "Configuration") -> None:
        self.index = index
        self.term = term
        self.stamp_ms = stamp_ms
        self.configuration = configuration

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Snapshot)
            and self.index == other.index
            and self.term == other.term
            and self.stamp_ms == other.stamp_ms
            and self.configuration == other.configuration
        )

    def __hash__(self) -> int:
        return self.index

    def __repr__(self) -> str:
        return f"Snapshot({self.index}, {self.term}, {self.stamp_ms}, {self.configuration!r})"


class Download:
    """What a member has received of a leader's snapshot that is not whole yet.

    Bytes of one snapshot may differ from member to member although their meaning is the same. So a download goes on
    with any leader whose snapshot has the same fingerprint, and with no other.

    Attributes:
        snapshot: which one.
        fingerprint: of its whole content, see `SnapshotChunk`.
        size_bytes: how much of it is here, from its beginning on.
    """

    __slots__ = ("fingerprint", "size_bytes", "snapshot")
    FIELDS = ("snapshot", "fingerprint", "size_bytes")

    def __init__(self, snapshot: Snapshot, fingerprint: int, size_bytes: int) -> None:
        self.snapshot = snapshot
        self.fingerprint = fingerprint
        self.size_bytes = size_bytes

    def is_of(self, snapshot: Snapshot, fingerprint: int) -> bool:
        """Whether a chunk of this snapshot, with this fingerprint, belongs to it."""
        return self.fingerprint == fingerprint and self.snapshot == snapshot

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Download)
            and self.is_of(other.snapshot, other.fingerprint)
            and self.size_bytes == other.size_bytes
        )

    def __hash__(self) -> int:
        return self.size_bytes

    def __repr__(self) -> str:
        return f"Download({self.snapshot!r}, {self.fingerprint:x}, {self.size_bytes})"


class ChunkRequest:
    """The leader wants a piece of its snapshot sent to a follower; its runtime reads it and sends it.

    Attributes:
        receiver: the follower.
        term: the term of the leader; the chunk is for this term only.
        snapshot: which one.
        offset: where the piece begins, in bytes.
        limit_bytes: how large it may be.
    """

    __slots__ = ("limit_bytes", "offset", "receiver", "snapshot", "term")

    def __init__(self, receiver: str, term: int, snapshot: Snapshot, offset: int, limit_bytes: int) -> None:
        self.receiver = receiver
        self.term = term
        self.snapshot = snapshot
        self.offset = offset
        self.limit_bytes = limit_bytes
