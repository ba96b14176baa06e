"""Snapshots: what the log came to, up to an index, so that the log before it can be dropped (paper section 7).

The core knows what a snapshot is of, never what is in it: the bytes stay with the storage and the state machine. A
leader sends one to a follower that needs entries which the log no longer has, chunk by chunk, each answered before the
next goes, on the side of heartbeats and never in front of them. The first chunk is a small one: its answer tells how
much the follower has already, from another leader or from before a restart, and there the next one goes on.
"""

from .messages import SnapshotChunk
from .snapshot import ChunkRequest, Download, Snapshot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .node import Node
    from .ready import Restored


PATIENCE = 8
"""How many times as much as usual is applied before the next snapshot, at most, while a follower receives one."""

FIRST_CHUNK_BYTES = 1024
"""How large the first chunk is, at most."""


class Snapshots:
    """The snapshots of one node: the one it has, one it is being sent, one it is installing.

    An installation goes: all chunks are handed out, and the storage says whether they have their fingerprint; then a
    write makes them the stored snapshot and drops the log; when that is durable, the order to restore the state
    machine; when that is done, the log begins anew.

    Args:
        node: the node.
        restored: what its storage holds.

    Attributes:
        newest: the newest `Snapshot` that is durable here, or None.
        download: what has been received of a leader's snapshot, a `Download`, or None.
        installing: a `Snapshot` that was received to its end, and is on its way to the disk and the state machine, or
            None.
        chunks: chunks received and not handed out yet.
        requests: chunks wanted for followers and not handed out yet.
    """

    def __init__(self, node: "Node", restored: "Restored") -> None:
        self._node = node
        self.newest = restored.snapshot
        self.download = restored.download
        self.installing: "Snapshot | None" = None
        self.chunks: "list[SnapshotChunk]" = []
        self.requests: "list[ChunkRequest]" = []
        self._source: "str | None" = None  # the leader that the download has gone on with last
        self._rests_until_ms = 0  # no download begins before
        self._is_checked = False  # whether what is to be installed has its fingerprint
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
        entries = log.applied_index - covered
        if entries < config.snapshot_entries and log.applied_bytes < config.snapshot_bytes:
            return False
        if (
            self._is_awaited
            and entries < PATIENCE * config.snapshot_entries
            and log.applied_bytes < PATIENCE * config.snapshot_bytes
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
        self._node.log.applied_bytes = 0
        return self.present()

    def present(self) -> Snapshot:
        """Return what a copy of the state machine as it is now is of; something must have been applied."""
        log = self._node.log
        index = log.applied_index
        term = log.term_at(index)
        assert term is not None, "what was applied is in the log, or its base"
        return Snapshot(index, term, log.stamp_at(index), log.configurations.at(index))

    def saved(self, snapshot: Snapshot) -> None:
        """Note that a snapshot is durable, and cut off the log that it makes superfluous, but for a tail."""
        if self.newest is None or snapshot.index > self.newest.index:
            self.newest = snapshot
            self._node.watch.snapshot_taken(snapshot)
            self._node.log.compact(snapshot.index - self._node.config.snapshot_tail_entries)

    # Sending one

    def ask_for_chunk(self, follower: str, snapshot: Snapshot, offset: int) -> None:
        """Have the piece of a snapshot at an offset read, to be sent to a follower."""
        node = self._node
        limit_bytes = node.config.snapshot_chunk_bytes
        if offset == 0:
            limit_bytes = min(limit_bytes, FIRST_CHUNK_BYTES)
        self.requests.append(ChunkRequest(follower, node.term, snapshot, offset, limit_bytes))

    def chunk_read(self, request: ChunkRequest, fingerprint: int, data: "bytes | None", last: bool) -> None:
        """Send the piece of a snapshot that was read on request; None when it is not stored any more."""
        node = self._node
        if not node.leads(request.term):
            return
        if data is None:
            node.role.on_snapshot_gone(request.receiver, request.snapshot)
        else:
            chunk = SnapshotChunk(node.id, request.term, request.snapshot, fingerprint, request.offset, data, last)
            node.outbox.send(request.receiver, chunk)

    # Installing one

    def receive(self, chunk: "SnapshotChunk") -> int:
        """Take a chunk if it is the next one, and return how many bytes of the snapshot are here now.

        Only its first chunk begins another download: a late one of a snapshot that is not wanted any more must not cost
        what is here.
        """
        download = self.download
        if download is None or not download.is_of(chunk.snapshot, chunk.fingerprint):
            if chunk.offset > 0:
                return 0
            download = self.download = Download(chunk.snapshot, chunk.fingerprint, 0)
            self._source = None
        if self._source != chunk.sender:
            self._source = chunk.sender
            self._node.watch.download_begun(chunk.sender, download)
        if chunk.offset == download.size_bytes:
            download = Download(chunk.snapshot, chunk.fingerprint, chunk.offset + len(chunk.data))
            self.download = download
            self.chunks.append(chunk)
            if chunk.last:
                self.download = None
                self.installing = chunk.snapshot
                self._is_checked = False
        return download.size_bytes

    def checked(self, snapshot: Snapshot, fits: bool) -> None:
        """Note whether all that was received of a snapshot has its fingerprint.

        When it has not, or there was no space for it, the storage has dropped it, and it must be sent anew. The leader
        repeats what is not answered, and is told so after an election timeout: what was wrong may last.
        """
        is_whole = snapshot == self.installing
        if is_whole:
            self._is_checked = fits
        if fits or not (is_whole or (self.download is not None and self.download.snapshot == snapshot)):
            return
        self.download = self.installing = None
        self._rests_until_ms = self._node.now + self._node.config.election_timeout_ms
        self._node.watch.download_refused(snapshot)

    @property
    def rests(self) -> bool:
        """Whether a download has just failed, so that it is too early for the next."""
        return self._node.now < self._rests_until_ms

    @property
    def have_unstaged(self) -> bool:
        """Whether an installation waits for a write to carry it."""
        return self._is_checked and self.installing is not None and self._install_write == 0

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
