"""What a local cluster and its process hold in memory at one moment.

No public interface tells how many bytes a log or how many entries a storage holds, and none should for the sake of a
measurement: this module looks inside, and is the only one that does.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from actors import KeyValue, LocalCluster, NodeStopped
from actors.runtime import describe
from actors.storage.memory import MemoryStorage

STATM = Path("/proc/self/statm")  # Linux only; elsewhere the system tells no more than the peak of a whole process


class CountingKeyValue(KeyValue):
    """The key-value store; counts how often it was asked for a snapshot, in `snapshots`."""

    def __init__(self) -> None:
        super().__init__()
        self.snapshots = 0

    def snapshot(self) -> Iterable[bytes]:
        """Return the present contents, as the store does."""
        self.snapshots += 1
        return super().snapshot()


def lengths(cluster: LocalCluster) -> list[int]:
    """Return how many entries the log of each node holds.

    Raises:
        NodeStopped: when a node is down; the text says why.
    """
    found = []
    for member in cluster.status():
        if member.raft is None:
            raise NodeStopped(member.id, None if member.failure is None else describe(member.failure))
        found.append(member.raft.last_index + 1 - member.raft.first_index)
    return found


def size_bytes(cluster: LocalCluster) -> int:
    """Return what the entries of all logs count together, in bytes; those of nodes that are down do not."""
    actors = [cluster._nodes[member].supervisor._actor for member in cluster.members]
    return sum([entry.size_bytes for actor in actors if actor is not None for entry in actor._node.log._entries])


def stored_lengths(cluster: LocalCluster) -> list[int]:
    """Return how many entries the storage of each node holds."""
    storages = [cluster._nodes[member].storage for member in cluster.members]
    return [len(storage._entries) for storage in storages if isinstance(storage, MemoryStorage)]


def snapshots(cluster: LocalCluster) -> list[int]:
    """Return how many snapshots each node has made, of a `CountingKeyValue`."""
    return [cluster.machine(member).snapshots for member in cluster.members]


def rss_bytes() -> int:
    """Return how much physical memory this process holds (its resident set), in bytes."""
    return int(STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
