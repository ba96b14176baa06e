"""How a leader raises the feature level once every member's program supports more (see `features.py`)."""

from .entries import CONFIGURATION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .leader import Leader


class Upgrade:
    """The next feature level, as one leader sees it.

    Args:
        leader: the leader.
    """

    def __init__(self, leader: "Leader") -> None:
        self._leader = leader

    def advance(self, now: int) -> None:
        """Raise the level as far as every member supports; not to be called while a change is under way (M2)."""
        leader = self._leader
        node = leader.node
        configuration = node.configuration
        level = node.config.feature_level
        if level <= configuration.feature_level:
            return
        for member in configuration.members:
            level = min(level, self._supported_by(member, now))
        if level > configuration.feature_level:
            leader.wake(now)
            leader.append(CONFIGURATION, configuration.replaced(feature_level=level).encode(), now)

    def waits_for(self, now: int) -> "tuple[str, ...]":
        """Return the members that keep the level below what the leader supports, in order."""
        node = self._leader.node
        wanted = node.config.feature_level
        if wanted <= node.configuration.feature_level:
            return ()
        return tuple([member for member in node.configuration.members if self._supported_by(member, now) < wanted])

    def _supported_by(self, member: str, now: int) -> int:
        """Return up to which level a member's program is known to go, 0 when that is not known.

        Who is silent may be starting with another program just now.
        """
        leader = self._leader
        if member == leader.node.id:
            return leader.node.config.feature_level
        return leader.progress[member].feature_level if leader.hears(member, now) else 0
