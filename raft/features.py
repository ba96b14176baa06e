"""The feature level: what the programs of all members understand while they are upgraded one by one.

A program supports every level up to one of its own, and with each echo a follower tells its leader which. The level *in
force* is part of the configuration, so it is in the log and in snapshots, and a truncation takes it back. It is raised
by a leader once every member supports more (`upgrade.py`), counts once it is committed, and never goes down: from then
on there may be what older programs do not understand.

So no node ever has a log whose level its program does not support. One that finds such a level in its storage does not
start, and one that is sent such a level stops before anything of it is on its disk.
"""

from .errors import ProgramTooOld

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .membership import Configuration
    from .node import Node

BASE_LEVEL = 1
"""The level that every program supports; who does not tell one supports this one."""

FEATURE_LEVEL = 1
"""The highest level that this program supports. It goes up with the first code that older programs cannot follow."""

HIGHEST_LEVEL = 10_000


def is_level(value: object) -> bool:
    """Whether a value can be a level."""
    return type(value) is int and BASE_LEVEL <= value <= HIGHEST_LEVEL


class Features:
    """What one node may use.

    Args:
        node: the node.

    Raises:
        ProgramTooOld: what its storage holds is of a level that its program does not support.

    Attributes:
        level: the level in force, as far as it is known to be committed and on this node's own disk; after a restart
            that of the newest snapshot at first. What a state machine does with an entry must not rest on it: members
            apply an entry at different moments.
    """

    def __init__(self, node: "Node") -> None:
        self._node = node
        self.check(node.configuration)
        self._known_index = node.log.settled_index
        self.level = node.log.configurations.at(self._known_index).feature_level

    def check(self, configuration: "Configuration") -> None:
        """Stop the node if a configuration is of a level that its program does not support.

        Raises:
            ProgramTooOld: the node must be stopped.
        """
        supported = self._node.config.feature_level
        if configuration.feature_level > supported:
            raise ProgramTooOld(configuration.feature_level, supported)

    def follow_commit(self) -> None:
        """Take up the level that committed configurations bring."""
        log = self._node.log
        if log.settled_index > self._known_index:
            self._known_index = log.settled_index
            level = log.configurations.at(log.settled_index).feature_level
            if level > self.level:
                self.level = level
                self._node.watch.feature_level_raised(level)
