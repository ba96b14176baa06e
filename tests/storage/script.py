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


@dataclass(frozen=True)
class Stored:
    """What is stored: what a node that starts now must find."""

    term: int = 0
    vote: str | None = None
    cluster: int = 0
    base: tuple[int, int] = (0, 0)
    entries: tuple[Entry, ...] = ()
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
            stored = replace(stored, base=write.base, entries=kept)
        if write.entries:
            first = write.entries[0].index
            before = tuple(entry for entry in stored.entries if entry.index < first)
            stored = replace(stored, entries=before + write.entries)
        if write.install is not None:
            stored = replace(stored, base=(write.install.index, write.install.term), entries=())
            stored = stored.saved(write.install, content)
        return stored

    def saved(self, snapshot, content):
        return replace(self, snapshots=(*self.snapshots[-1:], (snapshot, content)))


@dataclass
class Step:
    """One thing that a member asks of its storage: writes together, or a snapshot of its own, or a mark when idle."""

    writes: list[Write] = field(default_factory=list)
    chunks: list[SnapshotChunk] = field(default_factory=list)
    save: tuple[Snapshot, bytes] | None = None


class Script:
    """Draws steps, each of which could come from a real node, and knows what is stored after each.

    Attributes:
        stored: what must be found now.
    """

    def __init__(self, seed):
        self.stored = Stored()
        self._random = random.Random(seed)
        self._number = 0

    def step(self):
        """Return the next `Step`, and what must be found after each write of it."""
        stored = self.stored
        kind = self._random.choices(
            ("append", "vote", "truncate", "save", "cut", "install", "group", "idle"), (10, 3, 3, 3, 3, 1, 3, 1)
        )[0]
        step = Step()
        found = []
        newest = stored.snapshots[-1][0].index if stored.snapshots else 0
        if kind == "save" and stored.last > newest:
            index = self._random.randint(max(stored.base[0], newest) + 1, stored.last)
            snapshot = Snapshot(index, stored.term_at(index), index * 7, CONFIGURATION)
            step.save = (snapshot, self._content())
            found.append(stored.saved(*step.save))
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
            snapshot = Snapshot(stored.last + draw.randint(1, 30), stored.term, 1, CONFIGURATION)
            content = self._content()
            cuts = sorted({0, len(content), *(draw.randint(0, len(content)) for _ in range(3))})
            whole = extended(EMPTY, content)
            step.chunks = [
                SnapshotChunk("b", stored.term, snapshot, whole, at, content[at:to], to == len(content))
                for at, to in zip(cuts, cuts[1:], strict=False)
            ]
            return Write(self._number, None, None, (), install=snapshot), content
        return Write(self._number, None, None, self._entries(stored.last + 1, stored.term)), b""

    def _entries(self, first, term):
        draw = self._random
        return tuple(
            Entry(index, term, COMMAND, draw.randbytes(draw.choice((0, 1, 40, 700))), index)
            for index in range(first, first + draw.randint(1, 5))
        )

    def _content(self):
        return self._random.randbytes(self._random.choice((1, 100, 3000, 70_000)))
