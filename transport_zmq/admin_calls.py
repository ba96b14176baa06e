"""The calls of a client that change who takes part and who leads; with CURVE they need the role admin."""

from __future__ import annotations

from abc import ABC, abstractmethod

from actors.client import Deadline
from actors.loop import run
from raft.changes import LEARNER, REMOVED, VOTER, Change

from .client_calls import ClientCalls


class AdminCalls(ABC):
    """Changes of membership and transfers of leadership; a base of `Client`.

    A change says what shall be in the end, so it is asked for again while it is in doubt; one that is in effect already
    changes nothing. Changes of membership wait for each other.
    """

    _calls: ClientCalls

    def change(self, *changes: Change, timeout: float = 10.0) -> None:
        """Change several members at once: all of it takes effect, or none (joint consensus).

        Args:
            changes: one for each member. A member that joins needs its address, and the incarnation of its storage,
                which its status tells.
            timeout: seconds, 0 or more; a new voter catches up first.

        Raises:
            InvalidChange, LastVoter, WitnessMajority: nothing has changed.
            NotCaughtUp: a new voter stays a learner, and may be promoted later.
            Unauthorized: the client's key has not the role admin.
            InvalidConfig: when the timeout is no number of seconds.
            Unavailable: nobody took the change in time; it had no effect.
            OutcomeUnknown: the time is up after a leader took it; it may yet take effect.
            ClientClosed: after `close`.
        """
        run(self._calls.change(changes, self._deadline(timeout)))

    def add(
        self,
        member: str,
        address: str,
        incarnation: int,
        *,
        learner: bool = False,
        witness: bool = False,
        priority: int = 0,
        timeout: float = 10.0,
    ) -> None:
        """Have a node that waits for it added; it catches up first, then it counts.

        Args:
            member: its id.
            address: where the other members reach it.
            incarnation: of its storage, as its status tells.
            learner: whether it shall only receive the log, and not count.
            witness: whether it shall vote and have no state machine (contract M8).
            priority: 0 to 1000; members of higher priority lead rather.
            timeout: seconds, 0 or more.

        Raises: as `change`.
        """
        part = LEARNER if learner else VOTER
        self.change(Change(member, part, address, incarnation, witness, priority), timeout=timeout)

    def remove(self, member: str, timeout: float = 10.0) -> None:
        """Have a member removed; it may be down, and it may lead. Raises as `change`."""
        self.change(Change(member, REMOVED), timeout=timeout)

    def promote(self, member: str, timeout: float = 10.0) -> None:
        """Make a voter of a learner, once it has caught up. Raises as `change`."""
        self.change(Change(member, VOTER), timeout=timeout)

    def demote(self, member: str, timeout: float = 10.0) -> None:
        """Make a learner of a voter: it receives the log, and does not count any more. Raises as `change`."""
        self.change(Change(member, LEARNER), timeout=timeout)

    def transfer(self, target: str | None = None, timeout: float = 5.0) -> str:
        """Hand leadership over to a voter, and return who leads then. Takes about an election timeout at most.

        Args:
            target: who shall lead; the one that is furthest when None.
            timeout: seconds, 0 or more.

        Raises:
            TransferRefused: when the target leads already, or never can; or, without a target, when nobody can.
            TransferFailed: when it did not take over.
            Unauthorized: the client's key has not the role admin.
            InvalidConfig: when the timeout is no number of seconds.
            Unavailable: no leader was found in time; nothing has changed.
            OutcomeUnknown: the time is up, or the leader went down, while it handed over.
            ClientClosed: after `close`.
        """
        return run(self._calls.transfer(target, self._deadline(timeout)))

    @abstractmethod
    def _deadline(self, timeout: float) -> Deadline: ...
