"""What clients ask as what a node is asked, and what it replies as answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actors import results
from actors.session_commands import plain
from actors.session_table import APPLIED, UNSUPPORTED, Reply
from raft.actor import LEASE, LINEARIZABLE, STALE, ChangeMembership, Propose, Read, TransferLeadership
from raft.errors import InvalidChange
from raft.waiting import WaitFor

from .caller import Encode
from .client_answers import DONE, decode_changes, of_reply
from .client_codec import CHANGE, PROPOSE, READ, READ_LEASE, READ_STALE, TRANSFER, WATCH, Answer, Request
from .errors import NotAnswerable

CONSISTENCIES = {READ: LINEARIZABLE, READ_LEASE: LEASE, READ_STALE: STALE}
"""How certain a read of each kind is."""

_PLAIN = plain(b"")  # how a command without a session begins


def message_of(request: Request, reply: Callable[[Exception | None, Any], None]) -> Any:
    """Return the message of `raft.actor` that asks a node for what a request asks for.

    Raises:
        RaftError: the argument is none.
    """
    kind, _, _, argument = request
    if kind == PROPOSE:
        assert type(argument) is bytes
        return Propose(argument, reply)
    if kind == TRANSFER:
        assert argument is None or type(argument) is str
        return TransferLeadership(argument, reply)
    assert type(argument) is bytes
    try:
        if kind == WATCH:
            return WaitFor(results.decode(argument), reply)
        if kind == CHANGE:
            return ChangeMembership(decode_changes(argument), reply)
        return Read(results.decode(argument), CONSISTENCIES[kind], reply)
    except ValueError as error:
        if kind == CHANGE:
            raise InvalidChange("somebody", str(error)) from None
        raise NotAnswerable(str(error)) from None


class Translator:
    """Makes answers of what a node replies.

    Args:
        encode: makes bytes of what its state machine returns.
    """

    def __init__(self, encode: Callable[[Any], bytes]) -> None:
        self._encode = encode

    def encoder(self, request: Request) -> Encode:
        """Return what makes the answer to a request; that may raise whatever a user's machine does."""
        if request.kind == PROPOSE:
            # The result of a command in a session is kept as bytes; that of a plain one is as the machine made it.
            assert type(request.argument) is bytes
            return self._of_plain if request.argument[:1] == _PLAIN else of_reply
        if request.kind == READ_STALE:
            return self._of_stale
        if request.kind == WATCH:
            return self._of_watch
        if request.kind in CONSISTENCIES:
            return self._of_read
        return _of_other

    def _of_plain(self, number: int, reply: Reply) -> Answer:
        if reply.outcome == APPLIED:
            try:
                reply = Reply(APPLIED, self._encode(reply.value))
            except Exception as problem:  # whatever a user's machine raises, the command was applied all the same
                reply = Reply(UNSUPPORTED, str(problem))
        return of_reply(number, reply)

    def _of_read(self, number: int, result: Any) -> Answer:
        return Answer(number, DONE, self._encode(result))

    def _of_watch(self, number: int, result: Any) -> Answer:
        return Answer(number, DONE, None if result is None else self._encode(result))

    def _of_stale(self, number: int, result: Any) -> Answer:
        value, staleness_ms = result
        return Answer(number, DONE, results.encode((self._encode(value), staleness_ms)))


def _of_other(number: int, result: Any) -> Answer:
    return Answer(number, DONE, results.encode(result))
