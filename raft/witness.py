"""When a leader sends its witnesses what (contract M8).

A witness votes by the log that it holds, so what it holds in advance of the full voters can keep them from being
elected when the leader fails. Therefore, in *normal* mode, a witness is sent only what the full voters have committed
by themselves, and any one of two full voters and a witness may be lost for good. When a full voter that is needed for
that is not heard, the leader is in *degraded* mode: it sends the witness all that is on some full voter's disk, its own
included, and counts it.

Safety never rests on this: a witness is counted by what it holds, in any mode, like every voter.
"""

from .quorum import majority

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .leader import Leader


class WitnessMachine:
    """The state machine of a witness, which has none: nothing in, nothing out."""

    def apply(self, entry) -> None:
        """Ignore a command, of which a witness has only index and term."""

    def snapshot(self):
        """Return the content of a snapshot: nothing."""
        return ()

    def restore(self, chunks) -> None:
        """Come back from nothing."""


class WitnessMode:
    """The mode of one leader.

    Args:
        leader: the leader.

    Attributes:
        degraded: whether some witness holds, or is being sent, what the full voters have not committed by themselves.
    """

    def __init__(self, leader: "Leader") -> None:
        self._leader = leader
        self._sends_all = False
        self._sent_index = 0  # how far some witness was sent
        self._close_index = 0  # the commit index of a while ago: full voters that hold it are close behind
        self.degraded = False

    def update(self, now: int) -> None:
        """Look which full voters are heard, and how far they are."""
        configuration = self._leader.node.configuration
        if not configuration.witnesses:
            self._sends_all = self.degraded = False
            return
        held = self._held_by_full_voters()
        if not self._full_voters_suffice(now):
            self._sends_all = True
        elif held >= self._close_index:
            self._sends_all = False
        self.degraded = self._sends_all or self._sent_index > held

    def beat(self) -> None:
        """Note, once a round of heartbeats, how far the log is committed."""
        self._close_index = self._leader.node.log.commit_index

    def limit(self) -> int:
        """Return the last entry that a witness may be sent now."""
        leader = self._leader
        configuration = leader.node.configuration
        if not self._sends_all:
            return min(leader.node.log.commit_index, self._held_by_full_voters())
        # What no full voter has on its disk, the leader included, might be lost with the leader, and then the witness
        # would be ahead of everybody who could be elected, for ever.
        return max([leader.match_of(member) for member in configuration.members if configuration.may_lead(member)])

    def sent(self, last_index: int) -> None:
        """Note how far a witness was sent."""
        self._sent_index = max(self._sent_index, last_index)

    def _full_voters_suffice(self, now: int) -> bool:
        """Whether in each half enough full voters are heard for a majority without witnesses.

        One that has echoed nothing since the election counts as not heard: it may never do so.
        """
        leader = self._leader
        configuration = leader.node.configuration
        for half in configuration.halves:
            heard = [voter for voter in configuration.full_voters(half) if leader.hears(voter, now)]
            if len(heard) < majority(len(half)):
                return False
        return True

    def _held_by_full_voters(self) -> int:
        """Return the highest index that in each half a majority holds without any witness."""
        leader = self._leader
        configuration = leader.node.configuration
        lowest = leader.node.log.last_index
        for half in configuration.halves:
            held = sorted([leader.match_of(voter) for voter in configuration.full_voters(half)])
            needed = majority(len(half))
            lowest = min(lowest, held[len(held) - needed] if needed <= len(held) else 0)
        return lowest
