"""How a process gets something done by the cluster: it finds who can do it, asks again, and says what became of it.

The same as `actors.client` and `actors.session_client` do, in virtual time and for one caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from actors import results
from actors.errors import ResultNotKept, SessionExpired, Unavailable
from actors.session_commands import in_session, plain, register
from actors.session_table import APPLIED, CROWDED, EXPIRED, FULL, REGISTERED, UNSUPPORTED, Reply, SessionLimits
from actors.stale_read import StaleRead
from raft.actor import STALE
from raft.errors import EntryTooLarge, NotLeader, OutcomeUnknown, ProposalRefused, ReadFailed

from .chance import Chance
from .host import Host
from .machine import Answer, Query, addressed
from .requests import Call
from .requests import Query as ReadRequest
from .scheduler import Scheduler
from .shadow import InvariantError

RETRY_US = 50_000  # the usual pause before something is asked for again
LATE_COPY = 0.02  # how often a second copy of a command wanders about in the network
LATEST_US = 3_000_000  # for how long

Done = Callable[[Exception | None, Any], None]


class _Pending:
    """What the process waits for.

    Attributes:
        what: in words, for errors.
        done: called once with its outcome.
        command: what stands for it in the list of commands; empty for a read.
        sequence: of a command in a session, once it has one; else 0.
        timeout_s: how long the process waits, or None for ever.
        attempt: the number of the latest one.
        under_way: whether that one has neither been answered nor taken too long.
        in_doubt: whether one of them may have entered a log, for all that is known.
        settled: whether the outcome was told.
        answers: the last answer of each host that was asked.
    """

    def __init__(self, what: str, done: Done, timeout_s: float | None, command: bytes = b"") -> None:
        self.what = what
        self.done = done
        self.command = command
        self.sequence = 0
        self.timeout_s = timeout_s
        self.attempt = 0
        self.under_way = False
        self.in_doubt = False
        self.settled = False
        self.answers: dict[str, str] = {}

    def begin_attempt(self) -> int:
        """Return the number of a new attempt."""
        self.attempt += 1
        self.under_way = True
        return self.attempt

    def is_waiting_for(self, attempt: int) -> bool:
        """Whether the answer to an attempt, which has come, is the one that counts; it is over now."""
        waits = not self.settled and self.under_way and attempt == self.attempt
        if waits:
            self.under_way = False
        return waits


class Caller:
    """Calls and reads for one process, one thing at a time.

    Args:
        name: of the process; part of what stands for its commands.
        hosts: all of them.
        limits: those of client sessions.
        decode: returns the result that was encoded as bytes.
        record: is told of every answer.

    Attributes:
        proposed: every command in a session, each of which may be applied once at most.
        acknowledged: the commands that were answered with a result, and their positions.
        refused: those that certainly did not take effect.
        retries: how often a command was sent again while an earlier attempt was in doubt.
    """

    def __init__(
        self,
        name: str,
        scheduler: Scheduler,
        chance: Chance,
        hosts: Sequence[Host],
        limits: SessionLimits,
        decode: Callable[[bytes], Any],
        record: Callable[..., None],
    ) -> None:
        self.proposed: list[bytes] = []
        self.acknowledged: list[tuple[bytes, object]] = []
        self.refused: list[bytes] = []
        self.retries = 0
        self._name = name
        self._scheduler = scheduler
        self._chance = chance
        self._hosts = hosts
        self._limits = limits
        self._decode = decode
        self._record = record
        self._patience_us = chance.pick((300_000, 1_000_000))
        self._target = chance.pick(hosts)
        self._calls = 0
        self._session: int | None = None
        self._used_us = 0  # a moment before the cluster last used it
        self._next = 1  # the next sequence in it
        self._pending: _Pending | None = None

    @property
    def acknowledged_position(self) -> int:
        """The highest position of a command that was acknowledged."""
        position = self.acknowledged[-1][1] if self.acknowledged else 0
        assert isinstance(position, int)
        return position

    @property
    def waits(self) -> bool:
        """Whether something is under way."""
        return self._pending is not None

    def stop(self) -> None:
        """Give up what was never sent; the rest will be answered."""
        pending = self._pending
        if pending is not None and pending.command and not pending.attempt:
            self._refuse(pending, "no session could be opened while the run lasted")

    # Commands

    def call(self, request: Call, done: Done) -> None:
        """Get a command applied; `done` is told the error or the result."""
        self._calls += 1
        command = addressed(f"{self._name}-{self._calls}", request.command)
        pending = self._begin("the command is not answered", done, request.timeout, command)
        if not self._chance.acts("call"):
            self._refuse(pending, "it was left out, to find a smaller run")
        elif request.session:
            self._call_in_session(pending)
        else:
            self._send(pending, plain(command))

    def _call_in_session(self, pending: _Pending) -> None:
        if pending.settled:
            return
        idle_us = self._scheduler.now_us - self._used_us
        if self._session is not None and pending.sequence == 0 and idle_us > self._limits.timeout_ms * 500:
            self._session = None  # it may have expired, and there is nothing in it to lose
        if self._session is None:
            self._register(pending)
            return
        if pending.sequence == 0:
            pending.sequence = self._next
            self._next += 1
            self.proposed.append(pending.command)
        self._send(pending, in_session(self._session, pending.sequence, pending.sequence, pending.command))

    def _register(self, pending: _Pending) -> None:
        answered = False
        asked_us = self._scheduler.now_us

        def registered(error: Exception | None, reply: object) -> None:
            nonlocal answered
            if pending.settled or answered:
                return
            answered = True
            self._note("register", error, reply)
            if error is None:
                assert isinstance(reply, Reply)
                if reply.outcome == REGISTERED:
                    assert isinstance(reply.value, int)
                    self._session, self._next, self._used_us = reply.value, 1, asked_us
                elif reply.outcome != CROWDED:
                    raise InvariantError("C1", f"a registration is answered {reply!r}")
            self._follow(error)
            if self._session is None:
                self._later(self._call_in_session, pending)
            else:
                self._call_in_session(pending)

        if not self._target.propose(register(), registered):
            answered = True
            self._elsewhere()
            self._later(self._call_in_session, pending)
            return
        self._scheduler.after(
            self._patience_us, lambda: registered(OutcomeUnknown("a session is not opened in time"), None)
        )

    def _send(self, pending: _Pending, data: bytes) -> None:
        if pending.settled:
            return
        target = self._target
        attempt = pending.begin_attempt()
        sent_us = self._scheduler.now_us

        def answered(error: Exception | None, reply: object) -> None:
            if not pending.is_waiting_for(attempt):
                return
            self._note(pending.command, error, reply)
            if error is None:
                assert isinstance(reply, Reply)
                if reply.outcome != EXPIRED:
                    self._used_us = max(self._used_us, sent_us)
                self._take(pending, reply, data)
            else:
                pending.answers[target.id] = str(error)
                self._failed(pending, error, data)

        if not target.propose(data, answered):
            pending.under_way = False
            pending.answers[target.id] = "down"
            self._elsewhere()
            self._later(self._send, pending, data)
            return
        if pending.in_doubt:
            self.retries += 1
        if pending.sequence and self._chance.happens(LATE_COPY):
            pending.in_doubt = True
            late_us = self._chance.between(0, LATEST_US)
            self._scheduler.after(late_us, _arrive_late, target, data)
        # What waits in the mailbox of a node that crashes is never answered.
        self._scheduler.after(
            self._patience_us, lambda: answered(OutcomeUnknown(f"{target.id} has not answered in time"), None)
        )

    def _failed(self, pending: _Pending, error: Exception, data: bytes) -> None:
        """An attempt has brought no reply."""
        self._follow(error)
        if isinstance(error, EntryTooLarge):
            self._settle(pending, error)
        elif isinstance(error, ProposalRefused):
            self._later(self._send, pending, data)
        elif pending.sequence:
            pending.in_doubt = True
            self._later(self._send, pending, data)
        else:
            pending.in_doubt = True
            self._settle(pending, error)

    def _take(self, pending: _Pending, reply: Reply, data: bytes) -> None:
        if reply.outcome == APPLIED and isinstance(reply.value, Answer):  # without a session
            self.acknowledged.append((pending.command, reply.value.position))
            self._settle(pending, None, reply.value.value)
        elif reply.outcome == APPLIED:
            assert isinstance(reply.value, bytes)
            position, encoded = results.decode(reply.value)
            self.acknowledged.append((pending.command, position))
            self._settle(pending, None, self._decode(encoded))
        elif reply.outcome == UNSUPPORTED:
            pending.in_doubt = True  # it was applied
            self._settle(pending, ResultNotKept(str(reply.value)))
        elif reply.outcome == EXPIRED:
            session, self._session = self._session, None
            assert session is not None
            self._settle(pending, SessionExpired(session))
        elif reply.outcome == FULL:
            self._later(self._send, pending, data)
        else:
            raise InvariantError("C1", f"{pending.command!r} is answered {reply!r}, and {self._name} waits for it")

    # Reads

    def read(self, request: ReadRequest, done: Done) -> None:
        """Ask the state machine; `done` is told the error or the result."""
        pending = self._begin("nobody served the read", done, request.timeout)
        if not self._chance.acts("read"):
            self._refuse(pending, "it was left out, to find a smaller run")
        else:
            self._ask(pending, request)

    def _ask(self, pending: _Pending, request: ReadRequest) -> None:
        if pending.settled:
            return
        anybody = request.consistency == STALE or self._chance.happens(0.5)
        host = self._chance.pick(self._hosts) if anybody else self._target
        attempt = pending.begin_attempt()

        def answered(error: Exception | None, result: Any) -> None:
            if not pending.is_waiting_for(attempt):
                return
            self._note("read", error, None)
            if isinstance(error, (ReadFailed, OutcomeUnknown)):
                pending.answers[host.id] = str(error)
                self._later(self._ask, pending, request)
            elif error is None and request.consistency == STALE:
                value, staleness_ms = result
                self._settle(pending, None, StaleRead(value, None if staleness_ms is None else staleness_ms / 1000))
            else:
                self._settle(pending, error, result)

        if host.read(request.consistency, answered, Query(request.query)):
            self._scheduler.after(self._patience_us, lambda: answered(ReadFailed("no answer in time"), None))
        else:
            pending.under_way = False
            pending.answers[host.id] = "down"
            self._later(self._ask, pending, request)

    # Both

    def _begin(self, what: str, done: Done, timeout_s: float | None, command: bytes = b"") -> _Pending:
        self._pending = pending = _Pending(what, done, timeout_s, command)
        if timeout_s is not None:
            self._scheduler.after(int(timeout_s * 1_000_000), self._time_is_up, pending)
        return pending

    def _time_is_up(self, pending: _Pending) -> None:
        if pending.settled:
            return
        assert pending.timeout_s is not None
        if pending.command and (pending.in_doubt or pending.under_way):
            pending.in_doubt = True
            self._settle(pending, OutcomeUnknown(f"{pending.what} within {pending.timeout_s:g} s"))
        else:
            self._settle(pending, Unavailable(pending.what, pending.timeout_s, pending.answers))

    def _refuse(self, pending: _Pending, why: str) -> None:
        self._settle(pending, Unavailable(why, pending.timeout_s or 0.0, {}))

    def _settle(self, pending: _Pending, error: Exception | None, result: Any = None) -> None:
        """Tell the outcome; a command that fails and was never in doubt has certainly not taken effect."""
        pending.settled = True
        self._pending = None
        if error is not None and pending.command and not pending.in_doubt:
            self.refused.append(pending.command)
        pending.done(error, result)

    def _later(self, action: Callable[..., None], *args: Any) -> None:
        self._scheduler.after(self._chance.long_tailed(1_000, RETRY_US), action, *args)

    def _follow(self, error: Exception | None) -> None:
        """Ask the leader that a refusal names next, or anybody."""
        if error is None:
            return
        hinted = error.leader if isinstance(error, NotLeader) else None
        for host in self._hosts:
            if host.id == hinted:
                self._target = host
                return
        self._elsewhere()

    def _elsewhere(self) -> None:
        self._target = self._chance.pick(self._hosts)

    def _note(self, what: object, error: Exception | None, reply: object) -> None:
        """Take an answer into the digest; what machines of users return may look different in each process."""
        told = reply.outcome if isinstance(reply, Reply) else None
        self._record(self._name, what, type(error).__name__, told)


def _arrive_late(host: Host, data: bytes) -> None:
    host.propose(data, lambda error, reply: None)
