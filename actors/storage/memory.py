"""Storage in memory, for clusters that live in one process."""

from __future__ import annotations

from typing import Any

from gevent import get_hub
from pykka import ActorRef

from raft.actor import Persisted
from raft.entries import Entry
from raft.ready import Restored, Write


class MemoryStorage:
    """The disk of one member of a local cluster.

    It survives the death of its node: kept by whoever restarts the node, it gives back all that had been reported as
    persisted. It does not survive the end of the process; whoever needs that needs a disk.

    Like a disk it takes its time. A write becomes durable, and is reported, when the event loop comes round; writes
    that a crash overtakes are lost.
    """

    def __init__(self) -> None:
        self._term = 0
        self._vote: str | None = None
        self._entries: list[Entry] = []  # _entries[i] has index i + 1
        self._mailbox: ActorRef[Any] | None = None
        self._pending: list[Write] = []
        self._sync: Any = None  # the call of _complete that the loop will make

    def load(self) -> Restored:
        """Return what is durable."""
        return Restored(self._term, self._vote, tuple(self._entries))

    def open(self, mailbox: ActorRef[Any]) -> None:
        """Report completed writes to `mailbox` from now on."""
        self._mailbox = mailbox

    def write(self, write: Write) -> None:
        """Begin a write; `Persisted` follows when the loop comes round, once for each write and in their order."""
        self._pending.append(write)
        if self._sync is None:
            self._sync = get_hub().loop.run_callback(self._complete)

    def close(self) -> None:
        """Report nothing more and lose the writes under way; may be called when not open."""
        if self._sync is not None:
            self._sync.stop()
            self._sync = None
        self._pending = []
        self._mailbox = None

    def _complete(self) -> None:
        self._sync = None
        pending = self._pending
        self._pending = []
        for write in pending:
            self._store(write)
            if self._mailbox is not None:
                self._mailbox.tell(Persisted(write.number))

    def _store(self, write: Write) -> None:
        if write.term is not None:
            self._term = write.term
            self._vote = write.vote
        if write.entries:
            del self._entries[write.entries[0].index - 1 :]
            self._entries.extend(write.entries)
