"""What a lock, a permit and a leadership have in common: a turn in a line, which may be lost."""

from __future__ import annotations

from ..kv_calls import KeyValueCalls
from ..transactions import Transaction
from .line import Line


class Turn:
    """A turn, before it has come, while it lasts, and after it was lost.

    Args:
        client, name, ttl: as for `Lock`.
        room: how many have their turn at once.
    """

    def __init__(self, client: KeyValueCalls, name: bytes | str, ttl: float, room: int) -> None:
        self._line = Line(client, name, ttl, room)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._line.name!r})"

    @property
    def lost(self) -> bool:
        """Whether it was this object's turn and may not be any more; then stop, and give it back."""
        return self._line.is_lost

    @property
    def token(self) -> int:
        """The fencing token: whoever has a later turn has a greater one. Raises `NotHeld` before the turn.

        Send it along to whatever is protected, and let that refuse what comes with a smaller one than it has seen.
        """
        return self._line.token

    def check(self) -> None:
        """Raise `PlaceLost` when the turn may be lost, and `NotHeld` before it; use it between steps."""
        self._line.check()

    def wait_lost(self, timeout: float | None = None) -> bool:
        """Wait, for some seconds at most, until the turn may be lost; return whether it is. For a greenlet of its own.

        Raises:
            NotHeld: it has not come.
        """
        return self._line.keeper.wait_lost(timeout)

    def txn(self) -> Transaction:
        """Return a transaction that is only done while the turn lasts: its first condition is just that.

        Raises:
            NotHeld: it has not come.
        """
        return self._line.txn()
