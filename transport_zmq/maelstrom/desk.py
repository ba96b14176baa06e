"""Where requests of clients are dealt with: by this node if it can, else by the leader; each is answered once.

A command is put before a leader again only if it was refused, that is if it certainly did not enter the log. So it
takes effect once at most, without a session. When a leader has taken it and nothing more is heard, it is not known what
became of it, and the client is told so.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from functools import partial
from typing import Any

import gevent
from gevent.pool import Pool
from pykka import Timeout

from actors.client import SOON_S, Deadline, Pause
from actors.kv import KeyValue, Result
from actors.node import NodeActor
from actors.runtime import GeventFuture
from actors.session_commands import plain
from actors.session_table import APPLIED, Reply
from raft.actor import LINEARIZABLE, Propose, Read
from raft.errors import OutcomeUnknown, ProposalRefused, ReadFailed

from . import lin_kv
from .envelope import (
    CRASH,
    MALFORMED_REQUEST,
    NOT_SUPPORTED,
    TEMPORARILY_UNAVAILABLE,
    TIMEOUT,
    Envelope,
    Failure,
)

FORWARD = "forward"
FORWARDED = "forward_ok"
ERROR = "error"
PATIENCE_S = 4.0  # Maelstrom's clients give up after 5, and a definite answer is worth more to them than none
MOST = 4096  # requests that are dealt with at the same time

Body = dict[str, Any]


class _Refused(Exception):
    """It certainly has had no effect so far, and may be asked for again."""


class _NoBytes(Exception):
    """Another node has sent a body without what it must carry."""


class Desk:
    """Deals with the requests of clients, and with those that other nodes forward.

    Args:
        actor: the node.
        machine: its state machine, for the encoding of results.
        send: takes a receiver and a body, to be sent through Maelstrom.
    """

    def __init__(self, actor: NodeActor, machine: KeyValue, send: Callable[[str, Body], None]) -> None:
        self._actor = actor
        self._machine = machine
        self._send = send
        self._pool = Pool(MOST)
        self._forwarded: dict[tuple[str, object], GeventFuture[Body]] = {}  # by leader and number, what is not answered
        self._last = 0  # the number of the last one

    def take(self, envelope: Envelope) -> None:
        """Begin to deal with a message that is no frame."""
        if envelope.type in (FORWARDED, ERROR):
            number = envelope.body.get("in_reply_to")
            future = self._forwarded.pop((envelope.source, number), None) if isinstance(number, int) else None
            if future is not None:
                future.set(envelope.body)
        elif self._pool.full():
            self._answer(envelope, Failure(TEMPORARILY_UNAVAILABLE, f"{MOST} requests are under way here").body)
        else:
            self._pool.spawn(self._deal_with, envelope)

    def close(self) -> None:
        """Stop dealing with anything; who is not answered yet does not know what became of it."""
        self._pool.kill()

    def _deal_with(self, envelope: Envelope) -> None:
        try:
            body = self._done(envelope.body)
        except Failure as failure:
            body = failure.body
        self._answer(envelope, body)

    def _answer(self, envelope: Envelope, body: Body) -> None:
        self._send(envelope.source, {**body, "in_reply_to": envelope.body.get("msg_id")})

    def _done(self, body: Body) -> Body:
        """Do what is asked for, and return the answer.

        Raises:
            Failure: what to answer instead.
        """
        deadline = Deadline(PATIENCE_S)
        if body["type"] == FORWARD:
            try:
                encoded = self._machine.encode_result(self._propose(_bytes_in(body, "command"), deadline))
            except _NoBytes as error:
                raise Failure(MALFORMED_REQUEST, str(error)) from None
            except _Refused as refusal:
                raise Failure(TEMPORARILY_UNAVAILABLE, str(refusal)) from None
            return {"type": FORWARDED, "result": base64.b64encode(encoded).decode()}
        if body["type"] not in lin_kv.TYPES:
            raise Failure(NOT_SUPPORTED, f"there is no {body['type']!r} here; there is lin-kv, and init and topology")
        command = lin_kv.command_in(body)
        ask = self._read if body["type"] == lin_kv.READ else self._get_done
        return lin_kv.answer(body, self._asked(partial(ask, command, deadline), deadline))

    def _asked(self, ask: Callable[[], Result], deadline: Deadline) -> Result:
        """Ask until it is not refused any more, or the time is up."""
        pause = Pause(deadline, SOON_S)
        while True:
            try:
                return ask()
            except _Refused as refusal:
                if not deadline.left_s:
                    raise Failure(TEMPORARILY_UNAVAILABLE, f"{refusal}; it had no effect") from None
            gevent.sleep(pause.take_s())

    # Reads: any node serves them, see contract L1

    def _read(self, query: bytes, deadline: Deadline) -> Result:
        future: GeventFuture[Result] = GeventFuture()
        self._actor.actor_ref.tell(Read(query, LINEARIZABLE, future.answer))
        try:
            result: Result = future.get(timeout=deadline.left_s)
        except (ReadFailed, ProposalRefused, Timeout) as error:
            raise _Refused(f"it could not be read ({error})") from None
        return result

    # Commands: only the leader takes them

    def _get_done(self, command: bytes, deadline: Deadline) -> Result:
        leader = self._actor.leader
        if leader is None:
            raise _Refused("no leader is known")
        return (
            self._propose(command, deadline) if leader == self._actor.id else self._forward(leader, command, deadline)
        )

    def _propose(self, command: bytes, deadline: Deadline) -> Result:
        future: GeventFuture[Reply] = GeventFuture()
        self._actor.actor_ref.tell(Propose(plain(command), future.answer))
        try:
            reply: Reply = future.get(timeout=deadline.left_s)
        except ProposalRefused as error:
            raise _Refused(str(error)) from None
        except OutcomeUnknown as error:
            raise Failure(CRASH, str(error)) from None
        except Timeout:
            raise Failure(TIMEOUT, "it stands in the log, and is not known to be committed") from None
        assert reply.outcome == APPLIED, reply
        result: Result = reply.value  # type: ignore[assignment]  # of a command without a session the very object
        return result

    def _forward(self, leader: str, command: bytes, deadline: Deadline) -> Result:
        self._last += 1
        number = self._last
        future: GeventFuture[Body] = GeventFuture()
        self._forwarded[leader, number] = future
        self._send(leader, {"type": FORWARD, "msg_id": number, "command": base64.b64encode(command).decode()})
        try:
            body = future.get(timeout=deadline.left_s)
        except Timeout:
            raise Failure(TIMEOUT, f"{leader} was sent the command and has not answered in time") from None
        finally:
            self._forwarded.pop((leader, number), None)
        if body["type"] == FORWARDED:
            try:
                return self._machine.decode_result(_bytes_in(body, "result"))
            except (_NoBytes, ValueError, IndexError):
                raise Failure(CRASH, f"{leader} has answered what cannot be read") from None
        if body.get("code") == TEMPORARILY_UNAVAILABLE:
            raise _Refused(f"{leader}: {body.get('text')}")
        raise Failure(CRASH, f"{leader}: {body.get('text')}")


def _bytes_in(body: Body, field: str) -> bytes:
    try:
        return base64.b64decode(body[field], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise _NoBytes(f"{field!r} must be there, in base64") from None
