"""One node under the hand of a test, with a state machine and a storage that keeps snapshots."""

from raft.messages import SnapshotChunk
from tests.raft.member import Member


class Keeper(Member):
    """A member with a state machine, a list of commands, and a storage that keeps snapshots.

    Unless `by_hand`, it stores a snapshot as soon as one is due, and restores its state machine as soon as told.
    """

    def __init__(self, id="a", by_hand=False, **arguments):
        super().__init__(id, **arguments)
        self.by_hand = by_hand
        self.state = []
        self.stored = {}  # content by snapshot
        self.received = b""
        self.fits = True  # whether what was received has its fingerprint; None when that is not looked at
        self.installs = []
        self.requests = []
        self.restores = []
        self.taken = []
        self.longest_log = 0

    def effects(self):
        sent = []
        node = self.node
        ready = node.ready()
        while ready is not None:
            for chunk in ready.chunks:
                self.received = chunk.data if chunk.offset == 0 else self.received + chunk.data
            if ready.write is not None:
                self.writes.append(ready.write)
                if ready.write.install is not None:
                    self.installs.append(ready.write.install)
                    self.stored[ready.write.install] = self.received
            sent += ready.messages
            self.requests += ready.chunk_requests
            self.applied += ready.committed
            self.state += [entry.data for entry in ready.committed if entry.data]
            self.events += ready.events
            self.answers += ready.answers
            if ready.committed:
                node.applied(ready.committed[-1].index)
            if ready.restore is not None:
                self.restores.append(ready.restore)
                if not self.by_hand:
                    self.restore()
            if not self.stalled:
                for write in self.writes:
                    node.persisted(write.number, self.now)
                self.writes = []
            for chunk in ready.chunks:
                if chunk.last and self.fits is not None:
                    node.snapshots.checked(chunk.snapshot, self.fits)
            if node.snapshots.is_due and not self.by_hand:
                self.save()
            self.longest_log = max(self.longest_log, node.log.last_index - node.log.base_index)
            node.check()
            ready = node.ready()
        self.sent += sent
        return sent

    def save(self):
        snapshot = self.node.snapshots.describe()
        self.stored[snapshot] = b"\n".join(self.state)
        self.taken.append(snapshot)
        self.node.snapshots.saved(snapshot)
        return snapshot

    def restore(self):
        snapshot = self.restores[-1]
        self.state = self.stored[snapshot].split(b"\n")
        self.node.snapshots.restored(snapshot)

    def read(self):
        """Read all chunks that are wanted; return what is sent."""
        sent = []
        for request in self.requests:
            content = self.stored[request.snapshot]
            end = request.offset + request.limit_bytes
            piece = content[request.offset : end]
            chunk = SnapshotChunk(
                self.id, request.term, request.snapshot, len(content), request.offset, piece, end >= len(content)
            )
            sent.append((request.receiver, chunk))
        self.requests = []
        return sent
