"""What a node sends: at once, or once the write that makes it true is durable.

A vote, an acknowledgement, or any message that states a term, must not leave before the disk holds what it says
(contract E1). It is held here until the write that carries it has completed, and dies with the term and the role in
which it was made.
"""

from .messages import PreVoteReply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .messages import Message
    from .node import Node


class Outbox:
    """The messages of one node that have not left yet.

    Args:
        node: the node.
    """

    def __init__(self, node: "Node") -> None:
        self._node = node
        self._messages: "list[tuple[str, Message]]" = []
        # What waits for a write, by the write's number, receiver and handler: of each kind only the newest is kept, so
        # that a disk that stalls for long does not pile up answers.
        self._held: "dict[tuple[int, str, str], Message]" = {}
        self._ballot_changed = False  # term or vote differ from what the newest write carries
        self._ballot_write = 0  # the write that carries the current term and vote
        self._term_changed = False  # the term differs from what the newest write carries
        self._term_write = 0  # the first write that carries the current term

    # Sending

    def send(self, receiver: str, message: "Message") -> None:
        """Send a message that promises nothing: it may leave at once."""
        self._node.identity.sign(message)
        self._messages.append((receiver, message))
        if self._node.watch.traces:
            self._node.watch.sent(receiver, message)

    def send_in_term(self, receiver: str, message: "Message") -> None:
        """Send a message once the term that it states is durable; usually that is at once."""
        issued = self._node.log.writes.issued
        self._send_after(issued + 1 if self._term_changed else self._term_write, receiver, message)

    def send_when_durable(self, receiver: str, message: "Message") -> None:
        """Send a message once all of the present term, vote and log is durable (contract E1)."""
        issued = self._node.log.writes.issued
        changed = self._ballot_changed or self._node.log.has_unstaged
        self._send_after(issued + 1 if changed else issued, receiver, message)

    def _send_after(self, write: int, receiver: str, message: "Message") -> None:
        if write <= self._node.log.writes.done:
            self.send(receiver, message)
            return
        held = (write, receiver, message.handler)
        older = self._held.get(held)
        if older is None or message.supersedes(older):
            self._held[held] = message

    def persisted(self, done: int) -> None:
        """Let go what waited for a write up to this number."""
        for held in sorted(self._held):
            if held[0] > done:
                break
            self.send(held[1], self._held.pop(held))

    def drop_held(self) -> None:
        """Forget what waits for a write: it is no longer what the node would say."""
        self._held = {}

    def take_back_pre_votes(self) -> None:
        """Send no answer to a pre-vote request that still waits for the disk: it is no longer what this node thinks."""
        for held in sorted(self._held):
            if held[2] == PreVoteReply.handler:
                del self._held[held]

    @property
    def is_empty(self) -> bool:
        """Whether nothing may leave now."""
        return not self._messages

    def take(self) -> "list[tuple[str, Message]]":
        """Return, once, the messages that may leave now, each with its receiver."""
        messages = self._messages
        self._messages = []
        return messages

    # Term and vote

    def term_entered(self) -> None:
        """The node is in another term: what was to be said in the old one is not said."""
        self._ballot_changed = True
        self._term_changed = True
        self._held = {}

    def vote_cast(self) -> None:
        """The node has spent its vote."""
        self._ballot_changed = True

    @property
    def ballot_is_unstaged(self) -> bool:
        """Whether no write carries the present term and vote yet."""
        return self._ballot_changed

    @property
    def ballot_is_durable(self) -> bool:
        """Whether the present term and vote are on disk."""
        return not self._ballot_changed and self._ballot_write <= self._node.log.writes.done

    def stage_ballot(self, write: int) -> bool:
        """Return whether the write of this number must carry term and vote."""
        if not self._ballot_changed:
            return False
        self._ballot_changed = False
        self._ballot_write = write
        if self._term_changed:
            self._term_changed = False
            self._term_write = write
        return True
