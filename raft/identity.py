"""Who speaks: ids can come back with other disks behind them, and whole clusters with other members.

Every storage draws a random *incarnation* when it is created, and the configuration binds each member's id to one. So a
node that returns under an old id with an empty disk, having forgotten what it promised, is refused (contract M6). A
cluster draws an id for itself when its first leader binds its members, and another one when it is recovered after the
loss of its quorum; members of the old one are refused from then on (M9).
"""

from .errors import WrongKind
from .messages import WrongIncarnation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .messages import Message
    from .node import Node


class Identity:
    """Who one node is, and whom it believes.

    Args:
        node: the node.
        incarnation: that of its storage, 0 for none.
        is_witness: whether its storage was made for a witness; None when it does not tell.
        cluster: the id of the cluster that its storage holds, 0 for none.

    Attributes:
        incarnation: as above.
        cluster: the id of the cluster, once it is known to be committed; 0 before. One that is not committed may be
            taken back, and two leaders may have drawn different ones. It is stored, since what was committed is not
            known any more after a restart, and it never changes while the node runs.
    """

    def __init__(self, node: "Node", incarnation: int, is_witness: "bool | None", cluster: int) -> None:
        self._node = node
        self._is_witness = is_witness
        self.incarnation = incarnation
        self.cluster = self._stored = cluster
        self._known_index = -1  # up to here committed configurations have been looked at
        self.follow_commit()
        self.check_kind()

    def check_kind(self) -> None:
        """Stop the node if it is to be a witness and its storage is a full member's, or the other way round (M8).

        What a witness has stored has no payloads: as a full member it would lead with empty commands.

        Raises:
            WrongKind: the node must be stopped.
        """
        node = self._node
        is_witness = node.id in node.configuration.witnesses
        if self._is_witness is not None and node.id in node.configuration.members and is_witness != self._is_witness:
            raise WrongKind(node.id, is_witness)

    def follow_commit(self) -> None:
        """Take up the cluster's id when the configuration that brings it is committed."""
        log = self._node.log
        if not self.cluster and log.commit_index > self._known_index:
            self._known_index = log.commit_index
            self.cluster = log.configurations.at(log.commit_index).cluster

    def stage(self) -> int:
        """Return the cluster's id for a write to carry, 0 when it is stored already."""
        if self._stored == self.cluster:
            return 0
        self._stored = self.cluster
        return self.cluster

    def sign(self, message: "Message") -> None:
        """Write into a message who sends it."""
        if self.incarnation:
            message.incarnation = self.incarnation
            message.cluster = self.cluster

    def knows(self, message: "Message", now: int) -> bool:
        """Whether a message may be believed to come from the member that it names; if not, count it and say so."""
        node = self._node
        sender = message.sender
        bound = node.configuration.incarnations.get(sender, 0)
        is_member = sender in node.configuration.members
        # A stranger may be a member that this node has not heard of, but then it knows the cluster, as this node does.
        if self.cluster and message.cluster != self.cluster and (message.cluster or not is_member):
            node.drop("another cluster", sender)
        elif sender == node.id or (not is_member and not message.from_anyone):
            node.drop("stranger", sender)
        elif bound and message.incarnation != bound and not self._is_behind(message):
            node.drop("wrong incarnation", sender)
            if not isinstance(message, WrongIncarnation):
                node.outbox.send(sender, WrongIncarnation(node.id, max(node.term, 1), bound))
        else:
            if not bound and message.incarnation:
                node.role.on_unbound(message, now)
            return True
        return False

    def _is_behind(self, message: "Message") -> bool:
        """Whether a leader of this very cluster speaks who may know of a later binding than this node does.

        A node that holds an entry of the leader's term holds all that the leader's log had before (S3), so its own
        binding counts; one that does not may miss just the entries that the leader is about to send. But members whose
        disks came back empty may have elected each other: they know nothing of the cluster, or are another one.
        """
        node = self._node
        known = node.configuration.cluster
        return message.from_leader and message.term > node.log.last_term and message.cluster == known != 0

    def draw(self) -> int:
        """Draw the id of a new cluster: 64 bits, never 0."""
        prng = self._node.prng
        return (prng.draw() << 34 | prng.draw() << 4 | prng.below(16)) or 1
