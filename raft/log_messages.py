"""Messages that replicate the log: entries, and snapshots in place of entries that are gone."""

from .entries import CONFIGURATION, KINDS, Entry
from .errors import MalformedConfiguration, ProgramTooOld
from .membership import Configuration
from .message import LIMIT, Message, log_position_problem, number
from .snapshot import LARGEST_FINGERPRINT, Snapshot


class Append(Message):
    """Entries for a follower's log, and how far the leader has committed (paper section 5.3).

    Attributes:
        prev_index: index of the entry before the first one sent.
        prev_term: its term.
        commit: the leader's commit index.
        entries: a tuple of consecutive entries, possibly empty.
    """

    __slots__ = ("commit", "entries", "prev_index", "prev_term", "sender", "term")
    FIELDS = ("sender", "term", "prev_index", "prev_term", "commit", "entries")
    handler = "on_append"
    from_anyone = True
    from_leader = True

    def __init__(
        self, sender: str, term: int, prev_index: int, prev_term: int, commit: int, entries: "tuple[Entry, ...]"
    ) -> None:
        self.sender = sender
        self.term = term
        self.prev_index = prev_index
        self.prev_term = prev_term
        self.commit = commit
        self.entries = entries

    def _body_problem(self) -> "str | None":
        problem = log_position_problem(self.prev_index, self.prev_term)
        if problem:
            return problem
        if not number(self.commit):
            return "commit is no number"
        if type(self.entries) is not tuple:
            return "entries are no tuple"
        index = self.prev_index
        term = self.prev_term
        for entry in self.entries:
            index += 1
            if type(entry) is not Entry:
                return "an entry is no Entry"
            if type(entry.index) is not int or entry.index != index:
                return "entries are not consecutive"
            if type(entry.term) is not int or not term <= entry.term <= self.term:
                return "terms of entries fall, or exceed the message's term"
            term = entry.term
            if type(entry.stamp_ms) is not int or not 0 <= entry.stamp_ms <= LIMIT:
                return "a stamp is no number"
            if type(entry.kind) is not int or entry.kind not in KINDS or type(entry.data) is not bytes:
                return "an entry is of no known kind or its data are no bytes"
            if entry.kind == CONFIGURATION and not _is_configuration(entry.data):
                return "an entry holds no configuration"
        return "terms of entries start at 1" if self.entries and self.entries[0].term < 1 else None


class AppendAccepted(Message):
    """All entries up to `match_index` are in the sender's log *durably* and equal the leader's.

    Attributes:
        match_index: previous index plus number of entries of the very append it answers, never more.
        round: the newest round of heartbeats of this term that the sender had heard since its start, 0 for none.
    """

    __slots__ = ("match_index", "round", "sender", "term")
    FIELDS = ("sender", "term", "match_index", "round")
    handler = "on_append_accepted"

    def __init__(self, sender: str, term: int, match_index: int, round: int = 0) -> None:
        self.sender = sender
        self.term = term
        self.match_index = match_index
        self.round = round

    def supersedes(self, older: Message) -> bool:
        """Whether it acknowledges at least as much."""
        return not isinstance(older, AppendAccepted) or self.match_index >= older.match_index

    def _body_problem(self) -> "str | None":
        return None if number(self.match_index) and number(self.round) else "match_index or round is no number"


class AppendRejected(Message):
    """The entry at `prev_index` is missing here or of another term.

    The hint lets the leader skip whole terms (paper, end of section 5.3): it is the last entry here, at or before
    `prev_index`, whose term is not above that of the leader's entry at `prev_index`.

    Attributes:
        prev_index: as in the append it answers.
        hint_index: index of that entry; 0 when there is none.
        hint_term: its term.
        round: as in `AppendAccepted`; it tells a late refusal from one that proves a loss (contract D6).
    """

    __slots__ = ("hint_index", "hint_term", "prev_index", "round", "sender", "term")
    FIELDS = ("sender", "term", "prev_index", "hint_index", "hint_term", "round")
    handler = "on_append_rejected"

    def __init__(
        self, sender: str, term: int, prev_index: int, hint_index: int, hint_term: int, round: int = 0
    ) -> None:
        self.sender = sender
        self.term = term
        self.prev_index = prev_index
        self.hint_index = hint_index
        self.hint_term = hint_term
        self.round = round

    def _body_problem(self) -> "str | None":
        if not number(self.prev_index, 1):
            return "prev_index is no positive number"
        if not number(self.round):
            return "round is no number"
        problem = log_position_problem(self.hint_index, self.hint_term)
        if problem:
            return problem
        return None if self.hint_index <= self.prev_index else "the hint lies behind prev_index"


class NoRoom(Message):
    """The entries behind `prev_index` are not taken: they fit the log, and there is no space for them (contract D2).

    Attributes:
        prev_index: the last entry before those; it is here, durable or not.
    """

    __slots__ = ("prev_index", "sender", "term")
    FIELDS = ("sender", "term", "prev_index")
    handler = "on_no_room"

    def __init__(self, sender: str, term: int, prev_index: int) -> None:
        self.sender = sender
        self.term = term
        self.prev_index = prev_index

    def _body_problem(self) -> "str | None":
        return None if number(self.prev_index) else "prev_index is no number"


class SnapshotChunk(Message):
    """A piece of the leader's snapshot (paper section 7).

    Attributes:
        snapshot: what it is of, a `Snapshot`.
        fingerprint: of the whole content, given by the storage; a number of 64 bits, the same on every member that has
            the same bytes.
        offset: where the piece begins, in bytes.
        data: the piece.
        last: whether the snapshot ends with it.
    """

    __slots__ = ("data", "fingerprint", "last", "offset", "sender", "snapshot", "term")
    FIELDS = ("sender", "term", "snapshot", "fingerprint", "offset", "data", "last")
    handler = "on_snapshot_chunk"
    from_anyone = True
    from_leader = True

    def __init__(
        self, sender: str, term: int, snapshot: Snapshot, fingerprint: int, offset: int, data: bytes, last: bool
    ) -> None:
        self.sender = sender
        self.term = term
        self.snapshot = snapshot
        self.fingerprint = fingerprint
        self.offset = offset
        self.data = data
        self.last = last

    def _body_problem(self) -> "str | None":
        snapshot = self.snapshot
        if type(snapshot) is not Snapshot or type(snapshot.configuration) is not Configuration:
            return "snapshot is no Snapshot"
        if not number(snapshot.index, 1) or not number(snapshot.term, 1) or snapshot.term > self.term:
            return "the snapshot is of no position that a log of this term can have"
        if not number(snapshot.stamp_ms):
            return "the snapshot's stamp is no number"
        if type(self.fingerprint) is not int or not 0 <= self.fingerprint <= LARGEST_FINGERPRINT:
            return "fingerprint is no number of 64 bits"
        if not number(self.offset) or type(self.data) is not bytes or type(self.last) is not bool:
            return "offset, data or last is of the wrong type"
        return None


class SnapshotReceived(Message):
    """The answer to every chunk but the last, which is answered with `AppendAccepted` once the snapshot is installed.

    Attributes:
        index: of the snapshot.
        offset: as in the chunk.
        size_bytes: how much of the snapshot is here; the leader goes on from there.
    """

    __slots__ = ("index", "offset", "sender", "size_bytes", "term")
    FIELDS = ("sender", "term", "index", "offset", "size_bytes")
    handler = "on_snapshot_received"

    def __init__(self, sender: str, term: int, index: int, offset: int, size_bytes: int) -> None:
        self.sender = sender
        self.term = term
        self.index = index
        self.offset = offset
        self.size_bytes = size_bytes

    def _body_problem(self) -> "str | None":
        if not number(self.index, 1) or not number(self.offset) or not number(self.size_bytes):
            return "index, offset or size is no number"
        return None


def _is_configuration(data: bytes) -> bool:
    try:
        Configuration.decode(data)
    except MalformedConfiguration:
        return False
    except ProgramTooOld:
        return True  # of a later program: whoever takes it into its log stops
    return True
