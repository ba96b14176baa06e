"""How far an exploration goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from raft.config import Config

# Small numbers, since only their order matters.
ELECTION_TIMEOUT_MS = 12
HEARTBEAT_INTERVAL_MS = 4

# name, smallest, largest
_LIMITS = {
    "nodes": (1, 4),
    "max_terms": (1, 8),
    "max_timeouts": (0, 16),
    "max_heartbeats": (0, 16),
    "max_commands": (0, 8),
    "max_crashes": (0, 8),
    "max_drops": (0, 8),
    "max_duplicates": (0, 8),
    "past_terms": (0, 3),
    "append_entries": (1, 8),
}

# What is counted in a world, in this order; each has a bound `max_…`.
COUNTED = ("timeouts", "heartbeats", "commands", "crashes", "drops", "duplicates")


class InvalidBounds(ValueError):
    """A bound is no number, or too small or too large.

    Attributes:
        field: its name.
        value: what was given.
        bound: what would be right, in words.
    """

    def __init__(self, field: str, value: object, bound: str) -> None:
        super().__init__(f"{field} is {value!r} and must be {bound}")
        self.field = field
        self.value = value
        self.bound = bound


@dataclass(frozen=True)
class Bounds:
    """What may happen in an exploration, and how often.

    Attributes:
        nodes: members of the cluster, 1 to 4.
        max_terms: how many terms may begin.
        max_timeouts: how often an election timeout may pass, at all members together.
        max_heartbeats: how often a leader's timer may fire; the round that opens a term is not counted.
        max_commands: how many commands are proposed.
        max_crashes: how often a member crashes. Each may start again.
        max_drops: how often a message is lost. One that stays on its way for ever is as good as lost, so promises are
            checked under any loss even with 0.
        max_duplicates: how often a message is delivered and stays on its way.
        past_terms: 0 when every cluster begins new. Else it begins once with each set of disks that so many terms can
            have left behind (see `pasts.py`), and those terms come on top of `max_terms`.
        append_entries: most entries in one append. With 1 a follower catches up in as many steps as it lacks entries.

    Raises:
        InvalidBounds: names the field, the value and the bound.
    """

    nodes: int = 3
    max_terms: int = 2
    max_timeouts: int = 3
    max_heartbeats: int = 1
    max_commands: int = 1
    max_crashes: int = 1
    max_drops: int = 0
    max_duplicates: int = 1
    past_terms: int = 0
    append_entries: int = 2

    def __post_init__(self) -> None:
        for name, (smallest, largest) in _LIMITS.items():
            value = getattr(self, name)
            if type(value) is not int or not smallest <= value <= largest:
                raise InvalidBounds(name, value, f"an integer from {smallest} to {largest}")

    @property
    def limits(self) -> tuple[int, ...]:
        """The bounds of what is `COUNTED`."""
        return tuple(getattr(self, f"max_{name}") for name in COUNTED)

    @property
    def last_term(self) -> int:
        """No member enters a higher term."""
        return self.past_terms + self.max_terms

    @property
    def config(self) -> Config:
        """The settings of every node: no leases, no quiescence, and no snapshot ever."""
        return Config(
            election_timeout_ms=ELECTION_TIMEOUT_MS,
            heartbeat_interval_ms=HEARTBEAT_INTERVAL_MS,
            commit_delay_ms=0,
            max_append_entries=self.append_entries,
        )

    @property
    def members(self) -> tuple[str, ...]:
        """The ids of the members."""
        return tuple(f"n{number}" for number in range(1, self.nodes + 1))

    def as_object(self) -> dict[str, int]:
        """Return the bounds for JSON."""
        return asdict(self)

    @classmethod
    def of_object(cls, given: object) -> Bounds:
        """Return the bounds that `as_object` returned.

        Raises:
            InvalidBounds: when a field is missing, unknown or out of its bounds.
        """
        if not isinstance(given, Mapping):
            raise InvalidBounds("bounds", given, "an object")
        names = [field.name for field in fields(cls)]
        for name in given:
            if name not in names:
                raise InvalidBounds(str(name), given[name], f"left out: the bounds are {', '.join(names)}")
        for name in names:
            if name not in given:
                raise InvalidBounds(name, None, "given")
        return cls(**given)
