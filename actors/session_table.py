"""The sessions of all clients: who is known, which of their commands were applied, and to what reply.

The table is part of the replicated state: it changes only by what stands in the log, in the same way on every member.
Time is log time (see `raft.entries.Entry`), so a session expires at the same entry everywhere (thesis section 6.3).

Keeps to what MicroPython understands: boards run this file too.
"""

import heapq

from raft.config import LIMIT
from raft.errors import InvalidConfig

from . import results
from .chunks import MalformedSnapshot, Reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# What an entry came to, as its proposer is told.
APPLIED = "applied"
UNSUPPORTED = "unsupported"
REGISTERED = "registered"
EXPIRED = "expired"
ANSWERED = "answered"
AHEAD = "ahead"
FULL = "full"
CROWDED = "crowded"
INVALID = "invalid"

REPLY_OVERHEAD_BYTES = 64  # what a kept reply is charged beside its contents, so that empty ones are bounded too

# name, default, smallest, largest
_FIELDS = (
    ("timeout_ms", 3_600_000, 1, LIMIT),
    ("sessions", 10_000, 1, 1 << 20),
    ("window", 1024, 1, 1 << 16),
    ("session_reply_bytes", 4 * 1024 * 1024, 1, LIMIT),
    ("reply_bytes", 64 * 1024 * 1024, 1, LIMIT),
)


class SessionLimits:
    """How much of clients a cluster remembers. Every argument is a keyword and an integer.

    The limits decide what is applied, so they must be the same on every member and stay the same for as long as the
    cluster lives.

    Args:
        timeout_ms: how long after its last command a session expires, in log time. Default one hour.
        sessions: most sessions at a time; beyond, no new one is opened. Default 10,000.
        window: how far a sequence may be above the lowest one that is unanswered, and so the most replies kept for a
            session. Default 1024.
        session_reply_bytes: from how many bytes of kept replies on a session gets none of its commands applied but
            the one that its client waits for longest. Default 4 MiB.
        reply_bytes: the same for all sessions together, without exception. Default 64 MiB.

    Raises:
        InvalidConfig: names the field, the value and the bound.
    """

    def __init__(self, **limits: int) -> None:
        self.timeout_ms = 0
        self.sessions = 0
        self.window = 0
        self.session_reply_bytes = 0
        self.reply_bytes = 0
        for name, default, smallest, largest in _FIELDS:
            value = limits.pop(name, default)
            if type(value) is not int or not smallest <= value <= largest:
                raise InvalidConfig(name, value, f"an integer from {smallest} to {largest}")
            setattr(self, name, value)
        for name in sorted(limits):
            raise InvalidConfig(name, limits[name], "one of: " + ", ".join([field[0] for field in _FIELDS]))


class Reply:
    """What an entry of the log came to.

    Attributes:
        outcome: `APPLIED`; `UNSUPPORTED` when it was applied and its result cannot be kept; `REGISTERED`; or why it
            was not applied: `EXPIRED` when there is no such session (any more), `ANSWERED` when its client has said
            that it has the reply, `AHEAD` when the sequence is beyond the window, `FULL` when the kept replies take
            too many bytes, `CROWDED` when there are too many sessions, `INVALID` when the bytes are no command.
        value: of a command in a session the encoded result, of another the result itself; the id of a new session;
            what was wrong with an unsupported result or an invalid command; else None.
    """

    __slots__ = ("outcome", "value")

    def __init__(self, outcome: str, value: object = None) -> None:
        self.outcome = outcome
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reply) and self.outcome == other.outcome and self.value == other.value

    def __hash__(self) -> int:
        return len(self.outcome)

    def __repr__(self) -> str:
        return f"Reply({self.outcome!r}, {self.value!r})"


class Session:
    """What is known of one client.

    Attributes:
        used_ms: log time of its last command.
        lowest: the lowest sequence that it waits for, as far as it has told.
        replies: the replies from there on, by sequence.
        reply_bytes: what they count against the limits.
    """

    __slots__ = ("lowest", "replies", "reply_bytes", "used_ms")

    def __init__(self, used_ms: int, lowest: int = 1) -> None:
        self.used_ms = used_ms
        self.lowest = lowest
        self.replies: dict[int, Reply] = {}
        self.reply_bytes = 0


class SessionTable:
    """All sessions.

    Args:
        limits: how much is remembered.

    Attributes:
        due_ms: no session expires before log time is beyond this; None when there is none.
    """

    def __init__(self, limits: SessionLimits) -> None:
        self.due_ms: int | None = None
        self._limits = limits
        self._sessions: dict[int, Session] = {}
        self._reply_bytes = 0
        # A heap of (a time at which the session was used, its id), one for each. The time may be an old one; then the
        # session is put back when its turn comes, once in a timeout at most.
        self._by_use: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def reply_bytes(self) -> int:
        """What the kept replies of all sessions count against the limit."""
        return self._reply_bytes

    def expire(self, now_ms: int) -> None:
        """Forget every session that was last used more than a timeout before some log time."""
        oldest_ms = now_ms - self._limits.timeout_ms
        by_use = self._by_use
        while by_use and by_use[0][0] < oldest_ms:
            _, id = heapq.heappop(by_use)
            session = self._sessions[id]
            if session.used_ms < oldest_ms:
                self._reply_bytes -= session.reply_bytes
                del self._sessions[id]
            else:
                heapq.heappush(by_use, (session.used_ms, id))
        self._note_due()

    def register(self, id: int, now_ms: int) -> Reply:
        """Open a session under an id that was never used before, if there is room."""
        if len(self._sessions) >= self._limits.sessions:
            return Reply(CROWDED)
        self._add(id, Session(now_ms))
        return Reply(REGISTERED, id)

    def use(self, id: int, lowest: int, now_ms: int) -> "Session | None":
        """Return a session and note that it was used, or None when it is unknown.

        Args:
            id: the session.
            lowest: the lowest sequence that its client waits for; the replies below are dropped.
            now_ms: log time.
        """
        session = self._sessions.get(id)
        if session is None:
            return None
        session.used_ms = now_ms
        if lowest > session.lowest:
            self._drop_below(session, lowest)
        return session

    def answer(self, session: Session, sequence: int) -> "Reply | None":
        """Return the reply to a command that is not to be applied, or None when it is, as the first of its sequence."""
        kept = session.replies.get(sequence)
        if kept is not None:
            return kept
        if sequence < session.lowest:
            return Reply(ANSWERED)
        if sequence >= session.lowest + self._limits.window:
            return Reply(AHEAD)
        if self._reply_bytes >= self._limits.reply_bytes:
            return Reply(FULL)
        # The lowest one passes: no other reply can be dropped before the client has got this one.
        if session.reply_bytes >= self._limits.session_reply_bytes and sequence > session.lowest:
            return Reply(FULL)
        return None

    def keep(self, session: Session, sequence: int, reply: Reply) -> None:
        """Keep the reply to a command that was applied."""
        session.replies[sequence] = reply
        size_bytes = REPLY_OVERHEAD_BYTES + len(reply.value)  # type: ignore[arg-type]
        session.reply_bytes += size_bytes
        self._reply_bytes += size_bytes

    def snapshot(self) -> "Iterator[bytes]":
        """Return the present sessions as bytes, piece by piece; what happens meanwhile does not touch them."""
        return _encode(
            [
                (id, session.used_ms, session.lowest, sorted(session.replies.items()))
                for id, session in sorted(self._sessions.items())
            ]
        )

    def restore(self, read: "Reader") -> None:
        """Replace the sessions by those of a snapshot.

        Raises:
            MalformedSnapshot: when the bytes hold none; the sessions stay as they were.
        """
        table = SessionTable(self._limits)
        for _ in range(int.from_bytes(read.take(8), "big")):
            record = read.take(int.from_bytes(read.take(8), "big"))
            try:
                id, used_ms, lowest, replies = results.decode(record)
                session = Session(used_ms, lowest)
                for sequence, outcome, value in replies:
                    table.keep(session, sequence, Reply(outcome, value))
                table._add(id, session)
            except (TypeError, ValueError) as error:
                raise MalformedSnapshot(f"a session is none: {error}") from None
        self._sessions = table._sessions
        self._reply_bytes = table._reply_bytes
        self._by_use = table._by_use
        self.due_ms = table.due_ms

    def _add(self, id: int, session: Session) -> None:
        self._sessions[id] = session
        heapq.heappush(self._by_use, (session.used_ms, id))
        self._note_due()

    def _note_due(self) -> None:
        self.due_ms = self._by_use[0][0] + self._limits.timeout_ms if self._by_use else None

    def _drop_below(self, session: Session, lowest: int) -> None:
        replies = session.replies
        below: Iterable[int] = range(session.lowest, lowest)
        if lowest - session.lowest > len(replies):
            below = [sequence for sequence in replies if sequence < lowest]
        freed_bytes = 0
        for sequence in below:
            reply = replies.pop(sequence, None)
            if reply is not None:
                freed_bytes += REPLY_OVERHEAD_BYTES + len(reply.value)  # type: ignore[arg-type]
        session.reply_bytes -= freed_bytes
        self._reply_bytes -= freed_bytes
        session.lowest = lowest


def _encode(sessions: "list[tuple[int, int, int, list[tuple[int, Reply]]]]") -> "Iterator[bytes]":
    yield len(sessions).to_bytes(8, "big")
    for id, used_ms, lowest, kept in sessions:
        replies = [(sequence, reply.outcome, reply.value) for sequence, reply in kept]
        record = results.encode((id, used_ms, lowest, replies))
        yield len(record).to_bytes(8, "big") + record
