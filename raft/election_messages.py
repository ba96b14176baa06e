"""Messages of elections: asking whether one could win, asking for votes, handing over, saying who one is not."""

from .membership import LARGEST_INCARNATION, MAX_ID_LENGTH
from .message import Message, log_position_problem, number


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
    from_anyone = True

    def __init__(self, sender: str, term: int, campaign: int, last_index: int, last_term: int) -> None:
        self.sender = sender
        self.term = term
        self.campaign = campaign
        self.last_index = last_index
        self.last_term = last_term

    def _body_problem(self) -> "str | None":
        if not number(self.campaign):
            return "campaign is no number"
        return log_position_problem(self.last_index, self.last_term)


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
        if not number(self.term) or not number(self.campaign):
            return "term or campaign is no number"
        return self._identity_problem() or (None if type(self.granted) is bool else "granted is no boolean")


class VoteRequest(Message):
    """Vote for me (paper section 5.2, 5.4.1).

    Attributes:
        last_index: index of the candidate's last entry.
        last_term: its term.
        transfer: whether the leader asked for this campaign: only then does it pass stickiness and promises (L3).
    """

    __slots__ = ("last_index", "last_term", "sender", "term", "transfer")
    FIELDS = ("sender", "term", "last_index", "last_term", "transfer")
    handler = "on_vote_request"
    from_anyone = True

    def __init__(self, sender: str, term: int, last_index: int, last_term: int, transfer: bool = False) -> None:
        self.sender = sender
        self.term = term
        self.last_index = last_index
        self.last_term = last_term
        self.transfer = transfer

    def _body_problem(self) -> "str | None":
        problem = None if type(self.transfer) is bool else "transfer is no boolean"
        return problem or log_position_problem(self.last_index, self.last_term)


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


class HigherTerm(Message):
    """Answer to a leader or candidate of an older term: there is a higher one (paper section 5.1)."""

    __slots__ = ("sender", "term")
    FIELDS = ("sender", "term")
    handler = "on_higher_term"

    def __init__(self, sender: str, term: int) -> None:
        self.sender = sender
        self.term = term


class TimeoutNow(Message):
    """Campaign at once: I hand over to you (thesis section 3.10).

    Attributes:
        last_index: obey only if your log goes so far.
    """

    __slots__ = ("last_index", "sender", "term")
    FIELDS = ("sender", "term", "last_index")
    handler = "on_timeout_now"

    def __init__(self, sender: str, term: int, last_index: int) -> None:
        self.sender = sender
        self.term = term
        self.last_index = last_index

    def _body_problem(self) -> "str | None":
        return None if number(self.last_index) else "last_index is no number"


class WrongIncarnation(Message):
    """You are not who you say: the configuration binds your id to another incarnation (contract M6).

    Attributes:
        term: the sender's, at least 1.
        bound: the incarnation that may speak for that id.
    """

    __slots__ = ("bound", "sender", "term")
    FIELDS = ("sender", "term", "bound")
    handler = "on_wrong_incarnation"
    binds_term = False
    from_anyone = True

    def __init__(self, sender: str, term: int, bound: int) -> None:
        self.sender = sender
        self.term = term
        self.bound = bound

    def _body_problem(self) -> "str | None":
        if type(self.bound) is not int or not 1 <= self.bound <= LARGEST_INCARNATION:
            return "bound is no incarnation"
        return None
