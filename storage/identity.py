"""Whose a data directory is: written once, when it is created, and never again (contract M6, M8).

Its incarnation is drawn at random. The cluster binds the id of a member to it, so that a node which comes back with
another directory under its old id is told from the one that knows what it has promised.
"""

import struct

from .codec import is_sealed, pack_text, seal, unpack_text
from .disk import CREATE, RENAME, SYNC, SYNC_DIRECTORY, WRITE
from .errors import DamagedStorage, NewerFormat, NoDataDirectory, WrongOwner

FILE = "identity"
VERSION = 1
MAGIC = b"QUORATEI"
_NEW_FILE = "identity.new"
_LARGEST_BYTES = 1 << 16


class Identity:
    """Whose a data directory is.

    Attributes:
        node: the id of the member.
        incarnation: 1 to 2**64 - 1, drawn at random for this directory.
        is_witness: whether the member is a witness.
        first: the encoded configuration of the cluster that it has founded with others; empty when it joins one.
    """

    __slots__ = ("first", "incarnation", "is_witness", "node")

    def __init__(self, node: str, incarnation: int, is_witness: bool, first: bytes = b"") -> None:
        self.node = node
        self.incarnation = incarnation
        self.is_witness = is_witness
        self.first = first

    def __repr__(self) -> str:
        return f"Identity({self.node!r}, {self.incarnation}, {self.is_witness})"

    def check(self, node: str, is_witness: bool) -> None:
        """Check that the directory is opened for its owner.

        Raises:
            WrongOwner: it is not.
        """
        if node != self.node or is_witness != self.is_witness:
            raise WrongOwner(_member(self.node, self.is_witness), _member(node, is_witness))

    def creation(self):
        """Return the operations that make an empty directory this one's; it is so only when all are done."""
        body = struct.pack("<QB", self.incarnation, self.is_witness) + pack_text(self.node) + self.first
        data = MAGIC + struct.pack("<I", VERSION) + seal(body, VERSION)
        return [
            (CREATE, _NEW_FILE, 0),
            (WRITE, _NEW_FILE, 0, data),
            (SYNC, _NEW_FILE),
            (RENAME, _NEW_FILE, FILE),
            (SYNC_DIRECTORY,),
        ]


def read_identity(disk) -> Identity:
    """Return whose the directory is.

    Raises:
        NoDataDirectory: it is nobody's.
        NewerFormat: a newer program has written it.
        DamagedStorage: it cannot be read.
    """
    if FILE not in disk.names():
        raise NoDataDirectory("there is no file " + FILE)
    data = disk.read(FILE, 0, _LARGEST_BYTES)
    if data[:8] != MAGIC or len(data) < 12:
        raise DamagedStorage(FILE, 0, "it does not begin as one of ours")
    version = struct.unpack("<I", data[8:12])[0]
    if version > VERSION:
        raise NewerFormat(FILE, version, VERSION)
    if not is_sealed(data[12:], version):
        raise DamagedStorage(FILE, 12, "the checksum does not fit")
    incarnation, is_witness = struct.unpack("<QB", data[16:25])
    node, end = unpack_text(data, 25)
    if node is None:
        raise DamagedStorage(FILE, 25, "it names no node")
    return Identity(node, incarnation, bool(is_witness), data[end:])


def _member(node: str, is_witness: bool) -> str:
    return f"the witness {node!r}" if is_witness else f"{node!r}"
