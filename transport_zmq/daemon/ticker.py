"""What happened last at a node, for those who come to look later: a short memory of its events."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from raft.membership import Configuration
from raft.observer import INFO

MOST_EVENTS = 200  # they are few in a cluster that is well: that many may be of days
MOST_CHARACTERS = 300  # of a text in an event
STARTED = "Started"
ENDING = "Ending"


class Ticker:
    """Remembers the newest events of one node; the port `Observer` of `actors.ports`.

    Args:
        on_event: called after each event; must neither wait nor raise.

    Attributes:
        level: what it wants to be told.
        run: drawn at random: numbers of events mean something only beside the same.
        newest: the number of the newest event, 0 when there is none.
    """

    level = INFO

    def __init__(self, on_event: Callable[[], object]) -> None:
        self.run = secrets.token_hex(6)
        self.newest = 0
        self._on_event = on_event
        self._events: deque[dict[str, Any]] = deque(maxlen=MOST_EVENTS)

    def observe(self, event: object) -> None:
        """Remember an event of the node."""
        names = getattr(type(event), "FIELDS", ())
        self._add(type(event).__name__, {name: _plain(getattr(event, name)) for name in names if name != "node"})

    def note(self, what: str) -> None:
        """Remember something that is no event of the node: that the daemon starts or ends."""
        self._add(what, {})

    def after(self, number: int) -> list[dict[str, Any]]:
        """Return the events behind a number, as far as they are remembered, oldest first, as values that JSON has.

        Each has a `number`, the time by the wall clock (`at_ms`), what it is (`event`), and the fields of that.
        """
        return [event for event in self._events if event["number"] > number]

    def _add(self, what: str, fields: dict[str, Any]) -> None:
        self.newest += 1
        self._events.append({"number": self.newest, "at_ms": time.time_ns() // 1_000_000, "event": what, **fields})
        self._on_event()


def _plain(value: object) -> Any:
    if isinstance(value, Configuration):
        return {part: list(getattr(value, part)) for part in ("voters", "outgoing", "learners", "witnesses")}
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return value if isinstance(value, (int, type(None))) else str(value)[:MOST_CHARACTERS]
