"""The stable storage of a member: it decides what must be done to the disk, and leaves the doing to others.

`Store` takes what the core wants stored and returns operations (see `disk.py`). It keeps the order in which they are
safe: what a `Write` contains becomes durable as `raft.ports.Storage.write` asks, whenever the power fails.
"""

from . import ballot, snapshots
from .ballot import Ballot
from .disk import CREATE, DELETE, SYNC_DIRECTORY, perform
from .identity import FILE as IDENTITY
from .identity import Identity
from .log import SEGMENT_BYTES, SPARE, Log
from .recovery import recover
from .snapshots import SAVED_PART, Received, SnapshotFile, SnapshotWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from raft.messages import SnapshotChunk
    from raft.ready import Write
    from raft.snapshot import Snapshot

    from .disk import Operations

KEPT_SNAPSHOTS = 2
"""How many snapshots are kept: the newest, and the one before, which may be on its way to a follower."""

BALLAST = "ballast"
"""A file without meaning: it is deleted when there is no other space for a snapshot."""

_LEAST_BALLAST_BYTES = 1 << 16


def create(disk, identity: Identity, segment_bytes: int = SEGMENT_BYTES) -> None:
    """Make an empty directory the data directory of a member.

    It is one only when all is done: what a crash leaves of it can be created again.
    """
    log = Log(identity.incarnation, segment_bytes)
    perform(disk, ballot.creation(identity.incarnation, Ballot(1, 0, None, 0)))
    perform(disk, log.begin_segment())
    perform(disk, identity.creation())


def create_from(disk, identity: Identity, snapshot: "Snapshot", chunks, segment_bytes: int = SEGMENT_BYTES) -> None:
    """Make an empty directory the data directory of a member that begins with a snapshot, and has voted for nobody.

    It is one only when all is done. What a crash leaves of it must be thrown away, never created again.

    Args:
        disk: see `disk.py`.
        identity: whose it is.
        snapshot: what the member begins with.
        chunks: the content, an iterable of bytes.
        segment_bytes: size of its first segment.
    """
    writer = SnapshotWriter(SAVED_PART, snapshot)
    perform(disk, writer.begin())
    for data in chunks:
        perform(disk, writer.add(data))
    perform(disk, writer.finish())
    promised = Ballot(1, snapshot.term, None, snapshot.configuration.cluster)
    perform(disk, ballot.creation(identity.incarnation, promised))
    log = Log(identity.incarnation, segment_bytes)
    log.base = (snapshot.index, snapshot.term)
    perform(disk, log.begin_segment())
    perform(disk, identity.creation())


def exists(disk) -> bool:
    """Whether the directory is the data directory of a member."""
    return IDENTITY in disk.names()


class Store:
    """What a member has stored, opened to store more.

    Reads the directory, and mends what a crash has left.

    Args:
        disk: see `disk.py`.
        segment_bytes: size of the segments that begin from now on.

    Attributes:
        recovered: what was found, see `Recovered`.
        restored: what the node starts from, a `Restored`.
        received: what is being received, a `Received`, or None.

    Raises:
        NoDataDirectory, NewerFormat, DamagedStorage: see `recover`.
        OSError: the disk fails.
    """

    def __init__(self, disk, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.recovered = recover(disk)
        found = self.recovered
        perform(disk, found.repairs)
        self.restored = found.restored
        self._disk = disk
        self._incarnation: int = found.identity.incarnation
        self._ballot: Ballot = found.ballot
        self._snapshots = found.snapshots  # names, the newest last
        self._saving: SnapshotWriter | None = None
        self.received: Received | None = found.received
        self._log = Log(self._incarnation, segment_bytes)
        self._log.resume(found.segments, found.end, found.base, found.last)
        names = disk.names()
        self._log.has_spare = SPARE in names and disk.size(SPARE) == segment_bytes
        self._ballast_bytes = disk.size(BALLAST) if BALLAST in names else 0
        self._snapshot_bytes = disk.size(self._snapshots[-1]) if self._snapshots else 0
        if found.is_cut_short:
            self._log.reset(found.base[0], found.base[1])
            perform(disk, self._log.flush(True))
        perform(disk, self._log.mark())
        self._log.synced = self._log.position

    # Writes

    def write(self, writes: "list[Write]", sync: bool = True) -> "tuple[Operations, tuple[int, int]]":
        """Return the operations that store writes, all together.

        Args:
            writes: `Write`s, in the order of their numbers.
            sync: whether their entries must be durable. Terms, votes, truncations and snapshots always are.

        Returns:
            The operations, and the position to tell `synced` when they are done.
        """
        log = self._log
        operations: "Operations" = []
        must_sync = sync
        for write in writes:
            if write.term is not None or write.cluster:
                # Whoever finds this ballot must find all that was written before it.
                operations += log.flush(True)
                operations += self._vote(write)
            if write.base[0] > log.base[0]:
                log.move_base(write.base[0], write.base[1])
                must_sync = True
            if write.entries:
                must_sync = must_sync or write.entries[0].index <= log.last
                log.append(write.entries)
            if write.install is not None:
                operations += log.flush(True)
                operations += self._install(write.install)
                must_sync = True
        operations += log.flush(must_sync)
        operations += self._purge()
        return operations, log.position

    def sync(self) -> "tuple[Operations, tuple[int, int]]":
        """Return the operations that make all of the log durable, and the position to tell `synced` then."""
        return self._log.sync(), self._log.position

    def mark(self) -> "tuple[Operations, tuple[int, int]]":
        """Return the operations that write down how far the log is durable, and the position; see `Log.mark`."""
        operations = self._log.mark()
        return operations, self._log.position

    @property
    def wants_mark(self) -> bool:
        """Whether no header names the present end of the log as durable, and there is room for one.

        Without the space of another segment all room may be promised, and marks have none of their own.
        """
        return not self._log.is_marked and self._log.has_spare

    def synced(self, position: "tuple[int, int]") -> None:
        """Take note that the log is durable up to a position."""
        self._log.synced = max(self._log.synced, position)

    # Space (contract D2)

    @property
    def limit_bytes(self) -> int:
        """How many bytes of entries, by `Entry.size_bytes`, it takes for certain: all together, since it was opened."""
        return self._log.taken_bytes + self._log.room_bytes

    @property
    def room_bytes(self) -> int:
        """How many bytes of those are left."""
        return self._log.room_bytes

    @property
    def is_short(self) -> bool:
        """Whether something is to be reserved."""
        return not self._log.has_spare or self._wants_ballast

    def reserve(self) -> "Operations":
        """Return the operations that reserve what is to be; `reserved` is to be told when they are done."""
        operations = self._log.reserve()
        if self._wants_ballast:
            # A little more than is wanted, so that it is not made anew for each snapshot larger than the last.
            operations.append((CREATE, BALLAST, self._snapshot_bytes * 5 // 4 + _LEAST_BALLAST_BYTES))
        return operations

    def reserved(self, operations: "Operations") -> None:
        """Take note that operations of `reserve` are done."""
        for _, name, size in operations:
            if name == SPARE:
                self._log.has_spare = True
            else:
                self._ballast_bytes = size

    def ballast_is_gone(self) -> None:
        """Take note that `BALLAST` was deleted, because a snapshot had no other space."""
        self._ballast_bytes = 0

    @property
    def _wants_ballast(self) -> bool:
        return self._ballast_bytes < self._snapshot_bytes + _LEAST_BALLAST_BYTES

    def _vote(self, write: "Write") -> "Operations":
        last = self._ballot
        term = last.term if write.term is None else write.term
        vote = last.vote if write.term is None else write.vote
        self._ballot = Ballot(last.number + 1, term, vote, write.cluster or last.cluster)
        operations: "Operations" = self._ballot.writing(self._incarnation)
        return operations

    def _install(self, snapshot: "Snapshot") -> "Operations":
        writer, self.received = self.received, None
        assert writer is not None and writer.snapshot == snapshot, "a snapshot is installed that was not received"
        assert writer.fits, "a snapshot is installed that is not what was sent"
        operations = writer.finish() + self._keep(writer)
        self._log.reset(snapshot.index, snapshot.term)
        return operations

    def _purge(self) -> "Operations":
        """Delete segments that neither the log needs nor the oldest snapshot, in case the newest is damaged."""
        if not self._snapshots:
            return []
        oldest = int(self._snapshots[0][:20])
        return self._log.purge(min(oldest, self._log.base[0]))

    # Snapshots

    def begin_snapshot(self, snapshot: "Snapshot") -> "Operations":
        """Begin to save a snapshot; what was begun before and not finished is given up. Return the operations."""
        self._saving = SnapshotWriter(SAVED_PART, snapshot)
        return self._saving.begin()

    def add_to_snapshot(self, data: bytes) -> "Operations":
        """Return the operations that store more of the content of the snapshot under way."""
        assert self._saving is not None, "no snapshot is under way"
        return self._saving.add(data)

    def finish_snapshot(self) -> "Operations":
        """Return the operations that make the snapshot under way the newest, unless a newer one is there by now."""
        writer, self._saving = self._saving, None
        assert writer is not None, "no snapshot is under way"
        if self._snapshots and self._snapshots[-1] >= snapshots.file_name(writer.snapshot.index, writer.snapshot.term):
            return [(DELETE, SAVED_PART)]
        return writer.finish() + self._keep(writer)

    def receive_chunk(self, chunk: "SnapshotChunk") -> "Operations":
        """Return the operations that store a `SnapshotChunk`; one with offset 0 begins a new snapshot.

        Once the last one is stored, its installation needs no more space.
        """
        operations: "Operations" = []
        if chunk.offset == 0:
            operations += self._drop_received()
            self.received = Received(chunk.snapshot, chunk.fingerprint)
            operations += self.received.begin()
        assert self.received is not None and self.received.size == chunk.offset, "a chunk comes out of order"
        operations += self.received.add(chunk.data)
        return operations + self.received.complete() if chunk.last else operations

    def check_received(self) -> "tuple[bool, Operations]":
        """Return whether the whole snapshot received is what was sent, and the operations that drop it if it is not."""
        assert self.received is not None, "no snapshot was received"
        return (True, []) if self.received.fits else (False, self._drop_received())

    def received_is_gone(self) -> None:
        """Take note that what was received was deleted, because there was no space for all of it."""
        self.received = None

    def _drop_received(self) -> "Operations":
        received, self.received = self.received, None
        return [] if received is None else [(DELETE, received.part)]

    def find_snapshot(self, snapshot: "Snapshot") -> "SnapshotFile | None":
        """Return a stored snapshot, or None when it is not there any more.

        Raises:
            DamagedStorage: it is damaged.
        """
        name = snapshots.file_name(snapshot.index, snapshot.term)
        return SnapshotFile(self._disk, name) if name in self._snapshots else None

    def _keep(self, writer: SnapshotWriter) -> "Operations":
        """Make a snapshot that was written the newest, and delete those that are too many.

        What was received of an older one is deleted, too.
        """
        snapshot = writer.snapshot
        name = snapshots.file_name(snapshot.index, snapshot.term)
        self._snapshot_bytes = writer.size
        self._snapshots = [kept for kept in self._snapshots if kept < name] + [name]
        operations: "Operations" = []
        if self.received is not None and self.received.snapshot.index <= snapshot.index:
            operations += self._drop_received()
        while len(self._snapshots) > KEPT_SNAPSHOTS:
            operations.append((DELETE, self._snapshots.pop(0)))
        return operations + [(SYNC_DIRECTORY,)] if operations else []
