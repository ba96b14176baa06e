"""The current term, the vote in it, and the id of the cluster: two copies, one after the other.

Each copy has a sector of its own. A new ballot is written to the first and synced, then to the second and synced, so
that a crash tears one at most: the other holds this ballot or the one before, of which nobody has been told. One copy
that rots is noticed, and mended from the other; with both gone nobody knows what was promised, and the node must not
start (contract D1). Alternating between the two would be quicker, but a rotten newest copy would look like a torn one,
and the node would vote a second time in its term.

    copy     magic, version, size of the rest, checksum, then: incarnation, number, term, cluster, vote

Every version to come begins with these four, so that a newer one is told from a copy that has rotted.
"""

import struct

from .codec import is_sealed, pack_text, seal, unpack_text
from .disk import CREATE, SYNC, SYNC_DIRECTORY, WRITE
from .errors import DamagedStorage, NewerFormat

FILE = "ballot"
VERSION = 1
MAGIC = b"QUORATEB"
SECTOR_BYTES = 4096
_SIZE_BYTES = 2 * SECTOR_BYTES
_LARGEST_BYTES = 512
_FRAME = "<IH"
_BODY = "<QQQQ"
_BODY_AT = 14
_FIELDS_BYTES = 36  # checksum and numbers


class Ballot:
    """What a node has promised.

    Attributes:
        number: counts the ballots of this directory, from 1.
        term: the current term.
        vote: the member voted for in it, or None.
        cluster: the id of the cluster, 0 when it has none.
    """

    __slots__ = ("cluster", "number", "term", "vote")

    def __init__(self, number: int, term: int, vote: "str | None", cluster: int) -> None:
        self.number = number
        self.term = term
        self.vote = vote
        self.cluster = cluster

    def __repr__(self) -> str:
        return f"Ballot({self.number}, {self.term}, {self.vote!r}, {self.cluster})"

    def encode(self, incarnation: int) -> bytes:
        """Return a copy, which is valid in the directory of this incarnation only."""
        body = struct.pack(_BODY, incarnation, self.number, self.term, self.cluster) + pack_text(self.vote)
        sealed = seal(body, VERSION)
        return MAGIC + struct.pack(_FRAME, VERSION, len(sealed)) + sealed

    def writing(self, incarnation: int):
        """Return the operations that make it durable, in a file that exists."""
        data = self.encode(incarnation)
        return [
            (WRITE, FILE, 0, data),
            (SYNC, FILE),
            (WRITE, FILE, SECTOR_BYTES, data),
            (SYNC, FILE),
        ]


def creation(incarnation: int, first: Ballot):
    """Return the operations that make the file, with a first ballot."""
    return [(CREATE, FILE, _SIZE_BYTES)] + first.writing(incarnation) + [(SYNC_DIRECTORY,)]


def read_ballot(disk, incarnation: int) -> "tuple[Ballot, bool]":
    """Return the ballot, and whether its copies differ, so that it must be written anew.

    Raises:
        NewerFormat: a newer program has written it.
        DamagedStorage: neither copy can be read.
    """
    if FILE not in disk.names():
        raise DamagedStorage(FILE, 0, "the file is missing")
    copies = [_copy(disk.read(FILE, offset, _LARGEST_BYTES), incarnation) for offset in (0, SECTOR_BYTES)]
    first, second = copies
    if first is None:
        if second is None:
            raise DamagedStorage(FILE, 0, "the checksum fits neither of its two copies")
        return second, True
    if second is None:
        return first, True
    newest = first if first.number >= second.number else second
    return newest, first.number != second.number


def _copy(data: bytes, incarnation: int) -> "Ballot | None":
    if len(data) < _BODY_AT or data[:8] != MAGIC:
        return None
    version, size = struct.unpack(_FRAME, data[8:_BODY_AT])
    sealed = data[_BODY_AT : _BODY_AT + size]
    if len(sealed) != size or not is_sealed(sealed, version):
        return None
    if version > VERSION:
        raise NewerFormat(FILE, version, VERSION)
    owner, number, term, cluster = struct.unpack(_BODY, sealed[4:_FIELDS_BYTES])
    if owner != incarnation:
        return None
    return Ballot(number, term, unpack_text(sealed, _FIELDS_BYTES)[0], cluster)
