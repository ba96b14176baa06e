"""The client with a session: whatever it asks for is applied once, however often it had to ask.

It opens a session with its first command, and sends each command under that session and a sequence of its own, the same
for every retry. Several may call at once; their commands are under way together, within the window that the
cluster keeps. A session that has long been idle is not used again but replaced, before the cluster can have forgotten
it: nothing that was sent under it is still waited for, so there is nothing in it to lose.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from raft.actor import Propose
from raft.errors import OutcomeUnknown

from .client import Client, Deadline, Pause
from .errors import ResultNotKept, SessionExpired, Unavailable
from .loop import Event, Loop, run
from .session_commands import in_session, register
from .session_table import APPLIED, CROWDED, EXPIRED, FULL, REGISTERED, UNSUPPORTED, Reply, SessionLimits

Done = Callable[[Exception | None, Any], object]


class _Session:
    """A session and the commands under way in it.

    Attributes:
        id: of the session.
        used_s: a moment before the cluster last used it, by this process's clock.
        expired: whether the cluster has forgotten it.
        lowest: the lowest sequence that is under way, or the next one when none is.
    """

    def __init__(self, id: int, opened_s: float, window: int, loop: Loop) -> None:
        self.id = id
        self.used_s = opened_s
        self.expired = False
        self._window = window
        self._loop = loop
        self._next = 1
        self.lowest = 1
        self._under_way: set[int] = set()
        self._changed: Event | None = None  # what those wait for who find no room

    @property
    def has_room(self) -> bool:
        """Whether one more command may be under way."""
        return self._next - self.lowest < self._window

    async def begin(self, deadline: Deadline) -> int | None:
        """Return a new sequence once there is room in the window, or None when the time is up before."""
        while not self.has_room:
            if self._changed is None:
                self._changed = self._loop.event()
            if not await self._loop.wait(self._changed, deadline.left_s):
                return None
        return self.take()

    def take(self) -> int:
        """Return a new sequence; there must be room."""
        sequence = self._next
        self._next += 1
        self._under_way.add(sequence)
        return sequence

    def end(self, sequence: int) -> None:
        """The caller has its answer, or does not wait for it any more."""
        under_way = self._under_way
        under_way.remove(sequence)
        if sequence == self.lowest:
            lowest = sequence + 1
            while lowest < self._next and lowest not in under_way:
                lowest += 1
            self.lowest = lowest
        if self._changed is not None:
            self._changed.set()
            self._changed = None


class SessionClient:
    """Gets commands done exactly once.

    Args:
        client: finds the leader.
        limits: those of the cluster.
        decode: returns the result that was encoded as bytes.
        told: returns as what an error is told to whoever has called `start`; as it is when None.
    """

    def __init__(
        self,
        client: Client,
        limits: SessionLimits,
        decode: Callable[[bytes], Any],
        told: Callable[[Exception], Exception] | None = None,
    ) -> None:
        self._told = told
        self._client = client
        self._limits = limits
        self._decode = decode
        self._session: _Session | None = None
        self._opening = client.loop.lock()

    def call(self, command: bytes, timeout: float) -> Any:
        """Get a command applied once and return what the state machine made of it.

        Args:
            command: the command for the state machine.
            timeout: seconds, 0 or more.

        Raises:
            InvalidConfig: when the timeout is no number of seconds.
            EntryTooLarge: no node will ever take it.
            Unavailable: the time is up, and the command had no effect.
            OutcomeUnknown: the time is up after a node had taken it; it may yet take effect, once.
            SessionExpired: an `OutcomeUnknown` too: the cluster has forgotten whether it was applied.
            ResultNotKept: it was applied, and its result cannot be told.
        """
        return run(self.ask(command, Deadline(timeout)))

    async def ask(self, command: bytes, deadline: Deadline) -> Any:
        """Do the same as `call`, until a deadline."""
        session, sequence = await self._begin(deadline)
        try:
            return self._decode(await self._call(session, sequence, command, deadline, None))
        finally:
            session.end(sequence)

    def start(self, command: bytes, timeout: float, submit: Callable[[Propose], bool], done: Done) -> bool:
        """Do the same as `ask`, without a coroutine that waits, unless something goes wrong on the way.

        Args:
            command: as for `call`.
            timeout: likewise, and one that was checked.
            submit: puts a request before the leader at once, or returns False when it cannot.
            done: called with what `ask` would raise, or None and the result, encoded. It may neither wait nor raise.

        Returns:
            Whether it has begun. If not, it could not at once: nothing was done, and `done` will not be called.
        """
        sent_s = time.monotonic()
        session = self._usable(sent_s)
        if session is None or not session.has_room:
            return False
        sequence = session.take()

        def answered(error: Exception | None, reply: Any) -> None:
            if error is None and reply.outcome == APPLIED:
                if sent_s > session.used_s:
                    session.used_s = sent_s
                session.end(sequence)
                done(None, reply.value)
            else:
                deadline = Deadline(timeout, sent_s)
                go_on = partial(self._go_on, session, sequence, command, deadline, error, reply, done)
                self._client.loop.spawn(go_on)

        if submit(Propose(in_session(session.id, sequence, session.lowest, command), answered)):
            return True
        session.end(sequence)
        return False

    async def _go_on(
        self,
        session: _Session,
        sequence: int,
        command: bytes,
        deadline: Deadline,
        error: Exception | None,
        reply: Reply | None,
        done: Done,
    ) -> None:
        """Go on with what was started, and has met an error or another reply than usual."""
        if isinstance(error, OutcomeUnknown):
            deadline.in_doubt = error
        try:
            value = await self._call(session, sequence, command, deadline, reply)
        except Exception as problem:
            done(problem if self._told is None else self._told(problem), None)
        else:
            done(None, value)
        finally:
            session.end(sequence)

    async def _begin(self, deadline: Deadline) -> tuple[_Session, int]:
        while True:
            session = await self._open(deadline)
            sequence = await session.begin(deadline)
            if sequence is None:
                raise Unavailable(
                    "no earlier command of the session was answered",
                    deadline.timeout_s,
                    {},
                    f"at most {self._limits.window} are under way at once",
                )
            if not session.expired:
                return session, sequence
            session.end(sequence)  # it expired while this one waited for room; nothing was sent under it

    async def _open(self, deadline: Deadline) -> _Session:
        """Return the session to use, a new one if need be."""
        session = self._usable(time.monotonic())
        if session is None:
            if not await self._client.loop.acquire(self._opening, deadline.left_s):
                raise Unavailable("another caller has not opened the session", deadline.timeout_s, {})
            try:
                session = self._usable(time.monotonic())
                if session is None:
                    session = self._session = await self._register(deadline)
            finally:
                self._opening.release()
        return session

    def _usable(self, now_s: float) -> _Session | None:
        """Return the present session if it certainly has not expired by now."""
        session = self._session
        # Log time runs no faster than this clock. Half the timeout leaves room for clocks that are not quite alike.
        if session is None or session.expired or now_s - session.used_s > self._limits.timeout_ms / 2000:
            return None
        return session

    async def _register(self, deadline: Deadline) -> _Session:
        pause = Pause(deadline)
        while True:
            asked_s = time.monotonic()
            # When one attempt too many takes effect, a session that nobody uses expires some time.
            reply: Reply = await self._client.ask(partial(Propose, register()), deadline, read_only=True)
            if reply.outcome == REGISTERED:
                assert type(reply.value) is int
                return _Session(reply.value, asked_s, self._limits.window, self._client.loop)
            assert reply.outcome == CROWDED, reply
            if not deadline.left_s:
                raise Unavailable(
                    f"no session could be opened beside {self._limits.sessions} others",
                    deadline.timeout_s,
                    {},
                    "wait until some expire, or allow more in SessionLimits",
                )
            await self._client.loop.sleep(pause.take_s())

    async def _call(
        self, session: _Session, sequence: int, command: bytes, deadline: Deadline, reply: Reply | None
    ) -> bytes:
        """Return the encoded result of a command, to which there may already be a reply."""
        pause = Pause(deadline)
        while True:
            sent_s = time.monotonic()
            if reply is None:
                data = in_session(session.id, sequence, session.lowest, command)
                reply = await self._client.ask(partial(Propose, data), deadline, once=True)
            assert reply is not None
            if reply.outcome == EXPIRED:
                session.expired = True
                raise SessionExpired(session.id)
            session.used_s = max(session.used_s, sent_s)
            if reply.outcome == APPLIED:
                assert type(reply.value) is bytes
                return reply.value
            if reply.outcome == UNSUPPORTED:
                raise ResultNotKept(str(reply.value))
            # It has not been applied so far, but an attempt that was in doubt may still be on its way to a node.
            assert reply.outcome == FULL, reply
            if not deadline.left_s:
                raise deadline.in_doubt or Unavailable(
                    "the replies kept for clients took too many bytes",
                    deadline.timeout_s,
                    {},
                    "let commands return less, or allow more in SessionLimits",
                )
            reply = None
            await self._client.loop.sleep(pause.take_s())
