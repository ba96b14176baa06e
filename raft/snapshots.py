"""Snapshots: what the log came to, up to an index, so that the log before it can be dropped (paper section 7).

The core knows what a snapshot is of, never what is in it: the bytes stay with the storage and the state machine. A
leader sends one to a follower that needs entries which the log no longer has, chunk by chunk, each answered before the
next goes, on the side of heartbeats and never in front of them.
"""

from .messages import SnapshotChunk
from .snapshot import ChunkRequest, Snapshot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .node import Node


PATIENCE = 8
"""How many times as much as usual is applied before the next snapshot, at most, while a follower receives one."""


class Download:
    """What a follower has received of a snapshot.

    Bytes of one snapshot may differ from member to member although their meaning is the same, so a download goes on
    only from the member it began with.

    Attributes:
        source: the leader that sends it.
        snapshot: which one.
        size_bytes: how much of it is there.
    """

    __slots__ = ("size_bytes", "snapshot", "source")

    def __init__(self, source: str, snapshot: Snapshot) -> None:
        self.source = source
        self.snapshot = snapshot
        self.size_bytes = 0

    def is_of(self, source: str, snapshot: Snapshot) -> bool:
        """Whether a chunk of this snapshot from this source belongs to it."""
        return self.source == source and self.snapshot == snapshot


class Snapshots:
    """The snapshots of one node: the one it has, one it is being sent, one it is installing.

    An installation goes: all chunks are handed out, then a write that makes them the stored snapshot and drops the
    log; when that is durable, the order to restore the state machine; when that is done, the log begins anew.

    Args:
        node: the node.
        newest: what its storage holds, or None.

    Attributes:
        newest: the newest `Snapshot` that is durable here, or None.
        download: what has been received of a leader's snapshot, or None.
        installing: a `Snapshot` that is whole, and on its way to the disk and the state machine, or None.
        chunks: chunks received and not handed out yet.
        requests: chunks wanted for followers and not handed out yet.
    """

    def __init__(self, node: "Node", newest: "Snapshot | None") -> None:
        self._node = node
        self.newest = newest
        self.download: "Download | None" = None
        self.installing: "Snapshot | None" = None
        self.chunks: "list[SnapshotChunk]" = []
        self.requests: "list[ChunkRequest]" = []
        self._install_write = 0  # the write that installs: 0 before it is handed out, -1 once it is durable
        self._restore: "Snapshot | None" = None  # installed, and to be handed out for the state machine

    # Making one

    @property
    def is_due(self) -> bool:
        """Whether so much was applied since the last snapshot that it is time for another (contract N1)."""
        log = self._node.log
        config = self._node.config
        covered = 0 if self.newest is None else self.newest.index
        if self.installing is not None or log.applied_index <= covered:
            return False
        patience = PATIENCE if self._is_awaited else 1
        if (
            log.applied_index - covered < patience * config.snapshot_entries
            and log.applied_bytes < patience * config.snapshot_bytes
        ):
            return False
        # A member that joins does not know yet who takes part, and a snapshot must say so (contract N4).
        return bool(log.configurations.at(log.applied_index).members)

    @property
    def _is_awaited(self) -> bool:
        """Whether a follower is getting further with the present snapshot.

        The next one would cut off the entries behind it, and in the end replace it: a follower that takes longer than
        that would begin anew for ever (contract N6).
        """
        node = self._node
        if node.leading is None:
            return False
        patience_ms = node.config.election_timeout_ms
        progress = node.leading.progress
        return any(
            progress[follower].snapshot is not None and node.now - progress[follower].advanced_ms < patience_ms
            for follower in sorted(progress)
        )

    def describe(self) -> Snapshot:
        """Return what a snapshot of the state machine as it is now is of (contract N4), and begin to count anew."""
        log = self._node.log
        entry = log.entry(log.applied_index)
        log.applied_bytes = 0
        return Snapshot(entry.index, entry.term, entry.stamp_ms, log.configurations.at(entry.index))

    def saved(self, snapshot: Snapshot) -> None:
        """Note that a snapshot is durable, and cut off the log that it makes superfluous, but for a tail."""
        if self.newest is None or snapshot.index > self.newest.index:
            self.newest = snapshot
            self._node.watch.snapshot_taken(snapshot)
            self._node.log.compact(snapshot.index - self._node.config.snapshot_tail_entries)

    def chunk_read(self, request: ChunkRequest, data: "bytes | None", last: bool) -> None:
        """Send the piece of a snapshot that was read on request; None when it is not stored any more."""
        node = self._node
        if not node.leads(request.term):
            return
        if data is None:
            node.role.on_snapshot_gone(request.receiver, request.snapshot)
        else:
            chunk = SnapshotChunk(node.id, request.term, request.snapshot, request.offset, data, last)
            node.outbox.send(request.receiver, chunk)

    # Installing one

    def receive(self, chunk: "SnapshotChunk") -> int:
        """Take a chunk if it is the next one, and return how many bytes of the snapshot are here now."""
        download = self.download
        if download is None or not download.is_of(chunk.sender, chunk.snapshot):
            download = self.download = Download(chunk.sender, chunk.snapshot)
        if chunk.offset == download.size_bytes:
            download.size_bytes += len(chunk.data)
            self.chunks.append(chunk)
            if chunk.last:
                self.download = None
                self.installing = chunk.snapshot
        return download.size_bytes

    @property
    def have_unstaged(self) -> bool:
        """Whether an installation waits for a write to carry it."""
        return self.installing is not None and self._install_write == 0

    def stage(self, number: int) -> "Snapshot | None":
        """Return the snapshot that the write of this number must install, or None."""
        if not self.have_unstaged:
            return None
        self._install_write = number
        return self.installing

    def persisted(self, done: int) -> None:
        """Note that all writes up to a number are durable."""
        if 0 < self._install_write <= done:
            self._install_write = -1
            self._restore = self.installing

    def restored(self, snapshot: Snapshot) -> None:
        """Note that the state machine has been restored from the installed snapshot: the log begins behind it."""
        self.installing = None
        self._install_write = 0
        self.newest = snapshot
        self._node.log.replace_by_snapshot(snapshot)
        self._node.watch.snapshot_installed(snapshot)
        self._node.follow_configuration(self._node.now)
        self._node.features.follow_commit()
        self._node.role.on_restored(snapshot.index)

    # Handing out

    @property
    def have_work(self) -> bool:
        """Whether `take` has anything to return."""
        return bool(self.chunks or self.requests) or self._restore is not None

    def take(self) -> "tuple[list[SnapshotChunk], list[ChunkRequest], Snapshot | None]":
        """Return, once, the chunks to store, the chunks to read and send, and the snapshot to restore from."""
        taken = (self.chunks, self.requests, self._restore)
        self.chunks = []
        self.requests = []
        self._restore = None
        return taken
