"""A disk of one simulated member on which the real storage code works, byte by byte.

The log and the snapshots are files of a `FaultyDisk`, written and read by `storage/`. What the model disk, `SimDisk`,
would hold is followed beside it: after every crash the storage must have recovered just what was acknowledged, and
perhaps the first of the writes under way (contract D1, D3, D5).
"""

from __future__ import annotations

import copy
import errno
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from raft.actor import ChunkRead, DownloadChecked, Persisted, SnapshotSaved, StorageBroke
from raft.messages import SnapshotChunk
from raft.ready import Restored, Write
from raft.snapshot import ChunkRequest, Snapshot
from storage import store
from storage.disk import DELETE, SYNC, SYNC_DIRECTORY, WRITE, perform
from storage.errors import StorageError
from storage.fingerprint import EMPTY, extended
from storage.identity import Identity
from storage.recovery import Recovered, recover
from storage.scan import SegmentScan
from storage.segment import HEADER_BYTES, file_name, number_of, read_header
from storage.snapshots import PART, find_received, received_part
from storage.snapshots import file_name as snapshot_name
from storage.store import Store

from .chance import Chance
from .disk import DiskSpeed, SimDisk
from .disk_worker import DiskWorker, Job
from .faulty_disk import FaultyDisk
from .outcomes import Outcome, difference, goes_on, outcomes, started
from .scheduler import Scheduler
from .shadow import InvariantError
from .stored_space import StoredSpace

SEGMENT_BYTES = (4_096, 8_192, 16_384)
"""How large segments are: so small that the log goes through many of them in a run."""

SECTOR_BYTES = 16
"""What of a write a crash keeps or loses whole: less than on real disks, so that what is small tears, too."""

SUPPOSED = 0.002
"""Before how many of all operations, at least, it is looked at what a crash would leave."""

MOST_BATCHES = 2
"""How many batches are under way at once; what comes later joins the next, as in a data directory."""

IDLE_US = 1_000_000
"""After so long without a write the log says how far it is durable."""

LONGEST_RECOVERY = 12  # operations after which the power fails again, at most


class StoredDisk(SimDisk):
    """The storage port over the real storage code.

    What it inherits is the model of what must be durable; see `SimDisk` for the attributes. There are three differences
    in what goes wrong. A write is carried out in several steps, and the power may fail between any two, also while the
    storage recovers. A full disk has room where room was reserved. What rots may not matter, or be mended.

    Args:
        owner: the member.
        scheduler, chance, speed, tell, changed, is_witness: see `SimDisk`.
    """

    def __init__(
        self,
        owner: str,
        scheduler: Scheduler,
        chance: Chance,
        speed: DiskSpeed,
        tell: Callable[[object], None],
        changed: Callable[[Write], None],
        is_witness: bool = False,
    ) -> None:
        self._owner = owner
        self._segment_bytes = chance.fork(" segments").pick(SEGMENT_BYTES)
        self._supposed = chance.fork(" supposed")
        self._shapes: Counter[tuple[object, ...]] = Counter()
        self._worker = DiskWorker(scheduler, self._lasts_us, self._carry_out, self._break)
        self._store: Store | None = None
        self._contents: dict[int, bytes] = {}  # what was received of each snapshot, by fingerprint
        self._pending: list[Write] = []
        self._batches = 0
        self._written_us = 0
        self._is_idle_awaited = False
        super().__init__(scheduler, chance, speed, tell, changed, is_witness)
        self.space = self._space = StoredSpace(self, tell)

    def format(self) -> None:
        """Begin as a new disk, with an incarnation of its own."""
        super().format()
        self.files = FaultyDisk(SECTOR_BYTES)

    def load(self) -> Restored:
        """Return what the storage finds, after it has made a directory or mended one.

        Raises:
            DamagedStorage: it has rotted.
            InvariantError: the storage finds something else than it must.
        """
        super().load()
        if not store.exists(self.files):
            self._create()
        while self._chance.strikes("torn-write", self.tearing / 4):
            self._fail_in_recovery()
        self._check(started(self._owner, recover, self.files), "starts")
        self._store = Store(self.files, self._segment_bytes)
        self._space.fill_reserve()
        self._take_over_download()
        self.entries = list(self._store.restored.entries)  # equal ones; the checker knows entries by identity
        return self._store.restored

    def _take_over_download(self) -> None:
        """Let the model have what the storage has kept of a snapshot that was being received (contract N2)."""
        self._drop_download()
        kept = self.opened.restored.download
        if kept is None:
            return
        content = self._contents.get(kept.fingerprint, b"")[: kept.size_bytes]
        found = find_received(self.files, received_part(kept.snapshot, kept.fingerprint))
        if found is None or extended(EMPTY, content) != found.fingerprint:
            raise InvariantError("N2", f"{self._owner} goes on with other bytes of a snapshot than it has received")
        self._received = content
        self.download = kept

    def _create(self) -> None:
        """Make the directory, with the past that the member was given."""
        store.create(self.files, Identity(self._owner, self.incarnation, self.is_witness), self._segment_bytes)
        if self.term:
            past = Write(1, self.term, self.vote, tuple(self.entries))
            perform(self.files, Store(self.files, self._segment_bytes).write([past])[0])

    def _fail_in_recovery(self) -> None:
        left = self._chance.between(1, LONGEST_RECOVERY)

        def count(_: object) -> None:
            nonlocal left
            left -= 1
            if not left:
                raise _PowerFails

        self.files.before = count
        with suppress(_PowerFails):
            Store(self.files, self._segment_bytes)
        self.files.before = lambda _: None
        self.files.crash(self._chance, self._chance.unit())
        self._check(started(self._owner, recover, self.files), "recovers for the second time")

    # Writes

    def write(self, write: Write) -> bool:
        """Begin a write; return whether it is done."""
        is_free = self._worker.is_free
        self._space.take(write)
        self._pending.append(write)
        self._flush()
        if is_free and self._quick.happens(self.speed.at_once):
            self._worker.finish()
            self.has_just_failed = self.has_failed
        return is_free and not self._batches

    def stall(self, duration_us: int) -> None:
        """Begin nothing for a while; what is under way is not held up."""
        self._worker.stall(self._scheduler.now_us + duration_us)

    def interrupt(self, kind: str, share: float, action: Callable[[], None]) -> None:
        """Call something while the disk is at work; see `DiskWorker.interrupt`."""
        self._worker.interrupt(kind, share, action)

    def finish(self) -> None:
        """Finish what is under way at once, as whoever stops in good order waits for; a disk that fails does not."""
        self._worker.finish()

    def _flush(self) -> None:
        if not self._pending or self._batches == MOST_BATCHES:
            return
        writes, self._pending = self._pending, []
        operations, position = self.opened.write(writes)
        self._batches += 1

        def done() -> None:
            self._batches -= 1
            self.opened.synced(position)
            for write in writes:
                self._make_durable(write)
                self._tell(Persisted(write.number))
            self._space.keep()
            self._flush()
            self._await_idleness()

        self._worker.do(Job(operations, done, writes))

    def _await_idleness(self) -> None:
        self._written_us = self._scheduler.now_us
        if not self._is_idle_awaited:
            self._is_idle_awaited = True
            self._scheduler.after(IDLE_US, self._mark_when_idle, self._power_cycles)

    def _mark_when_idle(self, power_cycle: int) -> None:
        if power_cycle != self._power_cycles:
            return
        idle_at_us = self._written_us + IDLE_US
        if idle_at_us > self._scheduler.now_us:
            self._scheduler.at(idle_at_us, self._mark_when_idle, power_cycle)
            return
        self._is_idle_awaited = False
        if not self._batches and self.opened.wants_mark:
            operations, position = self.opened.mark()
            self._worker.do(Job(operations, lambda: self.opened.synced(position)))

    # Snapshots

    def save_snapshot(self, snapshot: Snapshot, chunks: Iterable[bytes]) -> None:
        """Store a snapshot; its content is read piece by piece, while other things go on."""
        rest = iter(chunks)
        content = bytearray()

        def go_on() -> None:
            data = next(rest, None)
            if data is not None:
                content.extend(data)
                self._worker.do(Job(self.opened.add_to_snapshot(data), go_on))
                return
            saved = (snapshot, bytes(content))
            self._worker.do(Job(self.opened.finish_snapshot(), lambda: self._has_saved(*saved), saved=saved))

        self._worker.do(Job(self.opened.begin_snapshot(snapshot), go_on))

    def _has_saved(self, snapshot: Snapshot, content: bytes) -> None:
        self._save(snapshot, content)
        self._tell(SnapshotSaved(snapshot))

    def receive_chunk(self, chunk: SnapshotChunk) -> None:
        """Store a piece of a snapshot."""
        if chunk.offset and self.opened.received is None:
            return  # it was given up, which the node is about to learn
        self._receive(chunk)
        if len(self._received) > len(self._contents.get(chunk.fingerprint, b"")):
            self._contents[chunk.fingerprint] = self._received
        operations = self.opened.receive_chunk(chunk)
        received = self.opened.received
        assert received is not None
        fits, dropping = self.opened.check_received() if chunk.last else (True, [])
        if not fits:
            self._drop_download()

        def done() -> None:
            if chunk.last:
                self._tell(DownloadChecked(chunk.snapshot, fits and self.opened.received is received))

        def give_up() -> None:
            if self.opened.received is received:
                self.opened.received_is_gone()
                self._drop_download()
                self._worker.do(Job([(DELETE, received.part)]))
                self._tell(DownloadChecked(chunk.snapshot, False))
            else:
                done()

        self._worker.do(Job(operations + dropping, done, give_up=give_up))

    def read_chunk(self, request: ChunkRequest) -> None:
        """Read a piece of a snapshot; it takes as long as a sync."""

        def read() -> None:
            try:
                file = self.opened.find_snapshot(request.snapshot)
                data = None if file is None else file.read(request.offset, request.limit_bytes)
            except StorageError as error:  # an older snapshot is read to its end only now, and may have rotted
                self._stop(str(error))
                return
            if file is None:
                self._tell(ChunkRead(request, 0, None, False))
                return
            end = request.offset + request.limit_bytes
            self._tell(ChunkRead(request, file.fingerprint, data, end >= file.size))

        self._worker.do(Job([], read, delay_us=self._lasts_us(SYNC)))

    def read_snapshot(self, snapshot: Snapshot) -> list[bytes]:
        """Return the content of a snapshot."""
        file = self.opened.find_snapshot(snapshot)
        assert file is not None, "a snapshot is read that is not stored"
        return list(file.pieces())

    # The disk

    def do(self, job: Job) -> None:
        """Let the disk do something, behind all else."""
        self._worker.do(job)

    @property
    def is_opened(self) -> bool:
        """Whether a node has loaded it, and runs."""
        return self._store is not None

    @property
    def opened(self) -> Store:
        """The storage of the node that runs."""
        assert self._store is not None, "the node uses its disk, and has not loaded it"
        return self._store

    def _lasts_us(self, operation: str) -> int:
        """Return how long an operation takes: syncs as long as a write of the model, all else next to nothing."""
        speed = self.speed
        if operation not in (SYNC, SYNC_DIRECTORY):
            return speed.least_us // 10
        stalls = self._chance.strikes("stall", speed.stall)
        return self._chance.long_tailed(speed.least_us, speed.usual_us) + (speed.stall_us if stalls else 0)

    def _carry_out(self, operation: tuple[Any, ...]) -> None:
        """Carry out an operation, unless the disk fails: in a sync, or in a write before one."""
        self._suppose_crash()
        kind = operation[0]
        if self.fails and (kind == SYNC or (kind == WRITE and self._chance.happens(0.5))):
            raise OSError(errno.EIO, f"a {kind} failed")
        try:
            perform(self.files, [operation])
        except OSError as error:
            is_of_a_snapshot = str(operation[1]).endswith(PART)
            if error.errno != errno.ENOSPC or not is_of_a_snapshot or store.BALLAST not in self.files.names():
                raise
            self.files.delete(store.BALLAST)
            self.opened.ballast_is_gone()
            perform(self.files, [operation])

    def _break(self, error: OSError) -> None:
        if error.errno != errno.EIO:
            raise error
        self._stop(error.strerror or str(error))

    def _stop(self, why: str) -> None:
        self.has_failed = True
        self._tell(StorageBroke(why))

    def rot(self, share: float) -> None:
        """Change some bits of a byte: that of a file which lies so far along the directory, 0 <= share < 1.

        Of the log only what a header names as durable rots: nobody can tell the rest of it from a torn tail.
        """
        newest = recover(self.files).segments[-1].number
        names = [name for name in self.files.names() if (number_of(name) or 0) <= newest]
        place = share * len(names)
        name = names[int(place)]
        size = self._covered(newest) if name == file_name(newest) else self.files.size(name)
        self.files.flip(name, int((place - int(place)) * size), self._chance.between(1, 255))
        try:
            found = recover(self.files)
        except StorageError:
            self.is_damaged = True
            return
        self._fall_back(found)
        self._check(found, f"passes over a byte of {name} that has rotted, and starts")

    def _covered(self, number: int) -> int:
        """Return up to where the newest segment is durable, as its headers name it."""
        name = file_name(number)
        header = read_header(self.files.read(name, 0, HEADER_BYTES), name)
        assert header is not None, "the storage has just been recovered"
        scan = SegmentScan(self.files, number, header.incarnation, header.chain)
        return max((batch.synced for batch in scan.batches()), default=HEADER_BYTES)

    def _fall_back(self, found: Recovered) -> None:
        """Let the model lose a snapshot that has rotted; an older one needs the longer log that was kept for it."""
        intact = [kept for kept in self.snapshots if snapshot_name(kept[0].index, kept[0].term) in found.snapshots]
        restored = found.restored
        if intact and intact[-1] is not self.snapshots[-1] and restored.base[0] <= self.base[0]:
            behind = [entry for entry in restored.entries if entry.index > self.base[0]]
            if behind == self.entries:
                self.base = restored.base
                self.entries = list(restored.entries)
        self.snapshots = intact

    # Crashes

    def crash(self, loses_power: bool = True) -> int:
        """Lose power, whoever crashes. Return how many writes were lost."""
        jobs = self._worker.power_off()
        is_torn = bool(jobs) and self._chance.strikes("torn-write", self.tearing)
        self.files.crash(self._chance, self._chance.unit() if is_torn else self._chance.pick((0.0, 1.0)))
        under_way = len(self._pending) + sum(len(job.writes) for job in jobs)
        found = started(self._owner, recover, self.files)
        writes, saved = self._outcome(found, self.files, jobs[0] if jobs else Job([]))
        self._take(writes, saved)
        self._store = None
        self._pending = []
        self._batches = 0
        self._is_idle_awaited = False
        self.fails = self.has_failed = False
        self._power_cycles += 1
        return under_way - len(writes)

    def _suppose_crash(self) -> None:
        """At times, look at what the storage would find if the power failed now, and whether it would go on from there.

        Often where the disk does something for the first times, and seldom what it does all the time.
        """
        chance = self._supposed
        job = self._worker.jobs[0]
        shape = (min(len(job.writes), 3), *[operation[0] for operation in job.operations])
        self._shapes[shape] += 1
        if not chance.happens(max(SUPPOSED, 0.5 / self._shapes[shape])):
            return
        files = self.files.copy()
        files.capacity = None
        files.crash(chance, chance.pick((0.0, chance.unit(), 1.0)))
        opened = started(self._owner, Store, files, self._segment_bytes)
        self._outcome(opened.recovered, files, job)
        problem = goes_on(opened, files, chance, self._segment_bytes)
        if problem is not None:
            raise InvariantError("D5", f"{self._owner} recovers from a crash, writes an entry, and {problem}")

    def _outcome(self, found: Recovered, files: FaultyDisk, job: Job) -> Outcome:
        """Return what a crash has left of the job that was under way.

        Raises:
            InvariantError: something that it must not.
        """
        for outcome in outcomes(job):
            model = copy.copy(self)
            model.entries = list(self.entries)
            model._changed = lambda write: None
            model._take(*outcome)
            if difference(found, files, model) is None:
                return outcome
        different = difference(found, files, self)
        under_way = f"with {len(job.writes)} writes under way"
        raise InvariantError("D5", f"{self._owner} comes back from a crash, {under_way}, with {different}")

    def _take(self, writes: Sequence[Write], saved: tuple[Snapshot, bytes] | None) -> None:
        for write in writes:
            self._make_durable(write)
        if saved is not None:
            self._save(*saved)

    def _check(self, found: Recovered, what: str) -> None:
        different = difference(found, self.files, self)
        if different is not None:
            raise InvariantError("D5", f"{self._owner} {what} with {different}")


class _PowerFails(Exception):
    pass
