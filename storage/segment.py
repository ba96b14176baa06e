"""The format of a segment, one file of the write-ahead log.

    header   magic, version, checksum, then: number of the segment, incarnation of the directory, where the segment
             before ends, the chain so far, and the entry (index, term) behind which the log begins
    batches  one after the other, each written at once:
             header   magic, checksum, size of the records, how many, position known synced, the chain so far
             records  checksum, size of the payload, kind, term, index, log time, payload
    zeros    up to the end, reserved in advance

The checksum of a record covers all of it and the checksum of the record before: a *chain* through all segments, so that
an intact record in the wrong place does not pass (contract D3). The checksum of the header of a batch covers also its
place: incarnation, segment and offset. Zeros are neither.
"""

import struct
from binascii import crc32

from .codec import is_sealed, seal
from .errors import DamagedStorage, NewerFormat

VERSION = 1
MAGIC = b"QUORATEL"
BATCH_MAGIC = b"\xf7QB\x1a"
SUFFIX = ".wal"

HEADER_BYTES = 64
BATCH_BYTES = 32
RECORD_BYTES = 33

BASE = 16
"""Kind of a record: the log begins behind the entry (index, term); entries behind it stay if it was there."""
RESET = 17
"""Kind of a record: the log begins behind the entry (index, term), and is empty."""
_ENTRY = 1  # what is added to the kind of an entry, so that no kind is 0

_HEADER = "<QQQQQI"
_BATCH = "<IIQQ"
_PLACE = "<QQQ"
_RECORD = "<IBQQQ"
_RECORD_WITH_CHECKSUM = "<IIBQQQ"


def file_name(number: int) -> str:
    """Return the name of a segment."""
    return f"{number:016d}{SUFFIX}"


def number_of(name: str) -> "int | None":
    """Return the number of the segment of this name, or None when it is none."""
    digits = name[: -len(SUFFIX)]
    return int(digits) if name.endswith(SUFFIX) and len(digits) == 16 and digits.isdigit() else None


class SegmentHeader:
    """How a segment begins.

    Attributes:
        number: counts from 1.
        incarnation: of the data directory.
        previous_end: where the segment before ends, all of it durable; 0 for the first.
        chain: the checksum of the last record before.
        base: (index, term) of the entry behind which the log began when the segment was made.
    """

    __slots__ = ("base", "chain", "incarnation", "number", "previous_end")

    def __init__(self, number: int, incarnation: int, previous_end: int, chain: int, base: "tuple[int, int]") -> None:
        self.number = number
        self.incarnation = incarnation
        self.previous_end = previous_end
        self.chain = chain
        self.base = base

    def encode(self) -> bytes:
        """Return `HEADER_BYTES` bytes."""
        fields = (self.number, self.incarnation, self.previous_end, self.base[0], self.base[1], self.chain)
        return MAGIC + struct.pack("<I", VERSION) + seal(struct.pack(_HEADER, *fields) + bytes(4), VERSION)


def read_header(data: bytes, name: str) -> "SegmentHeader | None":
    """Return how a segment begins, or None when that was never written, or not as it stands there.

    Raises:
        NewerFormat: a newer program has written it.
    """
    if len(data) < HEADER_BYTES or data[:8] != MAGIC:
        return None
    version = struct.unpack("<I", data[8:12])[0]
    if version > VERSION:
        raise NewerFormat(name, version, VERSION)
    if not is_sealed(data[12:HEADER_BYTES], version):
        return None
    number, incarnation, previous_end, index, term, chain = struct.unpack(_HEADER, data[16 : HEADER_BYTES - 4])
    return SegmentHeader(number, incarnation, previous_end, chain, (index, term))


def place(incarnation: int, number: int, offset: int) -> int:
    """Return what the checksum of a batch begins with: it is valid in this place only."""
    return crc32(struct.pack(_PLACE, incarnation, number, offset))


def encode_batch(where: int, size: int, count: int, synced: int, chain: int) -> bytes:
    """Return the header of a batch, `BATCH_BYTES` bytes.

    Args:
        where: see `place`.
        size: of its records, in bytes.
        count: of its records.
        synced: up to which offset the segment is known to be durable.
        chain: the checksum of the last record before.
    """
    body = struct.pack(_BATCH, size, count, synced, chain)
    return BATCH_MAGIC + struct.pack("<I", crc32(body, where)) + body


def read_batch(data: bytes, where: int) -> "tuple[int, int, int, int] | None":
    """Return (size, count, synced, chain) of the batch whose header this is, or None when it is none, or not intact."""
    if len(data) < BATCH_BYTES or data[:4] != BATCH_MAGIC:
        return None
    if struct.unpack("<I", data[4:8])[0] != crc32(data[8:BATCH_BYTES], where):
        return None
    size, count, synced, chain = struct.unpack(_BATCH, data[8:BATCH_BYTES])
    return size, count, synced, chain


def encode_entries(entries, chain: int, parts) -> int:
    """Append the records of entries to a list of bytes, and return the chain behind them."""
    pack = struct.pack
    for entry in entries:
        data = entry.data
        body = pack(_RECORD, len(data), entry.kind + _ENTRY, entry.term, entry.index, entry.stamp_ms) + data
        chain = crc32(body, chain)
        parts.append(pack("<I", chain))
        parts.append(body)
    return chain


def encode_mark(kind: int, index: int, term: int, chain: int, parts) -> int:
    """Append a record of kind `BASE` or `RESET` to a list of bytes, and return the chain behind it."""
    body = struct.pack(_RECORD, 0, kind, term, index, 0)
    chain = crc32(body, chain)
    parts.append(struct.pack("<I", chain))
    parts.append(body)
    return chain


class Record:
    """A record, as it stands in a segment.

    Attributes:
        offset: where it begins in the segment.
        kind: that of an entry, `BASE` or `RESET`.
        index, term, stamp_ms, data: of the entry; a mark has an index and a term only.
        checksum: of it and all records before.
    """

    __slots__ = ("checksum", "data", "index", "kind", "offset", "stamp_ms", "term")

    def __init__(
        self, offset: int, kind: int, index: int, term: int, stamp_ms: int, data: bytes, checksum: int
    ) -> None:
        self.offset = offset
        self.kind = kind
        self.index = index
        self.term = term
        self.stamp_ms = stamp_ms
        self.data = data
        self.checksum = checksum


def read_records(data: bytes, count: int, chain: int, offset: int):
    """Return the records of a batch, as far as they are intact.

    Args:
        data: the records, from beginning to end.
        count: how many there must be.
        chain: the checksum of the last record before.
        offset: where they begin in the segment.

    Returns:
        A list of `Record`, and where the intact ones end in the data. That is short of its end when one is not intact.
    """
    unpack = struct.unpack
    records: "list[Record]" = []
    position = 0
    size = len(data)
    for _ in range(count):
        payload = position + RECORD_BYTES
        if payload > size:
            break
        checksum, length, kind, term, index, stamp_ms = unpack(_RECORD_WITH_CHECKSUM, data[position:payload])
        end = payload + length
        if end > size:
            break
        chain = crc32(data[position + 4 : end], chain)
        if chain != checksum:
            break
        kind = kind if kind >= BASE else kind - _ENTRY
        records.append(Record(offset + position, kind, index, term, stamp_ms, data[payload:end], checksum))
        position = end
    return records, position


def damaged(number: int, offset: int, reason: str) -> DamagedStorage:
    """Return the error that names a segment and an offset in it."""
    return DamagedStorage(file_name(number), offset, reason)
