"""Who leads, as seen from outside: put together from the events of all nodes, so that nobody has to ask in a loop."""

from __future__ import annotations

from gevent.event import Event

from raft.observer import RoleChanged


class Leadership:
    """The observer of every node of a cluster.

    Args:
        members: ids of all voters, those that are down too.

    Attributes:
        version: counts up with every change.
    """

    def __init__(self, members: tuple[str, ...]) -> None:
        self._majority = len(members) // 2 + 1
        self._roles: dict[str, RoleChanged] = {}
        self._changed = Event()
        self.version = 0

    def observe(self, event: object) -> None:
        """Take note of a role change; other events are of no interest here."""
        if isinstance(event, RoleChanged):
            self._roles[event.node] = event
            self._wake()

    def forget(self, node: str) -> None:
        """Take note that a node has gone down."""
        self._roles.pop(node, None)
        self._wake()

    def leader(self) -> str | None:
        """Return the leader that a majority of the members, itself among them, agree on, or None."""
        for claim in self._roles.values():
            if claim.role == "leader":
                agree = [role for role in self._roles.values() if (role.term, role.leader) == (claim.term, claim.node)]
                if len(agree) >= self._majority:
                    return claim.node
        return None

    def wait(self, seen: int, timeout: float) -> bool:
        """Wait for a change.

        Args:
            seen: the `version` up to which the caller knows all.
            timeout: seconds to wait at most.

        Returns:
            Whether there has been a change since.
        """
        if self.version == seen:
            self._changed.wait(timeout)
        return self.version != seen

    def _wake(self) -> None:
        self.version += 1
        self._changed.set()
        self._changed = Event()
