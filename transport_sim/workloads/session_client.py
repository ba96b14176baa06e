"""Clients with a session: they send a command again until they have its answer, and hold the cluster to "once"."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from actors import results
from actors.session_commands import in_session, register
from actors.session_table import AHEAD, APPLIED, CROWDED, EXPIRED, FULL, REGISTERED, Reply
from raft.errors import EntryTooLarge, NotLeader, ProposalRefused

from ..chance import Chance
from ..host import Host
from ..scheduler import Scheduler
from ..shadow import InvariantError

RETRY_US = 50_000  # the usual pause before a command is sent again
LATE_COPY = 0.02  # how often a second copy of a command wanders about in the network
LATEST_US = 3_000_000  # for how long
WEARY_AFTER = 5  # attempts after which a client may give up


class _Session:
    def __init__(self, id: int) -> None:
        self.id = id
        self.next = 1
        self.pending: dict[int, _Pending] = {}  # by sequence, in order

    @property
    def lowest(self) -> int:
        return next(iter(self.pending), self.next)


class _Pending:
    """A command whose answer the client waits for.

    Attributes:
        attempt: the number of the one that the client waits for; counts on when its answer is of no use.
        in_doubt: whether one of them may have entered a log, for all that the client knows.
        retried: whether it was sent again after that.
        reply: the answer that it was acknowledged with.
    """

    def __init__(self, session: _Session, sequence: int, command: bytes) -> None:
        self.session = session
        self.sequence = sequence
        self.command = command
        self.attempt = 0
        self.in_doubt = False
        self.retried = False
        self.reply: Reply | None = None

    @property
    def settled(self) -> bool:
        return self.sequence not in self.session.pending


class SessionClient:
    """Opens a session and proposes commands in it, several at a time.

    What is refused, in doubt or not answered in time is sent again, to any host and in any order, under the same
    session and sequence. After `SessionExpired` nothing is: a new session begins with new commands. Sometimes it tires
    of a command and gives it up.

    Args:
        name: part of every command, so that each is unique.
        hosts: all of them.
        mean_pause_us: usual time between two commands.
        record: is told of every answer.

    Attributes:
        paused: whether it asks for nothing for a while, and sends nothing again.
        proposed: every command, each of which may be applied once at most.
        acknowledged: those that were answered with a result, and the results.
        acknowledged_position: the highest of these results.
        refused: those that certainly did not take effect.
        retries: how many commands were sent again while an earlier attempt was in doubt.
    """

    def __init__(
        self,
        name: str,
        scheduler: Scheduler,
        chance: Chance,
        hosts: Sequence[Host],
        mean_pause_us: int,
        record: Callable[..., None],
    ) -> None:
        self.name = name
        self.proposed: list[bytes] = []
        self.acknowledged: list[tuple[bytes, object]] = []
        self.acknowledged_position = 0
        self.refused: list[bytes] = []
        self.retries = 0
        self._scheduler = scheduler
        self._chance = chance
        self._hosts = hosts
        self._mean_pause_us = mean_pause_us
        self._record = record
        self._padding = chance.pick((0, 0, 50, 200))
        self._most_pending = chance.pick((1, 8, 32))
        self._patience_us = chance.pick((300_000, 1_000_000, 4_000_000))
        self._target = chance.pick(hosts)
        self._session: _Session | None = None
        self._stopped = False
        self.paused = False
        self._waiting = 0  # commands without an answer, of former sessions too
        self._again()

    @property
    def waits(self) -> bool:
        """Whether a command has no answer yet."""
        return self._waiting > 0

    def stop(self) -> None:
        """Propose nothing new; go on asking for the answers to what was proposed."""
        self._stopped = True

    def _again(self) -> None:
        self._scheduler.after(self._chance.long_tailed(0, self._mean_pause_us), self._act)

    def _act(self) -> None:
        if self._stopped:
            return
        if self.paused:
            self._again()
            return
        session = self._session
        if session is None:
            if not self._target.propose(register(), self._registered):
                self._target = self._chance.pick(self._hosts)
        else:
            for _ in range(self._chance.pick((1, 1, 1, 8))):
                if len(session.pending) < self._most_pending and self._chance.acts("command"):
                    self._propose(session)
        self._again()

    def _registered(self, error: Exception | None, reply: object) -> None:
        self._record("register", error, reply)
        if isinstance(error, ProposalRefused):
            self._follow(error)
        elif error is None:
            assert isinstance(reply, Reply)
            if reply.outcome not in (REGISTERED, CROWDED):
                raise InvariantError("C1", f"a registration is answered {reply!r}")
            if reply.outcome == REGISTERED and self._session is None:
                assert isinstance(reply.value, int)
                self._session = _Session(reply.value)

    def _propose(self, session: _Session) -> None:
        padding = b"." * self._chance.between(0, self._padding)
        command = f"{self.name}-{len(self.proposed) + 1}".encode() + padding
        self.proposed.append(command)
        pending = _Pending(session, session.next, command)
        session.pending[session.next] = pending
        session.next += 1
        self._waiting += 1
        self._send(pending)

    def _send(self, pending: _Pending) -> None:
        if pending.settled:
            return
        if self.paused:
            self._retry(pending)
            return
        if pending.attempt >= WEARY_AFTER and self._chance.happens(0.02):
            self._settle(pending)
            return
        session = pending.session
        data = in_session(session.id, pending.sequence, session.lowest, pending.command)
        pending.attempt += 1
        attempt = pending.attempt
        if not self._target.propose(data, lambda error, reply: self._reply(pending, attempt, error, reply)):
            self._target = self._chance.pick(self._hosts)
            self._retry(pending)
            return
        if pending.in_doubt and not pending.retried:
            pending.retried = True
            self.retries += 1
        if self._chance.happens(LATE_COPY):
            pending.in_doubt = True
            self._scheduler.after(self._chance.between(0, LATEST_US), self._arrive_late, self._target, pending, data)
        self._scheduler.after(self._patience_us, self._lose_patience, pending, attempt)

    def _arrive_late(self, host: Host, pending: _Pending, data: bytes) -> None:
        host.propose(data, lambda error, reply: self._reply(pending, 0, error, reply))

    def _retry(self, pending: _Pending) -> None:
        self._scheduler.after(self._chance.long_tailed(1_000, RETRY_US), self._send, pending)

    def _lose_patience(self, pending: _Pending, attempt: int) -> None:
        if not pending.settled and attempt == pending.attempt:
            pending.in_doubt = True
            self._target = self._chance.pick(self._hosts)
            self._send(pending)

    def _reply(self, pending: _Pending, attempt: int, error: Exception | None, reply: object) -> None:
        self._record(pending.command, attempt, error, reply)
        newest = attempt == pending.attempt and not pending.settled
        if error is None:
            assert isinstance(reply, Reply)
            self._answered(pending, reply, newest)
        elif isinstance(error, ProposalRefused):
            self._follow(error)
            if newest and isinstance(error, EntryTooLarge):
                self._settle(pending)
            elif newest:
                self._retry_after(pending)
        elif newest:
            pending.in_doubt = True
            self._retry_after(pending)

    def _retry_after(self, pending: _Pending) -> None:
        """Send a command again; the attempt that was answered needs no patience any more."""
        pending.attempt += 1
        self._retry(pending)

    def _answered(self, pending: _Pending, reply: Reply, newest: bool) -> None:
        if reply.outcome == APPLIED:
            if pending.reply is not None and reply != pending.reply:
                raise InvariantError("C1", f"{pending.command!r} is answered {pending.reply!r}, and then {reply!r}")
            if not pending.settled:
                assert isinstance(reply.value, bytes)
                pending.reply = reply
                position = results.decode(reply.value)
                assert isinstance(position, int)
                self.acknowledged.append((pending.command, position))
                self.acknowledged_position = max(self.acknowledged_position, position)
                self._forget(pending)
        elif reply.outcome == EXPIRED:
            if pending.session is self._session:
                self._session = None
            if not pending.settled:
                self._settle(pending)
        elif not pending.settled and reply.outcome not in (AHEAD, FULL):
            raise InvariantError("C1", f"{pending.command!r} is answered {reply!r}, and its client waits for it")
        elif newest:
            self._retry_after(pending)

    def _settle(self, pending: _Pending) -> None:
        """End without a result; what was never in doubt has certainly not taken effect."""
        if not pending.in_doubt and pending.reply is None:
            self.refused.append(pending.command)
        self._forget(pending)

    def _forget(self, pending: _Pending) -> None:
        del pending.session.pending[pending.sequence]
        self._waiting -= 1

    def _follow(self, refusal: ProposalRefused) -> None:
        hinted = refusal.leader if isinstance(refusal, NotLeader) else None
        for host in self._hosts:
            if host.id == hinted:
                self._target = host
                return
        self._target = self._chance.pick(self._hosts)
