"""Writing the log: entries become batches, batches fill segments, segments that nobody needs are deleted.

The next segment is made before it is needed, with all its space, so that whatever the log was promised room for can be
written although the disk is full (contract D2).
"""

from raft.entries import OVERHEAD_BYTES

from .disk import CREATE, DELETE, RENAME, SYNC, SYNC_DIRECTORY, WRITE
from .segment import (
    BASE,
    BATCH_BYTES,
    HEADER_BYTES,
    RECORD_BYTES,
    RESET,
    SegmentHeader,
    encode_batch,
    encode_entries,
    encode_mark,
    file_name,
    place,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .disk import Operations

SEGMENT_BYTES = 1 << 26
SPARE = "spare"
"""The file that becomes the next segment."""

_MOST_KEPT_BACK_BYTES = 1 << 16


def segment_bytes_for(entry_bytes: int) -> int:
    """Return how large segments must be at least so that an entry of this payload always finds room in the end.

    A node hears of room again when half of what it knows of is used: each half must do. See `Log.room_bytes`.
    """
    room_bytes = 2 * (entry_bytes + OVERHEAD_BYTES)
    return HEADER_BYTES + _MOST_KEPT_BACK_BYTES + -(-room_bytes * (RECORD_BYTES + BATCH_BYTES) // OVERHEAD_BYTES)


class Segment:
    """A segment that is full, or the one that is written to.

    Attributes:
        number: counts from 1.
        name: of its file.
        highest: the highest index of its entries, 0 when it has none.
    """

    __slots__ = ("highest", "name", "number")

    def __init__(self, number: int, highest: int) -> None:
        self.number = number
        self.name = file_name(number)
        self.highest = highest


class Log:
    """The end of the log, where it grows.

    What it is given is collected, and written when it is asked to.

    Args:
        incarnation: of the data directory.
        segment_bytes: size of a new segment; one that must hold a larger batch is larger.

    Attributes:
        segments: all of them, the newest last.
        base: (index, term) of the entry behind which the log begins.
        last: the index of its last entry, or that of the base.
        offset: where the newest segment ends, in bytes.
        size: how large it is.
        chain: the checksum of the last record, written or collected.
        is_marked: whether a header was written behind the last batch for the sake of naming it.
        synced: (segment, offset) up to which the log is known to be durable.
        has_spare: whether the space of the next segment is reserved.
        taken_bytes: what all entries that it was given count together, by `Entry.size_bytes`.
    """

    def __init__(self, incarnation: int, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.segments = []  # type: ignore[var-annotated]
        self.base = (0, 0)
        self.last = 0
        self.offset = HEADER_BYTES
        self.size = 0
        self.chain = 0
        self.synced = (0, 0)
        self._incarnation = incarnation
        self._segment_bytes = segment_bytes
        self._written = 0  # the checksum of the last record written
        self._parts = []  # type: ignore[var-annotated]
        self._count = 0
        self._highest = 0
        self._is_unsynced = False  # whether something was written and is not synced by any operation so far
        self.is_marked = True
        self.has_spare = False
        self.taken_bytes = 0

    def resume(self, segments, end: "tuple[int, int, int]", base: "tuple[int, int]", last: int) -> None:
        """Go on where recovery has found the end.

        Args:
            segments: all of them, the newest last.
            end: offset and size of the newest segment, and the checksum of its last record.
            base: (index, term) of the entry behind which the log begins.
            last: the index of its last entry.
        """
        self.segments = segments
        self.offset, self.size, self.chain = end
        self._written = self.chain
        self.base = base
        self.last = last
        self.synced = self.position

    @property
    def position(self) -> "tuple[int, int]":
        """(segment, offset) where the log ends."""
        return self.segments[-1].number, self.offset

    def begin_segment(self, batch_bytes: int = 0) -> "Operations":
        """Return the operations that make a new segment, with room for a batch."""
        number = self.segments[-1].number + 1 if self.segments else 1
        previous_end = self.offset if self.segments else 0
        self.size = max(self._segment_bytes, HEADER_BYTES + batch_bytes)
        self.offset = HEADER_BYTES
        newest = Segment(number, 0)
        self.segments.append(newest)
        name = newest.name
        making: "tuple[object, ...]" = (CREATE, name, self.size)
        if self.has_spare and self.size == self._segment_bytes:
            making = (RENAME, SPARE, name)
            self.has_spare = False
        header = SegmentHeader(number, self._incarnation, previous_end, self._written, self.base)
        # The header is durable before there is any batch, so that a segment without one holds nothing.
        return [making, (WRITE, name, 0, header.encode()), (SYNC, name), (SYNC_DIRECTORY,)]

    # Room

    def reserve(self) -> "Operations":
        """Return the operations that reserve the space of the next segment; `has_spare` is to be set when done."""
        return [] if self.has_spare else [(CREATE, SPARE, self._segment_bytes)]

    @property
    def room_bytes(self) -> int:
        """How many bytes of entries, by `Entry.size_bytes`, can be written into what is reserved, however they come.

        A batch that does not fit the newest segment goes to the next, with all that follow: so what fits the next one
        alone fits in any case. Each entry may come in a batch of its own. A part is kept back for what nobody asks
        room for: marks, and the entries without which there is no leader.
        """
        free = self._segment_bytes - HEADER_BYTES if self.has_spare else self.size - self.offset
        free -= min(_MOST_KEPT_BACK_BYTES, self._segment_bytes // 4)
        return max(free, 0) * OVERHEAD_BYTES // (RECORD_BYTES + BATCH_BYTES)

    # What is collected

    def move_base(self, index: int, term: int) -> None:
        """Let the log begin behind an entry; entries behind it stay."""
        self.chain = encode_mark(BASE, index, term, self.chain, self._parts)
        self._count += 1
        self.base = (index, term)
        self.last = max(self.last, index)

    def reset(self, index: int, term: int) -> None:
        """Let the log begin behind an entry, and be empty."""
        self.chain = encode_mark(RESET, index, term, self.chain, self._parts)
        self._count += 1
        self.base = (index, term)
        self.last = index

    def append(self, entries) -> None:
        """Add consecutive entries; they replace all at or after the first of them."""
        self.chain = encode_entries(entries, self.chain, self._parts)
        self._count += len(entries)
        for entry in entries:
            self.taken_bytes += entry.size_bytes
        self.last = entries[-1].index
        self._highest = max(self._highest, self.last)

    # What is written

    def flush(self, sync: bool) -> "Operations":
        """Return the operations that write what was collected.

        Args:
            sync: whether they make it durable, too, and what was written before.
        """
        if not self._count:
            return self.sync() if sync and self._is_unsynced else []
        data = b"".join(self._parts)
        operations: "Operations" = []
        if self.offset + BATCH_BYTES + len(data) > self.size:
            # The segment before is durable before the header of the new one says so.
            operations += self.sync() + self.begin_segment(BATCH_BYTES + len(data))
        operations.append(self._batch(data, self._count))
        newest = self.segments[-1]
        newest.highest = max(newest.highest, self._highest)
        self._is_unsynced = True
        if sync:
            operations += self.sync()
        self._parts = []
        self._count = 0
        self._highest = 0
        return operations

    def sync(self) -> "Operations":
        """Return the operations that make durable all that was written; older segments are."""
        self._is_unsynced = False
        return [(SYNC, self.segments[-1].name)]

    def mark(self) -> "Operations":
        """Return the operations that write down how far the log is known to be durable, for recovery to rely on.

        Whoever has nothing else to write does this, so that the last batch is covered, too.
        """
        operations: "Operations" = []
        if self.offset + BATCH_BYTES > self.size:
            operations += self.sync() + self.begin_segment()
        operations.append(self._batch(b"", 0))
        operations += self.sync()
        self.is_marked = True
        return operations

    def _batch(self, data: bytes, count: int) -> "tuple[object, ...]":
        newest = self.segments[-1]
        synced = self.synced[1] if self.synced[0] == newest.number else HEADER_BYTES
        where = place(self._incarnation, newest.number, self.offset)
        header = encode_batch(where, len(data), count, synced, self._written)
        operation = (WRITE, newest.name, self.offset, header + data)
        self.is_marked = False
        self.offset += BATCH_BYTES + len(data)
        self._written = self.chain
        return operation

    def purge(self, index: int) -> "Operations":
        """Return the operations that delete the oldest segments, as far as they hold no entry behind an index."""
        operations: "Operations" = []
        while len(self.segments) > 1 and self.segments[0].highest <= index:
            operations.append((DELETE, self.segments.pop(0).name))
        return operations + [(SYNC_DIRECTORY,)] if operations else []
