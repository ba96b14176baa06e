"""The disk of one simulated member: slow, asynchronous, and after a crash it holds only what had reached it.

It fails as real ones do. After a sync that failed it reports nothing as durable any more, whatever it may hold; only
the next start tells. What has no space waits, see `space.py`. What rots is noticed when it is read, and nobody may
start from it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from actors.storage.policy import ALWAYS, NEVER, SyncPolicy
from raft.actor import ChunkRead, DownloadChecked, Persisted, SnapshotSaved, StorageBroke
from raft.entries import Entry
from raft.messages import SnapshotChunk
from raft.ports import Storage
from raft.ready import Restored, Write
from raft.snapshot import ChunkRequest, Download, Snapshot
from storage.fingerprint import EMPTY, extended

from .chance import Chance
from .scheduler import Scheduler
from .space import Space


class DamagedStorage(Exception):
    """What is stored is not what was written: no node may start from it."""


@dataclass
class DiskSpeed:
    """How long a write takes.

    Attributes:
        least_us, usual_us: see `Chance.long_tailed`.
        stall: probability that a write takes `stall_us` longer.
        hasty: probability that a write is done at once, before earlier ones that are still under way.
        at_once: probability that the node waits until its write is done, where none is under way and nothing is wrong.
    """

    least_us: int = 100
    usual_us: int = 500
    stall: float = 0.0
    stall_us: int = 200_000
    hasty: float = 0.1
    at_once: float = 0.0


class SimDisk(Storage):
    """The storage port over a simulated disk.

    Several writes are under way at once and may be done in any order, as with a queue of syncs. But each builds upon
    the one before, so what is durable is always the contiguous prefix of those done; a crash keeps at least that, and
    perhaps some of the next ones, and loses the rest. Of the next one it may keep the first part, see `torn`. Of a
    snapshot that was being received it keeps some.

    Args:
        tell: puts a message in the mailbox of the node.
        changed: called with every write when it becomes durable.
        is_witness: whether it serves a witness.
        policy: when entries are synced (contract D6). Under `interval` what is said here to be durable has reached the
            operating system: power loss may take the entries of the last interval, and nothing else.
        cut: called with the index of the last entry that power loss has left, when it takes some.

    Attributes:
        term, vote, cluster, base, entries: what is durable.
        snapshots: the durable snapshots and their contents, the newest last.
        download: what was received of a newer snapshot, or None.
        incarnation: drawn when the disk was new.
        is_witness, policy: as above.
        space: what it has space for.
        power_loss: probability that a crash is one of the machine, and not of the process alone.
        takes_all: whether power loss takes all that it may take, instead of leaving it to chance.
        fails: whether the next write that is done will turn out to have failed.
        has_failed: whether one has failed since the last start: nothing is written any more.
        has_just_failed: whether that was while the node waited for it, in the turn under way.
        is_damaged: whether what it holds has rotted, and cannot be loaded.
        tearing: probability that a crash tears the write under way.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        chance: Chance,
        speed: DiskSpeed,
        tell: Callable[[object], None],
        changed: Callable[[Write], None],
        is_witness: bool = False,
        reserve_bytes: int = 1 << 26,
        policy: SyncPolicy = ALWAYS,
        cut: Callable[[int], None] = lambda index: None,
    ) -> None:
        self.is_witness = is_witness
        self.policy = policy
        self.power_loss = 1.0
        self.takes_all = False
        self.speed = speed
        self._scheduler = scheduler
        self._chance = chance
        self._losses = chance.fork("download")
        self._tell = tell
        self._changed = changed
        self.space = Space(tell, reserve_bytes)
        self._cut_short = cut
        self._power = chance.fork(" power")
        self._quick = chance.fork(" quick")
        self._under_way: deque[Write] = deque()
        self._waiting: list[Write] = []  # the last of those under way: there is no space for them
        self._done: set[int] = set()
        self._last_done_us = 0
        self._power_cycles = 0
        self.fails = False
        self.has_failed = False
        self.has_just_failed = False
        self.tearing = 0.0
        self.format()

    def format(self) -> None:
        """Begin as a new disk, with an incarnation of its own."""
        self.term = 0
        self.vote: str | None = None
        self.cluster = 0
        self.base = (0, 0)
        self.entries: list[Entry] = []
        self.snapshots: list[tuple[Snapshot, bytes]] = []
        self.incarnation = self._chance.between(1, (1 << 53) - 1)
        self.is_damaged = False
        self.download: Download | None = None
        self._received = b""
        self._unsynced = 0  # how many of the last entries power loss may take

    @property
    def forgets(self) -> bool:
        """Whether a node that starts again finds nothing."""
        return self.policy is NEVER

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever written to it."""
        return self.term == 0 and not self.snapshots

    @property
    def end(self) -> tuple[int, int]:
        """Term and index of the last durable entry."""
        if self.entries:
            return self.entries[-1].term, self.entries[-1].index
        return self.base[1], self.base[0]

    def term_at(self, index: int) -> int | None:
        """Return the term of the durable entry at an index behind the base, or None where there is none."""
        position = index - 1 - self.base[0]
        return self.entries[position].term if 0 <= position < len(self.entries) else None

    def load(self) -> Restored:
        """Return what is durable.

        Raises:
            DamagedStorage: it has rotted.
        """
        if self.is_damaged:
            raise DamagedStorage("the checksum of an entry does not fit what is stored")
        snapshot = self.snapshots[-1][0] if self.snapshots else None
        return Restored(
            self.term,
            self.vote,
            tuple(self.entries),
            self.base,
            snapshot,
            self.incarnation,
            self.is_witness,
            self.cluster,
            self.download,
        )

    def write(self, write: Write) -> bool:
        """Begin a write; return whether it is done."""
        is_free = not self._under_way and self._last_done_us <= self._scheduler.now_us and not self.fails
        self._under_way.append(write)
        if not self.space.take(write):
            self._waiting.append(write)
        elif is_free and not self.has_failed and self._quick.happens(self.speed.at_once):
            self._make_durable(self._under_way.popleft())
            return True
        else:
            self._begin(write)
        return False

    def _begin(self, write: Write) -> None:
        speed = self.speed
        done_us = self._scheduler.now_us + self._chance.long_tailed(speed.least_us, speed.usual_us)
        if self._chance.strikes("stall", speed.stall):
            done_us += speed.stall_us
        if not self._chance.happens(speed.hasty):
            self._last_done_us = done_us = max(done_us, self._last_done_us)
        self._scheduler.at(done_us, self._finish, self._power_cycles, write.number)

    def stall(self, duration_us: int) -> None:
        """Finish no write that begins from now on for a while; those under way are not held up."""
        self._last_done_us = self._scheduler.now_us + duration_us

    def make_space(self) -> None:
        """Let there be space again, and go on with what waits for it."""
        self.space.make()
        waiting, self._waiting = self._waiting, []
        for write in waiting:
            self._begin(write)

    def finish(self) -> None:
        """Finish what is under way at once, as whoever stops in good order waits for; a disk that fails does not."""
        while len(self._under_way) > len(self._waiting) and not (self.fails or self.has_failed):
            self._make_durable(self._under_way.popleft())

    def rot(self, share: float) -> None:
        """Damage an entry: the one so far along the log, 0 <= share < 1; there must be one."""
        position = int(share * len(self.entries))
        entry = self.entries[position]
        self.entries[position] = Entry(entry.index, entry.term, entry.kind, entry.data + b"?", entry.stamp_ms)
        self.is_damaged = True

    def crash(self, loses_power: bool = True) -> int:
        """Lose what was under way, and perhaps power. Return how many writes were lost.

        Args:
            loses_power: whether it may be the machine that crashes, and not the process alone; see `power_loss`.
        """
        for _ in self._waiting:
            self._under_way.pop()
        for _ in range(self._chance.between(0, len(self._under_way))):
            self._make_durable(self._under_way.popleft())
        share = self._chance.unit() if self.tearing else 0.0
        part = torn(self._under_way[0], share) if self._under_way else None
        if part is not None and self._chance.strikes("torn-write", self.tearing):
            self._make_durable(part)
        if loses_power and self._unsynced and self._power.strikes("power-loss", self.power_loss):
            self._lose_power()
        self.fails = self.has_failed = self.has_just_failed = False
        lost = len(self._under_way) + len(self._waiting)
        self._under_way.clear()
        self._waiting.clear()
        self._done.clear()
        if self.download is not None:
            self._keep_download(self.download, self._losses.between(0, len(self._received)))
        self._power_cycles += 1
        self._last_done_us = 0
        return lost

    def _lose_power(self) -> None:
        taken = self._unsynced if self.takes_all else self._power.between(0, self._unsynced)
        self._unsynced = 0
        if self.snapshots:
            taken = min(taken, max(self.end[1] - self.snapshots[-1][0].index, 0))  # what it covers is not lost
        if taken:
            del self.entries[-taken:]
            self._cut_short(self.end[1])

    def _finish(self, power_cycle: int, number: int) -> None:
        if power_cycle != self._power_cycles or self._breaks():
            return
        self._done.add(number)
        while self._under_way and self._under_way[0].number in self._done:
            self._done.remove(self._under_way[0].number)
            self._make_durable(self._under_way.popleft())
        self._tell(Persisted(number))

    def _breaks(self) -> bool:
        """Whether something that would be done now fails; the node is told of the first that does."""
        if self.has_failed:
            return True
        if self.fails:
            self.has_failed = True
            self._tell(StorageBroke("a sync failed"))
        return self.has_failed

    def _make_durable(self, write: Write) -> None:
        self.space.written(write)
        must_sync = self._syncs_all_of(write)
        if write.term is not None or write.cluster:
            self._unsynced = 0  # whoever finds this ballot finds all that was written before it
        if write.term is not None:
            self.term = write.term
            self.vote = write.vote
        if write.cluster:
            self.cluster = write.cluster
        if write.base[0] > self.base[0]:
            self._cut(*write.base)
        if write.entries:
            del self.entries[write.entries[0].index - 1 - self.base[0] :]
            self.entries.extend(write.entries)
            self._sync_later(len(write.entries))
        if write.install is not None:
            self.base = (write.install.index, write.install.term)
            self.entries = []
            self._keep(write.install, bytes(self._received))
        if must_sync:
            self._unsynced = 0
        self._changed(write)

    def _syncs_all_of(self, write: Write) -> bool:
        """Whether a write is durable at once, its entries too: by the policy, or since it moves the ends of the log.

        As `storage.store.Store.write` has it.
        """
        truncates = bool(write.entries) and write.entries[0].index <= self.end[1]
        return not self.policy.interval_ms or truncates or write.base[0] > self.base[0] or write.install is not None

    def _sync_later(self, entries: int) -> None:
        """Sync entries that were just written, together with what is written until then."""
        if self.policy.interval_ms and not self._unsynced:
            speed = self.speed
            takes_us = self._power.long_tailed(speed.least_us, speed.usual_us)
            alarm_us = self._scheduler.now_us + self.policy.interval_ms * 1000
            self._scheduler.at(alarm_us + takes_us, self._sync, self._power_cycles)
        self._unsynced += entries

    def _sync(self, power_cycle: int) -> None:
        if power_cycle == self._power_cycles and not self._breaks():
            self._unsynced = 0

    def _cut(self, index: int, term: int) -> None:
        """Drop the beginning of the log; all of it when it does not hold the entry where it ends."""
        position = index - self.base[0]
        holds = position <= len(self.entries) and self.entries[position - 1].term == term
        self.entries = self.entries[position:] if holds else []
        self.base = (index, term)

    # Snapshots

    def save_snapshot(self, snapshot: Snapshot, chunks: Iterable[bytes]) -> None:
        """Store a snapshot; it takes as long as ten writes."""
        done_us = self._scheduler.now_us + self._chance.long_tailed(self.speed.least_us, 10 * self.speed.usual_us)
        self._scheduler.at(done_us, self._saved, self._power_cycles, snapshot, b"".join(chunks))

    def _saved(self, power_cycle: int, snapshot: Snapshot, content: bytes) -> None:
        if power_cycle == self._power_cycles and not self._breaks():
            self._save(snapshot, content)
            self._tell(SnapshotSaved(snapshot))

    def _save(self, snapshot: Snapshot, content: bytes) -> None:
        if not self.snapshots or snapshot.index > self.snapshots[-1][0].index:
            self._keep(snapshot, content)

    def _keep(self, snapshot: Snapshot, content: bytes) -> None:
        self.snapshots = [*self.snapshots[-1:], (snapshot, content)]
        if self.download is not None and self.download.snapshot.index <= snapshot.index:
            self._drop_download()

    def receive_chunk(self, chunk: SnapshotChunk) -> None:
        """Store a piece of a snapshot; of one that is whole the node is told at once whether it is what was sent."""
        self._receive(chunk)
        if chunk.last:
            self._scheduler.at(self._scheduler.now_us, self._check_download, self._power_cycles, chunk)

    def _receive(self, chunk: SnapshotChunk) -> None:
        if chunk.offset == 0:
            self._drop_download()
        else:
            there = Download(chunk.snapshot, chunk.fingerprint, chunk.offset)
            assert self.download == there, f"N2: {self.download} is here, and not {there}"
        self._received += chunk.data
        self._keep_download(Download(chunk.snapshot, chunk.fingerprint, 0), len(self._received))

    def _check_download(self, power_cycle: int, chunk: SnapshotChunk) -> None:
        if power_cycle == self._power_cycles:
            fits = extended(EMPTY, self._received) == chunk.fingerprint
            if not fits:
                self._drop_download()
            self._tell(DownloadChecked(chunk.snapshot, fits))

    def _keep_download(self, download: Download, size_bytes: int) -> None:
        self._received = self._received[:size_bytes]
        self.download = Download(download.snapshot, download.fingerprint, size_bytes)

    def _drop_download(self) -> None:
        self._received = b""
        self.download = None

    def read_chunk(self, request: ChunkRequest) -> None:
        """Read a piece of a snapshot; it takes as long as a write."""
        done_us = self._scheduler.now_us + self._chance.long_tailed(self.speed.least_us, self.speed.usual_us)
        self._scheduler.at(done_us, self._chunk_is_read, self._power_cycles, request)

    def _chunk_is_read(self, power_cycle: int, request: ChunkRequest) -> None:
        if power_cycle != self._power_cycles:
            return
        for snapshot, content in self.snapshots:
            if snapshot == request.snapshot:
                end = request.offset + request.limit_bytes
                fingerprint = extended(EMPTY, content)
                self._tell(ChunkRead(request, fingerprint, content[request.offset : end], end >= len(content)))
                return
        self._tell(ChunkRead(request, 0, None, False))

    def read_snapshot(self, snapshot: Snapshot) -> list[bytes]:
        """Return the content of a snapshot."""
        return [content for stored, content in self.snapshots if stored == snapshot]


def torn(write: Write, share: float) -> Write | None:
    """Return what recovery finds of a write that a crash tore: the ballot, and a share of the entries, less than all.

    None when nothing of it is found. A snapshot that it was to install is not, and without any of its entries the log
    stays as it was.
    """
    kept = write.entries[: int(share * len(write.entries))]
    if not kept and write.term is None:
        return None
    return Write(write.number, write.term, write.vote, kept, write.base)
