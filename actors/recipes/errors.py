"""What can go wrong with a recipe, in words that say what to do."""

from __future__ import annotations

from raft.errors import RaftError


class PlaceLost(RaftError):
    """Somebody's lease was not kept alive in time, so another one may have what it held.

    Attributes:
        name: of what it held.
    """

    def __init__(self, name: bytes) -> None:
        super().__init__(
            f"{name!r} may have been lost to another holder: its lease was not kept alive for its whole time, since "
            "the cluster did not answer or this program held up gevent; stop, or go on with what a token protects"
        )
        self.name = name


class NotHeld(RaftError):
    """Something was to be given back, or used, that is not held; nothing was done.

    Attributes:
        name: of what is not held.
    """

    def __init__(self, name: bytes) -> None:
        super().__init__(f"{name!r} is not held by this object; acquire it first")
        self.name = name


class AlreadyHeld(RaftError):
    """Something is held, or waited for, by the same object already; nothing was done.

    Attributes:
        name: of what is held.
    """

    def __init__(self, name: bytes) -> None:
        super().__init__(f"{name!r} is held or waited for by this object already; release it, or make another object")
        self.name = name


class NotANumber(RaftError):
    """The key of a counter holds something else; nothing was changed.

    Attributes:
        key: of the counter.
        value: what it holds.
    """

    def __init__(self, key: bytes, value: bytes) -> None:
        super().__init__(f"{key!r} holds {value[:40]!r}, which is no whole number; delete it, or use another key")
        self.key = key
        self.value = value
