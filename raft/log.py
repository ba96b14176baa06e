"""The replicated log in memory, and what is known about it: how far committed, applied and durable.

Four indexes bound each other at all times (contract S7):

    applied <= min(commit, durable)      commit <= last      durable <= last

Entries enter by `append` (the leader's own) or `merge` (a follower's, from its leader), reach the disk in numbered
writes (`stage`, `persisted`), and leave only by truncation on a term conflict above the commit index.
"""

from .entries import Entry
from .errors import CommittedEntryConflict, InvalidRestore
from .writes import Writes


class Log:
    """The log of one node.

    Args:
        entries: the entries found on disk, consecutive from index 1, all durable.

    Raises:
        InvalidRestore: when the entries have a gap or falling terms.

    Attributes:
        commit_index: highest index known to be committed; does not survive a restart, and starts at 0.
        applied_index: highest index the state machine has taken.
        durable_index: highest index on this node's own disk.
        unsettled_bytes: what the entries above `settled_index` count together.
        writes: the numbered writes that carry the log (and term and vote) to disk.
    """

    def __init__(self, entries: "tuple[Entry, ...]" = ()) -> None:
        self._entries = list(entries)  # _entries[i] has index i + 1
        term = 1
        for i in range(len(self._entries)):
            entry = self._entries[i]
            if type(entry) is not Entry or entry.index != i + 1 or entry.term < term:
                raise InvalidRestore(f"entry {i + 1} of the restored log is {entry!r} after term {term}")
            term = entry.term
        self.commit_index = 0
        self.applied_index = 0
        self.durable_index = len(self._entries)
        self.unsettled_bytes = sum([entry.size_bytes for entry in self._entries])
        self.writes = Writes()
        self._counted_index = 0  # up to here entries are settled and not in unsettled_bytes
        self._handed_index = 0  # handed out for application
        self._unstaged_index = len(self._entries) + 1  # first index that no write carries yet

    @property
    def last_index(self) -> int:
        """Index of the last entry, 0 when empty."""
        return len(self._entries)

    @property
    def last_term(self) -> int:
        """Term of the last entry, 0 when empty."""
        return self._entries[-1].term if self._entries else 0

    def entry(self, index: int) -> Entry:
        """Return the entry at an index, 1 <= index <= last_index."""
        return self._entries[index - 1]

    def term_at(self, index: int) -> "int | None":
        """Return the term of the entry at an index, 0 for index 0, None beyond the end."""
        if index == 0:
            return 0
        return self._entries[index - 1].term if index <= len(self._entries) else None

    def is_up_to_date(self, last_index: int, last_term: int) -> bool:
        """Whether a log that ends so is at least as up to date as this one (paper section 5.4.1)."""
        own_term = self.last_term
        return last_term > own_term or (last_term == own_term and last_index >= self.last_index)

    def last_at_most(self, index: int, term: int) -> int:
        """Return the highest index, not above `index`, whose entry's term is not above `term`; 0 when there is none.

        Both sides use it to skip whole conflicting terms when a follower's log has parted from its leader's.
        """
        index = min(index, self.last_index)
        while index > 0 and self._entries[index - 1].term > term:
            index -= 1
        return index

    def slice(self, first: int, max_entries: int, max_bytes: int) -> "tuple[Entry, ...]":
        """Return consecutive entries from `first` on, within both limits, but at least one if there is one.

        Entries are never skipped to fill the limit (contract R6).
        """
        stop = min(len(self._entries), first - 1 + max_entries)
        size = 0
        for i in range(first - 1, stop):
            size += self._entries[i].size_bytes
            if size > max_bytes and i >= first:
                stop = i
                break
        return tuple(self._entries[first - 1 : stop])

    def append(self, term: int, kind: int, data: bytes) -> Entry:
        """Add an entry of the leader's own at the end and return it."""
        entry = Entry(len(self._entries) + 1, term, kind, data)
        self._entries.append(entry)
        self.unsettled_bytes += entry.size_bytes
        return entry

    def merge(self, entries: "tuple[Entry, ...]", leader: str) -> None:
        """Take over entries sent by the leader whose predecessor is already known to match (paper section 5.3).

        What is already here stays; only a term conflict truncates, since a delayed or repeated append must not cut off
        what a later one has added (contract R1).

        Raises:
            CommittedEntryConflict: when an entry contradicts a committed one.
        """
        known = len(self._entries)
        for position in range(len(entries)):
            entry = entries[position]
            if entry.index > known:
                break
            own = self._entries[entry.index - 1]
            if own.term != entry.term:
                if entry.index <= self.commit_index:
                    raise CommittedEntryConflict(entry.index, own.term, entry.term, leader)
                self._truncate(entry.index)
                break
        else:
            return
        for entry in entries[position:]:
            self._entries.append(entry)
            self.unsettled_bytes += entry.size_bytes

    def _truncate(self, first: int) -> None:
        """Drop the entries from `first` on; always above the commit index."""
        for entry in self._entries[first - 1 :]:
            self.unsettled_bytes -= entry.size_bytes
        del self._entries[first - 1 :]
        self._unstaged_index = min(self._unstaged_index, first)
        # From here on the disk holds entries that this log no longer has: they count as durable no more, even before
        # the write that cuts them off.
        self.durable_index = min(self.durable_index, first - 1)

    def commit_to(self, index: int) -> bool:
        """Raise the commit index to `index`, at most to the end of the log; return whether it rose."""
        index = min(index, len(self._entries))
        if index <= self.commit_index:
            return False
        self.commit_index = index
        self._count_settled()
        return True

    @property
    def settled_index(self) -> int:
        """What is committed and on this node's own disk too: all that it applies or reports (contract S7)."""
        return min(self.commit_index, self.durable_index)

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
        return tuple(self._entries[first - 1 : last])

    def applied_to(self, index: int) -> None:
        """Note that the state machine has taken every entry handed out up to `index`."""
        self.applied_index = max(self.applied_index, min(index, self._handed_index))

    @property
    def has_unstaged(self) -> bool:
        """Whether the log has changes that no write carries yet."""
        return self._unstaged_index <= len(self._entries)

    def stage(self) -> "tuple[int, tuple[Entry, ...]]":
        """Return the number of a new write and the entries it must carry, from the first changed one to the last.

        The write replaces everything the disk holds at or after its first entry. Without changed entries it carries
        none, and leaves the disk's log alone.
        """
        entries = tuple(self._entries[self._unstaged_index - 1 :])
        number = self.writes.issue(entries[0].index if entries else 0)
        self._unstaged_index = len(self._entries) + 1
        return number, entries

    def persisted(self, number: int) -> bool:
        """Note that a write has completed; return whether the durable prefix of writes grew (contract R9)."""
        if not self.writes.complete(number):
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
        settled = self.settled_index
        for i in range(self._counted_index, settled):
            self.unsettled_bytes -= self._entries[i].size_bytes
        self._counted_index = settled

    def check(self) -> None:
        """Assert the invariants of this file; the simulator calls it after every event."""
        assert 0 <= self.applied_index <= self._handed_index, "S7: applied more than was handed out"
        assert self._handed_index <= self.settled_index, "S7: handed out beyond commit or disk"
        assert self.commit_index <= len(self._entries), "S7: committed beyond the end"
        assert self.durable_index < self._unstaged_index <= len(self._entries) + 1, (
            "S7: durable beyond what was written"
        )
        assert self._counted_index == self.settled_index, "R7: settled entries count as pending"
        assert self.unsettled_bytes >= 0, "R7: pending bytes leak"
