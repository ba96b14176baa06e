"""Makes the golden files of today's formats: python -m tests.golden.make FOLDER

It writes the same bytes each time. Whoever changes a format raises its version in `storage/`, keeps the golden files
of the old one, and makes those of the new one beside them.

The member `n2` founds a cluster with `n1` and the witness `w`, hears of another leader, whose entries replace its own,
is sent a snapshot, grows behind it, loses entries again, and takes a snapshot of its own. Each is still in its files.
"""

import json
import sys
from binascii import crc32
from pathlib import Path

from actors.kv import KeyValue
from actors.kv_commands import cas, delete, put
from actors.machine import for_core
from actors.session_commands import in_session, plain, register
from actors.session_table import SessionLimits
from actors.storage.backup_file import write_backup
from actors.storage.real_disk import WritableDirectory
from raft.entries import COMMAND, CONFIGURATION, NOOP, Entry
from raft.membership import Configuration
from raft.messages import SnapshotChunk
from raft.ready import Write
from raft.snapshot import Snapshot
from storage.disk import perform
from storage.fingerprint import EMPTY, extended
from storage.identity import Identity
from storage.store import Store, create
from tests.golden.description import of_backup, of_directory

SEGMENT_BYTES = 1500
CLUSTER = 0xFEDCBA9876543210
FIRST = Configuration(("n1", "n2", "w"), witnesses=("w",), addresses={"n1": "one:7000"}, priorities={"n1": 1000})
BOUND = FIRST.replaced(incarnations={"n1": 2**64 - 1, "n2": 0x0123456789ABCDEF, "w": 1}, cluster=CLUSTER)
JOINT = BOUND.replaced(voters=("n1", "n2", "ü"), outgoing=("n1", "n2", "w"), learners=("l",), witnesses=("w",))
IDENTITY = Identity("n2", 0x0123456789ABCDEF, False, FIRST.encode())
LARGE = bytes(range(256)) * 400
"""The content of a snapshot that takes two pieces; only a checksum of its file is kept."""


def history():
    """Returns the entries that the cluster has agreed on."""
    one = (1, 1, NOOP, b""), (2, 1, CONFIGURATION, BOUND.encode()), (3, 1, COMMAND, register())
    two = (
        (4, 1, COMMAND, in_session(3, 1, 1, put(b"a", b"1"))),
        (5, 1, COMMAND, in_session(3, 2, 1, put(b"b", b""))),
        (6, 1, COMMAND, plain(put("key ü".encode(), b"\x00\xff" * 20))),
        (7, 2, NOOP, b""),
        (8, 2, COMMAND, in_session(3, 3, 2, cas(b"a", b"1", b"2"))),
        (9, 2, COMMAND, in_session(3, 4, 2, cas(b"a", b"1", b"3"))),
    )
    three = tuple((index, 2, COMMAND, plain(put(b"count", str(index).encode()))) for index in range(10, 21))
    four = (
        (21, 3, NOOP, b""),
        (22, 3, CONFIGURATION, JOINT.encode()),
        (23, 3, CONFIGURATION, JOINT.left().encode()),
        (24, 3, COMMAND, register()),
        (25, 5, NOOP, b""),
        (26, 5, COMMAND, in_session(24, 1, 1, delete(b"b"))),
    )
    five = tuple((index, 5, COMMAND, plain(put(b"large", bytes([index]) * 190))) for index in range(27, 37))
    six = ((37, 5, COMMAND, b"\xffno command"), (38, 5, COMMAND, b""))
    return tuple(Entry(*given, given[0] * 1000) for given in one + two + three + four + five + six)


class Member:
    """Stores what it is told to, as the runtime would, and nothing at random."""

    def __init__(self, folder):
        self.disk = WritableDirectory(folder)
        create(self.disk, IDENTITY, SEGMENT_BYTES)
        self.store = Store(self.disk, SEGMENT_BYTES)
        self.number = 0

    def write(self, entries=(), term=None, vote=None, cluster=0, base=(0, 0), install=None):
        self.number += 1
        write = Write(self.number, term, vote, tuple(entries), base, install, cluster)
        operations, position = self.store.write([write])
        perform(self.disk, operations)
        self.store.synced(position)

    def install(self, snapshot, content):
        middle = len(content) // 2
        for begin, end in ((0, middle), (middle, len(content))):
            fingerprint = extended(EMPTY, content)
            data = content[begin:end]
            chunk = SnapshotChunk("n1", snapshot.term, snapshot, fingerprint, begin, data, end == len(content))
            perform(self.disk, self.store.receive_chunk(chunk))
        self.write(install=snapshot)

    def save(self, snapshot, content):
        perform(self.disk, self.store.begin_snapshot(snapshot))
        perform(self.disk, self.store.add_to_snapshot(content))
        perform(self.disk, self.store.finish_snapshot())

    def mark(self):
        operations, position = self.store.mark()
        perform(self.disk, operations)
        self.store.synced(position)


def snapshot_at(entries, index):
    """Returns what a snapshot as of an entry is of, and its content."""
    core = for_core(KeyValue(), SessionLimits())
    configuration = FIRST
    for entry in entries[:index]:
        if entry.kind == COMMAND:
            core.apply(entry)
        elif entry.kind == CONFIGURATION:
            configuration = Configuration.decode(entry.data)
    last = entries[index - 1]
    return Snapshot(last.index, last.term, last.stamp_ms, configuration), b"".join(core.snapshot())


def make_directory(folder):
    """Makes the data directory of the member."""
    folder.mkdir(parents=True)
    entries = history()
    member = Member(folder)
    member.write(entries[:6], term=1, vote="n1")
    member.write([Entry(index, 1, COMMAND, b"never agreed on", 6500) for index in (7, 8)], cluster=CLUSTER)
    member.write(entries[6:9], term=2)
    member.install(*snapshot_at(entries, 20))
    member.write(entries[20:24], term=3, vote="n2")
    member.write([Entry(index, 3, COMMAND, b"never agreed on", 24500) for index in (25, 26, 27)])
    member.mark()
    member.write(entries[24:26], term=5)
    member.save(*snapshot_at(entries, 26))
    member.write(base=(24, 3))
    for entry in entries[26:38]:
        member.write([entry])
    member.write(term=6, vote="ü")
    member.mark()
    member.disk.close()


def make_backup(file):
    """Makes the backup of the cluster."""
    snapshot, content = snapshot_at(history(), 38)
    write_backup(file, snapshot, [content[:100], content[100:]])


def checksum_of_a_large_one(folder):
    """Returns the checksum of a backup of two pieces; what is left in the folder is nobody's."""
    file = folder / "large"
    write_backup(file, Snapshot(1, 1, 0, FIRST), [LARGE[:70_000], LARGE[70_000:]])
    return crc32(file.read_bytes())


def make(folder):
    """Makes all of it, with a description of what is found in it."""
    make_directory(folder / "member")
    make_backup(folder / "cluster.backup")
    backup = {**of_backup(folder / "cluster.backup"), "checksum_of_a_large_one": checksum_of_a_large_one(folder)}
    (folder / "large").unlink()
    for name, found in (("member", of_directory(folder / "member")), ("cluster.backup", backup)):
        text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
        (folder / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
