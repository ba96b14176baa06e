"""What every message has, and how a malformed one is told."""

from .membership import LARGEST_INCARNATION, MAX_ID_LENGTH

LIMIT = (1 << 62) - 1


def number(value: object, smallest: int = 0) -> bool:
    """Whether a field holds an integer from `smallest` to `LIMIT`."""
    return type(value) is int and smallest <= value <= LIMIT


def log_position_problem(index: object, term: object) -> "str | None":
    """Return what is wrong with index and term of an entry, or of the very beginning of the log, or None."""
    if not number(index) or not number(term):
        return "a log position is no pair of numbers"
    return None if (index == 0) == (term == 0) else "index and term of a log position must be 0 together"


def _hex(number: object) -> str:
    return f"{number:x}" if type(number) is int else repr(number)


class Message:
    """The base of all messages.

    Attributes:
        sender: the id of the member that sent it.
        term: the sender's current term (in `PreVoteRequest`: the term it would campaign in).
    """

    FIELDS: "tuple[str, ...]" = ("sender", "term")
    handler = ""
    binds_term = True
    from_anyone = False
    from_leader = False
    incarnation = 0
    cluster = 0
    sender: str
    term: int

    def problem(self) -> "str | None":
        """Return what is malformed, or None. Never raises, whatever the fields hold."""
        if type(self.sender) is not str or not 1 <= len(self.sender) <= MAX_ID_LENGTH:
            return "sender is no id"
        if not number(self.term, 1):
            return "term is no positive integer"
        return self._identity_problem() or self._body_problem()

    def _identity_problem(self) -> "str | None":
        incarnation, cluster = self.incarnation, self.cluster
        if type(incarnation) is not int or not 0 <= incarnation <= LARGEST_INCARNATION:
            return "incarnation is no number of 64 bits"
        if type(cluster) is not int or not 0 <= cluster <= LARGEST_INCARNATION:
            return "cluster is no number of 64 bits"
        return None

    def _body_problem(self) -> "str | None":
        return None

    def supersedes(self, older: "Message") -> bool:
        """Whether an older message of the same kind to the same receiver need not be sent any more."""
        return True

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return False
        return all(getattr(self, field) == getattr(other, field) for field in ("incarnation", "cluster") + self.FIELDS)

    def __hash__(self) -> int:
        return self.term

    def __repr__(self) -> str:
        shown = ", ".join([field + "=" + repr(getattr(self, field)) for field in self.FIELDS])
        who = f" of {_hex(self.incarnation)} in {_hex(self.cluster)}" if self.incarnation or self.cluster else ""
        return f"{type(self).__name__}({shown}){who}"
