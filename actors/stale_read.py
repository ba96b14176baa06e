"""What a read that asks nobody returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class StaleRead(Generic[T]):
    """What one node had, and how old it may be.

    Attributes:
        value: what was read.
        staleness_s: seconds, as the clock of the node counts them, since it last knew that it had all that was
            committed: what was acknowledged before that is in the value. At a follower not quite: a leader that was
            deposed goes on for up to two election timeouts before it knows, and its heartbeat travels. None when it
            has never known.
    """

    value: T
    staleness_s: float | None
