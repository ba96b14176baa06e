"""A line: who has come first has its turn first, and who is gone leaves its place.

Everybody in the line has a key of its own, with a lease that is kept alive; the revision of its put is its place. So
the line is in the store, in the order of the log, and has no state elsewhere. With room for one, each waits for the key
right before its own alone: when a turn ends, one is woken, not all.
"""

from __future__ import annotations

from raft.errors import OutcomeUnknown

from ..arguments import as_bytes
from ..client import Deadline
from ..errors import Compacted, LeaseExpired, Unavailable
from ..kv_calls import KeyValueCalls
from ..transactions import Transaction
from ..watches import Watch
from .errors import AlreadyHeld, NotHeld, PlaceLost
from .keeper import Keeper
from .view import View, items_under, seconds_of

TTL_S = 10.0


class Line:
    """One place at a time in a line.

    Args:
        calls: of the cluster.
        name: of the line; its keys begin with it and a slash.
        ttl: of the lease, in seconds: for so long at most the others wait for one that has died.
        room: how many have their turn at once.

    Attributes:
        name: see above.
        prefix: what the keys of the line begin with.
    """

    def __init__(self, calls: KeyValueCalls, name: bytes | str, ttl: float, room: int) -> None:
        self.name = as_bytes("name", name)
        self.prefix = self.name + b"/"
        self._calls = calls
        self._ttl = ttl
        self._room = room
        self._keeper: Keeper | None = None
        self._is_turn = False
        self._token = 0
        self._taken = False  # whether somebody uses this object

    @property
    def is_held(self) -> bool:
        """Whether it is this one's turn, for certain."""
        return self._is_turn and not self.keeper.lost

    @property
    def is_lost(self) -> bool:
        """Whether it was this one's turn, and is not for certain any more."""
        return self._is_turn and self.keeper.lost

    @property
    def keeper(self) -> Keeper:
        """Of the lease of the place; raises `NotHeld` without one."""
        if self._keeper is None:
            raise NotHeld(self.name)
        return self._keeper

    @property
    def key(self) -> bytes:
        """Of the place; raises `NotHeld` without one."""
        return self._key_of(self.keeper)

    @property
    def token(self) -> int:
        """The place: whoever has its turn later has a greater one. Raises `NotHeld` before it is its turn."""
        if not self._is_turn:
            raise NotHeld(self.name)
        return self._token

    def wait(self, value: bytes, timeout: float | None) -> bool:
        """Get in line, and wait for the turn.

        Args:
            value: what others shall read at the place.
            timeout: seconds to wait at most, 0 or more; for ever when None, through outages of the cluster too.

        Returns:
            Whether it is the turn; when the time is up before, the place is given up.

        Raises:
            AlreadyHeld: it is in line already.
            Unavailable, OutcomeUnknown: the cluster did not answer in time; it is not in line, or not for longer than
                its lease lives.
            OutOfBounds, InvalidConfig, TooManyLeases, NotKeyValue: nothing was done.
        """
        deadline = None if timeout is None else Deadline(timeout)
        if self._taken:
            raise AlreadyHeld(self.name)
        self._taken = True
        try:
            while not self._is_turn:
                try:
                    if self._keeper is None:
                        self._enter(value, deadline)
                    self._is_turn = self._comes(deadline)
                except (LeaseExpired, PlaceLost):
                    self._give_up()  # and get in line again, at its end
                except (Unavailable, OutcomeUnknown):
                    if deadline is not None and self._keeper is None:
                        raise  # it is not even in line
                if deadline is not None and not self._is_turn and not deadline.left_s:
                    return False
        finally:
            if not self._is_turn:
                self._give_up()
                self._taken = False
        return True

    def leave(self, timeout: float) -> None:
        """End the turn; if the cluster cannot be told in time, it ends when the lease expires.

        Raises:
            NotHeld: it is not this one's turn.
        """
        if not self._is_turn:
            raise NotHeld(self.name)
        keeper, self._keeper = self.keeper, None
        self._is_turn = self._taken = False
        keeper.stop(timeout)

    def check(self) -> None:
        """Raise `PlaceLost` when it is not certain any more that it is this one's turn, and `NotHeld` before it was."""
        if not self._is_turn:
            raise NotHeld(self.name)
        if self.keeper.lost:
            raise PlaceLost(self.name)

    def txn(self) -> Transaction:
        """Return a transaction that is done only while the place is there. Raises `NotHeld` before the turn."""
        return self._calls.txn().if_revision(self.key, self.token)

    def _enter(self, value: bytes, deadline: Deadline | None) -> None:
        keeper = Keeper(self._calls, self._ttl, seconds_of(deadline))
        try:
            put = self._calls.txn().put(self._key_of(keeper), value, lease=keeper.lease).commit(seconds_of(deadline))
        except BaseException:
            keeper.stop(0.0)
            raise
        self._keeper = keeper
        self._token = put.revision

    def _key_of(self, keeper: Keeper) -> bytes:
        return self.prefix + b"%016x" % keeper.lease.id

    def _give_up(self) -> None:
        if self._keeper is not None:
            keeper, self._keeper = self._keeper, None
            keeper.stop(0.0)

    def _comes(self, deadline: Deadline | None) -> bool:
        """Wait for the turn; return whether it came in time. Raises `PlaceLost` when the place is gone."""
        came = self._comes_next(deadline) if self._room == 1 else self._comes_among_many(deadline)
        if came and self.keeper.lost:
            raise PlaceLost(self.name)
        return came

    def _comes_next(self, deadline: Deadline | None) -> bool:
        while True:
            items, revision = items_under(self._calls, self.prefix, deadline)
            ahead = self._ahead({item.key: item.revision for item in items})
            if not ahead:
                return True
            timeout = seconds_of(deadline)
            with self._calls.watch(max(ahead)[1], from_revision=revision + 1, timeout=timeout) as watch:
                if not self._has_gone(watch, deadline):
                    return False

    def _comes_among_many(self, deadline: Deadline | None) -> bool:
        with View(self._calls, self.prefix, deadline) as view:
            while len(self._ahead(view.revisions)) >= self._room:
                if not view.next(deadline):
                    return False
        return True

    def _ahead(self, places: dict[bytes, int]) -> list[tuple[int, bytes]]:
        """Return the places before this one, of those that there are, by key."""
        if places.get(self.key) != self._token:
            raise PlaceLost(self.name)
        return [(place, key) for key, place in places.items() if place < self._token]

    def _has_gone(self, watch: Watch, deadline: Deadline | None) -> bool:
        """Wait until the key of a watch is deleted; return whether it may be. False when the time is up before."""
        try:
            while (event := watch.next(None if deadline is None else deadline.left_s)) is not None:
                if event.value is None:
                    return True
        except Compacted:
            return True  # it has waited for long, and must look what there is now
        return False
