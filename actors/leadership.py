"""Who leads, as seen from outside: put together from the events of all nodes, so that nobody has to ask in a loop."""

from __future__ import annotations

from raft.membership import Configuration
from raft.observer import ESSENTIAL, ConfigurationChanged, RoleChanged
from raft.quorum import WON, tally

from .client import Guide


class Leadership(Guide):
    """Is told the events of every node of a cluster; the port `Observer` of `actors.ports`.

    Attributes:
        level: which events it wants.
    """

    level = ESSENTIAL

    def __init__(self) -> None:
        super().__init__()
        self._roles: dict[str, RoleChanged] = {}
        self._configurations: dict[str, Configuration] = {}  # the one in force at each node

    def begin(self, node: str, configuration: Configuration) -> None:
        """Take note that a node has started, with the configuration that its storage holds."""
        self._configurations[node] = configuration

    def observe(self, event: object) -> None:
        """Take note of another role or configuration; other events are of no interest here."""
        if isinstance(event, RoleChanged):
            self._roles[event.node] = event
            self._wake()
        elif isinstance(event, ConfigurationChanged):
            self._configurations[event.node] = event.configuration
            self._wake()

    def forget(self, node: str) -> None:
        """Take note that a node has gone down."""
        self._roles.pop(node, None)
        self._configurations.pop(node, None)
        self._wake()

    def leader(self) -> str | None:
        """Return the leader that a majority of the voters agree on, or None.

        The voters are those of the configuration in force at the leader; when it is joint, of each half.
        """
        for claim in self._roles.values():
            if claim.role == "leader":
                agree = {
                    role.node: True
                    for role in self._roles.values()
                    if (role.term, role.leader) == (claim.term, claim.node)
                }
                if tally(agree, self._configurations[claim.node].halves) == WON:
                    return claim.node
        return None
