"""A life of a storage: what a member writes over time, and what must be found after each step of it."""

import random
from dataclasses import dataclass, field, replace

from raft.entries import COMMAND, Entry
from raft.membership import Configuration
from raft.messages import SnapshotChunk
from raft.ready import Write
from raft.snapshot import Snapshot
from storage.fingerprint import EMPTY, extended

CONFIGURATION = Configuration(("a", "b", "c"))
INSTALLED_MS = 1  # the log time of snapshots that a leader sends


@dataclass(frozen=True)
class Stored:
    """What is stored: what a node that starts now must find.

    Attributes:
        uncut: the entries, and those before them that were cut off: what is still there of them may be found too, when
            the snapshot is damaged that stands for them.
    """

    term: int = 0
    vote: str | None = None
    cluster: int = 0
    base: tuple[int, int] = (0, 0)
    entries: tuple[Entry, ...] = ()
    uncut: tuple[Entry, ...] = ()
    snapshots: tuple[tuple[Snapshot, bytes], ...] = ()

    @property
    def last(self):
        return self.entries[-1].index if self.entries else self.base[0]

    def term_at(self, index):
        if index == self.base[0]:
            return self.base[1]
        position = index - self.base[0] - 1
        return self.entries[position].term if 0 <= position < len(self.entries) else None

    def voted(self, write):
        changed = self if write.term is None else replace(self, term=write.term, vote=write.vote)
        return replace(changed, cluster=write.cluster or changed.cluster)

    def after(self, write, content=b""):
        stored = self.voted(write)
        index, term = write.base
        if index > stored.base[0]:
            holds = stored.term_at(index) == term
            kept = tuple(entry for entry in stored.entries if entry.index > index) if holds else ()
            stored = replace(stored, base=write.base, entries=kept, uncut=stored.uncut if holds else ())
        if write.entries:
            first = write.entries[0].index
            before = tuple(entry for entry in stored.entries if entry.index < first)
            uncut = tuple(entry for entry in stored.uncut if entry.index < first)
            stored = replace(stored, entries=before + write.entries, uncut=uncut + write.entries)
        if write.install is not None:
            stored = replace(stored, base=(write.install.index, write.install.term), entries=(), uncut=())
            stored = stored.saved(write.install, content)
        return stored

    def saved(self, snapshot, content):
        return replace(self, snapshots=(*self.snapshots[-1:], (snapshot, content)))


@dataclass
class Step:
    """One thing that a member asks of its storage: writes, chunks, a snapshot of its own, or a mark when idle."""

    writes: list[Write] = field(default_factory=list)
    chunks: list[SnapshotChunk] = field(default_factory=list)
    save: tuple[Snapshot, bytes] | None = None


@dataclass
class Sent:
    """A snapshot that a leader sends, and how much of it has been received."""

    snapshot: Snapshot
    content: bytes
    received: int = 0

    @property
    def fingerprint(self):
        return extended(EMPTY, self.content)

    def chunks(self, *ends):
        """The next chunks, up to these offsets."""
        chunks = []
        for end in ends:
            data = self.content[self.received : end]
            last = end == len(self.content)
            chunks.append(SnapshotChunk("b", 1, self.snapshot, self.fingerprint, self.received, data, last))
            self.received = end
        return chunks


class Script:
    """Draws steps, each of which could come from a real node, and knows what is stored after each.

    Attributes:
        stored: what must be found now.
        sent: the snapshots that were sent so far, by their fingerprints.
        download: the one that is being received, or None.
    """

    def __init__(self, seed):
        self.stored = Stored()
        self.sent = {}
        self.download = None
        self._random = random.Random(seed)
        self._number = 0

    def step(self):
        """Return the next `Step`, and what must be found after each write of it."""
        stored = self.stored
        kind = self._random.choices(
            ("append", "vote", "truncate", "save", "cut", "install", "group", "idle", "receive"),
            (10, 3, 3, 3, 3, 1, 3, 1, 4),
        )[0]
        step = Step()
        found = []
        newest = stored.snapshots[-1][0].index if stored.snapshots else 0
        if kind == "save" and stored.last > newest:
            index = self._random.randint(max(stored.base[0], newest) + 1, stored.last)
            snapshot = Snapshot(index, stored.term_at(index), index * 7, CONFIGURATION)
            step.save = (snapshot, self._content())
            found.append(stored.saved(*step.save))
        elif kind == "receive":
            step.chunks = self._receive(stored)
        elif kind == "idle":
            pass
        else:
            for _ in range(self._random.randint(2, 4) if kind == "group" else 1):
                part = self._random.choice(("append", "vote", "truncate")) if kind == "group" else kind
                write, content = self._write(part, found[-1] if found else stored, step)
                step.writes.append(write)
                found.append((found[-1] if found else stored).after(write, content))
        if found:
            self.stored = found[-1]
        return step, found

    def _write(self, kind, stored, step):
        self._number += 1
        draw = self._random
        if stored.term == 0 or kind == "vote":
            term = stored.term + draw.randint(0 if stored.vote is None and stored.term else 1, 2)
            vote = draw.choice((None, "a", "b", "c" * 64))
            entries = self._entries(stored.last + 1, term) if draw.random() < 0.5 else ()
            return Write(self._number, term, vote, entries, cluster=draw.choice((0, 0, 5, 2**64 - 1))), b""
        if kind == "truncate" and stored.last > stored.base[0]:
            lowest = max(stored.base[0], stored.snapshots[-1][0].index if stored.snapshots else 0) + 1
            if lowest <= stored.last:
                return Write(
                    self._number, None, None, self._entries(draw.randint(lowest, stored.last), stored.term)
                ), b""
        newest = stored.snapshots[-1][0] if stored.snapshots else None
        if kind == "cut" and newest is not None and newest.index > stored.base[0]:
            index = draw.randint(stored.base[0] + 1, newest.index)
            entries = self._entries(stored.last + 1, stored.term) if draw.random() < 0.3 else ()
            return Write(self._number, None, None, entries, (index, stored.term_at(index))), b""
        if kind == "install":
            sent = self._sent_now(stored)
            begin, end = sent.received, len(sent.content)
            step.chunks = sent.chunks(*sorted(draw.randint(begin, end - 1) for _ in range(3)), end)
            self.download = None
            return Write(self._number, None, None, (), install=sent.snapshot), sent.content
        return Write(self._number, None, None, self._entries(stored.last + 1, stored.term)), b""

    def _receive(self, stored):
        """Some more of a snapshot, but not all."""
        if stored.term == 0:
            return []
        sent = self._sent_now(stored)
        return sent.chunks(min(sent.received + self._random.choice((100, 70_000)), len(sent.content) - 1))

    def _sent_now(self, stored):
        """The snapshot that is being received; another one when the log has come as far, and now and then anyway."""
        draw = self._random
        if self.download is None or self.download.snapshot.index <= stored.last or draw.random() < 0.1:
            snapshot = Snapshot(stored.last + draw.randint(1, 30), stored.term, INSTALLED_MS, CONFIGURATION)
            self.download = Sent(snapshot, self._content(70_000, 200_000))
            self.sent[self.download.fingerprint] = self.download
        return self.download

    def _entries(self, first, term):
        draw = self._random
        return tuple(
            Entry(index, term, COMMAND, draw.randbytes(draw.choice((0, 1, 40, 700))), index)
            for index in range(first, first + draw.randint(1, 5))
        )

    def _content(self, *sizes):
        return self._random.randbytes(self._random.choice((1, 100, 3000, 70_000, *sizes)))
