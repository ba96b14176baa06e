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
        staleness_s: seconds since the node last knew that it had all that was committed: what was acknowledged before
            that, but for the time that a heartbeat travels, is in the value. None when it has never known.
    """

    value: T
    staleness_s: float | None
