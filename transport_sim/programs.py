"""Which program each machine runs, where they differ: of several feature levels, and upgraded one by one (M10)."""

from __future__ import annotations

from collections.abc import Mapping

from raft.config import Config
from raft.features import BASE_LEVEL

LATEST = 3
"""The level of the latest program in a simulation; real ones need not go so far yet."""


class ProgramConfig(Config):
    """The config of a program to come."""

    program_level = LATEST


class Programs:
    """The programs on all machines.

    Args:
        config: of every node, but for the level that its program supports.
        levels: the level of the first program on each machine, by id, 1 to `LATEST`. Without any, all machines run this
            very program, and nothing is ever upgraded.

    Attributes:
        differ: whether there are different ones.
    """

    def __init__(self, config: Config, levels: Mapping[str, int]) -> None:
        self.differ = bool(levels)
        self._config = config
        self._configs = {}
        if self.differ:
            settings = {name: value for name, value in vars(config).items() if name != "feature_level"}
            self._configs = {
                level: ProgramConfig(**settings, feature_level=level) for level in range(BASE_LEVEL, LATEST + 1)
            }
        self._first = dict(levels)
        self._levels = dict(levels)

    def config(self, id: str) -> Config:
        """Return with what a node on a machine starts."""
        return self._configs[self._levels[id]] if self.differ else self._config

    def older_config(self, level: int) -> Config | None:
        """Return with what a program starts that supports all below a level, or None where there is no such program."""
        return self._configs.get(level - 1)

    def upgrade(self, id: str, level: int | None = None) -> None:
        """Put the next program on a machine, or the first one that supports a level."""
        if self.differ:
            self._levels[id] = min(self._levels[id] + 1, LATEST) if level is None else max(level, self._levels[id])

    def put_back(self, id: str) -> None:
        """A machine was replaced by a new one: on it is the program that it first had."""
        if self.differ:
            self._levels[id] = self._first[id]
