"""A transfer of leadership, and how it ended (thesis section 3.10). How it is carried out: see `succession.py`."""

from .errors import TransferFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .node import Node


class Transfer:
    """A transfer under way, as the node that began it sees it, also when it does not lead any more.

    Attributes:
        ticket: names it in the answer; 0 when the node began it by itself.
        term: the term in which it began.
        target: the member that shall lead.
        deadline: when it is given up, in milliseconds.
    """

    __slots__ = ("deadline", "target", "term", "ticket")

    def __init__(self, ticket: int, term: int, target: str, deadline: int) -> None:
        self.ticket = ticket
        self.term = term
        self.target = target
        self.deadline = deadline

    def settle(self, node: "Node", now: int) -> bool:
        """Answer it if it is known how it ended; return whether it is over.

        It ends when somebody leads a later term, or when the time is up.
        """
        leader = node.role.leader
        if node.term > self.term and leader is not None:
            error = None if leader == self.target else TransferFailed(self.target, f"{leader} leads now")
        elif now >= self.deadline:
            error = TransferFailed(self.target, "it did not take over within an election timeout")
        else:
            return False
        node.watch.transfer_ended(self, error is None)
        if self.ticket:
            node.answer(self.ticket, error, leader)
        return True
