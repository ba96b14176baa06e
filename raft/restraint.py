"""What keeps a node from campaigning, and from electing others.

A promise binds it: with leases every voter that hears its leader promises to elect nobody for a while, and to campaign
in no such time itself (contract L2). Its own disk may stand still: whoever leads with such a disk helps nobody (D4).
And it may be no voter that can lead, or not the incarnation of its id that the configuration speaks of.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .node import Node


class Restraint:
    """The restraint of one node.

    Args:
        node: the node.
        now: milliseconds; when the node started.
        has_past: whether the node has a past that it may have promised something in. What was promised before a restart
            is not remembered, so nothing is granted until it must be over (contract E10).

    Attributes:
        promised_until_ms: until then this node elects nobody and does not campaign, save in a transfer.
    """

    def __init__(self, node: "Node", now: int, has_past: bool) -> None:
        self._node = node
        self.promised_until_ms = now + node.config.lease_promise_ms if has_past else 0

    def promise(self, now: int) -> int:
        """Promise to elect nobody for a while, and return for how many milliseconds."""
        promise_ms = self._node.config.lease_promise_ms
        self.promised_until_ms = max(self.promised_until_ms, now + promise_ms)
        return promise_ms

    @property
    def may_campaign(self) -> bool:
        """Whether this member is a voter that can lead, and the one that the configuration speaks of.

        Who has heard of its removal, and not of the commit of it, may be the only one whose log is good enough: it
        campaigns all the same (thesis section 4.2.2).
        """
        node = self._node
        incarnation = node.identity.incarnation
        bound = node.configuration.incarnations.get(node.id, incarnation)
        known = node.log.configurations
        may_lead = node.configuration.may_lead(node.id)
        if not may_lead and known.newest_index > node.log.commit_index:
            may_lead = known.at(node.log.commit_index).may_lead(node.id)
        return may_lead and bound == incarnation

    def disk_is_stalled(self, now: int) -> bool:
        """Whether a write of this node's is under way and none was done for an election timeout."""
        since = self._node.log.writes.waiting_since_ms
        return since is not None and now - since > self._node.config.election_timeout_ms

    def holds_until(self, now: int) -> "int | None":
        """Return when to try again if the node must not campaign now, else None."""
        if now < self.promised_until_ms:
            return self.promised_until_ms
        if self.disk_is_stalled(now):
            return now + self._node.config.election_timeout_ms
        return None

    def draw_timeout(self) -> int:
        """Draw an election timeout from [E, 2E) milliseconds, so that rarely two members time out together.

        Whoever is wanted less as leader than other voters waits longer, by at most E (contract E12), and by another E
        whose disk is full: it leads only where nobody else can (D2).
        """
        node = self._node
        configuration = node.configuration
        timeout_ms = node.config.election_timeout_ms
        own = configuration.priority(node.id)
        wanted_more = [voter for voter in configuration.voters if configuration.priority(voter) > own]
        deference_ms = timeout_ms * len(wanted_more) // max(len(configuration.voters), 1)
        if node.room.is_full:
            deference_ms += timeout_ms
        return timeout_ms + node.prng.below(timeout_ms) + deference_ms
