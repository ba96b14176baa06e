"""Storage in memory, for clusters that live in one process."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from gevent import get_hub
from pykka import ActorRef

from raft.actor import ChunkRead, DownloadChecked, Persisted, SnapshotSaved
from raft.entries import Entry
from raft.membership import LARGEST_INCARNATION
from raft.messages import SnapshotChunk
from raft.ready import Restored, Write
from raft.snapshot import ChunkRequest, Download, Snapshot
from storage.fingerprint import EMPTY, extended


class MemoryStorage:
    """The disk of one member of a local cluster.

    It survives the death of its node: kept by whoever restarts the node, it gives back all that had been reported as
    persisted. It does not survive the end of the process; whoever needs that needs a disk.

    Like a disk it takes its time. Whatever it is asked to do is done, in order, and reported, when the event loop comes
    round. What a crash overtakes is lost; what was received of a leader's snapshot is not.

    Args:
        is_witness: whether it is to serve a witness; it never serves the other kind of member (contract M8).

    Attributes:
        incarnation: drawn at random when the storage is made, so that a new one under an old member's id is told apart
            from the one that knows what the member has promised (contract M6).
    """

    def __init__(self, is_witness: bool = False) -> None:
        self._is_witness = is_witness
        self.incarnation = 1 + secrets.randbelow(LARGEST_INCARNATION)
        self._term = 0
        self._vote: str | None = None
        self._cluster = 0
        self._base = (0, 0)  # index and term of the entry before the first one stored
        self._entries: list[Entry] = []  # _entries[i] has index base + 1 + i
        # The last two, the newest last, with their contents and fingerprints.
        self._snapshots: list[tuple[Snapshot, bytes, int]] = []
        self._download: Download | None = None
        self._received = bytearray()  # the content of the download
        self._mailbox: ActorRef[Any] | None = None
        self._pending: list[Callable[[], object]] = []  # what is to be done; each returns what to report of it
        self._sync: Any = None  # the call of _complete that the loop will make

    def load(self) -> Restored:
        """Return what is durable."""
        snapshot = self._snapshots[-1][0] if self._snapshots else None
        return Restored(
            self._term,
            self._vote,
            tuple(self._entries),
            self._base,
            snapshot,
            self.incarnation,
            self._is_witness,
            self._cluster,
            self._download,
        )

    def open(self, mailbox: ActorRef[Any]) -> None:
        """Report to `mailbox` from now on."""
        self._mailbox = mailbox

    def write(self, write: Write) -> bool:
        """Begin a write; `Persisted` follows when the loop comes round, once for each write and in their order."""
        self._do_later(partial(self._store, write))
        return False

    def save_snapshot(self, snapshot: Snapshot, chunks: Iterable[bytes]) -> None:
        """Begin to store a snapshot; `SnapshotSaved` follows when the loop comes round.

        The content is read at once: it goes from memory to memory, and what it may raise must stop the node.
        """
        self._do_later(partial(self._save, snapshot, b"".join(chunks)))

    def receive_chunk(self, chunk: SnapshotChunk) -> None:
        """Keep a piece of a snapshot until a write installs it."""
        if chunk.offset == 0:
            self._download = Download(chunk.snapshot, chunk.fingerprint, 0)
            self._received = bytearray()
        assert self._download is not None
        self._received += chunk.data
        self._download = Download(chunk.snapshot, chunk.fingerprint, len(self._received))
        if chunk.last:
            self._do_later(partial(self._check, chunk))

    def read_chunk(self, request: ChunkRequest) -> None:
        """Begin to read a piece of a snapshot; `ChunkRead` follows when the loop comes round."""
        self._do_later(partial(self._read, request))

    def read_snapshot(self, snapshot: Snapshot) -> list[bytes]:
        """Return the content of a stored snapshot."""
        return [content for stored, content, _ in self._snapshots if stored == snapshot]

    def close(self) -> None:
        """Report nothing more and lose what is under way; may be called when not open."""
        if self._sync is not None:
            self._sync.stop()
            self._sync = None
        self._pending = []
        self._mailbox = None

    def _do_later(self, action: Callable[[], object]) -> None:
        self._pending.append(action)
        if self._sync is None:
            self._sync = get_hub().loop.run_callback(self._complete)

    def _complete(self) -> None:
        self._sync = None
        pending = self._pending
        self._pending = []
        for action in pending:
            report = action()
            if self._mailbox is not None:
                self._mailbox.tell(report)

    def _store(self, write: Write) -> Persisted:
        if write.term is not None:
            self._term = write.term
            self._vote = write.vote
        if write.cluster:
            self._cluster = write.cluster
        if write.base[0] > self._base[0]:
            self._cut(*write.base)
        if write.entries:
            del self._entries[write.entries[0].index - 1 - self._base[0] :]
            self._entries.extend(write.entries)
        if write.install is not None:
            self._base = (write.install.index, write.install.term)
            self._entries = []
            self._keep(write.install, bytes(self._received))
        return Persisted(write.number)

    def _cut(self, index: int, term: int) -> None:
        """Drop the beginning of the log; all of it when it does not hold the entry where it ends."""
        position = index - self._base[0]
        holds = position <= len(self._entries) and self._entries[position - 1].term == term
        self._entries = self._entries[position:] if holds else []
        self._base = (index, term)

    def _save(self, snapshot: Snapshot, content: bytes) -> SnapshotSaved:
        # A leader's snapshot may have been installed since this one was taken; the newest must stay the last.
        if not self._snapshots or snapshot.index > self._snapshots[-1][0].index:
            self._keep(snapshot, content)
        return SnapshotSaved(snapshot)

    def _check(self, chunk: SnapshotChunk) -> DownloadChecked:
        fits = extended(EMPTY, bytes(self._received)) == chunk.fingerprint
        if not fits:
            self._drop_received()
        return DownloadChecked(chunk.snapshot, fits)

    def _drop_received(self) -> None:
        self._download = None
        self._received = bytearray()

    def _keep(self, snapshot: Snapshot, content: bytes) -> None:
        self._snapshots = [*self._snapshots[-1:], (snapshot, content, extended(EMPTY, content))]
        if self._download is not None and self._download.snapshot.index <= snapshot.index:
            self._drop_received()

    def _read(self, request: ChunkRequest) -> ChunkRead:
        for snapshot, content, fingerprint in self._snapshots:
            if snapshot == request.snapshot:
                end = request.offset + request.limit_bytes
                return ChunkRead(request, fingerprint, content[request.offset : end], end >= len(content))
        return ChunkRead(request, 0, None, False)
