"""The contract's promise about feature levels (M10), checked after every event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from raft.entries import CONFIGURATION
from raft.features import BASE_LEVEL
from raft.membership import Configuration
from raft.node import Node

from .shadow import InvariantError

if TYPE_CHECKING:
    from .host import Host


class Levels:
    """Watches the feature levels of a cluster; `turn_ended` raises `InvariantError` when the promise is broken.

    Args:
        hosts: all of them; may be filled in later.
    """

    def __init__(self, hosts: Sequence[Host]) -> None:
        self._hosts = hosts
        self._seen: dict[str, tuple[Node, int, Configuration]] = {}  # each node, its level, the newest configuration
        self._committed = [BASE_LEVEL]  # the level as of each committed index

    def turn_ended(self, host: Host) -> None:
        """A node has handled what was in its mailbox."""
        node = host.node
        log = node.log
        newest = log.configurations.newest
        if newest.feature_level > node.config.feature_level:
            raise InvariantError(
                "M10",
                f"{host.id} has level {newest.feature_level} in its log, and its program supports only "
                f"{node.config.feature_level}",
            )
        seen = self._seen.get(host.id)
        if log.commit_index >= len(self._committed):
            self._follow_commit(host)
        in_force = node.features.level
        if in_force > self._committed[log.settled_index]:
            raise InvariantError("M10", f"{host.id} uses level {in_force}, which is not committed")
        if seen is not None and seen[0] is node and in_force < seen[1]:
            raise InvariantError("M10", f"the level in force at {host.id} fell from {seen[1]} to {in_force}")
        committed = log.configurations.at(log.commit_index)
        if committed.members and committed.feature_level != self._committed[log.commit_index]:
            raise InvariantError(
                "M10", f"as of entry {log.commit_index} {host.id} has level {committed.feature_level}, others another"
            )
        if seen is None or seen[2] is not newest:
            self._check_raise(host)
        self._seen[host.id] = (node, in_force, newest)

    def stopped(self, host: Host, level: int) -> None:
        """A node stopped because it was sent this level: nothing of that level may be on its disk."""
        stored = [Configuration.decode(entry.data) for entry in host.disk.entries if entry.kind == CONFIGURATION]
        stored += [snapshot.configuration for snapshot, _ in host.disk.snapshots]
        if any(configuration.feature_level >= level for configuration in stored):
            raise InvariantError("M10", f"{host.id} stops for level {level}, and has stored something of it")

    def _follow_commit(self, host: Host) -> None:
        log = host.node.log
        for index in range(len(self._committed), log.commit_index + 1):
            level = self._committed[-1]
            if index <= log.base_index:
                level = log.configurations.at(log.base_index).feature_level
            elif log.entry(index).kind == CONFIGURATION:
                level = Configuration.decode(log.entry(index).data).feature_level
            if level < self._committed[-1]:
                raise InvariantError(
                    "M10", f"the level falls from {self._committed[-1]} to {level} with the committed entry {index}"
                )
            self._committed.append(level)

    def _check_raise(self, host: Host) -> None:
        """A leader raises the level only when every member supports it; what is on another disk says nothing."""
        node = host.node
        known = node.log.configurations
        index, newest = known.newest_index, known.newest
        if not node.leads(node.log.term_at(index) or 0) or newest.feature_level <= known.at(index - 1).feature_level:
            return
        for other in self._hosts:
            if other.id not in newest.members or newest.incarnations.get(other.id) != other.disk.incarnation:
                continue
            if not other.starts or other.node.config.feature_level < newest.feature_level:
                raise InvariantError(
                    "M10",
                    f"{host.id} raises the level to {newest.feature_level}, which the program of {other.id} does not "
                    "support",
                )
