"""Reading a segment from end to end, and telling a torn tail from damage (contract D1)."""

from .segment import BATCH_BYTES, BATCH_MAGIC, HEADER_BYTES, damaged, file_name, place, read_batch, read_records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

WINDOW_BYTES = 1 << 14


class Window:
    """Reads a file in pieces that are large enough to be quick and small enough to be cheap.

    Args:
        disk: see `disk.py`.
        name: of the file.
    """

    def __init__(self, disk, name: str) -> None:
        self._disk = disk
        self._name = name
        self._offset = 0
        self._data = b""
        self.size = disk.size(name)

    def read(self, offset: int, size: int) -> bytes:
        """Return what stands at an offset; less than `size` bytes only at the end of the file."""
        begin = offset - self._offset
        if begin < 0 or begin + size > len(self._data):
            self._data = self._disk.read(self._name, offset, max(size, WINDOW_BYTES))
            self._offset = offset
            begin = 0
        return self._data[begin : begin + size]


class Batch:
    """A batch, as it stands in a segment.

    Attributes:
        offset: where it begins.
        records: a list of `Record`.
        synced: up to where the segment was known to be durable when it was written.
    """

    __slots__ = ("offset", "records", "synced")

    def __init__(self, offset: int, records, synced: int) -> None:
        self.offset = offset
        self.records = records
        self.synced = synced


class SegmentScan:
    """Reads a segment whose header is intact.

    Args:
        disk: see `disk.py`.
        number: of the segment.
        incarnation: of the data directory.
        chain: the checksum of the last record before the segment.

    Attributes:
        end: where its last intact batch ends.
        chain: the checksum of its last intact record.
        tail: where what was written behind `end` ends; the same as `end` when there is nothing.
    """

    def __init__(self, disk, number: int, incarnation: int, chain: int) -> None:
        self.end = HEADER_BYTES
        self.chain = chain
        self.tail = HEADER_BYTES
        self._number = number
        self._incarnation = incarnation
        self._window = Window(disk, file_name(number))

    def batches(self) -> "Iterator[Batch]":
        """Yield each intact `Batch`; then the attributes tell of the whole segment.

        Raises:
            DamagedStorage: something that was durable is not intact any more.
        """
        window = self._window
        while True:
            header = read_batch(window.read(self.end, BATCH_BYTES), place(self._incarnation, self._number, self.end))
            first = self.end + BATCH_BYTES
            problem_at = self.end
            if header is None:
                break
            size, count, synced, before = header
            if before != self.chain or first + size > window.size:
                break
            records, intact = read_records(window.read(first, size), count, self.chain, first)
            problem_at = first + intact
            if intact != size or len(records) != count:
                break
            yield Batch(self.end, records, synced)
            if records:
                self.chain = records[-1].checksum
            self.end = first + size
        synced, self.tail = look_behind(window, self._number, self._incarnation, self.end)
        if self.end < synced:
            raise damaged(self._number, problem_at, "it does not hold what was written, and was known to be durable")


def was_never_begun(disk, number: int, incarnation: int) -> bool:
    """Whether a segment without a header holds nothing: the header is durable before the first batch."""
    return look_behind(Window(disk, file_name(number)), number, incarnation, 0)[0] == 0


def look_behind(window: Window, number: int, incarnation: int, end: int) -> "tuple[int, int]":
    """Look for intact headers behind the end of what is intact.

    Returns:
        Up to where the segment was known to be durable, as they name it, or 0 when there is none; and where what was
        written ends.
    """
    synced = 0
    tail = end
    offset = end
    while offset < window.size:
        data = window.read(offset, WINDOW_BYTES)
        if not data:
            break
        if data != bytes(len(data)):
            tail = offset + len(data.rstrip(b"\0"))
            at = data.find(BATCH_MAGIC)
            while at >= 0:
                place_of = place(incarnation, number, offset + at)
                header = read_batch(window.read(offset + at, BATCH_BYTES), place_of)
                if header is not None:
                    synced = max(synced, header[2])
                at = data.find(BATCH_MAGIC, at + 1)
        # A header may lie across the border of two windows.
        offset += max(len(data) - len(BATCH_MAGIC) + 1, 1) if len(data) == WINDOW_BYTES else len(data)
    return synced, tail
