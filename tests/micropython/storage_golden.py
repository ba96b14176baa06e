"""What is in a golden directory, on whichever interpreter this is: prints what a node would start from.

python -m tests.micropython.storage_golden FOLDER
"""

import sys
from binascii import crc32

from storage.snapshots import SnapshotFile
from storage.store import Store
from tests.micropython.storage_life import Files


def main(folder):
    disk = Files(folder)
    store = Store(disk, 1500)
    found, restored = store.recovered, store.restored
    ballot = found.ballot
    print(found.identity, found.identity.first)
    # As bytes: the interpreters print letters beyond ASCII differently.
    print("ballot", ballot.number, ballot.term, ballot.vote.encode(), ballot.cluster)
    print(restored.base, found.records, found.torn_tail, [operation[0] for operation in found.repairs])
    for entry in restored.entries:
        print(entry)
    for name in found.snapshots:
        file = SnapshotFile(disk, name)
        taken = file.snapshot
        print(
            name,
            taken.index,
            taken.term,
            taken.stamp_ms,
            taken.configuration.encode(),
            file.size,
            crc32(b"".join(file.pieces())),
        )


if __name__ == "__main__":
    main(sys.argv[1])
