"""Who keeps one member: starts its actor, takes it down, remembers why it went down, starts it anew from its storage.

A node that fails is not restarted by itself: its state could not be trusted, and what made it fail once, a broken disk
or a state machine that raises, would do so again. Somebody who has read the cause decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from loguru import logger
from pykka import Future

from raft.observer import ConfigurationChanged, Refused
from raft.status import Status

from .errors import AlreadyRunning, NodeStopped, NotRunning
from .node import NodeActor
from .runtime import GeventFuture, describe

Reply = Callable[[Exception | None, Any], None]
Request = Callable[[Reply], object]  # makes the message that asks a node for something and has this reply called


@dataclass(frozen=True)
class MemberStatus:
    """What is known of one member from outside.

    Attributes:
        id: the member.
        raft: what its node says of itself, or None while it is down.
        failure: the exception that took it down, or None when it runs, was killed or was stopped.
        refused: why the others do not take the node for the member whose id it has, or None: the id is bound to another
            storage than the one that the node has (contract M6). Remove the member, then add it again.
    """

    id: str
    raft: Status | None
    failure: BaseException | None
    refused: Refused | None = None

    @property
    def running(self) -> bool:
        """Whether the member is up."""
        return self.raft is not None

    @property
    def state(self) -> str:
        """The role of its node, or "refused" and by whom, or "down", followed by what took it down if it failed.

        A full disk is told, too.
        """
        if self.raft is not None:
            role = f"{self.raft.role}, disk full" if self.raft.disk_full else self.raft.role
            return role if self.refused is None else f"refused by {self.refused.by}"
        return "down" if self.failure is None else f"down: {describe(self.failure)}"


class Supervisor:
    """Keeps one member.

    Args:
        id: the member.
        spawn: starts the member's actor from its storage; its argument is for `NodeActor`'s `on_down`.
        on_down: called with the id after the node has gone down, for whatever reason.
    """

    def __init__(
        self,
        id: str,
        spawn: Callable[[Callable[[BaseException | None], None]], NodeActor],
        on_down: Callable[[str], None],
    ) -> None:
        self.id = id
        self._spawn = spawn
        self._on_down = on_down
        self._actor: NodeActor | None = None
        self._crashed: NodeActor | None = None
        self._failure: BaseException | None = None
        self._refused: Refused | None = None

    def start(self) -> None:
        """Start the node from what its storage holds.

        Raises:
            AlreadyRunning: when it runs.
            InvalidRestore: when what storage holds contradicts itself.
        """
        if self._actor is not None:
            raise AlreadyRunning(self.id)
        self._failure = None
        self._refused = None
        self._actor = self._spawn(self._went_down)

    def crash(self) -> None:
        """Take the node down at once, as by a power cut. Never waits, so that nothing can come in between.

        Raises:
            NotRunning: when it is down.
        """
        actor = self._actor
        if actor is None:
            raise NotRunning(self.id)
        self._actor = None
        self._on_down(self.id)
        self._crashed = actor
        actor.crash()

    def stop(self) -> None:
        """Take the node down once it has carried out what is in its mailbox, and wait until it is down.

        Raises:
            NotRunning: when it is down.
        """
        actor = self._actor
        if actor is None:
            raise NotRunning(self.id)
        actor.actor_ref.stop()
        actor.join(1.0)

    def join(self) -> None:
        """Wait until the greenlet of a node that was crashed has ended."""
        if self._crashed is not None:
            self._crashed.join(1.0)
            self._crashed = None

    def ask(self, request: Request) -> Future[Any]:
        """Put a request before the node; the future brings what it is replied, or `NodeStopped`."""
        future: GeventFuture[Any] = GeventFuture()
        if self._actor is None:
            future.answer(NodeStopped(self.id, None if self._failure is None else describe(self._failure)), None)
        else:
            self._actor.actor_ref.tell(request(future.answer))
        return future

    def status(self) -> MemberStatus:
        """Return what is known of the member."""
        raft = None if self._actor is None else self._actor.status()
        return MemberStatus(self.id, raft, self._failure, self._refused)

    def observe(self, event: object) -> None:
        """Take note that other members refuse this one, or do so no more; other events are of no interest here."""
        if isinstance(event, Refused):
            self._refused = event
        elif (
            self._refused is not None
            and isinstance(event, ConfigurationChanged)
            and event.configuration.incarnations.get(self.id) != self._refused.bound
        ):
            self._refused = None

    @property
    def running(self) -> bool:
        """Whether the node is up."""
        return self._actor is not None

    def _went_down(self, error: BaseException | None) -> None:
        self._actor = None
        self._failure = error
        if error is not None:
            logger.error("node {} is down: {}", self.id, describe(error))
        self._on_down(self.id)
