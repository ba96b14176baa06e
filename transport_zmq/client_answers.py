"""What a request came to, as a code and a value: results, and errors that are the same on both ends.

A code is never used again for something else. A client that does not know a code takes it for an `OutcomeUnknown`,
which is never wrong.
"""

from __future__ import annotations

from typing import Any

from actors import results
from actors.errors import NodeStopped, NotWatchable
from actors.session_table import (
    AHEAD,
    ANSWERED,
    APPLIED,
    CROWDED,
    EXPIRED,
    FULL,
    INVALID,
    REGISTERED,
    UNSUPPORTED,
    Reply,
)
from raft.changes import Change
from raft.errors import (
    ChangeInProgress,
    EntryTooLarge,
    InvalidChange,
    LastVoter,
    NotCaughtUp,
    NotLeader,
    OutcomeUnknown,
    Overloaded,
    ProposalRefused,
    RaftError,
    ReadFailed,
    TermNotCommitted,
    TooManyReads,
    TransferFailed,
    TransferInProgress,
    TransferRefused,
    WitnessMajority,
)

from .client_codec import Answer, new_row
from .errors import AnotherCluster, NotAnswerable, NotUnderstood, PortOverloaded, Unauthorized

DONE = 0

OUTCOMES = {
    1: APPLIED,
    2: UNSUPPORTED,
    3: REGISTERED,
    4: EXPIRED,
    5: ANSWERED,
    6: AHEAD,
    7: FULL,
    8: CROWDED,
    9: INVALID,
}
"""What an entry of the log came to, see `actors.session_table.Reply`."""

ERRORS: dict[int, tuple[type[RaftError], tuple[str, ...]]] = {
    32: (ProposalRefused, ()),
    33: (NotLeader, ("leader", "address")),
    34: (NodeStopped, ("node", "state")),
    35: (Overloaded, ("pending_bytes", "limit_bytes")),
    36: (PortOverloaded, ("pending", "limit")),
    37: (EntryTooLarge, ("size_bytes", "limit_bytes")),
    38: (TransferInProgress, ("target",)),
    39: (TermNotCommitted, ()),
    40: (ChangeInProgress, ("index",)),
    41: (InvalidChange, ("member",)),
    42: (LastVoter, ()),
    43: (WitnessMajority, ()),
    44: (NotCaughtUp, ("member", "match_index", "last_index")),
    45: (Unauthorized, ("name",)),
    46: (AnotherCluster, ()),
    63: (NotUnderstood, ("kind",)),
    64: (OutcomeUnknown, ("reason",)),
    65: (TransferRefused, ("target",)),
    66: (TransferFailed, ("target",)),
    80: (ReadFailed, ()),
    81: (TooManyReads, ("pending", "limit")),
    82: (NotAnswerable, ()),
    83: (NotWatchable, ("machine",)),
}
"""By code: the class of an error, and those of its attributes that travel."""

_OUTCOME_CODES = {outcome: code for code, outcome in OUTCOMES.items()}
_ERROR_CODES = {kind: code for code, (kind, _) in ERRORS.items()}
_MAX_TEXT = 1000  # letters of an error; what a user's machine has raised may be of any length


def of_reply(number: int, reply: Reply) -> Answer:
    """Return the answer to a proposal. Its value must be bytes, a str, a number or None by now."""
    value: Any = reply.value
    if type(value) is str:
        value = _text(value)
    answer: Answer = new_row(Answer, (number, _OUTCOME_CODES[reply.outcome], value))
    return answer


def of_error(number: int, error: Exception) -> Answer:
    """Return the answer that tells an error; one without a code becomes its nearest base that has one."""
    for kind in type(error).__mro__:
        code = _ERROR_CODES.get(kind)
        if code is not None:
            attributes = {name: getattr(error, name) for name in ERRORS[code][1]}
            return Answer(number, code, results.encode((_text(str(error)), attributes)))
    return of_error(number, NotAnswerable(f"{type(error).__name__}: {error}"))


def _text(text: str) -> str:
    """Return a text that can be encoded, however it came about."""
    return text[:_MAX_TEXT].encode("utf-8", "replace").decode()


def reply_in(answer: Answer) -> Reply:
    """Return what a proposal came to.

    Raises:
        RaftError: the one that the answer tells.
    """
    outcome = OUTCOMES.get(answer.code)
    if outcome is None:
        raise error_in(answer)
    return Reply(outcome, answer.value)


def value_in(answer: Answer) -> Any:
    """Return the value of what was done.

    Raises:
        RaftError: the one that the answer tells.
    """
    if answer.code != DONE:
        raise error_in(answer)
    return answer.value


def error_in(answer: Answer) -> RaftError:
    """Return the error that an answer tells."""
    known = ERRORS.get(answer.code)
    if known is None:
        return OutcomeUnknown(f"the node has answered with code {answer.code}, which this client does not know")
    kind, names = known
    try:
        text, attributes = results.decode(answer.value if type(answer.value) is bytes else b"")
        error = kind.__new__(kind, text)  # the text is complete; the class would make another one around it
        for name in names:
            setattr(error, name, attributes[name])
    except (ValueError, TypeError, KeyError):
        return OutcomeUnknown("the node has answered with an error that cannot be read")
    return error


def encode_changes(changes: list[Change]) -> bytes:
    """Return changes of membership as bytes."""
    return results.encode(
        [
            (change.member, change.part, change.address, change.incarnation, change.witness, change.priority)
            for change in changes
        ]
    )


def decode_changes(data: bytes) -> list[Change]:
    """Return the changes that anybody may have sent; what they ask for is judged by the leader.

    Raises:
        ValueError: the bytes are none.
    """
    try:
        changes = [Change(*fields) for fields in results.decode(data)]
    except TypeError as error:
        raise ValueError(str(error)) from None
    if not all(_is_typed(change) for change in changes):
        raise ValueError("a change has a field of another type")
    return changes


def _is_typed(change: Any) -> bool:
    optional = (type(None),)
    return (
        type(change.member) is str
        and type(change.part) is str
        and type(change.address) in (*optional, str)
        and type(change.incarnation) is int
        and type(change.witness) in (*optional, bool)
        and type(change.priority) in (*optional, int)
    )
