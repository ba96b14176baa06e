"""The calls of a local cluster by which things go wrong: nodes crash, storage is lost, the network is cut."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from raft.config import Config

from .arguments import disjoint_groups
from .local_nodes import LocalNodes


class FaultCalls(ABC):
    """Faults and what mends them; a base of `LocalCluster`."""

    _nodes: LocalNodes

    def kill(self, node: str | int) -> None:
        """Crash a node, as by a power cut: writes under way and its mailbox are lost, its storage stays. See `stop`.

        Raises:
            UnknownNode: when there is no such node.
            NotRunning: when it is down.
            ClusterClosed: after `close`.
        """
        self._check_open()
        supervisor = self._nodes[self._nodes.named(node)].supervisor
        supervisor.crash()
        supervisor.join()

    def restart(self, node: str | int, config: Config | None = None) -> None:
        """Start a node that is down, from its storage and with a fresh state machine.

        With `sync="never"` its storage is empty, and the others refuse it: see `erase`.

        Args:
            node: its id or position.
            config: its own settings from now on, as after an upgrade; what it had when None.

        Raises:
            UnknownNode: when there is no such node.
            AlreadyRunning: when it runs.
            InvalidConfig: when config is no Config.
            ProgramTooOld: when the cluster is at a feature level that the node's config does not support.
            ClusterClosed: after `close`.
        """
        self._check_open()
        id = self._nodes.named(node)
        if config is not None:
            self._nodes.configure(id, config)
        self._nodes.start(id)

    def erase(self, node: str | int) -> None:
        """Give a node that is down an empty storage, as if its disk had been replaced.

        When it is restarted, the others refuse it: it has forgotten what it promised them (contract M6). Its status
        says so. To bring it back, `remove` it, then `add` it.

        Raises:
            UnknownNode: when there is no such node.
            AlreadyRunning: when it runs.
            ClusterClosed: after `close`.
        """
        self._check_open()
        self._nodes.erase(self._nodes.named(node))

    def partition(self, *groups: Iterable[str | int]) -> None:
        """Split the network so that nodes hear only their own group; replaces all cuts made before.

        Args:
            groups: each a list of nodes. Nodes that are named in none form one more group.

        Raises:
            UnknownNode: when there is no such node.
            InvalidGroups: when a group is no list of nodes, or a node is in two.
            ClusterClosed: after `close`.
        """
        self._check_open()
        parts = disjoint_groups(groups, self._nodes.named)
        named = [member for part in parts for member in part]
        self._nodes.network.partition([*parts, [member for member in self._nodes.ids if member not in named]])

    def cut(self, sender: str | int, receiver: str | int) -> None:
        """Lose whatever one node sends to another; the other direction stays as it is.

        Raises:
            UnknownNode: when there is no such node.
            ClusterClosed: after `close`.
        """
        self._check_open()
        self._nodes.network.cut(self._nodes.named(sender), self._nodes.named(receiver))

    def heal(self) -> None:
        """Mend every cut.

        Raises:
            ClusterClosed: after `close`.
        """
        self._check_open()
        self._nodes.network.heal()

    @abstractmethod
    def _check_open(self) -> None: ...
