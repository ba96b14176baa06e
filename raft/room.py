"""Room on the own disk: nothing enters the log that the disk is not certain to take (contract D2).

The storage reserves space ahead and says how much it has. What is taken is counted against that at once, long before
it is written. Only commands are refused: what keeps the cluster alive (the no-op of a term, configurations) is small,
and goes into a reserve that the storage keeps back for it.
"""

from .entries import COMMAND
from .errors import NoSpace, Overloaded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .entries import Entry
    from .node import Node


class Room:
    """The room of one node.

    Args:
        node: the node.

    Attributes:
        limit_bytes: how many bytes of entries the storage takes, counted from the start of the node; None while it has
            not said, as storages without bounds never do.
        is_full: whether the disk is full, so that there will not soon be more.
    """

    __slots__ = ("_node", "is_full", "limit_bytes")

    def __init__(self, node: "Node") -> None:
        self._node = node
        self.limit_bytes: "int | None" = None
        self.is_full = False

    def note(self, limit_bytes: int, is_full: bool) -> None:
        """Take note of what the storage says. What was promised once is never taken back."""
        if self.limit_bytes is None or limit_bytes > self.limit_bytes:
            self.limit_bytes = limit_bytes
        if is_full != self.is_full:
            self.is_full = is_full
            self._node.watch.space_changed(is_full)

    def demand(self, size_bytes: int) -> None:
        """Refuse a command that there is no room for.

        Raises:
            NoSpace: the disk is full.
            Overloaded: it is not, but has not made room yet.
        """
        if self.limit_bytes is None:
            return
        log = self._node.log
        left = max(self.limit_bytes - log.taken_bytes, 0)
        if size_bytes <= left:
            return
        if self.is_full:
            raise NoSpace(size_bytes, left)
        raise Overloaded(log.unsettled_bytes, log.unsettled_bytes + left)

    def fitting(self, entries: "tuple[Entry, ...]") -> "tuple[Entry, ...]":
        """Return those of a leader's entries that can be taken: all up to the first command without room.

        What the log holds already needs none.
        """
        if self.limit_bytes is None:
            return entries
        log = self._node.log
        left = self.limit_bytes - log.taken_bytes
        is_new = False
        for position in range(len(entries)):
            entry = entries[position]
            is_new = is_new or not log.covers(entry)
            if is_new:
                left -= entry.size_bytes
                if left < 0 and entry.kind == COMMAND:
                    return entries[:position]
        return entries
