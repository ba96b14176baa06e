"""Waits until a state machine has something to tell, at whichever node can be asked.

A node answers when it has something to tell. When it goes down, or is cut off from its leader, another one is asked the
same; a query says from where on things are wanted, so nothing is lost by that and none told twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from pykka import Future, Timeout

from raft.errors import Overloaded, RaftError, ReadFailed, TooManyReads
from raft.waiting import StopWaiting, WaitFor

from .client import BACK_OFF_S, MAX_BACK_OFF_S, Deadline, Guide
from .errors import NodeStopped
from .loop import Outcome, run


class Waiter:
    """Asks one query after the other, each until it is answered.

    One greenlet or task at a time may ask; any may close it meanwhile. It waits on the loop of `guide`.

    Args:
        members: returns the ids of all members at present.
        submit: puts a request before one member; the future brings the error when that cannot be.
        guide: tells who leads, and when it is worth asking again.
        decode: makes of a node's answer what the state machine has told.
    """

    def __init__(
        self,
        members: Callable[[], tuple[str, ...]],
        submit: Callable[[str, Any], Future[Any] | Outcome],
        guide: Guide,
        decode: Callable[[Any], Any],
    ) -> None:
        self._members = members
        self._submit = submit
        self._guide = guide
        self._decode = decode
        self._member = ""  # who was asked last
        self._asked = 0  # how often
        self._wait: WaitFor | None = None  # what is under way there
        self._reply: tuple[Exception | None, Any] = (None, None)
        self._loop = guide.loop
        self._replied = self._loop.event()
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether nothing is waited for any more."""
        return self._closed

    def ask(self, query: Any, timeout: float | None = None) -> Any:
        """Return what `answer` does, where gevent is what waits."""
        return run(self.answer(query, timeout))

    async def answer(self, query: Any, timeout: float | None = None) -> Any:
        """Return what the state machine tells, as soon as there is something.

        Args:
            query: what its `watcher` understands; while one is not answered, no other.
            timeout: seconds, 0 or more; None for ever. The query stays under way, and the next call goes on with it.

        Returns:
            None when the time is up, or when this was closed meanwhile.

        Raises:
            InvalidConfig: when the timeout is no number of seconds.
            Overloaded, TooManyReads: too much waits at every node.
            Exception: whatever the state machine has raised, or makes it useless to ask again.
        """
        deadline = None if timeout is None else Deadline(timeout)
        pause_s = BACK_OFF_S
        while not self._closed:
            seen = self._guide.version
            refusals: list[Exception] = []
            for member in self._to_ask():
                error, result = await self._ask_one(member, query, deadline)
                if error is None:
                    if result is not None:
                        return self._decode(result)
                    if self._wait is not None or self._closed:
                        return None
                    break  # the node had nothing to tell for long; whoever leads now is asked anew
                if not isinstance(error, (ReadFailed, NodeStopped, Overloaded)):
                    raise error
                refusals.append(error)
            else:
                if all(isinstance(refusal, (Overloaded, TooManyReads)) for refusal in refusals):
                    raise refusals[0]
                await self._guide.wait(seen, pause_s if deadline is None else min(pause_s, deadline.left_s))
                pause_s = min(2 * pause_s, MAX_BACK_OFF_S)
                if deadline is not None and not deadline.left_s:
                    return None
        return None

    def close(self) -> None:
        """Wait for nothing any more; whoever waits is told so. May be called again."""
        self._closed = True
        wait, self._wait = self._wait, None
        self._replied.set()
        if wait is not None:
            with suppress(RaftError):  # when the cluster is closed nobody waits there
                self._submit(self._member, partial(StopWaiting, wait))

    def _to_ask(self) -> Iterator[str]:
        """Yield whom to ask: who is asked already, or the leader first."""
        if self._wait is not None:
            yield self._member
        members = self._members()
        leader = self._guide.leader()
        if leader in members:
            yield leader
        yield from [member for member in members if member != leader]

    async def _ask_one(self, member: str, query: Any, deadline: Deadline | None) -> tuple[Exception | None, Any]:
        """Return what one member replies; nothing, with the query under way, when the time is up before."""
        if self._wait is None:
            await self._begin(member, query)
        if not await self._loop.wait(self._replied, None if deadline is None else deadline.left_s):
            return None, None
        self._wait = None
        return self._reply

    async def _begin(self, member: str, query: Any) -> None:
        self._member = member
        self._reply = (None, None)
        self._replied.clear()

        def request(_: Any) -> WaitFor:
            self._asked += 1
            self._wait = WaitFor(query, partial(self._on_reply, self._asked))
            return self._wait

        future = self._submit(member, request)
        if self._wait is None and not self._replied.is_set():
            try:
                await self._loop.outcome(future, 0)
            except (RaftError, Timeout) as error:  # the member is down, and was asked nothing
                self._reply = (error, None)
                self._replied.set()

    def _on_reply(self, number: int, error: Exception | None, result: Any) -> None:
        if number == self._asked and self._wait is not None:
            self._reply = (error, result)
            self._replied.set()
