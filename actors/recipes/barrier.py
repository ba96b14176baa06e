"""A barrier: nobody goes on before all have come, and nobody leaves before all are through."""

from __future__ import annotations

import secrets

from raft.errors import InvalidConfig

from ..arguments import as_bytes
from ..client import Deadline
from ..kv_calls import KeyValueCalls
from .errors import AlreadyHeld, NotHeld, PlaceLost
from .keeper import Keeper
from .line import TTL_S
from .view import View, seconds_of

MAX_PARTIES = 1000


class Barrier:
    """A double barrier: `enter` returns when all parties have entered, `leave` when all have left. May be used again.

    Each party has a key with a lease of its own, and counts the others' from before its own put on, change by change;
    so it sees that all were there, even if some have left by the time it looks. A party that dies has left.

    Args:
        client: of the cluster that has it.
        name: of the barrier, 1 to 1000 bytes; its keys begin with it and a slash.
        parties: how many there are, 1 to 1000; the same for all of them.
        ttl: seconds after which a party that has died is believed to have left, 0.1 or more.

    Raises:
        InvalidConfig: when there are no parties, or too many.
    """

    def __init__(self, client: KeyValueCalls, name: bytes | str, parties: int, *, ttl: float = TTL_S) -> None:
        if type(parties) is not int or not 1 <= parties <= MAX_PARTIES:
            raise InvalidConfig("parties", parties, f"1 to {MAX_PARTIES}")
        self._client = client
        self._name = as_bytes("name", name)
        self._prefix = self._name + b"/"
        self._parties = parties
        self._ttl = ttl
        # The same each time: what an entry that went wrong has left behind is this party's, and must not count twice.
        self._key = self._prefix + secrets.token_hex(8).encode()
        self._keeper: Keeper | None = None

    def __repr__(self) -> str:
        return f"Barrier({self._name!r}, {self._parties})"

    def enter(self, timeout: float | None = None) -> bool:
        """Enter, and wait until all parties have.

        Args:
            timeout: seconds to wait at most, 0 or more; as long as it takes when None.

        Returns:
            Whether all have entered; when they have not in time, this one has left again.

        Raises:
            AlreadyHeld: this party has entered already.
            PlaceLost: its lease has expired while it waited; it has left.
            Unavailable, OutcomeUnknown: the cluster did not answer in time; it has left, when its ttl is over at the
                latest.
            OutOfBounds, InvalidConfig, TooManyLeases, NotKeyValue: nothing was done.
        """
        if self._keeper is not None:
            raise AlreadyHeld(self._name)
        deadline = None if timeout is None else Deadline(timeout)
        keeper = self._keeper = Keeper(self._client, self._ttl, seconds_of(deadline))
        entered = False
        try:
            with View(self._client, self._prefix, deadline) as view:
                self._client.txn().put(self._key, b"", lease=keeper.lease).commit(seconds_of(deadline))
                while len(view.revisions) < self._parties:
                    if not view.next(deadline):
                        return False
                    if keeper.lost:
                        raise PlaceLost(self._name)
                entered = True
                return True
        finally:
            if not entered:
                self._keeper = None
                keeper.stop(0.0)

    def leave(self, timeout: float | None = None) -> bool:
        """Leave, and wait until all who had entered have left.

        Args:
            timeout: seconds to wait at most, 0 or more; as long as it takes when None.

        Returns:
            Whether all have left. This one has in any case.

        Raises:
            NotHeld: this party has not entered.
            Unavailable, OutcomeUnknown: the cluster did not answer in time; this one has left, when its ttl is over at
                the latest.
        """
        if self._keeper is None:
            raise NotHeld(self._name)
        deadline = None if timeout is None else Deadline(timeout)
        keeper, self._keeper = self._keeper, None
        try:
            left = self._client.txn().delete(self._key).commit(seconds_of(deadline)).revision
        finally:
            keeper.stop(seconds_of(deadline))
        with View(self._client, self._prefix, deadline) as view:
            # Whoever enters again has seen that all had left: its revision is higher than that of this departure.
            while any(revision < left for revision in view.revisions.values()):
                if not view.next(deadline):
                    return False
        return True
