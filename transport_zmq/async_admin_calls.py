"""The calls of an asyncio client that change who takes part and who leads."""

from __future__ import annotations

from abc import ABC, abstractmethod

from actors.client import Deadline
from raft.changes import LEARNER, REMOVED, VOTER, Change

from .client_calls import ClientCalls


class AsyncAdminCalls(ABC):
    """What `AdminCalls` has, as coroutines; a base of `AsyncClient`. With CURVE they need the role admin."""

    _calls: ClientCalls

    async def change(self, *changes: Change, timeout: float = 10.0) -> None:
        """Change several members at once: all of it takes effect, or none. See `AdminCalls.change`."""
        await self._calls.change(changes, self._deadline(timeout))

    async def add(
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
        """Have a node that waits for it added. See `AdminCalls.add`."""
        part = LEARNER if learner else VOTER
        await self.change(Change(member, part, address, incarnation, witness, priority), timeout=timeout)

    async def remove(self, member: str, timeout: float = 10.0) -> None:
        """Have a member removed. See `AdminCalls.remove`."""
        await self.change(Change(member, REMOVED), timeout=timeout)

    async def promote(self, member: str, timeout: float = 10.0) -> None:
        """Make a voter of a learner. See `AdminCalls.promote`."""
        await self.change(Change(member, VOTER), timeout=timeout)

    async def demote(self, member: str, timeout: float = 10.0) -> None:
        """Make a learner of a voter. See `AdminCalls.demote`."""
        await self.change(Change(member, LEARNER), timeout=timeout)

    async def transfer(self, target: str | None = None, timeout: float = 5.0) -> str:
        """Hand leadership over to a voter, and return who leads then. See `AdminCalls.transfer`."""
        return await self._calls.transfer(target, self._deadline(timeout))

    @abstractmethod
    def _deadline(self, timeout: float) -> Deadline: ...
