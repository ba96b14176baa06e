"""Raft, one node of it.

Theory of operation
===================

A cluster keeps one log of commands in the same order on every member. Time is cut into *terms*, numbered upwards. In
each term at most one member, the *leader*, may add to the log; a term begins with an election (paper section 5).

Two numbers matter. The *term* says who is out of date: a message of a lower term is answered with the higher one and
otherwise ignored; a message of a higher term is adopted at once. The *commit index* says what is settled: every entry
up to it is durable on a majority and will be in the log of every later leader.

    follower ──no leader for a timeout──► pre-candidate ──a majority would vote──► candidate ──a majority did──► leader
       ▲                                        │                                     │                            │
       └────────────────── a leader of this term is heard, or a higher term, or (leader) no quorum ◄───────────────┘

What enters: messages of other members (`step`), the passing of time (`tick`), commands (`propose`), and what the
runtime has done since (`persisted`, `applied`). Whatever time can matter to carries `now`, milliseconds of one
monotonic clock; the node has no clock, socket, disk or thread, and calls nothing outside this package. What leaves is
handed out by `ready`, as values: one numbered write for the disk, messages, entries to apply, events. `deadline` says
when to tick next.

The disk is asynchronous. A leader sends entries while its own disk still writes them (thesis section 10.2.1), but
counts itself only afterwards; an answer that promises something (a vote, an acknowledgement) is held back here until
the write that makes it true has completed. Held messages die with the term and the role in which they were made.

Between any two calls these hold, and the simulator checks them after every event:

- term and vote change only in `_enter_term` and `cast_vote`; the term never falls, the vote is never taken back;
- a message that states a term leaves only when that term is durable (a leader's was, before it was elected);
- the role alone decides what a message means: one file per role, one method `on_...` per message;
- the indexes of the log are ordered as `log.py` says.
"""

from .candidate import Candidate, PreCandidate
from .config import Config
from .errors import InvalidConfig, InvalidRestore, NotLeader
from .follower import Follower
from .leader import Leader
from .log import Log
from .membership import Configuration
from .messages import (
    MESSAGES,
    Append,
    Heartbeat,
    HigherTerm,
    Message,
    PreVoteReply,
    SnapshotChunk,
    VoteRequest,
)
from .observer import MessageDropped, RoleChanged
from .prng import Prng
from .ready import Ready, Restored, Write
from .role import Role
from .snapshots import Snapshots
from .status import Status


class Node:
    """One member of a Raft cluster, as a pure state machine.

    Args:
        id: this member's id; must be in `configuration`.
        configuration: who takes part.
        config: timeouts and limits; the defaults when None.
        restored: what storage holds; a new node when None.
        seed: of the generator that draws the election timeouts and numbers the pre-votes; give each member, and each
            of its starts, another one.
        now: the time, milliseconds of a monotonic clock, 0 or more.

    Raises:
        InvalidConfig: when the id is not a member, or an argument is of the wrong kind.
        InvalidRestore: when the restored state contradicts itself.

    Attributes:
        term: the current term; 0 before the first election (paper section 5.1).
        vote: whom this node voted for in this term, or None.
        log: the log.
        snapshots: the snapshots: stored, received, installed.
        role: the role, an object of one of four classes.
        dropped: a dict from reason to how many messages were refused for it.
    """

    def __init__(
        self,
        id: str,
        configuration: Configuration,
        config: "Config | None" = None,
        restored: "Restored | None" = None,
        seed: int = 0,
        now: int = 0,
    ) -> None:
        if id not in configuration.members:
            raise InvalidConfig("id", id, "one of the members " + ", ".join(configuration.members))
        if restored is None:
            restored = Restored()
        self.id = id
        self.configuration = configuration
        if type(now) is not int or now < 0:
            raise InvalidConfig("now", now, "an integer number of milliseconds, 0 or more")
        self.config = Config() if config is None else config
        if not isinstance(self.config, Config):
            raise InvalidConfig("config", config, "a Config")
        snapshot = restored.snapshot
        base_index, base_term = restored.base
        self.log = Log(restored.entries, base_index, base_term, 0 if snapshot is None else snapshot.stamp_ms)
        if snapshot is not None:
            self.log.start_at_snapshot(snapshot.index, snapshot.term, snapshot.stamp_ms)
        elif base_index:
            raise InvalidRestore(f"the stored log begins behind entry {base_index}, and there is no snapshot")
        self.snapshots = Snapshots(self, snapshot)
        if type(restored.term) is not int or restored.term < self.log.last_term:
            raise InvalidRestore(f"term {restored.term} is below the log's last term {self.log.last_term}")
        if restored.vote is not None and (type(restored.vote) is not str or restored.term < 1):
            raise InvalidRestore(f"the vote in term {restored.term} is {restored.vote!r}, which is no member's id")
        self.term = restored.term
        self.vote = restored.vote
        self.prng = Prng(seed)
        self.now = now
        self.dropped: "dict[str, int]" = {}
        self.events: "list[object]" = []
        self._messages: "list[tuple[str, Message]]" = []
        # What waits for a write, by the write's number, receiver and handler: of each kind only the newest is kept, so
        # that a disk that stalls for long does not pile up answers.
        self._held: "dict[tuple[int, str, str], Message]" = {}
        self._ballot_changed = False  # term or vote differ from what the newest write carries
        self._ballot_write = 0  # the write that carries the current term and vote
        self._term_changed = False  # the term differs from what the newest write carries
        self._term_write = 0  # the first write that carries the current term
        self.role: Role = Follower(self, None, now, self.draw_timeout())

    # Input

    def step(self, message: Message, now: int) -> None:
        """Take a message of another member. One that is malformed or from a stranger is counted and dropped.

        Raises:
            FatalError: the node's state contradicts its leader's; it must be stopped.
        """
        now = self._pass_time(now)
        problem = message.problem() if type(message) in MESSAGES else "no message"
        if problem:
            self.drop("malformed", problem)
        elif message.sender == self.id or message.sender not in self.configuration.members:
            self.drop("stranger", message.sender)
        elif not message.binds_term or message.term == self.term or self._settle_term(message, now):
            getattr(self.role, message.handler)(message, now)

    def tick(self, now: int) -> None:
        """Let time pass: campaign, send heartbeats or step down if the deadline has come."""
        now = self._pass_time(now)
        if self.role.deadline is not None and now >= self.role.deadline:
            self.role.on_deadline(now)

    def propose(self, data: bytes, now: int) -> int:
        """Append a command to the log, if this node leads.

        Args:
            data: the command, 0 to `Config.max_entry_bytes` bytes.
            now: milliseconds.

        Returns:
            The index of the new entry. If an entry with this index and the current term is applied, the command has
            taken effect; if one with another term is, it never will.

        Raises:
            ProposalRefused: `NotLeader`, `Overloaded`, `EntryTooLarge` or `InvalidCommand`; nothing has changed.
        """
        self._pass_time(now)
        if not isinstance(self.role, Leader):
            raise NotLeader(self.role.leader)
        return self.role.propose(data, self.now)

    def persisted(self, number: int, now: int) -> None:
        """Note that a write is durable. Unknown and repeated numbers are ignored."""
        now = self._pass_time(now)
        if not self.log.persisted(number):
            return
        done = self.log.writes.done
        for held in sorted(self._held):
            if held[0] > done:
                break
            self._messages.append((held[1], self._held.pop(held)))
        self.snapshots.persisted(done)
        self.role.on_persisted(now)

    def applied(self, index: int) -> None:
        """Note that the state machine has taken every entry up to `index`."""
        self.log.applied_to(index)

    # Output

    @property
    def deadline(self) -> "int | None":
        """When `tick` is due next, in milliseconds, or None when no time will ever matter."""
        return self.role.deadline

    @property
    def has_work(self) -> bool:
        """Whether `ready` would hand out something at once: more entries to apply, or what `restored` has caused."""
        return self.log.has_committed or bool(self._messages)

    def leads(self, term: int) -> bool:
        """Whether this node is the leader of `term`."""
        return self.term == term and isinstance(self.role, Leader)

    def ready(self) -> "Ready | None":
        """Hand out, once, everything that must be done now, or None. Call it after each batch of input."""
        self.role.replicate(self.now)
        write = self._stage()
        committed = self.log.take_committed(self.config.max_apply_entries)
        snapshots = self.snapshots
        if write is None and not committed and not self._messages and not self.events and not snapshots.have_work:
            return None
        ready = Ready(write, self._messages, committed, *snapshots.take(), self.events)
        self._messages = []
        self.events = []
        return ready

    def _stage(self) -> "Write | None":
        if not self._ballot_changed and not self.log.has_unstaged and not self.snapshots.have_unstaged:
            return None
        number, entries = self.log.stage()
        base = (self.log.base_index, self.log.base_term)
        install = self.snapshots.stage(number)
        if not self._ballot_changed:
            return Write(number, None, None, entries, base, install)
        self._ballot_changed = False
        self._ballot_write = number
        if self._term_changed:
            self._term_changed = False
            self._term_write = number
        return Write(number, self.term, self.vote, entries, base, install)

    # Terms

    def _pass_time(self, now: int) -> int:
        """Time never runs backwards here, whatever the caller's clock does (contract E9)."""
        if now > self.now:
            self.now = now
        return self.now

    def _settle_term(self, message: Message, now: int) -> bool:
        """Adopt a higher term, answer a lower one (paper section 5.1); return whether the message may go on."""
        if message.term < self.term:
            if isinstance(message, (Append, Heartbeat, SnapshotChunk, VoteRequest)):
                # Also how a node that returns with a higher term than everybody's is freed: its answer makes the
                # leader step down, once, and the next election brings it back in (contract E6). It is no answer to a
                # vote request: a candidate may have asked again, in this term, and been granted the vote (E2).
                self.send_in_term(message.sender, HigherTerm(self.id, self.term))
            return False
        if isinstance(message, VoteRequest) and self.role.hears_leader(now):
            self.drop("leader is heard", message.sender)
            return False
        leader = message.sender if isinstance(message, (Append, Heartbeat, SnapshotChunk)) else None
        self.become_follower(message.term, leader, now)
        return True

    def _enter_term(self, term: int) -> None:
        self.term = term
        self.vote = None
        self._ballot_changed = True
        self._term_changed = True
        self._held = {}

    def cast_vote(self, candidate: str) -> None:
        """Spend the vote of this term; it is never taken back within the term (contract E1)."""
        self.vote = candidate
        self._ballot_changed = True

    # Roles

    def become_follower(self, term: int, leader: "str | None", now: int) -> Follower:
        """Follow in `term`, which is the current one or higher, and return the new role.

        A follower that merely adopts a term keeps its running timer; stepping down draws a fresh timeout (contract E7).
        """
        if term > self.term:
            self._enter_term(term)
        if isinstance(self.role, Follower):
            role = Follower(self, leader, self.role.timer_start_ms, self.role.timeout_ms)
        else:
            role = Follower(self, leader, now, self.draw_timeout())
        self._take_role(role)
        return role

    def become_pre_candidate(self, now: int) -> None:
        """Ask whether a campaign would succeed, in the same term (thesis section 9.6)."""
        role = PreCandidate(self, now)
        self._take_role(role)
        role.start(now)

    def become_candidate(self, now: int) -> None:
        """Enter a new term, vote for oneself and ask for votes (paper section 5.2)."""
        self._enter_term(self.term + 1)
        self.cast_vote(self.id)
        role = Candidate(self, now)
        self._take_role(role)
        role.start(now)

    def become_leader(self, now: int) -> None:
        """Lead the current term (paper section 5.2)."""
        role = Leader(self, now)
        self._take_role(role)
        role.start(now)

    def _take_role(self, role: Role) -> None:
        # Whoever gives up a campaign takes back the vote requests that still wait for the disk: the log that they
        # advertise may be replaced before they leave.
        if type(role) is not type(self.role):
            self._held = {}
        self.role = role
        self.note_role()

    @property
    def may_campaign(self) -> bool:
        """Whether this member is a voter."""
        return self.configuration.votes(self.id)

    def draw_timeout(self) -> int:
        """Draw an election timeout from [E, 2E) milliseconds, so that rarely two members time out together."""
        timeout_ms = self.config.election_timeout_ms
        return timeout_ms + self.prng.below(timeout_ms)

    # Sending

    def send(self, receiver: str, message: Message) -> None:
        """Send a message that promises nothing: it may leave at once."""
        self._messages.append((receiver, message))

    def send_in_term(self, receiver: str, message: Message) -> None:
        """Send a message once the term that it states is durable; usually that is at once."""
        self._send_after(self.log.writes.issued + 1 if self._term_changed else self._term_write, receiver, message)

    def send_when_durable(self, receiver: str, message: Message) -> None:
        """Send a message once all of the present term, vote and log is durable (contract E1)."""
        issued = self.log.writes.issued
        changed = self._ballot_changed or self.log.has_unstaged
        self._send_after(issued + 1 if changed else issued, receiver, message)

    def _send_after(self, write: int, receiver: str, message: Message) -> None:
        if write <= self.log.writes.done:
            self._messages.append((receiver, message))
            return
        held = (write, receiver, message.handler)
        older = self._held.get(held)
        if older is None or message.supersedes(older):
            self._held[held] = message

    def take_back_pre_votes(self) -> None:
        """Send no answer to a pre-vote request that still waits for the disk: it is no longer what this node thinks."""
        for held in sorted(self._held):
            if held[2] == PreVoteReply.handler:
                del self._held[held]

    @property
    def ballot_is_durable(self) -> bool:
        """Whether the current term and vote are on disk."""
        return not self._ballot_changed and self._ballot_write <= self.log.writes.done

    @property
    def other_voters(self) -> "list[str]":
        """Every voter but this node, in order."""
        configuration = self.configuration
        return [member for member in configuration.members if member != self.id and configuration.votes(member)]

    # Watching

    def note_role(self) -> None:
        """Tell observers of a new role, term or leader."""
        self.events.append(RoleChanged(self.id, self.term, self.role.name, self.role.leader))

    def drop(self, reason: str, detail: str) -> None:
        """Count a message that is refused, and tell observers."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
        self.events.append(MessageDropped(self.id, reason, detail))

    def status(self) -> Status:
        """Return a picture of the node, for people and programs to read."""
        role = self.role
        followers = role.follower_statuses() if isinstance(role, Leader) else ()
        return Status(self.id, role.name, self.term, role.leader, self.log, followers)

    def check(self) -> None:
        """Assert the invariants that hold between two calls; the simulator calls it after every event."""
        self.log.check()
        assert self.log.last_term <= self.term, "S6: the log is ahead of the term"
        if isinstance(self.role, Leader):
            self.role.check()
