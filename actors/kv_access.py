"""What the calls of the key-value store stand on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from raft.actor import LINEARIZABLE

from .errors import CommandRefused
from .kv import INVALID, Result
from .stale_read import StaleRead
from .waiter import Waiter


class KeyValueAccess(ABC):
    """Whatever can propose commands to a replicated key-value store, ask it, and wait for it."""

    @abstractmethod
    def propose(self, command: bytes, timeout: float = 5.0) -> Any:
        """Get a command applied once, and return what the store answered."""

    @abstractmethod
    def read(self, query: Any, timeout: float = 5.0, *, consistency: str = LINEARIZABLE) -> Any:
        """Return what the store answers to a query."""

    @abstractmethod
    def read_stale(self, query: Any, timeout: float = 5.0, *, node: str | int | None = None) -> StaleRead[Any]:
        """Return what one node's store answers to a query."""

    @abstractmethod
    def waiter(self, timeout: float = 5.0) -> Waiter:
        """Return a way to wait until the store has something to tell."""

    @abstractmethod
    def _check_key_value(self) -> None: ...

    def _command(self, command: bytes, timeout: float) -> Result:
        """Get a command done, and return its result.

        Raises:
            CommandRefused: it was no command to the store.
        """
        self._check_key_value()
        return checked(self.propose(command, timeout))

    def _query(self, query: bytes, timeout: float, consistency: str = LINEARIZABLE) -> Result:
        """Return what the store answers to a query; raises as `_command` does."""
        self._check_key_value()
        return checked(self.read(query, timeout, consistency=consistency))


def checked(result: Result) -> Result:
    """Return a result of the store; raises `CommandRefused` when it does not understand what was asked."""
    if result.outcome == INVALID:
        raise CommandRefused(str(result.problem))
    return result
