"""What happens by itself at some log time: the leader sees to it that log time goes on until then.

Log time passes with the entries only (see `Entry.stamp_ms`), so without commands nothing would ever be over. A state
machine that has a method `due` tells when something will be; the leader of that time then proposes a command which does
nothing but bring its stamp. Nobody polls: until something is due there is one alarm more.
"""

from .errors import ProposalRefused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .node import Node


class Due:
    """Lets log time go on for a state machine.

    Args:
        node: whose leadership counts.
        machine: the state machine (see `ports.StateMachine`).

    Attributes:
        is_timed: whether time means anything to the machine.
    """

    def __init__(self, node: "Node", machine) -> None:
        self._node = node
        self._machine = machine
        self.is_timed = hasattr(machine, "due")
        self._proposed: "tuple[int, int] | None" = None  # term and log time of the last proposal
        self._retry_ms: "int | None" = None  # when to try again after a refusal

    def settle(self, now: int) -> None:
        """Propose a stamp when one is due, and none is under way."""
        deadline = self.deadline(now)
        if deadline is None or deadline > now:
            return
        due_ms, command = self._machine.due()
        self._retry_ms = None
        try:
            self._node.propose(command, now)
            self._proposed = (self._node.term, due_ms)
        except ProposalRefused:
            self._retry_ms = now + self._node.config.heartbeat_interval_ms

    def deadline(self, now: int) -> "int | None":
        """Return when a stamp is due, in milliseconds, or None when that is not known or not for this node to do."""
        leader = self._node.leading
        if leader is None or not self.is_timed:
            return None
        due = self._machine.due()
        if due is None or self._proposed == (self._node.term, due[0]):
            return None
        deadline: int = now + max(0, due[0] - leader.log_time_ms(now))
        return deadline if self._retry_ms is None else max(deadline, self._retry_ms)
