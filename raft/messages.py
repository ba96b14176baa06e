"""What nodes say to each other: one small class per message, never changed once made.

Every class lists its fields in `FIELDS`, in the order of the constructor's arguments; every codec uses that order.
`handler` names the method of a role that receives the message. `problem()` tells what makes a message malformed, so
that a node can drop it before it changes anything. `binds_term` is false for pre-votes alone: they neither raise a
term nor are refused for theirs (contract E3).
"""

from .entries import KINDS, Entry
from .membership import Configuration
from .snapshots import Snapshot

LIMIT = (1 << 62) - 1
MAX_ID_LENGTH = 64


def _number(value: object, smallest: int = 0) -> bool:
    return type(value) is int and smallest <= value <= LIMIT


class Message:
    """The base of all messages.

    Attributes:
        sender: the id of the member that sent it.
        term: the sender's current term (in `PreVoteRequest`: the term it would campaign in).
    """

    FIELDS: "tuple[str, ...]" = ("sender", "term")
    handler = ""
    binds_term = True
    sender: str
    term: int

    def problem(self) -> "str | None":
        """Return what is malformed, or None. Never raises, whatever the fields hold."""
        if type(self.sender) is not str or not 1 <= len(self.sender) <= MAX_ID_LENGTH:
            return "sender is no id"
        if not _number(self.term, 1):
            return "term is no positive integer"
        return self._body_problem()

    def _body_problem(self) -> "str | None":
        return None

    def supersedes(self, older: "Message") -> bool:
        """Whether an older message of the same kind to the same receiver need not be sent any more."""
        return True

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return False
        return all(getattr(self, field) == getattr(other, field) for field in self.FIELDS)

    def __hash__(self) -> int:
        return self.term

    def __repr__(self) -> str:
        shown = ", ".join([field + "=" + repr(getattr(self, field)) for field in self.FIELDS])
        return f"{type(self).__name__}({shown})"


class PreVoteRequest(Message):
    """Would you vote for me? Changes no state anywhere (thesis section 9.6).

    Attributes:
        term: the term of the election that would follow, one above the sender's own.
        campaign: a number drawn for this round of asking; replies carry it back, so that late ones count for nothing.
        last_index: index of the sender's last entry.
        last_term: its term.
    """

    __slots__ = ("campaign", "last_index", "last_term", "sender", "term")
    FIELDS = ("sender", "term", "campaign", "last_index", "last_term")
    handler = "on_pre_vote_request"
    binds_term = False

    def __init__(self, sender: str, term: int, campaign: int, last_index: int, last_term: int) -> None:
        self.sender = sender
        self.term = term
        self.campaign = campaign
        self.last_index = last_index
        self.last_term = last_term

    def _body_problem(self) -> "str | None":
        if not _number(self.campaign):
            return "campaign is no number"
        return _log_position_problem(self.last_index, self.last_term)


class PreVoteReply(Message):
    """The answer to a `PreVoteRequest`; a refusal tells the voter's own term, which the asker adopts if higher.

    Attributes:
        campaign: as in the request.
        granted: whether the voter would vote for the asker now.
    """

    __slots__ = ("campaign", "granted", "sender", "term")
    FIELDS = ("sender", "term", "campaign", "granted")
    handler = "on_pre_vote_reply"
    binds_term = False

    def __init__(self, sender: str, term: int, campaign: int, granted: bool) -> None:
        self.sender = sender
        self.term = term
        self.campaign = campaign
        self.granted = granted

    def problem(self) -> "str | None":
        """As for every message, but a voter that never saw a term answers with term 0."""
        if type(self.sender) is not str or not 1 <= len(self.sender) <= MAX_ID_LENGTH:
            return "sender is no id"
        if not _number(self.term) or not _number(self.campaign):
            return "term or campaign is no number"
        return None if type(self.granted) is bool else "granted is no boolean"


class VoteRequest(Message):
    """Vote for me (paper section 5.2, 5.4.1).

    Attributes:
        last_index: index of the candidate's last entry.
        last_term: its term.
    """

    __slots__ = ("last_index", "last_term", "sender", "term")
    FIELDS = ("sender", "term", "last_index", "last_term")
    handler = "on_vote_request"

    def __init__(self, sender: str, term: int, last_index: int, last_term: int) -> None:
        self.sender = sender
        self.term = term
        self.last_index = last_index
        self.last_term = last_term

    def _body_problem(self) -> "str | None":
        return _log_position_problem(self.last_index, self.last_term)


class VoteReply(Message):
    """The answer to a `VoteRequest`.

    Attributes:
        granted: whether the sender's vote of this term is the candidate's.
    """

    __slots__ = ("granted", "sender", "term")
    FIELDS = ("sender", "term", "granted")
    handler = "on_vote_reply"

    def __init__(self, sender: str, term: int, granted: bool) -> None:
        self.sender = sender
        self.term = term
        self.granted = granted

    def _body_problem(self) -> "str | None":
        return None if type(self.granted) is bool else "granted is no boolean"


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
        problem = _log_position_problem(self.prev_index, self.prev_term)
        if problem:
            return problem
        if not _number(self.commit):
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
            if not _number(entry.stamp_ms):
                return "a stamp is no number"
            if type(entry.kind) is not int or entry.kind not in KINDS or type(entry.data) is not bytes:
                return "an entry is of no known kind or its data are no bytes"
        return "terms of entries start at 1" if self.entries and self.entries[0].term < 1 else None


class AppendAccepted(Message):
    """All entries up to `match_index` are in the sender's log *durably* and equal the leader's.

    Attributes:
        match_index: previous index plus number of entries of the very append it answers, never more.
    """

    __slots__ = ("match_index", "sender", "term")
    FIELDS = ("sender", "term", "match_index")
    handler = "on_append_accepted"

    def __init__(self, sender: str, term: int, match_index: int) -> None:
        self.sender = sender
        self.term = term
        self.match_index = match_index

    def supersedes(self, older: Message) -> bool:
        """Whether it acknowledges at least as much."""
        return not isinstance(older, AppendAccepted) or self.match_index >= older.match_index

    def _body_problem(self) -> "str | None":
        return None if _number(self.match_index) else "match_index is no number"


class AppendRejected(Message):
    """The entry at `prev_index` is missing here or of another term.

    The hint lets the leader skip whole terms (paper, end of section 5.3): it is the last entry here, at or before
    `prev_index`, whose term is not above that of the leader's entry at `prev_index`.

    Attributes:
        prev_index: as in the append it answers.
        hint_index: index of that entry; 0 when there is none.
        hint_term: its term.
    """

    __slots__ = ("hint_index", "hint_term", "prev_index", "sender", "term")
    FIELDS = ("sender", "term", "prev_index", "hint_index", "hint_term")
    handler = "on_append_rejected"

    def __init__(self, sender: str, term: int, prev_index: int, hint_index: int, hint_term: int) -> None:
        self.sender = sender
        self.term = term
        self.prev_index = prev_index
        self.hint_index = hint_index
        self.hint_term = hint_term

    def _body_problem(self) -> "str | None":
        if not _number(self.prev_index, 1):
            return "prev_index is no positive number"
        problem = _log_position_problem(self.hint_index, self.hint_term)
        if problem:
            return problem
        return None if self.hint_index <= self.prev_index else "the hint lies behind prev_index"


class Heartbeat(Message):
    """I lead this term. Carries nothing about the log: commit indexes travel only with appends.

    Attributes:
        round: number of this round of heartbeats within the term, from 1.
    """

    __slots__ = ("round", "sender", "term")
    FIELDS = ("sender", "term", "round")
    handler = "on_heartbeat"

    def __init__(self, sender: str, term: int, round: int) -> None:
        self.sender = sender
        self.term = term
        self.round = round

    def _body_problem(self) -> "str | None":
        return None if _number(self.round, 1) else "round is no positive number"


class HeartbeatEcho(Message):
    """The sender heard this round of its leader.

    Attributes:
        round: as in the heartbeat.
        commit: how far the sender knows its log to be committed, so that the leader notices a lost commit notice.
    """

    __slots__ = ("commit", "round", "sender", "term")
    FIELDS = ("sender", "term", "round", "commit")
    handler = "on_heartbeat_echo"

    def __init__(self, sender: str, term: int, round: int, commit: int) -> None:
        self.sender = sender
        self.term = term
        self.round = round
        self.commit = commit

    def supersedes(self, older: Message) -> bool:
        """Whether it echoes a later round."""
        return not isinstance(older, HeartbeatEcho) or self.round >= older.round

    def _body_problem(self) -> "str | None":
        return None if _number(self.round, 1) and _number(self.commit) else "round or commit is no number"


class SnapshotChunk(Message):
    """A piece of the leader's snapshot (paper section 7).

    Attributes:
        snapshot: what it is of, a `Snapshot`.
        offset: where the piece begins, in bytes.
        data: the piece.
        last: whether the snapshot ends with it.
    """

    __slots__ = ("data", "last", "offset", "sender", "snapshot", "term")
    FIELDS = ("sender", "term", "snapshot", "offset", "data", "last")
    handler = "on_snapshot_chunk"

    def __init__(self, sender: str, term: int, snapshot: Snapshot, offset: int, data: bytes, last: bool) -> None:
        self.sender = sender
        self.term = term
        self.snapshot = snapshot
        self.offset = offset
        self.data = data
        self.last = last

    def _body_problem(self) -> "str | None":
        snapshot = self.snapshot
        if type(snapshot) is not Snapshot or type(snapshot.configuration) is not Configuration:
            return "snapshot is no Snapshot"
        if not _number(snapshot.index, 1) or not _number(snapshot.term, 1) or snapshot.term > self.term:
            return "the snapshot is of no position that a log of this term can have"
        if not _number(snapshot.stamp_ms):
            return "the snapshot's stamp is no number"
        if not _number(self.offset) or type(self.data) is not bytes or type(self.last) is not bool:
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
        if not _number(self.index, 1) or not _number(self.offset) or not _number(self.size_bytes):
            return "index, offset or size is no number"
        return None


class HigherTerm(Message):
    """Answer to a leader or candidate of an older term: there is a higher one (paper section 5.1)."""

    __slots__ = ("sender", "term")
    FIELDS = ("sender", "term")
    handler = "on_higher_term"

    def __init__(self, sender: str, term: int) -> None:
        self.sender = sender
        self.term = term


def _log_position_problem(index: object, term: object) -> "str | None":
    if not _number(index) or not _number(term):
        return "a log position is no pair of numbers"
    return None if (index == 0) == (term == 0) else "index and term of a log position must be 0 together"


MESSAGES = (
    PreVoteRequest,
    PreVoteReply,
    VoteRequest,
    VoteReply,
    Append,
    AppendAccepted,
    AppendRejected,
    Heartbeat,
    HeartbeatEcho,
    SnapshotChunk,
    SnapshotReceived,
    HigherTerm,
)
