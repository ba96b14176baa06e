"""The news of a commit, which followers need in order to apply what they hold.

Entries that are on their way anyway bring it for nothing, while by itself it costs every follower a message and a turn
for each commit. So it is kept for a moment: while entries keep coming it goes with them, and when they end it follows
soon. A round of heartbeats takes it along, so a read at a follower, which waits for a round, does not wait for this,
unless as much is on its way to that follower as may be.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .node import Node


class News:
    """Whether there is news that followers were not told yet, and when they must be (see `Config.commit_delay_ms`).

    Args:
        node: the node that leads.

    Attributes:
        due_ms: when they are told, at the latest; None while there is no news.
    """

    def __init__(self, node: "Node") -> None:
        self._node = node
        self._is_kept = False  # from some follower in this turn
        self.due_ms: "int | None" = None

    def is_due(self, now: int) -> bool:
        """Whether news that some follower was not told must be told by itself now; if not, it is kept."""
        may_wait = self._node.config.commit_delay_ms > 0 and (self.due_ms is None or now < self.due_ms)
        self._is_kept = self._is_kept or may_wait
        return not may_wait

    def settle(self, now: int) -> None:
        """End a turn: what some follower was not told is told once it is due."""
        if not self._is_kept:
            self.due_ms = None
        elif self.due_ms is None:
            self.due_ms = now + self._node.config.commit_delay_ms
        self._is_kept = False

    def hurry(self, now: int) -> None:
        """Let followers be told now."""
        self.due_ms = now
