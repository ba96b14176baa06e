"""The current term, the vote in it, and the id of the cluster: two copies, one after the other.

Each copy has a sector of its own. A new ballot is written to the first and synced, then to the second and synced, so
that a crash tears one at most: the other holds this ballot or the one before, of which nobody has been told. One copy
that rots is noticed, and mended from the other; with both gone nobody knows what was promised, and the node must not
start (contract D1). Alternating between the two would be quicker, but a rotten newest copy would look like a torn one,
and the node would vote a second time in its term.
"""

import struct

from .codec import is_sealed, pack_text, seal, unpack_text
from .disk import CREATE, SYNC, SYNC_DIRECTORY, WRITE
from .errors import DamagedStorage

FILE = "ballot"
SECTOR_BYTES = 4096
_SIZE_BYTES = 2 * SECTOR_BYTES
_LARGEST_BYTES = 512


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
        body = struct.pack("<QQQ", self.number, self.term, self.cluster) + pack_text(self.vote)
        return struct.pack("<H", len(body)) + seal(struct.pack("<Q", incarnation) + body)

    def writing(self, incarnation: int):
        """Return the operations that make it durable, in a file that exists."""
        data = self.encode(incarnation)
        return [
            (WRITE, FILE, 0, data),
            (SYNC, FILE),
            (WRITE, FILE, SECTOR_BYTES, data),
            (SYNC, FILE),
        ]


def creation(incarnation: int):
    """Return the operations that make the file, with a ballot of term 0."""
    return [(CREATE, FILE, _SIZE_BYTES)] + Ballot(1, 0, None, 0).writing(incarnation) + [(SYNC_DIRECTORY,)]


def read_ballot(disk, incarnation: int) -> "tuple[Ballot, bool]":
    """Return the ballot, and whether its copies differ, so that it must be written anew.

    Raises:
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
    if len(data) < 2:
        return None
    size = struct.unpack("<H", data[:2])[0]
    sealed = data[2 : 14 + size]
    if size < 26 or len(sealed) != 12 + size or not is_sealed(sealed):
        return None
    owner, number, term, cluster = struct.unpack("<QQQQ", sealed[4:36])
    if owner != incarnation:
        return None
    return Ballot(number, term, unpack_text(sealed, 36)[0], cluster)
