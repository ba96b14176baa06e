"""Messages by which a leader shows that it still leads: rounds of heartbeats, and reads that rest on them."""

from .features import BASE_LEVEL, is_level
from .message import Message, number


class Heartbeat(Message):
    """I lead this term. It commits nothing: what is committed travels only with appends.

    Attributes:
        round: number of this round of heartbeats within the term, from 1.
        commit: up to where a state machine must have come to have all that the leader may know to be committed, by
            which a follower knows how stale it is.
        pause_ms: how long the leader will be silent now if nothing happens, 0 for the usual interval (contract L4).
    """

    __slots__ = ("commit", "pause_ms", "round", "sender", "term")
    FIELDS = ("sender", "term", "round", "commit", "pause_ms")
    handler = "on_heartbeat"
    from_anyone = True
    from_leader = True

    def __init__(self, sender: str, term: int, round: int, commit: int = 0, pause_ms: int = 0) -> None:
        self.sender = sender
        self.term = term
        self.round = round
        self.commit = commit
        self.pause_ms = pause_ms

    def _body_problem(self) -> "str | None":
        if not number(self.commit) or not number(self.pause_ms):
            return "commit or pause is no number"
        return None if number(self.round, 1) else "round is no positive number"


class HeartbeatEcho(Message):
    """The sender heard this round of its leader.

    Attributes:
        round: as in the heartbeat.
        commit: how far the sender knows its log to be committed, so that the leader notices a lost commit notice.
        promise_ms: for so long, by its own clock, since it heard the round, the sender elects nobody (contract L2).
        feature_level: the highest that the sender's program supports (contract M10). Without one: the base level.
    """

    __slots__ = ("commit", "feature_level", "promise_ms", "round", "sender", "term")
    FIELDS = ("sender", "term", "round", "commit", "promise_ms", "feature_level")
    handler = "on_heartbeat_echo"

    def __init__(
        self, sender: str, term: int, round: int, commit: int, promise_ms: int = 0, feature_level: int = BASE_LEVEL
    ) -> None:
        self.sender = sender
        self.term = term
        self.round = round
        self.commit = commit
        self.promise_ms = promise_ms
        self.feature_level = feature_level

    def supersedes(self, older: Message) -> bool:
        """Whether it echoes a later round."""
        return not isinstance(older, HeartbeatEcho) or self.round >= older.round

    def _body_problem(self) -> "str | None":
        if not number(self.promise_ms):
            return "the promise is no number"
        if not is_level(self.feature_level):
            return "the feature level is none"
        return None if number(self.round, 1) and number(self.commit) else "round or commit is no number"


class ReadRequest(Message):
    """From which index on may I serve the reads that I have now (thesis section 6.4)?

    Attributes:
        nonce: drawn when the sender started.
        number: of this batch of reads since then.
    """

    __slots__ = ("nonce", "number", "sender", "term")
    FIELDS = ("sender", "term", "nonce", "number")
    handler = "on_read_request"

    def __init__(self, sender: str, term: int, nonce: int, number: int) -> None:
        self.sender = sender
        self.term = term
        self.nonce = nonce
        self.number = number

    def _body_problem(self) -> "str | None":
        return None if number(self.nonce) and number(self.number, 1) else "nonce or number is no number"


class ReadReply(Message):
    """The answer to a `ReadRequest`, after a quorum has confirmed the leader.

    Attributes:
        nonce, number: as in the request.
        index: the reads may be served once this is applied.
    """

    __slots__ = ("index", "nonce", "number", "sender", "term")
    FIELDS = ("sender", "term", "nonce", "number", "index")
    handler = "on_read_reply"

    def __init__(self, sender: str, term: int, nonce: int, number: int, index: int) -> None:
        self.sender = sender
        self.term = term
        self.nonce = nonce
        self.number = number
        self.index = index

    def _body_problem(self) -> "str | None":
        if not number(self.nonce) or not number(self.number, 1) or not number(self.index):
            return "nonce, number or index is no number"
        return None
