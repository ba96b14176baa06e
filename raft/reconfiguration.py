"""How a leader carries a change of membership through (thesis section 4).

New voters first catch up as learners, in rounds: each brings what the log had when it began, and a round shorter than
an election timeout shows that the next will be short too (section 4.2.1). Then the new configuration is entered,
directly or by way of a joint one, which the leader leaves once it is committed (section 4.3). Every leader leaves a
joint configuration that it finds in its log, whoever entered it.
"""

from .changes import changed, next_step, with_learners
from .entries import CONFIGURATION
from .errors import (
    ChangeInProgress,
    InvalidChange,
    InvalidConfig,
    MemberTooOld,
    NotCaughtUp,
    OutcomeUnknown,
    TermNotCommitted,
    TransferInProgress,
)
from .features import BASE_LEVEL
from .upgrade import Upgrade

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .changes import Change
    from .leader import Leader
    from .membership import Configuration

MAX_ROUNDS = 10
STUCK_TIMEOUTS = 10  # election timeouts without any progress after which a new voter is given up


class CatchUp:
    """A future voter on its way to the end of the log.

    Attributes:
        member: its id.
        goal: the round under way is over when it holds this entry.
        began_ms: when that round began.
        asked_ms: when the first one did.
        rounds: how many were too long.
    """

    __slots__ = ("asked_ms", "began_ms", "goal", "member", "rounds")

    def __init__(self, member: str, goal: int, now: int) -> None:
        self.member = member
        self.goal = goal
        self.began_ms = now
        self.asked_ms = now
        self.rounds = 0


class Reconfiguration:
    """The change of membership that a leader carries through, if any.

    Args:
        leader: the leader.

    Attributes:
        ticket: names the change in the answer; 0 when nobody waits for one.
        upgrade: raises the feature level while no change is under way.
    """

    def __init__(self, leader: "Leader") -> None:
        self._leader = leader
        self.ticket = 0
        self.upgrade = Upgrade(leader)
        self._target: "Configuration | None" = None  # what is to be entered when all have caught up
        self._catching_up: "list[CatchUp]" = []
        self._final_index = 0  # the entry that ends the change under way, once it is in the log
        self._handed_over = False  # whether a leader that is removed has tried to hand over

    def begin(self, changes: "list[Change]", ticket: int, now: int) -> None:
        """Begin a change; its end is answered under the ticket.

        Raises:
            ChangeRefused: one of its kinds; nothing has changed.
            TransferInProgress: the next leader will take it.
        """
        leader = self._leader
        node = leader.node
        known = node.log.configurations
        if node.transfer is not None:
            raise TransferInProgress(node.transfer.target)
        if not leader.has_committed:
            raise TermNotCommitted(node.term)
        if known.newest.joint or known.newest_index > node.log.commit_index:
            raise ChangeInProgress(known.newest_index)
        if self._target is not None:
            raise ChangeInProgress(0)
        configuration = known.newest
        target = changed(configuration, changes)
        if target == configuration:
            node.answer(ticket, None, known.newest_index)
            return
        future = [voter for voter in target.voters if voter not in configuration.voters]
        strangers = [voter for voter in future if voter not in configuration.members]
        try:
            joined = with_learners(configuration, target, strangers)
            next_step(joined, target, node.id)
            problem = None
        except InvalidConfig as error:
            problem = error
        if problem is not None:
            raise InvalidChange(str(problem.value), f"on the way {problem.field} must be {problem.bound}")
        self.ticket = ticket
        self._target = target
        self._final_index = 0
        node.watch.change_begun(target)
        if strangers:
            self._enter(joined, now)
            if joined.feature_level > BASE_LEVEL:
                leader.beat(now)  # whose program is too old stops at the first entries: let it tell its level before
        self._catching_up = [CatchUp(voter, leader.sendable_to(voter), now) for voter in future]

    def advance(self, now: int) -> bool:
        """Take the next step if it is due; return False when that was the last one of this leader."""
        leader = self._leader
        node = leader.node
        known = node.log.configurations
        committed = known.newest_index <= node.log.commit_index
        if self._catching_up:
            self._follow_rounds(now)
        if not committed or not leader.has_committed:
            return True
        if self._target is not None and not self._catching_up:
            if node.transfer is not None:
                return True  # with an entry more the target's log would not be long enough any more
            # Who was bound to an incarnation meanwhile stays bound.
            bound = dict(self._target.incarnations)
            bound.update(known.newest.incarnations)
            target = self._target.replaced(incarnations=bound, cluster=known.newest.cluster)
            self._target = None
            step = next_step(known.newest, target, node.id)
            index = self._enter(step, now)
            self._final_index = 0 if step.joint else index
            return True
        if known.newest.joint:
            if self._has_handed_over(now):
                self._final_index = self._enter(known.newest.left(), now)
            return True
        if self.ticket and self._final_index and self._final_index <= node.log.commit_index:
            node.answer(self.ticket, None, self._final_index)
            node.watch.change_ended(self._final_index, None)
            self.ticket = 0
        if known.newest.votes(node.id):
            if self._target is None and node.transfer is None:
                self.upgrade.advance(now)
            return True
        # The leader is no voter any more, and what says so is committed: its work is done (thesis section 4.2.2).
        leader.succession.resign(now)
        node.become_follower(node.term, None, now, "it is no voter any more")
        return False

    def _enter(self, configuration: "Configuration", now: int) -> int:
        return self._leader.append(CONFIGURATION, configuration.encode(), now)

    def _follow_rounds(self, now: int) -> None:
        leader = self._leader
        timeout_ms = leader.node.config.election_timeout_ms
        for one in list(self._catching_up):
            progress = leader.progress.get(one.member)
            if progress is None:
                continue
            level = leader.node.configuration.feature_level
            # Its program may have been replaced shortly before: only what it says since it is to be a voter counts.
            told = progress.feature_level if progress.heard_ms >= one.asked_ms else 0
            if 0 < told < level:
                self._fail(MemberTooOld(one.member, level, told))
                return
            is_short = now - one.began_ms < timeout_ms
            if progress.match_index >= one.goal and is_short and max(told, BASE_LEVEL) >= level:
                self._catching_up.remove(one)
                leader.node.watch.caught_up(one.member, progress.match_index)
            elif progress.match_index >= one.goal and not is_short:
                one.rounds += 1
                one.goal = leader.sendable_to(one.member)
                one.began_ms = now
            patience_ms = STUCK_TIMEOUTS * timeout_ms
            is_stuck = now - one.asked_ms >= patience_ms and progress.is_stuck(now, patience_ms)
            if one.rounds >= MAX_ROUNDS or is_stuck:
                self._fail(NotCaughtUp(one.member, progress.match_index, leader.node.log.last_index))
                return

    def _has_handed_over(self, now: int) -> bool:
        """Whether a leader that the joint configuration removes has tried to hand over first (contract M5)."""
        leader = self._leader
        node = leader.node
        if node.id in node.configuration.voters:
            return True
        if node.transfer is None and not self._handed_over:
            self._handed_over = True
            target = leader.succession.best(now)
            if target is not None:
                leader.succession.begin(0, target, now)
        return node.transfer is None

    def _fail(self, error: Exception) -> None:
        ticket, self.ticket = self.ticket, 0
        self._target = None
        self._catching_up = []
        if ticket:
            self._leader.node.answer(ticket, error, None)
            self._leader.node.watch.change_ended(0, error)

    def abandon(self) -> None:
        """Leadership is lost: whether the change comes about is up to the next leader."""
        self._fail(OutcomeUnknown("leadership was lost while the members were changed"))
