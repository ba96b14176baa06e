"""The replicated log in memory, and what is known about it: how far committed, applied and durable.

Its beginning is cut off from time to time, when a snapshot holds what it came to (paper section 7): the log then begins
behind its *base*, the last entry cut off, of which index and term are kept. These bounds always hold (contract S7):

    base <= applied <= min(commit, durable)      commit <= last      durable <= last

Entries enter by `append` (the leader's own) or `merge` (a follower's, from its leader), reach the disk in numbered
writes (`stage`, `persisted`), and leave only by truncation on a term conflict above the commit index, by compaction of
what is applied, or when a snapshot replaces the whole log.
"""

from .entries import CONFIGURATION, Entry
from .errors import CommittedEntryConflict, InvalidRestore
from .membership import Configuration, Configurations
from .writes import Writes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .ready import Restored
    from .snapshot import Snapshot


class Log:
    """The log of one node.

    Args:
        entries: the entries found on disk, consecutive from behind the base, all durable.
        base_index: index of the last entry that was cut off, 0 for none.
        base_term: its term.
        base_stamp_ms: log time as of it.
        configurations: what is known of the configuration before the entries, which add theirs; nothing when None.

    Raises:
        InvalidRestore: when the entries have a gap or falling terms.

    Attributes:
        base_index, base_term: as above.
        last_index: index of the last entry; the base's when there is none.
        commit_index: highest index known to be committed; does not survive a restart, and starts at the base.
        applied_index: highest index the state machine has taken.
        durable_index: highest index on this node's own disk.
        settled_index: the lower of the two: what is committed and on this node's own disk too, which is all that it
            applies or reports (contract S7).
        unsettled_bytes: what the entries above `settled_index` count together.
        taken_bytes: what all entries that a write has carried or will carry count together, since the start.
        applied_bytes: what the entries handed out for application since the last snapshot count together.
        writes: the numbered writes that carry the log (and term and vote) to disk.
        configurations: those of this log (contract M3).
    """

    def __init__(
        self,
        entries: "tuple[Entry, ...]" = (),
        base_index: int = 0,
        base_term: int = 0,
        base_stamp_ms: int = 0,
        configurations: "Configurations | None" = None,
    ) -> None:
        if configurations is None:
            configurations = Configurations(0, Configuration.unknown())
        self.configurations = configurations
        self.base_index = base_index
        self.base_term = base_term
        self._entries = list(entries)  # _entries[i] has index base_index + 1 + i
        index = base_index
        term = max(base_term, 1)
        for entry in self._entries:
            index += 1
            if type(entry) is not Entry or entry.index != index or entry.term < term:
                raise InvalidRestore(f"entry {index} of the restored log is {entry!r} after term {term}")
            term = entry.term
            if entry.kind == CONFIGURATION:
                configurations.append(entry)
        self.last_index = index
        self.commit_index = base_index
        self.applied_index = base_index
        self.durable_index = index
        self.unsettled_bytes = sum([entry.size_bytes for entry in self._entries])
        self.taken_bytes = 0
        self.writes = Writes()
        self.settled_index = base_index
        self._handed_index = base_index  # handed out for application
        self._unstaged_index = index + 1  # first index that no write carries yet
        self._base_is_staged = True  # whether a write has told the disk of the base
        self._base_stamp_ms = base_stamp_ms
        self.applied_bytes = 0

    @classmethod
    def restored(cls, restored: "Restored", configuration: Configuration) -> "Log":
        """Return the log found on disk, adapted to the snapshot found beside it.

        Args:
            restored: what storage holds.
            configuration: the first one of the cluster, in force until the log or the snapshot brings another.

        Raises:
            InvalidRestore: when what storage holds contradicts itself.
        """
        snapshot = restored.snapshot
        base_index, base_term = restored.base
        known = Configurations(0, configuration)
        if snapshot is not None:
            known = Configurations(snapshot.index, snapshot.configuration)
        elif base_index:
            raise InvalidRestore(f"the stored log begins behind entry {base_index}, and there is no snapshot")
        log = cls(restored.entries, base_index, base_term, 0 if snapshot is None else snapshot.stamp_ms, known)
        if snapshot is not None:
            log.start_at_snapshot(snapshot)
        if type(restored.term) is not int or restored.term < log.last_term:
            raise InvalidRestore(f"term {restored.term} is below the log's last term {log.last_term}")
        if restored.vote is not None and (type(restored.vote) is not str or restored.term < 1):
            raise InvalidRestore(f"the vote in term {restored.term} is {restored.vote!r}, which is no member's id")
        return log

    @property
    def last_term(self) -> int:
        """Term of the last entry; the base's when there is none."""
        return self._entries[-1].term if self._entries else self.base_term

    @property
    def last_stamp_ms(self) -> int:
        """Log time of the last entry (see `Entry.stamp_ms`), as far as it is known."""
        return self._entries[-1].stamp_ms if self._entries else self._base_stamp_ms

    def entry(self, index: int) -> Entry:
        """Return the entry at an index, base_index < index <= last_index."""
        return self._entries[index - self.base_index - 1]

    def term_at(self, index: int) -> "int | None":
        """Return the term of the entry at an index from the base on (0 at the very beginning); None where none is."""
        position = index - self.base_index
        if position > 0:
            return self._entries[position - 1].term if position <= len(self._entries) else None
        return self.base_term if position == 0 else None

    def covers(self, entry: Entry) -> bool:
        """Whether an entry of a leader's is in the log, or was before the beginning was cut off."""
        return entry.index <= self.base_index or self.term_at(entry.index) == entry.term

    def stamp_at(self, index: int) -> int:
        """Return log time as of an entry from the base on, base_index <= index <= last_index."""
        return self.entry(index).stamp_ms if index > self.base_index else self._base_stamp_ms

    def is_up_to_date(self, last_index: int, last_term: int) -> bool:
        """Whether a log that ends so is at least as up to date as this one (paper section 5.4.1)."""
        own_term = self.last_term
        return last_term > own_term or (last_term == own_term and last_index >= self.last_index)

    def last_at_most(self, index: int, term: int) -> int:
        """Return the highest index, not above `index`, whose entry's term is not above `term`; the base when none is.

        An index before the base is returned as it is: what was cut off was committed, and so the same everywhere.

        Both sides use it to skip whole conflicting terms when a follower's log has parted from its leader's.
        """
        index = min(index, self.last_index)
        while index > self.base_index and self.entry(index).term > term:
            index -= 1
        return index

    def slice(self, first: int, max_entries: int, max_bytes: int) -> "tuple[Entry, ...]":
        """Return consecutive entries from `first` on, within both limits, but at least one if there is one.

        Entries are never skipped to fill the limit (contract R6).
        """
        start = first - self.base_index - 1
        stop = min(len(self._entries), start + max_entries)
        size_bytes = 0
        for i in range(start, stop):
            size_bytes += self._entries[i].size_bytes
            if size_bytes > max_bytes and i > start:
                stop = i
                break
        return tuple(self._entries[start:stop])

    def append(self, term: int, kind: int, data: bytes, stamp_ms: int = 0) -> Entry:
        """Add an entry of the leader's own at the end and return it."""
        entry = Entry(self.last_index + 1, term, kind, data, stamp_ms)
        self._add((entry,))
        return entry

    def merge(self, entries: "tuple[Entry, ...]", leader: str) -> int:
        """Take over entries sent by the leader whose predecessor is already known to match (paper section 5.3).

        What is already here stays; only a term conflict truncates, since a delayed or repeated append must not cut off
        what a later one has added (contract R1). What is before the base is committed, and so the same.

        Returns:
            The index from which on the log was truncated, 0 when it was not.

        Raises:
            CommittedEntryConflict: when an entry contradicts a committed one.
        """
        known = self.last_index
        truncated = 0
        for position in range(len(entries)):
            entry = entries[position]
            if entry.index > known:
                break
            if entry.index <= self.base_index:
                if entry.index == self.base_index and entry.term != self.base_term:
                    raise CommittedEntryConflict(entry.index, self.base_term, entry.term, leader)
                continue
            own = self.entry(entry.index)
            if own.term != entry.term:
                if entry.index <= self.commit_index:
                    raise CommittedEntryConflict(entry.index, own.term, entry.term, leader)
                truncated = entry.index
                self._truncate(truncated)
                break
        else:
            return 0
        self._add(entries[position:])
        return truncated

    def _add(self, entries: "tuple[Entry, ...]") -> None:
        self._entries += entries
        self.last_index += len(entries)
        size_bytes = 0
        for entry in entries:
            size_bytes += entry.size_bytes
            if entry.kind == CONFIGURATION:
                self.configurations.append(entry)
        self.unsettled_bytes += size_bytes
        self.taken_bytes += size_bytes

    def _truncate(self, first: int) -> None:
        """Drop the entries from `first` on; always above the commit index."""
        position = first - self.base_index - 1
        for entry in self._entries[position:]:
            self.unsettled_bytes -= entry.size_bytes
        self._give_back(first)
        del self._entries[position:]
        self.last_index = first - 1
        self.configurations.truncate(first)
        self._unstaged_index = min(self._unstaged_index, first)
        # From here on the disk holds entries that this log no longer has: they count as durable no more, even before
        # the write that cuts them off.
        self.durable_index = min(self.durable_index, first - 1)

    def _give_back(self, first: int) -> None:
        """Entries from `first` on are about to be dropped; those that no write carries yet need no room any more."""
        for index in range(max(first, self._unstaged_index), self.last_index + 1):
            self.taken_bytes -= self.entry(index).size_bytes

    def commit_to(self, index: int) -> bool:
        """Raise the commit index to `index`, at most to the end of the log; return whether it rose."""
        index = min(index, self.last_index)
        if index <= self.commit_index:
            return False
        self.commit_index = index
        self._count_settled()
        return True

    @property
    def has_committed(self) -> bool:
        """Whether entries wait to be handed out for application."""
        return self._handed_index < self.settled_index

    def take_committed(self, max_entries: int) -> "tuple[Entry, ...]":
        """Hand out, once, the next entries to apply: committed and on this node's own disk (contract S7)."""
        first = self._handed_index + 1
        last = min(self.settled_index, self._handed_index + max_entries)
        if last < first:
            return ()
        self._handed_index = last
        entries = tuple(self._entries[first - self.base_index - 1 : last - self.base_index])
        for entry in entries:
            self.applied_bytes += entry.size_bytes
        return entries

    def applied_to(self, index: int) -> None:
        """Note that the state machine has taken every entry handed out up to `index`."""
        self.applied_index = max(self.applied_index, min(index, self._handed_index))

    def compact(self, index: int) -> None:
        """Cut off the beginning up to and including `index`, which a durable snapshot covers."""
        index = min(index, self.applied_index)
        if index <= self.base_index:
            return
        self.configurations.forget_before(index)
        self.base_term = self.entry(index).term
        self._base_stamp_ms = self.entry(index).stamp_ms
        del self._entries[: index - self.base_index]
        self.base_index = index
        self._base_is_staged = False

    def start_at_snapshot(self, snapshot: "Snapshot") -> None:
        """Adapt the log found on disk to the snapshot found beside it, which the state machine was restored from.

        A crash may have come between the durable snapshot and the cut of the log. Entries behind it stay when the log
        holds the snapshot's last entry, with the same term; else the whole log is another's past (contract N3).

        Raises:
            InvalidRestore: when the log begins behind the snapshot's end, so that entries are missing.
        """
        index = snapshot.index
        if self.base_index > index:
            raise InvalidRestore(f"the log begins behind entry {self.base_index}, the snapshot ends with {index}")
        if self.term_at(index) == snapshot.term:
            self.commit_to(index)
            self._handed_index = self.applied_index = index
        else:
            self.replace_by_snapshot(snapshot)
            self._base_is_staged = False

    def replace_by_snapshot(self, snapshot: "Snapshot") -> None:
        """Begin anew behind a snapshot that is durable and in the state machine: it covers more than the log had.

        The disk has dropped its log together with installing the snapshot.
        """
        index = snapshot.index
        self._give_back(self._unstaged_index)
        self._entries = []
        self.configurations = Configurations(index, snapshot.configuration)
        self.base_index = self.last_index = self.commit_index = self.applied_index = self.durable_index = index
        self._handed_index = self.settled_index = index
        self.base_term = snapshot.term
        self._base_stamp_ms = snapshot.stamp_ms
        self.unsettled_bytes = self.applied_bytes = 0
        self._unstaged_index = index + 1
        self._base_is_staged = True

    @property
    def has_unstaged(self) -> bool:
        """Whether the log has changes that no write carries yet."""
        return self._unstaged_index <= self.last_index or not self._base_is_staged

    def stage(self, now: int = 0) -> "tuple[int, tuple[Entry, ...]]":
        """Return the number of a new write and the entries it must carry, from the first changed one to the last.

        The write replaces everything the disk holds at or after its first entry. Without changed entries it carries
        none, and leaves the end of the disk's log alone. The disk may drop what is not behind the base.
        """
        entries = tuple(self._entries[self._unstaged_index - self.base_index - 1 :])
        number = self.writes.issue(entries[0].index if entries else 0, now)
        self._unstaged_index = self.last_index + 1
        self._base_is_staged = True
        return number, entries

    def persisted(self, number: int, now: int = 0) -> bool:
        """Note that a write has completed; return whether the durable prefix of writes grew (contract R9)."""
        if not self.writes.complete(number, now):
            return False
        # An entry is durable when no write that touched its index is still under way.
        durable = self._unstaged_index - 1
        touched = self.writes.first_touched
        if touched:
            durable = min(durable, touched - 1)
        self.durable_index = durable
        self._count_settled()
        return True

    def _count_settled(self) -> None:
        settled = min(self.commit_index, self.durable_index)
        for entry in self._entries[self.settled_index - self.base_index : settled - self.base_index]:
            self.unsettled_bytes -= entry.size_bytes
        self.settled_index = settled

    def check(self) -> None:
        """Assert the invariants of this file; the simulator calls it after every event."""
        assert self.base_index <= self.applied_index <= self._handed_index, "S7: cut off or applied too much"
        assert self._handed_index <= self.settled_index, "S7: handed out beyond commit or disk"
        assert self.settled_index <= min(self.commit_index, self.durable_index), "S7: settled beyond commit or disk"
        assert self.last_index == self.base_index + len(self._entries), "S7: the end is lost track of"
        assert self.commit_index <= self.last_index, "S7: committed beyond the end"
        assert self.durable_index < self._unstaged_index <= self.last_index + 1, "S7: durable beyond what was written"
        assert self.settled_index == min(self.commit_index, self.durable_index), "R7: settled entries count as pending"
        assert self.unsettled_bytes >= 0, "R7: pending bytes leak"
