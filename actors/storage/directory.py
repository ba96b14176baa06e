"""Storage in a data directory: the store decides what must be done, one thread does it while the loop goes on.

Operations wait in a queue and are carried out by the thread, in order. So no sync holds up the loop, the next batch is
put together while the last one is synced, and whatever is written meanwhile becomes one batch with one sync. Where a
member has the loop for itself, small writes of the log are done at once instead, while the disk is quicker than the
hand-over to the thread.

What has no space waits in the thread, and all that follows it. Only snapshots ask for space that was not reserved: one
of the own state machine waits alone, and the download of another is given up.
"""

from __future__ import annotations

import errno
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gevent
from gevent import get_hub
from gevent.event import AsyncResult
from pykka import ActorRef

from raft.actor import ChunkRead, DownloadChecked, Persisted, SnapshotSaved, StorageBroke
from raft.membership import LARGEST_INCARNATION, Configuration
from raft.messages import SnapshotChunk
from raft.ready import Restored, Write
from raft.snapshot import ChunkRequest, Snapshot
from storage import store
from storage.disk import CREATE
from storage.errors import DamagedStorage
from storage.identity import Identity, read_identity
from storage.log import SEGMENT_BYTES
from storage.store import BALLAST, Store

from .findings import report
from .pace import Pace
from .policy import ALWAYS, NEVER, SyncPolicy
from .real_disk import RealDisk
from .space import RETRY_S, Reserve, carry_out, is_small
from .upkeep import Upkeep
from .worker import Worker

if TYPE_CHECKING:
    from storage.disk import Operations

MOST_BATCHES = 2  # one that is synced, and one that is ready: what comes later joins the next


class DirectoryStorage:
    """The stable storage of one member in a directory of its own.

    Args:
        directory: where; made when it is missing.
        node: the id of the member.
        is_witness: whether it is to serve a witness.
        policy: when entries are synced.
        first: the configuration of the cluster that it founds with others, if the directory is new; None when it joins.
            Who loses what a directory held, by its policy, founds nothing: it joins.
        segment_bytes: size of the segments of its log; an entry that is larger than about half of one never has room.
        may_wait: whether the loop may wait for a quick disk; not where it serves other members, too.

    Attributes:
        directory, policy: see above.
        store: what is stored, once it was loaded.
    """

    def __init__(
        self,
        directory: Path,
        node: str,
        is_witness: bool = False,
        policy: SyncPolicy = ALWAYS,
        first: Configuration | None = None,
        segment_bytes: int = SEGMENT_BYTES,
        may_wait: bool = False,
    ) -> None:
        self.directory = directory
        self.policy = policy
        self.store: Store | None = None
        self._node = node
        self._is_witness = is_witness
        self._first = b"" if first is None else first.encode()
        self._segment_bytes = segment_bytes
        self._disk: RealDisk | None = None
        self._worker = Worker()
        self._pace = Pace()
        self._may_wait = may_wait and policy is ALWAYS  # under other policies most writes are quick, and some are not
        self._mailbox: ActorRef[Any] | None = None
        self._has_failed = False
        self._is_closed = threading.Event()  # the thread need not wait for space any more
        self._reserve: Reserve | None = None
        self._ballast_is_gone = False  # by the thread: whether it was deleted, and not made anew since
        self._is_full = False  # whether the reserve could not be filled before the start
        self._opening = 0  # counts; what belongs to an earlier one is not reported any more
        self._pending: list[Write] = []
        self._batches = 0  # under way
        self._flushing: Any = None  # the call of _flush that the loop will make
        self._upkeep: Upkeep | None = None
        self._saving: Any = None  # the greenlet that stores a snapshot of the state machine

    @property
    def incarnation(self) -> int:
        """That of the directory, once it was loaded."""
        assert self.store is not None
        incarnation: int = self.store.recovered.identity.incarnation
        return incarnation

    def load(self) -> Restored:
        """Return what is durable; a directory without a member's data becomes this member's.

        Under the policy `never` nothing is: what an earlier run has left is deleted.

        Raises:
            DirectoryInUse: another node has it open.
            StorageError: the directory belongs to somebody else, is damaged, or of a newer program.
            OSError: the disk fails.
        """
        self._worker.join()
        self._is_closed.clear()
        self._has_failed = False
        if self._disk is None:
            self._disk = RealDisk(self.directory)
        disk = self._disk
        if store.exists(disk):
            # Before anything is mended or deleted: it may be somebody else's.
            read_identity(disk).check(self._node, self._is_witness)
        if self.policy is NEVER and store.exists(disk):
            self._first = b""
            for name in disk.names():
                disk.delete(name)
        if not store.exists(disk):
            incarnation = 1 + secrets.randbelow(LARGEST_INCARNATION)
            store.create(disk, Identity(self._node, incarnation, self._is_witness, self._first), self._segment_bytes)
        self.store = Store(disk, self._segment_bytes)
        self._ballast_is_gone = False
        wanted = self.store.reserve()
        number = carry_out(disk, wanted)
        self.store.reserved(wanted[:number])
        self._is_full = number < len(wanted)
        report(self._node, self.directory, self.store.recovered)
        return self.store.restored

    def open(self, mailbox: ActorRef[Any]) -> None:
        """Report to `mailbox` from now on."""
        self._mailbox = mailbox
        self._opening += 1
        self._upkeep = Upkeep(self._store, self.policy, self._do, lambda: bool(self._pending or self._batches))
        self._reserve = Reserve(self._store, self._fill_reserve, self._tell)
        self._reserve.begin(self._is_full)

    def close(self) -> None:
        """Report nothing more; what is under way may become durable or not. May be called when not open."""
        self._mailbox = None
        self._is_closed.set()
        self._opening += 1
        self._pending = []
        self._batches = 0
        if self._flushing is not None:
            self._flushing.stop()
            self._flushing = None
        if self._upkeep is not None:
            self._upkeep.close()
            self._upkeep = None
        if self._saving is not None:
            self._saving.kill(block=False)
            self._saving = None
        if self._reserve is not None:
            self._reserve.close()
            self._reserve = None

    def settle(self) -> None:
        """Make durable all that was handed on, whatever the policy, and let the log say so; called when closed.

        Raises:
            OSError: the disk fails.
        """
        self._worker.join()
        if self.store is None or self._disk is None or self._has_failed:
            return
        operations, position = self.store.sync()
        carry_out(self._disk, operations)
        self.store.synced(position)
        if self.store.wants_mark:
            carry_out(self._disk, self.store.mark()[0])

    def release(self) -> None:
        """Let others have the directory; it can be loaded again."""
        self.close()
        self._worker.stop()
        if self._disk is not None:
            self._disk.close()
            self._disk = None

    # Writes

    def write(self, write: Write) -> bool:
        """Begin a write; return True if it is as durable as the policy says, else `Persisted` follows when it is."""
        if self._may_wait and self._pace.is_quick and self._worker.is_idle and not self._pending:
            return self._write_at_once(write)
        self._pending.append(write)
        if self._batches:
            self._flush_soon()
        else:
            self._flush()  # at once, so that the thread works while the loop does what else the turn asks for
        return False

    def _write_at_once(self, write: Write) -> bool:
        """Write while the loop waits, if it is small; the thread does what is not, and what has no space."""
        left, position = self._store.write([write])
        self._batches += 1
        if is_small(left):
            operations = left
            try:
                left = self._unless_failed(lambda: self._carry_out_timed(operations))
            except Exception as error:
                self._break(_said(error))
                return False
        if left:
            self._do(left, lambda: self._written([write], position))
            return False
        self._settle_batch(position)
        get_hub().loop.run_callback(self._tidy)
        return True

    def _carry_out_timed(self, operations: Operations) -> Operations:
        """Carry out operations as far as there is space, note how long that takes, and return what is left."""
        began_s = time.perf_counter()
        left = operations[carry_out(self._real_disk, operations) :]
        self._pace.took(time.perf_counter() - began_s)
        return left

    def _flush_soon(self) -> None:
        if self._flushing is None and self._batches < MOST_BATCHES:
            self._flushing = get_hub().loop.run_callback(self._flush)

    def _flush(self) -> None:
        if self._flushing is not None:
            self._flushing.stop()
            self._flushing = None
        if not self._pending:
            return
        writes, self._pending = self._pending, []
        operations, position = self._store.write(writes, self.policy is ALWAYS)
        self._batches += 1
        self._do(operations, lambda: self._written(writes, position))

    def _written(self, writes: list[Write], position: tuple[int, int]) -> None:
        self._settle_batch(position)
        for write in writes:
            self._tell(Persisted(write.number))
        get_hub().loop.run_callback(self._tidy)

    def _settle_batch(self, position: tuple[int, int]) -> None:
        """A batch is as durable as the policy says."""
        self._batches -= 1
        if self.policy is ALWAYS:
            self._store.synced(position)
        if self._pending:
            self._flush_soon()

    def _tidy(self) -> None:
        """Look after what a write has used up; called after the turn in which the node tells others what is durable."""
        self._keep_reserve()
        if self._upkeep is not None:
            self._upkeep.written()

    @property
    def _store(self) -> Store:
        assert self.store is not None
        return self.store

    # Snapshots

    def save_snapshot(self, snapshot: Snapshot, chunks: Iterable[bytes]) -> None:
        """Begin to store a snapshot; its content is read piece by piece, while other things go on."""
        self._saving = gevent.spawn(self._save, snapshot, iter(chunks))

    def _save(self, snapshot: Snapshot, chunks: Iterator[bytes]) -> None:
        try:
            self._wait_for(self._store.begin_snapshot(snapshot))
            for data in chunks:
                self._wait_for(self._store.add_to_snapshot(data))
            self._wait_for(self._store.finish_snapshot())
        except Exception as error:
            self._break(f"the snapshot of the state machine failed: {error}")
            return
        self._saving = None
        self._tell(SnapshotSaved(snapshot))

    def _wait_for(self, operations: Operations) -> None:
        """Carry out operations and wait for them, so that no more of a snapshot is in memory than must be.

        Without space they are tried again and again, while everything else goes on.
        """
        while operations:
            operations = operations[self._attempt(operations) :]
            if operations:
                gevent.sleep(RETRY_S)

    def _attempt(self, operations: Operations) -> int:
        number: AsyncResult[int] = AsyncResult()
        self._run(lambda: carry_out(self._real_disk, operations, self._drop_ballast), number.set)
        carried_out = number.get()
        assert carried_out is not None
        self._keep_reserve()
        return carried_out

    def receive_chunk(self, chunk: SnapshotChunk) -> None:
        """Store a piece of a leader's snapshot, which a later write installs.

        Without space for it, what was received before is deleted: to wait would hold up terms and votes.
        """
        if chunk.offset and self._store.received is None:
            return  # it was given up, which the node is about to learn
        operations = self._store.receive_chunk(chunk)
        received = self._store.received
        assert received is not None
        fits, dropping = self._store.check_received() if chunk.last else (True, [])
        operations += dropping

        def done(number: int) -> None:
            is_here = self._store.received is received
            if is_here and number < len(operations):
                self._store.received_is_gone()
                self._run(lambda: self._delete(received.part), lambda _: None)
                self._tell(DownloadChecked(chunk.snapshot, False))
            elif chunk.last:
                self._tell(DownloadChecked(chunk.snapshot, is_here and fits))
            self._keep_reserve()

        self._run(lambda: carry_out(self._real_disk, operations, self._drop_ballast), done)

    def read_chunk(self, request: ChunkRequest) -> None:
        """Begin to read a piece of a snapshot; `ChunkRead` follows."""
        found = self._store.find_snapshot

        def read() -> ChunkRead:
            file = found(request.snapshot)
            if file is None:
                return ChunkRead(request, 0, None, False)
            end = request.offset + request.limit_bytes
            data = file.read(request.offset, request.limit_bytes)
            return ChunkRead(request, file.fingerprint, data, end >= file.size)

        self._run(read, self._tell)

    def read_snapshot(self, snapshot: Snapshot) -> Iterator[bytes]:
        """Return the content of a stored snapshot, piece by piece.

        Raises:
            DamagedStorage: it is not what was written.
        """
        self._worker.join()
        file = self._store.find_snapshot(snapshot)
        assert file is not None, "a snapshot is read that is not stored"
        return file.pieces()

    # The thread

    def _do(self, operations: Operations, done: Callable[[], object]) -> None:
        """Carry out operations in the thread, behind all that waits there, and call `done` in the loop."""

        def work() -> None:
            left = operations
            while left := self._carry_out_timed(left):
                if self._is_closed.wait(RETRY_S):
                    raise OSError(errno.ENOSPC, "no space is left, and the node stops")

        self._run(work, lambda _: done())

    def _fill_reserve(self, operations: Operations, done: Callable[[int], None]) -> None:
        """Carry out operations in the thread as far as there is space; tell in the loop how many were."""

        def work() -> int:
            number = carry_out(self._real_disk, operations)
            if (CREATE, BALLAST) in [operation[:2] for operation in operations[:number]]:
                self._ballast_is_gone = False
            return number

        self._run(work, done)

    @property
    def _real_disk(self) -> RealDisk:
        assert self._disk is not None
        return self._disk

    def _drop_ballast(self) -> bool:
        """Make space for a snapshot, in the thread; return whether there was anything to give up."""
        is_there = self._delete(BALLAST)
        if is_there:
            self._ballast_is_gone = True
        return is_there

    def _delete(self, name: str) -> bool:
        """Delete a file, in the thread; return whether it was there."""
        if name not in self._real_disk.names():
            return False
        self._real_disk.delete(name)
        return True

    def _keep_reserve(self) -> None:
        if self._ballast_is_gone:
            self._store.ballast_is_gone()
        if self._reserve is not None and not self._has_failed:
            self._reserve.keep()

    def _run(self, work: Callable[[], Any], done: Callable[[Any], object]) -> None:
        opening = self._opening

        def over(result: Any, error: BaseException | None) -> None:
            if opening != self._opening:
                return
            if error is None:
                done(result)
            else:
                self._break(_said(error))

        self._worker.do(lambda: self._unless_failed(work), over)

    def _unless_failed(self, work: Callable[[], Any]) -> Any:
        """Work, unless something has failed: then nothing is tried any more (contract D2)."""
        if self._has_failed:
            raise OSError("it has failed before")
        try:
            return work()
        except BaseException:
            self._has_failed = True
            raise

    def _break(self, reason: str) -> None:
        """Something has failed: nothing is reported as durable any more, only the next start tells what is."""
        self._tell(StorageBroke(reason))
        self._opening += 1

    def _tell(self, report: object) -> None:
        if self._mailbox is not None:
            self._mailbox.tell(report)


def _said(error: BaseException) -> str:
    if isinstance(error, DamagedStorage):
        return str(error)
    return f"the disk failed: {error.strerror}" if isinstance(error, OSError) and error.strerror else repr(error)
