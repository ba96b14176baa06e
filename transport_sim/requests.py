"""What a client process of the simulated world may ask for: it yields one of these, and is sent the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from actors.arguments import checked_timeout
from actors.errors import NotReadable
from raft.actor import LEASE, LINEARIZABLE, STALE
from raft.errors import InvalidCommand, InvalidConfig, RaftError

from .application import Application
from .chance import Chance
from .scheduler import Scheduler


class NotYielded(RaftError):
    """A process has asked for something and not yielded it, so nothing was done."""

    def __init__(self, request: Request) -> None:
        super().__init__(f"{request} was made and not yielded, so it was not done; write `yield client.call(...)`")


class NotARequest(RaftError):
    """A process has yielded something that is no request."""

    def __init__(self, yielded: object) -> None:
        super().__init__(
            f"a process yielded {yielded!r}; it may yield what client.call, client.read and client.sleep return, and "
            "`yield from` another generator that does"
        )


@dataclass(frozen=True)
class Request:
    """Something to be done for a process, which waits for it; yield it."""


@dataclass(frozen=True)
class Call(Request):
    """Get a command applied, see `SimClient.call`."""

    command: bytes
    timeout: float | None
    session: bool


@dataclass(frozen=True)
class Query(Request):
    """Ask the state machine, see `SimClient.read`."""

    query: Any
    consistency: str
    timeout: float | None


@dataclass(frozen=True)
class Sleep(Request):
    """Let time pass, see `SimClient.sleep`."""

    seconds: float


RequestT = TypeVar("RequestT", bound=Request)


class SimClient:
    """What a process does things with. Whatever a method returns must be yielded; then it is done.

    Args:
        name: of the process.

    Attributes:
        name: as above.
        chance: decides what the process leaves to chance; the same seed gives the same. Use nothing else for that.
    """

    def __init__(self, name: str, scheduler: Scheduler, chance: Chance, application: Application) -> None:
        self.name = name
        self.chance = chance
        self._scheduler = scheduler
        self._application = application
        self._made: Request | None = None  # and not yielded yet

    @property
    def now(self) -> float:
        """The virtual time in seconds since the run began."""
        return self._scheduler.now_us / 1_000_000

    def call(self, command: bytes, timeout: float | None = None, *, session: bool = True) -> Call:
        """Get a command applied, and be sent what the state machine answered.

        Args:
            command: bytes that the state machine understands.
            timeout: seconds of virtual time after which to give up; None for never.
            session: whether it goes under a session: then it is sent again while its outcome is in doubt, and takes
                effect once. Without, it is sent again only as long as it was refused.

        Raises:
            InvalidCommand: the command is not bytes.
            InvalidConfig: the timeout is no number of seconds.
            NotYielded: the request before this one was not yielded.

        What is raised where it is yielded:
            Unavailable: the time is up, and the command had no effect. Also when shrinking leaves the command out.
            OutcomeUnknown: the time is up, and it may still take effect, once; or its session has expired
                (`SessionExpired`); or it went without a session, and leadership was lost.
            EntryTooLarge: no node will ever take it.
            ResultNotKept: it was applied, and its result cannot be told.
        """
        if type(command) is not bytes:
            raise InvalidCommand(command)
        return self._note(Call(command, None if timeout is None else checked_timeout(timeout), session))

    def read(self, query: Any, consistency: str = LINEARIZABLE, timeout: float | None = None) -> Query:
        """Ask the state machine's `read`, without a place in the log, and be sent what it answers.

        Args:
            query: what it understands.
            consistency: "linearizable", "lease" (the same, by a lease where there is one), or "stale": then one member
                is asked, whichever it is, and the answer is a `StaleRead`, which says how old it may be.
            timeout: seconds of virtual time after which to give up; None for never.

        Raises:
            NotReadable: the state machine has no `read`.
            InvalidConfig: the timeout or the consistency is none.
            NotYielded: the request before this one was not yielded.

        What is raised where it is yielded:
            Unavailable: the time is up. Also when shrinking leaves the read out.
            Exception: whatever the machine's `read` has raised.
        """
        if consistency not in (LINEARIZABLE, LEASE, STALE):
            raise InvalidConfig("consistency", consistency, f'"{LINEARIZABLE}", "{LEASE}" or "{STALE}"')
        if not self._application.is_readable:
            raise NotReadable(type(self._application.example).__name__)
        return self._note(Query(query, consistency, None if timeout is None else checked_timeout(timeout)))

    def sleep(self, seconds: float) -> Sleep:
        """Let virtual time pass.

        Raises:
            InvalidConfig: it is no number of seconds.
            NotYielded: the request before this one was not yielded.
        """
        return self._note(Sleep(checked_timeout(seconds)))

    def taken(self, request: object) -> None:
        """The process has yielded something.

        Raises:
            NotARequest: it is no request.
            NotYielded: another request was made since, or before.
        """
        made, self._made = self._made, None
        if not isinstance(request, Request):
            raise NotARequest(request)
        if made is not None and made is not request:
            raise NotYielded(made)

    def ended(self) -> None:
        """The process has ended.

        Raises:
            NotYielded: its last request was not yielded.
        """
        if self._made is not None:
            raise NotYielded(self._made)

    def _note(self, request: RequestT) -> RequestT:
        if self._made is not None:
            raise NotYielded(self._made)
        self._made = request
        return request
