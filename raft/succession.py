"""How a leader hands over: on request, to a member that is wanted more, or because it can serve no longer.

The leader takes no proposals meanwhile, brings the target's log up to its own, and sends `TimeoutNow` (thesis section
3.10). The target campaigns without asking for pre-votes, and its vote requests carry a mark that passes stickiness and
promises. If it has not taken over within an election timeout, the leader resumes.
"""

from .errors import TransferRefused
from .messages import TimeoutNow
from .transfer import Transfer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .leader import Leader

LONGEST_BACK_OFF = 64  # election timeouts


class Succession:
    """Who follows one leader, and when.

    Args:
        leader: the leader.
        now: milliseconds.

    Attributes:
        told: whether somebody was told to campaign. From then on a delayed `TimeoutNow` may elect another leader at
            any time, so there are no more leases in this term (contract L2).
    """

    def __init__(self, leader: "Leader", now: int) -> None:
        self._leader = leader
        self._told_in_round = 0  # in which round of heartbeats the target was told last
        self._yield_pause_ms = leader.node.config.election_timeout_ms
        self._yield_after_ms = now + self._yield_pause_ms
        self.told = False

    def begin(self, ticket: int, target: "str | None", now: int) -> None:
        """Begin to hand over, to the best successor when no target is given (contract L3).

        Raises:
            TransferRefused: when there is no such successor, or another transfer is under way.
        """
        leader = self._leader
        node = leader.node
        if node.transfer is not None:
            raise TransferRefused(target, f"a transfer to {node.transfer.target} is under way")
        if target is None:
            target = self.best(now)
            if target is None:
                raise TransferRefused(None, "no other full voter is heard")
        elif target == node.id:
            raise TransferRefused(target, "it leads already")
        elif not node.configuration.may_lead(target):
            raise TransferRefused(target, "it is no voter with a state machine")
        leader.wake(now)
        self._told_in_round = 0
        node.transfer = Transfer(ticket, node.term, target, now + node.config.election_timeout_ms)
        node.watch.transfer_begun(target)

    def best(self, now: int, least_priority: int = 0) -> "str | None":
        """Return the full voter that is heard, has room, is wanted so much and has most of the log, or None."""
        leader = self._leader
        configuration = leader.node.configuration
        best: "tuple[int, int] | None" = None
        chosen = None
        for voter in configuration.voters:
            priority = configuration.priority(voter)
            if voter == leader.node.id or not configuration.may_lead(voter) or priority < least_priority:
                continue
            progress = leader.progress[voter]
            rank = (progress.match_index, priority)
            if leader.hears(voter, now) and not progress.no_room and (best is None or rank > best):
                best = rank
                chosen = voter
        return chosen

    def advance(self) -> None:
        """Tell the target to campaign once it holds the whole log; tell it again with each round of heartbeats."""
        leader = self._leader
        node = leader.node
        transfer = node.transfer
        if transfer is None or transfer.term != node.term or transfer.target not in leader.progress:
            return
        last_index = node.log.last_index
        if leader.progress[transfer.target].match_index == last_index and self._told_in_round < leader.round:
            self._told_in_round = leader.round
            self._tell(transfer.target, last_index)

    def resign(self, now: int) -> None:
        """Have the best successor campaign now, since this leader steps down, rather than after a timeout."""
        target = self.best(now)
        if target is not None:
            self._tell(target, self._leader.progress[target].match_index)

    def yield_to_better(self, now: int) -> None:
        """Hand over to a caught-up member that is wanted more as leader; wait longer after each attempt (E12).

        With a full disk this leader is wanted least: any other that has room can do better (D2).
        """
        leader = self._leader
        node = leader.node
        if now < self._yield_after_ms or node.transfer is not None or not leader.has_committed:
            return
        target = self.best(now, 0 if node.room.is_full else node.configuration.priority(node.id) + 1)
        if target is None or leader.progress[target].match_index < node.log.commit_index:
            return
        self._yield_pause_ms = min(2 * self._yield_pause_ms, LONGEST_BACK_OFF * node.config.election_timeout_ms)
        self._yield_after_ms = now + self._yield_pause_ms
        self.begin(0, target, now)

    def _tell(self, target: str, last_index: int) -> None:
        self.told = True
        node = self._leader.node
        node.outbox.send(target, TimeoutNow(node.id, node.term, last_index))
