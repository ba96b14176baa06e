"""A life of a storage in files, on whichever interpreter this is: prints a digest of every file and of what is found.

python -m tests.micropython.storage_life FOLDER
"""

import os
import sys
from binascii import crc32

from raft.entries import COMMAND, Entry
from raft.membership import Configuration
from raft.messages import SnapshotChunk
from raft.prng import Prng
from raft.ready import Write
from raft.snapshot import Snapshot
from storage.disk import perform
from storage.fingerprint import EMPTY, extended
from storage.identity import Identity
from storage.store import Store, create

STEPS = 120
SEGMENT_BYTES = 4000
CONFIGURATION = Configuration(("a", "b"))


class Files:
    """A folder as a disk, with nothing but what MicroPython has: `flush` is a sync on its unix port."""

    def __init__(self, folder):
        self._folder = folder

    def _path(self, name):
        return self._folder + "/" + name

    def names(self):
        return sorted(os.listdir(self._folder))

    def size(self, name):
        return os.stat(self._path(name))[6]

    def read(self, name, offset, limit):
        with open(self._path(name), "rb") as file:
            file.seek(offset)
            return file.read(limit)

    def create(self, name, size):
        with open(self._path(name), "wb") as file:
            file.write(bytes(size))

    def write(self, name, offset, data):
        with open(self._path(name), "r+b") as file:
            file.seek(offset)
            file.write(data)
            file.flush()

    def sync(self, name):
        pass  # every write is

    def rename(self, name, new_name):
        os.rename(self._path(name), self._path(new_name))

    def delete(self, name):
        os.remove(self._path(name))

    def sync_directory(self):
        pass  # a script cannot


def step(store, disk, prng, number, last, term):
    """Does one thing that a node would do; returns the last index and the term."""
    kind = prng.below(8)
    if kind == 0:
        snapshot = Snapshot(last + 5, term, 1, CONFIGURATION)
        piece = bytes([number % 251]) * 300
        fingerprint = extended(extended(EMPTY, piece), piece)
        for offset in (0, 300):
            chunk = SnapshotChunk("b", term, snapshot, fingerprint, offset, piece, offset == 300)
            perform(disk, store.receive_chunk(chunk))
        write = Write(number, None, None, (), install=snapshot)
        last += 5
    elif kind == 1:
        term += 1
        write = Write(number, term, "b", ())
    else:
        entries = []
        for _ in range(1 + prng.below(4)):
            last += 1
            entries.append(Entry(last, term, COMMAND, bytes([prng.below(256)]) * prng.below(200), last))
        write = Write(number, None, None, tuple(entries))
    operations, position = store.write([write])
    perform(disk, operations)
    store.synced(position)
    return last, term


def main(folder):
    disk = Files(folder)
    create(disk, Identity("a", 12345678901, False), SEGMENT_BYTES)
    prng = Prng(7)
    store = Store(disk, SEGMENT_BYTES)
    operations, _ = store.write([Write(1, 1, "a", ())])
    perform(disk, operations)
    last, term = 0, 1
    for number in range(2, STEPS):
        if number % 40 == 0:
            store = Store(disk, SEGMENT_BYTES)
        last, term = step(store, disk, prng, number, last, term)
    restored = Store(disk, SEGMENT_BYTES).restored
    digest = 0
    for name in disk.names():
        digest = crc32(disk.read(name, 0, disk.size(name)), crc32(name.encode(), digest))
    found = (restored.term, restored.vote, restored.base, len(restored.entries), restored.snapshot.index)
    print(digest, found, len(disk.names()))


if __name__ == "__main__":
    main(sys.argv[1])
