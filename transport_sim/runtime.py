"""pykka actors under virtual time: putting a message in the inbox makes the scheduler run the actor, nothing else."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from pykka import Actor, ActorRegistry, Future
from pykka._envelope import Envelope

from actors.references import BareRef
from raft.actor import RaftActor

from .scheduler import Scheduler


class SimFuture(Future[Any]):
    """The future of an `ask`. Nothing waits in a simulation: `get` needs the scheduler to have run far enough."""

    def __init__(self) -> None:
        super().__init__()
        self._outcome: tuple[bool, Any] | None = None

    def set(self, value: Any = None) -> None:
        """Set the result."""
        self._outcome = (True, value)

    def set_exception(self, exc_info: Any = None) -> None:
        """Set the error, as (type, value, traceback)."""
        self._outcome = (False, exc_info[1])

    def get(self, *, timeout: float | None = None) -> Any:
        """Return the result or raise the error; RuntimeError when there is none yet."""
        if self._outcome is None:
            raise RuntimeError("the simulation has not come to the answer yet: run the scheduler further")
        succeeded, value = self._outcome
        if not succeeded:
            raise value
        return value


class SimInbox:
    """An inbox that tells its actor of every message put into it."""

    def __init__(self) -> None:
        self.waiting: deque[Any] = deque()
        self.wake: Callable[[], None] = lambda: None

    def put(self, item: Any, /) -> None:
        """Add an envelope or a bare message."""
        self.waiting.append(item)
        self.wake()

    def get(self) -> Any:
        """Take the oldest message; there must be one."""
        return self.waiting.popleft()

    def empty(self) -> bool:
        """Whether no message waits."""
        return not self.waiting


class SimActor(Actor):
    """An actor that runs when the scheduler says so: one turn takes all that its inbox holds.

    Args:
        behaviour: the Raft node's behaviour.
        scheduler: where turns are scheduled.
        turn_delay_us: called for each turn; returns how long the actor is busy elsewhere before it, mostly 0. What
            arrives meanwhile is taken in the same turn.
        ended: called after each turn.
        failed: called with the exception that stopped the actor.
    """

    def __init__(
        self,
        behaviour: RaftActor,
        scheduler: Scheduler,
        turn_delay_us: Callable[[], int],
        ended: Callable[[], None],
        failed: Callable[[Exception], None],
    ) -> None:
        super().__init__()
        self._actor_ref = BareRef(self)
        self.behaviour = behaviour
        self._scheduler = scheduler
        self._turn_delay_us = turn_delay_us
        self._ended = ended
        self._failed = failed
        self._turn_is_due = False
        self.actor_inbox.wake = self._schedule_turn  # type: ignore[attr-defined]

    @staticmethod
    def _create_actor_inbox() -> SimInbox:
        return SimInbox()

    @staticmethod
    def _create_future() -> SimFuture:
        return SimFuture()

    def launch(self) -> None:
        """Begin to act: as `start`, but for an actor that its maker keeps hold of."""
        ActorRegistry.register(self.actor_ref)
        self._start_actor_loop()

    def _start_actor_loop(self) -> None:
        self.behaviour.on_start()
        self._ended()

    def on_receive(self, message: Any) -> Any:
        """Hand the message to the behaviour."""
        return self.behaviour.on_receive(message)

    def kill(self) -> None:
        """Stop at once, as a crash does: what waits in the inbox is lost."""
        ActorRegistry.unregister(self.actor_ref)
        self.actor_stopped.set()
        self.actor_inbox.waiting.clear()  # type: ignore[attr-defined]

    def _schedule_turn(self) -> None:
        if self._turn_is_due:
            return
        self._turn_is_due = True
        delay_us = self._turn_delay_us()
        if delay_us:
            self._scheduler.after(delay_us, self._turn)
        else:
            self._scheduler.next(self._turn)

    def _turn(self) -> None:
        self._turn_is_due = False
        if self.actor_stopped.is_set():
            return
        try:
            waiting = self.actor_inbox.waiting  # type: ignore[attr-defined]
            while waiting:
                item = waiting.popleft()
                if type(item) is not Envelope:
                    self.behaviour.on_receive(item)
                    continue
                answer = self._handle_receive(item.message)
                if item.reply_to is not None:
                    item.reply_to.set(answer)
            self.behaviour.on_drained()
        except Exception as error:
            self.kill()
            self.behaviour.abandon(f"the node stopped: {error}")
            self._failed(error)
            return
        self._ended()
