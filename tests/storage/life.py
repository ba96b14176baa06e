"""Carries out a script on a disk."""

from raft.messages import SnapshotChunk
from raft.ready import Write
from storage.disk import perform
from storage.identity import Identity
from storage.store import Store, create
from tests.storage.script import Script

SEGMENT_BYTES = 6_000
IDENTITY = Identity("a", 77, False)


class Life:
    """The life of a storage.

    Attributes:
        acknowledged: what is stored for certain.
        possible: what may be found while a step is under way.
        states: all that was ever stored.
    """

    def __init__(self, seed, disk):
        self.disk = disk
        self.script = Script(seed)
        self.acknowledged = self.script.stored
        self.possible = [self.acknowledged]
        self.states = [self.acknowledged]
        create(disk, IDENTITY, SEGMENT_BYTES)
        self.store = Store(disk, SEGMENT_BYTES)

    def step(self):
        before = self.script.stored
        step, found = self.script.step()
        self.possible = [before, *found]
        for write, stored in zip(step.writes, [before, *found], strict=False):
            # A ballot may be found without the entries that came with it: it is durable first.
            self.possible.append(stored.voted(write))
        self.states += found
        store, disk = self.store, self.disk
        for chunk in step.chunks:
            perform(disk, store.receive_chunk(chunk))
            assert not chunk.last or store.check_received() == (True, [])
        if not step.writes and step.chunks:
            return
        if step.save is not None:
            snapshot, content = step.save
            perform(disk, store.begin_snapshot(snapshot))
            perform(disk, store.add_to_snapshot(content))
            perform(disk, store.finish_snapshot())
        else:
            operations, position = store.write(step.writes) if step.writes else store.mark()
            perform(disk, operations)
            store.synced(position)
        if store.is_short and len(self.states) % 3:
            # Not always: the next segment may be needed before its space is reserved.
            wanted = store.reserve()
            perform(disk, wanted)
            store.reserved(wanted)
        self.acknowledged = self.script.stored
        self.possible = [self.acknowledged]


def view(store):
    """What a node finds, without how much of the log is still there that nobody needs."""
    restored = store.restored
    newest = restored.snapshot
    content = b"".join(store.find_snapshot(newest).pieces()) if newest is not None else None
    entries = tuple(entry for entry in restored.entries if newest is None or entry.index > newest.index)
    return restored.term, restored.vote, restored.cluster, newest, content, entries


def seen(stored):
    """The same of what must be found."""
    newest, content = stored.snapshots[-1] if stored.snapshots else (None, None)
    entries = tuple(entry for entry in stored.entries if newest is None or entry.index > newest.index)
    return stored.term, stored.vote, stored.cluster, newest, content, entries


def finish_download(store, disk, script):
    """Receive the rest of what a crash has left of a snapshot, and install it; return how much was there."""
    download = store.restored.download
    if download is None:
        return 0
    sent = script.sent[download.fingerprint]
    assert (download.snapshot, download.size_bytes) == (sent.snapshot, min(download.size_bytes, len(sent.content)))
    rest = sent.content[download.size_bytes :]
    chunk = SnapshotChunk("c", 1, sent.snapshot, download.fingerprint, download.size_bytes, rest, True)
    perform(disk, store.receive_chunk(chunk))
    assert store.check_received() == (True, [])
    perform(disk, store.write([Write(1, None, None, (), install=sent.snapshot)])[0])
    again = Store(disk, SEGMENT_BYTES)
    newest = again.restored.snapshot
    assert (newest, again.restored.download) == (sent.snapshot, None)
    assert b"".join(again.find_snapshot(newest).pieces()) == sent.content
    return download.size_bytes
