"""Elections among programs: the first in line leads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..arguments import as_bytes
from ..client import Deadline
from ..kv_calls import KeyValueCalls
from .line import TTL_S
from .turn import Turn
from .view import View, items_under


@dataclass(frozen=True)
class Leader:
    """Who leads.

    Attributes:
        value: what it has campaigned with.
        token: a leader that is elected later has a greater one.
    """

    value: bytes
    token: int


class Election(Turn):
    """One candidate, and whoever wants to know who is elected.

        election = Election(client, "scheduler")
        election.campaign("db1:9000")  # returns when this one leads
        while not election.lost:
            schedule(fence=election.token)

    What `Lock` says of its ttl, of being lost and of tokens holds for a leader as well.

    Args:
        client: of the cluster that has it.
        name: of the election, 1 to 1000 bytes; its keys begin with it and a slash.
        ttl: seconds after which another one leads when a leader has died, 0.1 or more.
    """

    def __init__(self, client: KeyValueCalls, name: bytes | str, *, ttl: float = TTL_S) -> None:
        super().__init__(client, name, ttl, 1)
        self._client = client

    # The candidate

    def campaign(self, value: bytes | str = b"", timeout: float | None = None) -> bool:
        """Wait until this candidate leads.

        Args:
            value: what others shall know of it, its address for instance.
            timeout: seconds to wait at most, 0 or more; for ever when None, through outages of the cluster too.

        Returns:
            Whether it leads. When it does not, it is no candidate any more.

        Raises:
            AlreadyHeld: this object is a candidate already.
            Unavailable, OutcomeUnknown, OutOfBounds, InvalidConfig, TooManyLeases, NotKeyValue: as for `Lock.acquire`.
        """
        return self._line.wait(as_bytes("value", value), timeout)

    def resign(self, timeout: float = 5.0) -> None:
        """Lead no more. When the cluster cannot be told in time, another one leads when the ttl is over.

        Raises:
            NotHeld: it does not lead.
        """
        self._line.leave(timeout)

    @property
    def leads(self) -> bool:
        """Whether this candidate leads, for certain."""
        return self._line.is_held

    # Everybody else

    def leader(self, timeout: float = 5.0) -> Leader | None:
        """Return who leads, or None.

        Args:
            timeout: seconds, 0 or more.

        Raises:
            InvalidConfig, Unavailable, NotKeyValue: as for `range`.
        """
        items, _ = items_under(self._client, self._line.prefix, Deadline(timeout))
        first = min(items, key=lambda item: item.revision, default=None)
        return None if first is None else Leader(first.value, first.revision)

    def observe(self, timeout: float | None = None) -> Iterator[Leader | None]:
        """Yield who leads, None for nobody: now, and whenever that changes.

        No leader is left out, unless the caller takes none for longer than the store keeps its history.

        Args:
            timeout: it ends when nothing has changed for so many seconds; never when None.

        Raises:
            InvalidConfig, Unavailable, NotKeyValue: as for `watch`.
        """
        deadline = None if timeout is None else Deadline(timeout)
        told: Leader | str | None = "nothing"
        with View(self._client, self._line.prefix, deadline) as view:
            while True:
                first = min(view.revisions, key=view.revisions.__getitem__, default=None)
                leader = None if first is None else Leader(view.values[first], view.revisions[first])
                if leader != told:
                    told = leader
                    yield leader
                    deadline = None if timeout is None else Deadline(timeout)
                if not view.next(deadline):
                    return
