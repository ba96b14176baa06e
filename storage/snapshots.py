"""Snapshots as files: written piece by piece under another name, and there only when whole (contract N3, D3).

    header   magic, version, size of the rest of it, checksum, then index, term, log time, configuration
    pieces   checksum, size, content: all of `PIECE_BYTES` but the last
    end      checksum, a size that no piece has, how large the content is, and its fingerprint

The checksum of a piece covers its number, so that two of them do not change places unnoticed. There is nothing of the
data directory in it: a snapshot can be carried elsewhere. A backup is such a file, too.

The other name of one that a leader sends tells the fingerprint that it must come to. So what a crash leaves of it is
known: as many whole pieces as are intact, from which on the download can go on.
"""

import struct
from binascii import crc32

from raft.errors import MalformedConfiguration
from raft.membership import Configuration
from raft.snapshot import Snapshot

from .codec import is_sealed, seal
from .disk import CREATE, RENAME, SYNC, SYNC_DIRECTORY, WRITE
from .errors import DamagedStorage, NewerFormat
from .fingerprint import EMPTY, extended

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .disk import Operations

VERSION = 1
MAGIC = b"QUORATES"
SUFFIX = ".snap"
PART = ".part"
SAVED_PART = "saved" + PART
PIECE_BYTES = 1 << 16
_PIECE = "<II"
_PIECE_HEADER_BYTES = 8
_END_SIZE = 0xFFFFFFFF
_END = "<IQQ"
_END_BYTES = 24
_FIRST_BYTES = 16


def file_name(index: int, term: int) -> str:
    """Return the name of a snapshot: of two, the later one has the greater name."""
    return f"{index:020d}-{term:020d}{SUFFIX}"


def is_snapshot(name: str) -> bool:
    """Whether a file is a snapshot that was written to its end; a copy under another name is none of the node's."""
    numbers = name[: -len(SUFFIX)].split("-")
    return name.endswith(SUFFIX) and [len(number) for number in numbers] == [20, 20] and "".join(numbers).isdigit()


def received_part(snapshot: Snapshot, fingerprint: int) -> str:
    """Return the name that a snapshot has while it is received; its fingerprint is the last part of it."""
    return f"{snapshot.index:020d}-{snapshot.term:020d}-{fingerprint:016x}{PART}"


class SnapshotWriter:
    """Writes a snapshot to a file with another name, and gives it its own when it is whole.

    Args:
        part: the name of the file until then.
        snapshot: what it is of.
        name: its own name; that of a snapshot in a data directory when None.

    Attributes:
        part, snapshot: see above.
        size: of the content so far, in bytes.
        fingerprint: of the content so far.
    """

    def __init__(self, part: str, snapshot: Snapshot, name: "str | None" = None) -> None:
        self.part = part
        self.snapshot = snapshot
        self.size = 0
        self.fingerprint = EMPTY
        self._name = file_name(snapshot.index, snapshot.term) if name is None else name
        self._offset = 0
        self._number = 0
        self._rest: "list[bytes]" = []  # what fills no piece yet
        self._rest_bytes = 0
        self._is_complete = False

    def begin(self) -> "Operations":
        """Return the operations that begin the file."""
        header = encode_header(self.snapshot)
        self._offset = len(header)
        return [(CREATE, self.part, 0), (WRITE, self.part, 0, header)]

    def add(self, data: bytes) -> "Operations":
        """Return the operations that write more of the content; what fills no piece waits."""
        self.size += len(data)
        self.fingerprint = extended(self.fingerprint, data)
        self._rest.append(data)
        self._rest_bytes += len(data)
        operations: "Operations" = []
        if self._rest_bytes <= PIECE_BYTES:
            return operations
        data = b"".join(self._rest)
        at = 0
        while len(data) - at > PIECE_BYTES:
            operations.append(self._piece(data[at : at + PIECE_BYTES]))
            at += PIECE_BYTES
        self._rest = [data[at:]]
        self._rest_bytes = len(data) - at
        return operations

    def complete(self) -> "Operations":
        """Return the operations that write what is left of it; the second time nothing is."""
        if self._is_complete:
            return []
        self._is_complete = True
        operations = [self._piece(b"".join(self._rest))] if self._rest_bytes else []
        self._rest = []
        self._rest_bytes = 0
        body = struct.pack(_END, _END_SIZE, self.size, self.fingerprint)
        end = struct.pack("<I", crc32(body, self._number)) + body
        return operations + [(WRITE, self.part, self._offset, end)]

    def finish(self) -> "Operations":
        """Return the operations that write the rest, make all of it durable, and give the file its name."""
        return self.complete() + [(SYNC, self.part), (RENAME, self.part, self._name), (SYNC_DIRECTORY,)]

    def _piece(self, data: bytes) -> "tuple[object, ...]":
        header = struct.pack(_PIECE, crc32(data, self._number), len(data))
        operation = (WRITE, self.part, self._offset, header + data)
        self._offset += len(header) + len(data)
        self._number += 1
        return operation


class Received(SnapshotWriter):
    """A snapshot that a leader sends.

    Args:
        snapshot: what it is of.
        expected: the fingerprint that its content must come to.

    Attributes:
        expected: see above.
    """

    def __init__(self, snapshot: Snapshot, expected: int) -> None:
        SnapshotWriter.__init__(self, received_part(snapshot, expected), snapshot)
        self.expected = expected

    @property
    def fits(self) -> bool:
        """Whether the content, which is whole, has its fingerprint."""
        return self.fingerprint == self.expected

    def resume(self, disk) -> None:
        """Go on behind the whole pieces of the file that are intact; what is behind them will be overwritten."""
        self._offset = len(encode_header(self.snapshot))
        data = self._read_piece(disk)
        while data:
            self.size += len(data)
            self.fingerprint = extended(self.fingerprint, data)
            self._offset += _PIECE_HEADER_BYTES + len(data)
            self._number += 1
            data = self._read_piece(disk)

    def _read_piece(self, disk) -> bytes:
        data: bytes = disk.read(self.part, self._offset, _PIECE_HEADER_BYTES + PIECE_BYTES)
        content = data[_PIECE_HEADER_BYTES:]
        header = struct.pack(_PIECE, crc32(content, self._number), PIECE_BYTES)
        return content if len(content) == PIECE_BYTES and data[:_PIECE_HEADER_BYTES] == header else b""


def find_received(disk, name: str) -> "Received | None":
    """Return what a file holds of a snapshot that was being received; None when it holds nothing of use."""
    try:
        snapshot, _ = read_header(disk, name)
        received = Received(snapshot, int(name[-len(PART) - 16 : -len(PART)], 16))
    except (DamagedStorage, NewerFormat, ValueError):
        return None
    if received.part != name:
        return None
    received.resume(disk)
    return received if received.size else None


def encode_header(snapshot: Snapshot) -> bytes:
    """Return how the file of a snapshot begins."""
    body = seal(
        struct.pack("<QQQ", snapshot.index, snapshot.term, snapshot.stamp_ms) + snapshot.configuration.encode(), VERSION
    )
    return MAGIC + struct.pack("<II", VERSION, len(body)) + body


def read_header(disk, name: str) -> "tuple[Snapshot, int]":
    """Return what a file is a snapshot of, and where its pieces begin.

    Raises:
        DamagedStorage: it does not begin as one.
        NewerFormat: a newer program has written it.
        ProgramTooOld: it is of a feature level that this program cannot read.
    """
    first = disk.read(name, 0, _FIRST_BYTES)
    if len(first) < _FIRST_BYTES or first[:8] != MAGIC:
        raise DamagedStorage(name, 0, "it does not begin as a snapshot")
    version, size = struct.unpack("<II", first[8:])
    if version > VERSION:
        raise NewerFormat(name, version, VERSION)
    body = disk.read(name, _FIRST_BYTES, min(size, disk.size(name)))
    if len(body) < size or size < 28 or not is_sealed(body, version):
        raise DamagedStorage(name, _FIRST_BYTES, "the checksum does not fit")
    index, term, stamp_ms = struct.unpack("<QQQ", body[4:28])
    try:
        configuration = Configuration.decode(body[28:])
    except MalformedConfiguration as error:
        raise DamagedStorage(name, _FIRST_BYTES, str(error))
    return Snapshot(index, term, stamp_ms, configuration), _FIRST_BYTES + size


class SnapshotFile:
    """A snapshot that is stored.

    Args:
        disk: see `disk.py`.
        name: of the file.

    Attributes:
        snapshot: what it is of.
        size: of its content, in bytes.
        fingerprint: of its content.

    Raises:
        DamagedStorage: its beginning or its end cannot be read.
        NewerFormat: a newer program has written it.
        ProgramTooOld: it is of a feature level that this program cannot read.
    """

    def __init__(self, disk, name: str) -> None:
        self.name = name
        self._disk = disk
        self.snapshot, self._begin = read_header(disk, name)
        self.size, self.fingerprint = self._end()

    def _end(self) -> "tuple[int, int]":
        at = self._disk.size(self.name) - _END_BYTES
        data = self._disk.read(self.name, at, _END_BYTES) if at >= self._begin else b""
        if len(data) == _END_BYTES:
            checksum = struct.unpack("<I", data[:4])[0]
            marker, size, fingerprint = struct.unpack(_END, data[4:])
            pieces = (size + PIECE_BYTES - 1) // PIECE_BYTES
            fits = at == self._begin + size + pieces * _PIECE_HEADER_BYTES and marker == _END_SIZE
            if fits and checksum == crc32(data[4:], pieces):
                return size, fingerprint
        raise DamagedStorage(self.name, max(at, 0), "it has no end, or its pieces are missing")

    def read(self, offset: int, limit: int) -> bytes:
        """Return a part of the content, from an offset on, at most `limit` bytes.

        Raises:
            DamagedStorage: it is not what was written.
        """
        number = offset // PIECE_BYTES
        skip = offset - number * PIECE_BYTES
        end = min(offset + limit, self.size)
        found: "list[bytes]" = []
        while number * PIECE_BYTES < end:
            found.append(self._piece(number))
            number += 1
        return b"".join(found)[skip : skip + max(end - offset, 0)]

    def pieces(self) -> "Iterator[bytes]":
        """Yield the content, piece by piece.

        Raises:
            DamagedStorage: it is not what was written.
        """
        for number in range((self.size + PIECE_BYTES - 1) // PIECE_BYTES):
            yield self._piece(number)

    def counted(self, told, before: int = 0, times: int = 1) -> "Iterator[bytes]":
        """Yield the same, and tell how far it is.

        Args:
            told: is called as told(bytes done, bytes of all) after each piece.
            before: how many bytes were done before.
            times: how often the content is read in all.
        """
        for data in self.pieces():
            yield data
            before += len(data)
            told(before, times * self.size)

    def _piece(self, number: int) -> bytes:
        at = self._begin + number * (PIECE_BYTES + _PIECE_HEADER_BYTES)
        size = min(PIECE_BYTES, self.size - number * PIECE_BYTES)
        data = self._disk.read(self.name, at, _PIECE_HEADER_BYTES + size)
        header = struct.pack(_PIECE, crc32(data[_PIECE_HEADER_BYTES:], number), size)
        if data[:_PIECE_HEADER_BYTES] != header:
            raise DamagedStorage(self.name, at, "the checksum of a piece does not fit")
        content: bytes = data[_PIECE_HEADER_BYTES:]
        return content
