"""Names for prefixes of logs, by which the checker compares whole logs at the cost of comparing two numbers.

The name of a prefix is its *chain*: the same number means the same entries, all the way down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from raft.entries import COMMAND, Entry

from .shadow import InvariantError

if TYPE_CHECKING:
    from .host import Host


class Chains:
    """The chains of one cluster. 0 is that of the empty log."""

    def __init__(self) -> None:
        self._ids: dict[tuple[int, int, int, int, bytes], int] = {}
        self._before: dict[int, int] = {}  # the chain of the prefix without the last entry
        self._at: dict[tuple[int, int], int] = {}  # (index, term) -> chain, the same in every log

    def ending_at(self, index: int, term: int) -> int:
        """Return the chain of the prefix that ends with this entry, in whichever log; 0 when nobody had it yet."""
        return self._at.get((index, term), 0)

    def extend(self, chain: int, entry: Entry, host: Host) -> int:
        """Return the chain of a prefix with one more entry; the log matching property is checked on the way."""
        if host.is_witness and entry.kind == COMMAND:
            return self._witnessed(chain, entry, host)
        ids = self._ids
        extended = ids.setdefault((chain, entry.term, entry.kind, entry.stamp_ms, entry.data), len(ids) + 1)
        self._before[extended] = chain
        if self._at.setdefault((entry.index, entry.term), extended) != extended:
            raise InvariantError(
                "S3", f"the log of {host.id} up to entry {entry.index} of term {entry.term} differs from another's"
            )
        return extended

    def _witnessed(self, chain: int, entry: Entry, host: Host) -> int:
        """Return the chain of a prefix at a witness, which has of a command only where it belongs."""
        extended = self.ending_at(entry.index, entry.term)
        if entry.data or self._before.get(extended) != chain:
            raise InvariantError(
                "M8", f"witness {host.id} holds an entry {entry.index} of term {entry.term} that no leader has made"
            )
        return extended
