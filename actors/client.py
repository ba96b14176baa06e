"""The client: gets a command done by whichever node leads, and says plainly what became of it.

It begins with the leader of last time and follows the hints of nodes that refuse. When every member has refused, it
sleeps until the roles change somewhere. What was refused is tried again until the deadline, since it certainly had no
effect. What entered a log and then lost its leader is not: it might take effect twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import gevent
from pykka import Future, Timeout

from raft.errors import (
    EntryTooLarge,
    InvalidCommand,
    NotLeader,
    OutcomeUnknown,
    Overloaded,
    ProposalRefused,
)

from .arguments import checked_timeout
from .errors import NodeStopped, Unavailable
from .leadership import Leadership

BACK_OFF_S = 0.01  # first pause after `Overloaded`, doubled each time
MAX_BACK_OFF_S = 0.5


class Client:
    """Finds the leader and gets commands done.

    Args:
        members: ids of all members.
        submit: puts a command before one member; the future brings the result, a `ProposalRefused` or an
            `OutcomeUnknown`.
        leadership: tells when it is worth asking again.
    """

    def __init__(
        self, members: tuple[str, ...], submit: Callable[[str, bytes], Future[Any]], leadership: Leadership
    ) -> None:
        self._members = members
        self._submit = submit
        self._leadership = leadership
        self._leader = members[0]  # who took the last command

    def call(self, command: bytes, timeout: float, *, read_only: bool = False) -> Any:
        """Get a command done and return what the state machine made of it.

        Args:
            command: the command.
            timeout: seconds, 0 or more.
            read_only: whether the command changes nothing, so that it may be repeated after an unknown outcome.

        Raises:
            InvalidConfig: when the timeout is no number of seconds.
            EntryTooLarge, InvalidCommand: no node will ever take it.
            Unavailable: the time is up, and the command had no effect.
            OutcomeUnknown: the time is up, or leadership was lost, after a node had taken it; it may yet take effect.
        """
        deadline = time.monotonic() + checked_timeout(timeout)
        answers: dict[str, Exception] = {}  # the last one of each member that was asked
        pause_s = BACK_OFF_S
        while True:
            seen = self._leadership.version
            try:
                return self._ask_around(command, deadline, answers)
            except (EntryTooLarge, InvalidCommand):
                raise
            except Overloaded:
                gevent.sleep(min(pause_s, max(0.0, deadline - time.monotonic())))
                pause_s = min(2 * pause_s, MAX_BACK_OFF_S)
            except ProposalRefused:
                self._leadership.wait(seen, max(0.0, deadline - time.monotonic()))
            except OutcomeUnknown:
                if not read_only:
                    raise
            if time.monotonic() >= deadline:
                raise self._unavailable(timeout, answers)

    def _ask_around(self, command: bytes, deadline: float, answers: dict[str, Exception]) -> Any:
        """Ask members, each once, until one takes the command; raise the last refusal if none does."""
        unasked = [member for member in self._members if member != self._leader]
        member = self._leader
        while True:
            try:
                result = self._submit(member, command).get(timeout=max(0.0, deadline - time.monotonic()))
            except Timeout:
                answers[member] = Timeout("no answer")
                raise OutcomeUnknown(f"{member} was given the command and has not answered in time") from None
            except OutcomeUnknown as error:
                answers[member] = error
                raise
            except ProposalRefused as refusal:
                answers[member] = refusal
                if not unasked or not isinstance(refusal, (NotLeader, NodeStopped)):
                    raise
                hint = refusal.leader if isinstance(refusal, NotLeader) else None
                member = unasked.pop(unasked.index(hint) if hint in unasked else 0)
            else:
                self._leader = member
                return result

    def _unavailable(self, timeout: float, answers: dict[str, Exception]) -> Unavailable:
        attempts = {
            member: answer.state if isinstance(answer, NodeStopped) else str(answer)
            for member, answer in answers.items()
        }
        if all(isinstance(answers.get(member), NodeStopped) for member in self._members):
            return Unavailable("nobody took the command", timeout, attempts, "restart a majority of them")
        return Unavailable("nobody took the command", timeout, attempts)
