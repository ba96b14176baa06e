"""Deliberate bugs that a whole simulation would meet too seldom or not at all: each names the test that must fail.

Most are bugs of the storage, which other tests put on a disk that loses power between any two operations.
"""

from __future__ import annotations

from .mutation import Mutation

CRASHES = "tests/storage/test_crashes.py"
ROT = "tests/storage/test_rot.py"
DOWNLOADS = "tests/transport_sim/test_scenarios_snapshots.py"
DIRECTORY = "tests/actors/test_directory_storage.py"


def in_storage(name: str, file: str, before: str, after: str, test: str = CRASHES) -> Mutation:
    return Mutation(name, ((f"storage/{file}.py", before, after),), test)


def in_downloads(name: str, file: str, before: str, after: str) -> Mutation:
    return Mutation(name, ((f"raft/{file}.py", before, after),), DOWNLOADS)


STORAGE_FILES = (
    in_storage(
        "both copies of the ballot are synced together",
        "ballot",
        "            (WRITE, FILE, 0, data),\n            (SYNC, FILE),\n",
        "            (WRITE, FILE, 0, data),\n",
    ),
    in_storage(
        "entries are written before the ballot of their term",
        "store",
        "                operations += self._vote(write)\n",
        "                later = self._vote(write)\n"
        "                log.append(write.entries)\n"
        "                operations += log.flush(True) + later\n"
        "                continue\n",
    ),
    in_storage(
        "a new name is not made durable",
        "snapshots",
        "(RENAME, self.part, self._name), (SYNC_DIRECTORY,)]",
        "(RENAME, self.part, self._name)]",
    ),
    in_storage(
        "a batch says that it is durable itself",
        "log",
        "        header = encode_batch(where, len(data), count, synced, self._written)\n",
        "        synced = self.offset + BATCH_BYTES + len(data)\n"
        "        header = encode_batch(where, len(data), count, synced, self._written)\n",
    ),
    in_storage(
        "what a torn batch has left stays there",
        "recovery",
        "            found.repairs.append((WRITE, name, at, zeros if size == _ZEROS_BYTES else bytes(size)))\n",
        "",
        CRASHES + "::test_what_lies_behind_a_torn_batch_does_not_come_back_when_the_log_meets_it_again",
    ),
    in_storage(
        "the log is purged by the newest snapshot",
        "store",
        "        oldest = int(self._snapshots[0][:20])\n",
        "        oldest = int(self._snapshots[-1][:20])\n",
        ROT,
    ),
    in_storage(
        "pieces of a download are not looked at after a crash",
        "snapshots",
        '        return content if len(content) == PIECE_BYTES and data[:_PIECE_HEADER_BYTES] == header else b""\n',
        '        return content if len(content) == PIECE_BYTES and header else b""\n',
        DIRECTORY,
    ),
    in_storage(
        "a received snapshot is not compared with its fingerprint",
        "snapshots",
        "        return self.fingerprint == self.expected\n",
        "        return True\n",
        DIRECTORY,
    ),
    in_downloads(
        "download goes on with a leader that has other bytes",
        "snapshot",
        "return self.fingerprint == fingerprint and self.snapshot == snapshot",
        "return self.snapshot == snapshot",
    ),
    in_downloads(
        "download goes on behind what the disk has kept",
        "snapshots",
        "        self.download = restored.download\n",
        "        self.download = restored.download\n"
        "        if self.download is not None:\n"
        "            self.download.size_bytes += 200\n",
    ),
    in_downloads(
        "download begins anew with another leader",
        "snapshots",
        "        if download is None or not download.is_of(chunk.snapshot, chunk.fingerprint):\n",
        "        if download is None or self._source != chunk.sender:\n",
    ),
    Mutation(
        "download goes on with another snapshot",
        (
            (
                "raft/snapshot.py",
                "return self.fingerprint == fingerprint and self.snapshot == snapshot",
                "return self.fingerprint == fingerprint",
            ),
        ),
        "tests/raft/test_snapshots.py",
    ),
)
