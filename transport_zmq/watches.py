"""The requests at a client port that wait until the state machine has something to tell."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

from pykka import ActorDeadError

from actors.errors import NotWatchable
from actors.node import NodeActor
from actors.ports import StateMachine
from raft.waiting import StopWaiting, WaitFor

from .caller import Caller, Pending
from .errors import PortOverloaded
from .limits import ClientLimits
from .refusal import TOO_MANY_REQUESTS
from .statistics import Statistics


class Watches:
    """Knows which requests wait, and keeps to the bounds of how many may.

    Args:
        limits: the bounds.
        statistics: of the node.
    """

    def __init__(self, limits: ClientLimits, statistics: Statistics) -> None:
        self._limits = limits
        self._statistics = statistics
        self._waiting: dict[Pending, tuple[NodeActor, WaitFor]] = {}
        self._counts: Counter[Caller] = Counter()

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, pending: Pending | None) -> bool:
        return pending in self._waiting

    def check(self, caller: Caller, machine: StateMachine | None) -> None:
        """See whether one more request of a caller may wait.

        Args:
            caller: whose it is.
            machine: the state machine of the node; None for a witness, which says itself that it has none.

        Raises:
            NotWatchable: the machine cannot be waited for.
            PortOverloaded: too many wait.
        """
        if machine is not None and not callable(getattr(machine, "watcher", None)):
            raise NotWatchable(type(machine).__name__)
        limits = self._limits
        for what, waiting, limit in (
            ("watches of this client", self._counts[caller] + 1, limits.watches),
            ("watches", len(self._waiting) + 1, limits.all_watches),
        ):
            if waiting > limit:
                self._statistics.refuse(TOO_MANY_REQUESTS, what, "a client")
                raise PortOverloaded(what, waiting, limit)

    def begin(self, pending: Pending, actor: NodeActor, wait: WaitFor) -> None:
        """Take note that a request waits at a node."""
        self._waiting[pending] = (actor, wait)
        self._counts[pending.caller] += 1

    def forget(self, pending: Pending) -> None:
        """Take note that a request waits no more, if it did."""
        if self._waiting.pop(pending, None) is not None:
            self._counts[pending.caller] -= 1
            if not self._counts[pending.caller]:
                del self._counts[pending.caller]

    def stop(self, pending: Pending) -> None:
        """Tell the node that nobody waits for an answer any more."""
        actor, wait = self._waiting[pending]
        with suppress(ActorDeadError):  # then nothing waits there
            actor.actor_ref.tell(StopWaiting(wait, lambda error, result: None))

    def all(self) -> list[Pending]:
        """Return all requests that wait."""
        return list(self._waiting)

    def clear(self) -> None:
        """Forget all of them."""
        self._waiting.clear()
        self._counts.clear()
