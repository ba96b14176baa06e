"""The client: gets something done by whichever node can do it, and says plainly what became of it.

What only a leader can do is asked of the leader of last time first, and the hints of nodes that refuse are followed.
When every member has refused, the client sleeps until the roles change somewhere. What was refused is tried again until
the deadline, since it certainly had no effect. What a node took before it lost its leadership is tried again only if
the caller says that this cannot make it take effect twice.

A read can be served by any member, so one that fails, or is long without an answer, is tried at the next one.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

from pykka import Future, Timeout

from raft.errors import (
    ChangeInProgress,
    NoSpace,
    NotLeader,
    OutcomeUnknown,
    Overloaded,
    ProposalRefused,
    ReadFailed,
    TermNotCommitted,
    TransferInProgress,
)

from .arguments import checked_timeout
from .errors import NodeStopped, Unavailable
from .loop import GEVENT, Loop, Outcome, run

BACK_OFF_S = 0.01  # first pause after a refusal that time alone will mend, doubled each time
MAX_BACK_OFF_S = 0.5  # where the load may be to blame
SOON_S = 0.05  # the longest pause where somebody is just about to finish something
SHORTEST_READ_S = 0.1  # the least time that one member is given for a read, if there is as much

# The leader is there, and has something to finish first.
_BUSY = (TransferInProgress, TermNotCommitted, ChangeInProgress)


class Deadline:
    """When a caller gives up.

    Args:
        timeout: seconds, 0 or more.
        begun_s: since when, by `time.monotonic`; from now on when None.

    Raises:
        InvalidConfig: when it is no number of seconds.

    Attributes:
        timeout_s: the same.
        in_doubt: why it is not known what became of an attempt at what is to be done until then; None as long as it is.
    """

    def __init__(self, timeout: float, begun_s: float | None = None) -> None:
        self.timeout_s = checked_timeout(timeout)
        self.in_doubt: OutcomeUnknown | None = None
        self._at = (time.monotonic() if begun_s is None else begun_s) + self.timeout_s

    @property
    def left_s(self) -> float:
        """The seconds that are left, 0 when it has passed."""
        return max(0.0, self._at - time.monotonic())


class Pause:
    """A pause that doubles each time.

    Args:
        deadline: it never lasts longer.
        longest_s: nor longer than this, in seconds.
    """

    def __init__(self, deadline: Deadline, longest_s: float = MAX_BACK_OFF_S) -> None:
        self._deadline = deadline
        self._longest_s = longest_s
        self._next_s = BACK_OFF_S

    def take_s(self) -> float:
        """Return for how many seconds to pause now."""
        now_s = self._next_s
        self._next_s = min(2 * now_s, self._longest_s)
        return min(now_s, self._deadline.left_s)


class Guide(ABC):
    """Tells a client who leads, as far as is known here, and when it is worth asking again.

    Args:
        loop: on which it is waited.

    Attributes:
        loop: see above.
        version: counts up whenever it is.
    """

    def __init__(self, loop: Loop = GEVENT) -> None:
        self.loop = loop
        self.version = 0
        self._changed = loop.event()

    @abstractmethod
    def leader(self) -> str | None:
        """Return who leads, or None."""

    async def wait(self, seen: int, timeout: float) -> bool:
        """Wait for a change.

        Args:
            seen: the `version` up to which the caller knows all.
            timeout: seconds to wait at most.

        Returns:
            Whether there has been a change since.
        """
        if self.version == seen:
            await self.loop.wait(self._changed, timeout)
        return self.version != seen

    def _wake(self) -> None:
        self.version += 1
        self._changed.set()
        self._changed = self.loop.event()


class Client:
    """Finds who can do what is asked for, and gets it done.

    It waits on the loop of `leadership`; `call` is for gevent's alone.

    Args:
        members: returns the ids of all members at present, at least one.
        submit: puts a request before one member; the future brings the result, or the error.
        leadership: tells when it is worth asking again.

    Attributes:
        loop: see above.
    """

    def __init__(
        self,
        members: Callable[[], tuple[str, ...]],
        submit: Callable[[str, Any], Future[Any] | Outcome],
        leadership: Guide,
    ) -> None:
        self.loop = leadership.loop
        self._members = members
        self._submit = submit
        self._leadership = leadership
        self._leader = members()[0]  # who took the last request

    def call(self, request: Any, timeout: float, *, read_only: bool = False) -> Any:
        """Get a request done by the leader and return what it was answered.

        Args:
            request: as `submit` takes it.
            timeout: seconds, 0 or more.
            read_only: whether it changes nothing, so that it may be repeated after an unknown outcome.

        Raises:
            InvalidConfig: when the timeout is no number of seconds.
            Unavailable: the time is up, and the request had no effect.
            OutcomeUnknown: the time is up, or leadership was lost, after a node had taken it; it may yet take effect.
            RaftError: the leader's answer, if asking again would not change it: `EntryTooLarge`, `LastVoter` and so on.
        """
        return run(self.ask(request, Deadline(timeout), read_only=read_only))

    async def ask(self, request: Any, deadline: Deadline, *, read_only: bool = False, once: bool = False) -> Any:
        """Do the same as `call`, until a deadline.

        Args:
            request: as `submit` takes it.
            deadline: when to give up.
            read_only: whether it changes nothing, so that it may be repeated after an unknown outcome.
            once: whether it takes effect once however often it is asked, so that it may be repeated too. In the end its
                outcome is unknown all the same if one of the attempts was.
        """
        answers: dict[str, Exception] = {}  # the last one of each member that was asked
        back_off, moment = Pause(deadline), Pause(deadline, SOON_S)
        while True:
            seen = self._leadership.version
            try:
                return await self._ask_around(request, deadline, answers)
            except (NoSpace, Overloaded):
                await self.loop.sleep(back_off.take_s())
            except _BUSY:
                await self._leadership.wait(seen, moment.take_s())
            except (NotLeader, NodeStopped):
                await self._leadership.wait(seen, deadline.left_s)
            except OutcomeUnknown as error:
                if once:
                    deadline.in_doubt = error
                elif not read_only:
                    raise
            except ProposalRefused:
                if deadline.in_doubt is not None:
                    raise deadline.in_doubt from None  # it tells nothing of the attempts before
                raise
            if not deadline.left_s:
                raise deadline.in_doubt or self._unavailable("nobody took the command", deadline, answers)

    async def read(self, request: Any, deadline: Deadline, node: str | None = None) -> Any:
        """Get something read by any member, the leader rather than others, and return it.

        Args:
            request: as `submit` takes it.
            deadline: when to give up.
            node: the one member to ask; any when None.

        Raises:
            Unavailable: the time is up.
            Exception: whatever the state machine has raised.
        """
        answers: dict[str, Exception] = {}
        pause = Pause(deadline)
        while True:
            for member in self._readers() if node is None else (node,):
                # Half of what is left: a member that does not know yet that it is cut off must not use up all of it.
                patience_s = min(deadline.left_s, max(deadline.left_s / 2, SHORTEST_READ_S))
                try:
                    return await self.loop.outcome(self._submit(member, request), patience_s)
                except Timeout:
                    answers[member] = Timeout("no answer")
                except (ReadFailed, NodeStopped) as failure:
                    answers[member] = failure
                if not deadline.left_s:
                    raise self._unavailable("nobody served the read", deadline, answers)
            await self.loop.sleep(pause.take_s())

    def _readers(self) -> Iterator[str]:
        members = self._members()
        first = self._leadership.leader()
        if first in members:
            yield first
        yield from [member for member in members if member != first]

    async def _ask_around(self, request: Any, deadline: Deadline, answers: dict[str, Exception]) -> Any:
        """Ask members, each once, until one takes the request; raise the last refusal if none does."""
        members = self._members()
        member = self._leader if self._leader in members else members[0]
        unasked = [other for other in members if other != member]
        while True:
            try:
                result = await self.loop.outcome(self._submit(member, request), deadline.left_s)
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

    def _unavailable(self, what: str, deadline: Deadline, answers: dict[str, Exception]) -> Unavailable:
        attempts = {
            member: answer.state if isinstance(answer, NodeStopped) else str(answer)
            for member, answer in answers.items()
        }
        members = self._members()
        stopped = [answer for member in members if isinstance(answer := answers.get(member), NodeStopped)]
        if len(stopped) == len(members):
            return Unavailable(what, deadline.timeout_s, attempts, stopped[0].advice)
        if any(isinstance(answer, NoSpace) for answer in answers.values()):
            return Unavailable(what, deadline.timeout_s, attempts, "it is taken as soon as the leader's disk has space")
        return Unavailable(what, deadline.timeout_s, attempts)
