"""The two steps of an election: asking whether one could win, then asking for votes.

A pre-candidate has changed nothing, not even its own term; only when a majority would vote for it does it become a
candidate, which raises the term (thesis section 9.6). So a node that was cut off comes back without deposing anybody.
"""

from .messages import PreVoteRequest, VoteRequest
from .quorum import LOST, WON, tally
from .role import Role

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .messages import PreVoteReply, VoteReply
    from .node import Node


class PreCandidate(Role):
    """A node that asks whether it would be elected. It knows no leader: that is why it asks."""

    name = "pre-candidate"

    def __init__(self, node: "Node", now: int) -> None:
        Role.__init__(self, node)
        # A number of its own for each round of asking: a late answer to an earlier round says nothing about now,
        # and unlike votes, pre-votes are not bound to a term (contract E2).
        self.campaign = node.prng.draw()
        self.granted = {node.id: True}
        self.deadline = now + node.restraint.draw_timeout()

    def start(self, now: int) -> None:
        """Ask every other voter; alone, win at once."""
        node = self.node
        node.watch.campaign_begun(node.term + 1, "pre-vote")
        request = PreVoteRequest(node.id, node.term + 1, self.campaign, node.log.last_index, node.log.last_term)
        for voter in node.other_voters:
            node.outbox.send(voter, request)
        self._count(now)

    def on_vote_granted(self, now: int) -> None:
        """Somebody got further than asking: let it win."""
        self.node.become_follower(self.node.term, None, now, "voted for another")

    def on_deadline(self, now: int) -> None:
        """Nobody answered in time: ask again, under a new number."""
        self.node.campaign(now)

    def on_pre_vote_reply(self, message: "PreVoteReply", now: int) -> None:
        """Count an answer to this round; adopt a higher term that a refusal tells of (contract E3, E4)."""
        if message.campaign != self.campaign:
            return
        if message.granted:
            self.granted[message.sender] = True
        elif message.term > self.node.term:
            self.node.become_follower(message.term, None, now)
            return
        else:
            self.granted[message.sender] = False
        self._count(now)

    def _count(self, now: int) -> None:
        # A lost round is left to the deadline: to ask again at once would only repeat the answer.
        if tally(self.granted, self.node.configuration.halves) == WON:
            self.node.become_candidate(now)


class Candidate(Role):
    """A node that asks for votes in a new term. Its term names its campaign: it has only one in each.

    Args:
        node: the node.
        now: milliseconds.
        transfer: whether the leader told it to (contract L3).
    """

    name = "candidate"

    def __init__(self, node: "Node", now: int, transfer: bool) -> None:
        Role.__init__(self, node)
        self.votes: "dict[str, bool]" = {}
        self.deadline = now + node.restraint.draw_timeout()
        self._transfer = transfer
        self._incarnations = {node.id: node.identity.incarnation}  # of those that voted for it
        self._own_vote_counted = False

    def start(self, now: int) -> None:
        """Vote for itself and ask the others, all of it once the vote and the log advertised are durable.

        A request that went out earlier could be followed by a crash, and by a second campaign in the same term with a
        shorter log than the votes were given for (contract E1).
        """
        node = self.node
        node.watch.campaign_begun(node.term, "transfer" if self._transfer else "vote")
        request = VoteRequest(node.id, node.term, node.log.last_index, node.log.last_term, self._transfer)
        for voter in node.other_voters:
            node.outbox.send_when_durable(voter, request)

    def on_persisted(self, now: int) -> None:
        """The own vote counts like any other: when it is durable."""
        if not self._own_vote_counted and self.node.outbox.ballot_is_durable:
            self._own_vote_counted = True
            self.votes[self.node.id] = True
            self._count(now)

    def on_deadline(self, now: int) -> None:
        """A split vote, or no majority in reach: begin anew with pre-votes."""
        self.node.campaign(now)

    def on_vote_reply(self, message: "VoteReply", now: int) -> None:
        """Count one vote per voter: its first answer."""
        self.votes.setdefault(message.sender, message.granted)
        if message.granted:
            self._incarnations[message.sender] = message.incarnation
        self._count(now)

    def _count(self, now: int) -> None:
        outcome = tally(self.votes, self.node.configuration.halves)
        if outcome == WON:
            self.node.become_leader(now, self._incarnations)
        elif outcome == LOST:
            # The term cannot be won any more; wait for the winner, or for another timeout.
            self.node.become_follower(self.node.term, None, now, "a majority is out of reach")
