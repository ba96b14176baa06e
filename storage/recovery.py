"""What a node finds when it starts: the log is read from end to end, and what a crash has left is mended.

A crash may leave a torn batch at the end, a segment that was about to begin, snapshots that were about to be written,
and a snapshot whose log was about to be cut. Each has its own rule below. Whatever else is not as it was written is
damage, and stops the node (contract D1).
"""

from raft.entries import Entry
from raft.ready import Restored
from raft.snapshot import Download

from . import snapshots
from .ballot import FILE as BALLOT
from .ballot import read_ballot
from .disk import DELETE, SYNC, SYNC_DIRECTORY, WRITE
from .errors import DamagedStorage
from .identity import read_identity
from .log import Segment
from .scan import SegmentScan, was_never_begun
from .segment import BASE, HEADER_BYTES, RESET, damaged, file_name, number_of, read_header

_ZEROS_BYTES = 1 << 16


class Replayed:
    """The log, as its records tell it.

    Attributes:
        base: (index, term) of the entry behind which it begins.
        entries: those that are stored, consecutive; the first of them may lie at or before the base, see `Log.purge`.
        records: how many were read.
    """

    def __init__(self, base: "tuple[int, int]") -> None:
        self.base = base
        self.entries = []  # type: ignore[var-annotated]
        self.records = 0
        self.highest = 0

    @property
    def last(self) -> int:
        """The index of the last entry, or that of the base."""
        return max(self.entries[-1].index, self.base[0]) if self.entries else self.base[0]

    def term_at(self, index: int) -> "int | None":
        """Return the term of a stored entry, or None when it is not stored."""
        position = index - self.entries[0].index if self.entries else -1
        if 0 <= position < len(self.entries):
            term: int = self.entries[position].term
            return term
        return None

    def _holds(self, index: int, term: int) -> bool:
        """Whether the log goes on behind an entry: it is stored, or was so in a segment that is deleted."""
        entries = self.entries
        if not entries or index > entries[-1].index:
            return False
        return index < entries[0].index or self.term_at(index) == term

    def take(self, number: int, records) -> None:
        """Take the records of a batch of a segment into account."""
        entries = self.entries
        for record in records:
            index = record.index
            if record.kind < BASE:
                if entries and index != entries[-1].index + 1:
                    position = index - entries[0].index
                    if position > len(entries) or index <= self.base[0]:
                        raise damaged(number, record.offset, f"entry {index} does not follow entry {self.last}")
                    del entries[max(position, 0) :]
                entries.append(Entry(index, record.term, record.kind, record.data, record.stamp_ms))
                if index > self.highest:
                    self.highest = index
            else:
                self.base = (index, record.term)
                if record.kind == RESET or not self._holds(index, record.term):
                    entries = self.entries = []
        self.records += len(records)


class Recovered:
    """What was found.

    Attributes:
        identity: whose the directory is.
        ballot: the `Ballot`.
        restored: what the node starts from, a `Restored`.
        snapshots: the names of the snapshots that can be read, the newest last.
        received: what was received of a newer one, see `snapshots.Received`; None when nothing of use is there.
        segments, end, base, last: see `Log.resume`.
        is_cut_short: whether the log must be reset to the snapshot before it grows.
        passed_over: the `DamagedStorage` of each snapshot that cannot be read, the newest first.
        torn_tail: None, or (file, offset, bytes) of what a crash has left at the end and was dropped.
        records: how many the log held.
        repairs: the operations that must be carried out before anything is written.
    """

    def __init__(self, identity, ballot) -> None:
        self.identity = identity
        self.ballot = ballot
        self.restored = Restored()
        self.snapshots = []  # type: ignore[var-annotated]
        self.received: "snapshots.Received | None" = None
        self.passed_over = []  # type: ignore[var-annotated]
        self.segments = []  # type: ignore[var-annotated]
        self.end = (HEADER_BYTES, 0, 0)
        self.base = (0, 0)
        self.last = 0
        self.is_cut_short = False
        self.torn_tail: tuple[str, int, int] | None = None
        self.records = 0
        self.repairs = []  # type: ignore[var-annotated]


def recover(disk) -> Recovered:
    """Read a data directory; nothing is changed.

    Raises:
        NoDataDirectory: it is none.
        NewerFormat: a newer program has written it.
        ProgramTooOld: it is of a feature level that this program cannot read.
        DamagedStorage: no node may start from it.
    """
    identity = read_identity(disk)
    ballot, differs = read_ballot(disk, identity.incarnation)
    found = Recovered(identity, ballot)
    if differs:
        found.repairs += ballot.writing(identity.incarnation)
    log = _replay(disk, found)
    if log.entries and log.entries[-1].term > ballot.term:
        raise DamagedStorage(BALLOT, 0, f"its term {ballot.term} is before that of the log")
    if log.entries and log.entries[0].index > log.base[0] + 1:
        raise damaged(found.segments[0].number, HEADER_BYTES, f"entry {log.base[0] + 1} is missing")
    newest = _snapshots(disk, found, log)
    found.records = log.records
    found.base = log.base
    if newest is not None and log.term_at(newest.index) != newest.term and newest.index > log.base[0]:
        # The log ends before the snapshot, or has another entry there: it was about to be replaced (contract N3).
        log.entries = []
        found.base = (newest.index, newest.term)
        found.is_cut_short = True
    elif (newest.index if newest is not None else 0) < log.base[0]:
        # The snapshot that the log was cut for is damaged or gone, and an older one or all of the log takes its place.
        found.base = (newest.index, newest.term) if newest is not None else (0, 0)
    first = log.entries[0].index if log.entries else found.base[0] + 1
    entries = log.entries[max(found.base[0] + 1 - first, 0) :]
    found.last = entries[-1].index if entries else found.base[0]
    found.restored = Restored(
        ballot.term,
        ballot.vote,
        tuple(entries),
        found.base,
        newest,
        identity.incarnation,
        identity.is_witness,
        ballot.cluster,
        _download(found.received),
    )
    return found


def _download(received) -> "Download | None":
    return None if received is None else Download(received.snapshot, received.expected, received.size)


def _replay(disk, found: Recovered) -> Replayed:
    """Read all segments, and note how the last one ends."""
    numbers = sorted([number for number in [number_of(name) for name in disk.names()] if number is not None])
    incarnation = found.identity.incarnation
    headers = [_header(disk, number, incarnation) for number in numbers]
    if len(numbers) > 1 and headers[-1] is None and was_never_begun(disk, numbers[-1], incarnation):
        found.repairs += [(DELETE, file_name(numbers.pop())), (SYNC_DIRECTORY,)]
        headers.pop()
    if not numbers:
        raise DamagedStorage(file_name(1), 0, "the log is missing")
    log = None
    chain = 0
    scanned = None
    for position in range(len(numbers)):
        number = numbers[position]
        header = headers[position]
        if header is None:
            raise damaged(number, 0, "its header is not what was written")
        if number != numbers[0] + position:
            raise damaged(numbers[0] + position, 0, "the file is missing")
        if log is None:
            log = Replayed(header.base)
            chain = header.chain
        elif scanned is not None and (header.chain != chain or header.previous_end != scanned.end):
            raise damaged(number - 1, scanned.end, f"the next segment says that it ended at {header.previous_end}")
        log.highest = 0
        scanned = SegmentScan(disk, number, incarnation, chain)
        for batch in scanned.batches():
            log.take(number, batch.records)
        chain = scanned.chain
        found.segments.append(Segment(number, log.highest))
        if scanned.tail > scanned.end and position + 1 < len(numbers):
            raise damaged(number, scanned.end, "it goes on behind its end")
    assert log is not None and scanned is not None
    name = file_name(number)
    found.end = (scanned.end, disk.size(name), chain)
    if scanned.tail > scanned.end:
        found.torn_tail = (name, scanned.end, scanned.tail - scanned.end)
        # What a crash has left must not be taken for a part of what comes next.
        at = scanned.end
        zeros = bytes(_ZEROS_BYTES)  # the same for all: a tail may be as long as a segment
        while at < scanned.tail:
            size = min(_ZEROS_BYTES, scanned.tail - at)
            found.repairs.append((WRITE, name, at, zeros if size == _ZEROS_BYTES else bytes(size)))
            at += size
        found.repairs.append((SYNC, name))
    return log


def _header(disk, number: int, incarnation: int):
    header = read_header(disk.read(file_name(number), 0, HEADER_BYTES), file_name(number))
    return header if header is not None and header.number == number and header.incarnation == incarnation else None


def _snapshots(disk, found: Recovered, log: Replayed):
    """Find the newest snapshot that is intact and, with the log, whole; and what of others is unfinished.

    A damaged one is passed over only when the log has all the entries behind an older one, or behind none: else nothing
    is lost by stopping, and much by going on (contract D1).
    """
    damage = None
    newest = None
    names = sorted(disk.names())
    for name in reversed([name for name in names if snapshots.is_snapshot(name)]):
        try:
            file = snapshots.SnapshotFile(disk, name)
            if newest is None:
                for _ in file.pieces():
                    pass
        except DamagedStorage as problem:
            damage = damage or problem
            found.passed_over.append(problem)
            continue
        found.snapshots.insert(0, name)
        newest = newest or file.snapshot
    reaches = newest.index if newest is not None else 0
    if reaches < log.base[0] and not (log.entries and log.entries[0].index <= reaches + 1):
        raise damage or DamagedStorage(
            snapshots.file_name(log.base[0], log.base[1]), 0, "the log begins behind it, and it is missing"
        )
    _received(disk, found, max(reaches, log.base[0]))
    return newest


def _received(disk, found: Recovered, reaches: int) -> None:
    """Find what was received of a snapshot that goes further than what is here; delete what else is unfinished."""
    superfluous: "list[str]" = []
    for name in sorted([name for name in disk.names() if name.endswith(snapshots.PART)]):
        received = snapshots.find_received(disk, name)
        if received is None or received.snapshot.index <= reaches:
            superfluous.append(name)
            continue
        if found.received is not None:
            superfluous.append(found.received.part)
        found.received = received
    if superfluous:
        found.repairs += [(DELETE, name) for name in superfluous] + [(SYNC_DIRECTORY,)]
