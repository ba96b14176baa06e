"""Reads that see every write acknowledged before them, without a place in the log (thesis section 6.4).

A read is safe at the leader's commit index once the leader has shown that it still leads: a quorum has echoed a round
of heartbeats that was *sent after the read arrived* (ReadIndex). A follower asks its leader for such an index. With
leases a leader need not ask each time: every echo carries its voter's promise to elect nobody else for a while, so
until the promises of a quorum run out no other leader can be there (thesis section 6.4.1).

No read is dropped silently: each is answered with an index, to be served once that is applied, or with an error.
"""

from .errors import ReadFailed, TooManyReads
from .round_messages import ReadReply, ReadRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .leader import Leader
    from .node import Node

PATIENCE_TIMEOUTS = 4  # election timeouts after which a read is given up: time for an election and another round


class Read:
    """One read of this node's own client.

    Attributes:
        ticket: names it in the answer.
        by_lease: whether a lease is enough.
        deadline: when it is given up, in milliseconds.
        index: it may be served once this is applied; None while that is not known.
    """

    __slots__ = ("by_lease", "deadline", "index", "ticket")

    def __init__(self, ticket: int, by_lease: bool, deadline: int) -> None:
        self.ticket = ticket
        self.by_lease = by_lease
        self.deadline = deadline
        self.index: "int | None" = None


class Reads:
    """The reads of one node, whatever its role: not asked for yet, under way, or waiting for their index.

    Args:
        node: the node.

    Attributes:
        current_ms: when the state machine was last known to have all that was committed, None for never.
        served: how many were served after a quorum was asked.
        served_by_lease: how many were served by a lease.
    """

    def __init__(self, node: "Node") -> None:
        self._node = node
        self._fresh: "list[Read]" = []  # nobody was asked yet
        self._asked: "list[Read]" = []  # the leader was asked, or a quorum
        self._leased: "list[Read]" = []  # a lease stands for them, as long as it holds
        self._confirmed: "list[Read]" = []  # their index only has to be applied
        # Batches are numbered from a number drawn at each start: no reply to an earlier run answers a read of this one.
        self._nonce = node.prng.draw()
        self._batch = 0
        self._asked_ms = 0
        self.current_ms: "int | None" = None
        # What was committed at some moment, and the moment, while the state machine has not come to it.
        self._expected: "tuple[int, int] | None" = None
        self.served = 0
        self.served_by_lease = 0

    def staleness_ms(self, now: int) -> "int | None":
        """Return how old what is read without asking anybody may be; see `Node.staleness_ms`."""
        leader = self._node.leading
        if leader is not None:
            self.note_current(leader, now)
        return None if self.current_ms is None else now - self.current_ms

    def note_current(self, leader: "Leader", now: int) -> None:
        """Note since when this leader may not have all that was committed; once it leads no more nobody can tell."""
        if self._node.log.applied_index >= freshness_index(leader):
            # Somebody else may lead since, and have committed more, but not before a quorum was last heard.
            self.current_ms = leader.quorum_heard_ms(now)

    def add(self, by_lease: bool, now: int) -> int:
        """Take a read and return its ticket.

        Raises:
            TooManyReads: when `Config.max_pending_reads` wait already.
        """
        config = self._node.config
        pending = len(self._fresh) + len(self._asked) + len(self._leased) + len(self._confirmed)
        if pending >= config.max_pending_reads:
            raise TooManyReads(pending, config.max_pending_reads)
        read = Read(self._node.draw_ticket(), by_lease, now + PATIENCE_TIMEOUTS * config.election_timeout_ms)
        leader = self._node.leading
        if by_lease and leader is not None and leader.lease_holds(now):
            read.index = self._node.log.commit_index
            self._leased.append(read)
        else:
            self._fresh.append(read)
        return read.ticket

    @property
    def wait(self) -> bool:
        """Whether any read waits to be served."""
        return bool(self._fresh or self._asked or self._leased or self._confirmed)

    # Time

    @property
    def deadline(self) -> "int | None":
        """When the oldest read is given up, or None when there is none. The first of each list is its oldest."""
        oldest: "int | None" = None
        if not self.wait:
            return oldest
        for reads in (self._fresh, self._asked, self._leased, self._confirmed):
            if reads and (oldest is None or reads[0].deadline < oldest):
                oldest = reads[0].deadline
        return oldest

    def give_up(self, now: int) -> None:
        """Answer the reads that have waited too long with an error."""
        self._fresh = self._given_up(self._fresh, now)
        self._asked = self._given_up(self._asked, now)
        self._leased = self._given_up(self._leased, now)
        self._confirmed = self._given_up(self._confirmed, now)

    def _given_up(self, reads: "list[Read]", now: int) -> "list[Read]":
        if not reads or reads[0].deadline > now:
            return reads
        for read in reads:
            if read.deadline <= now:
                self._node.answer(read.ticket, ReadFailed("no leader has confirmed it in time"), None)
        return [read for read in reads if read.deadline > now]

    def ask_anew(self) -> None:
        """Whoever was to confirm what was asked may not lead any more: ask again, the next leader."""
        for read in self._leased:
            read.index = None
        self._fresh = sorted(self._leased + self._asked + self._fresh, key=lambda read: read.ticket)
        self._leased = []
        self._asked = []

    def heard_commit(self, index: int, now: int) -> None:
        """Note that all that is committed now ends with `index`, as the leader says."""
        if index <= self._node.log.applied_index:
            self._expected = None
            self.current_ms = now
        elif self._expected is None:
            self._expected = (index, now)

    def applied(self, index: int) -> None:
        """Note that the state machine has come to `index`."""
        if self._expected is not None and self._expected[0] <= index:
            self.current_ms = max(self._expected[1], self.current_ms or 0)
            self._expected = None

    # Asking

    @property
    def are_fresh(self) -> bool:
        """Whether there are reads that nobody was asked about yet."""
        return bool(self._fresh)

    def ask_leader(self, leader: str, now: int) -> None:
        """Send a request for all that is fresh, one batch at a time; repeat one that seems lost."""
        node = self._node
        if self._asked:
            if now - self._asked_ms < node.config.retry_ms:
                return
        elif self._fresh:
            self._asked = self._fresh
            self._fresh = []
            self._batch += 1
        else:
            return
        self._asked_ms = now
        node.outbox.send_in_term(leader, ReadRequest(node.id, node.term, self._nonce, self._batch))

    def on_reply(self, message: ReadReply) -> None:
        """Take the leader's answer to the batch under way."""
        if message.nonce == self._nonce and message.number == self._batch:
            self.confirm(self._asked, message.index)

    def ask_quorum(self) -> "list[Read]":
        """Return what is fresh, for a round of heartbeats that begins now."""
        fresh = self._fresh
        self._fresh = []
        self._asked += fresh
        return fresh

    def confirm(self, reads: "list[Read]", index: int) -> None:
        """Note that these reads may be served once `index` is applied."""
        for read in reads:
            read.index = index
        self._confirmed += [read for read in self._asked if read.index is not None]
        self._asked = [read for read in self._asked if read.index is None]

    # Serving

    @property
    def can_serve(self) -> bool:
        """Whether `serve` would answer a read."""
        if not self._confirmed and not self._leased:
            return False
        applied = self._node.log.applied_index
        return any(_is_due(read, applied) for read in self._confirmed + self._leased)

    def serve(self, now: int) -> None:
        """Answer the reads whose index is applied. A lease must hold *now*, not only when the read came (L2)."""
        applied = self._node.log.applied_index
        for read in self._confirmed:
            if _is_due(read, applied):
                self.served += 1
                self._node.watch.read_served(read.ticket, applied, False)
                self._node.answer(read.ticket, None, read.index)
        self._confirmed = [read for read in self._confirmed if not _is_due(read, applied)]
        if not self._leased:
            return
        leader = self._node.leading
        if leader is None or not leader.lease_holds(now):
            self.ask_anew()
        for read in self._leased:
            if _is_due(read, applied):
                self.served_by_lease += 1
                self._node.watch.read_served(read.ticket, applied, True)
                self._node.answer(read.ticket, None, read.index)
        self._leased = [read for read in self._leased if not _is_due(read, applied)]


def _is_due(read: Read, applied_index: int) -> bool:
    return read.index is not None and read.index <= applied_index


def freshness_index(leader: "Leader") -> int:
    """Return up to where a state machine must have come to miss nothing that is committed by now.

    A leader that has committed nothing in its term does not know what its predecessors have; all of it lies before its
    first entry.
    """
    return leader.node.log.commit_index if leader.has_committed else leader.first_index


class Round:
    """A round of heartbeats that stands for reads.

    Attributes:
        number: of the round.
        index: the commit index when it was sent.
        reads: the leader's own.
        requests: those of followers, as (follower, nonce, number).
    """

    __slots__ = ("index", "number", "reads", "requests")

    def __init__(self, number: int, index: int, reads: "list[Read]", requests: "list[tuple[str, int, int]]") -> None:
        self.number = number
        self.index = index
        self.reads = reads
        self.requests = requests


class ReadRounds:
    """The leader's side of ReadIndex: reads that arrive while a round is under way wait, and share the next one.

    Args:
        leader: the leader.
    """

    def __init__(self, leader: "Leader") -> None:
        self._leader = leader
        self._requests: "list[tuple[str, int, int]]" = []
        self._rounds: "list[Round]" = []

    def request(self, message: ReadRequest) -> None:
        """Take a follower's request; of each follower only the newest one is under way."""
        self._requests = [request for request in self._requests if request[0] != message.sender]
        self._requests.append((message.sender, message.nonce, message.number))

    @property
    def want_round(self) -> bool:
        """Whether a round must be sent for the sake of reads alone.

        None before the first commit of the term: the leader does not know yet what its predecessors have committed
        (thesis section 6.4).
        """
        waiting = bool(self._requests) or self._leader.node.reads.are_fresh
        return waiting and not self._rounds and self._leader.has_committed

    def round_sent(self, number: int) -> None:
        """Let a round that was just sent stand for all that waits."""
        node = self._leader.node
        if self._leader.has_committed and (self._requests or node.reads.are_fresh):
            self._rounds.append(Round(number, node.log.commit_index, node.reads.ask_quorum(), self._requests))
            self._requests = []

    def echoed(self, number: int) -> None:
        """Note that a quorum has echoed the round of this number, or a later one: answer what it stands for."""
        node = self._leader.node
        while self._rounds and self._rounds[0].number <= number:
            done = self._rounds.pop(0)
            node.reads.confirm(done.reads, done.index)
            for follower, nonce, batch in done.requests:
                node.outbox.send(follower, ReadReply(node.id, node.term, nonce, batch, done.index))
