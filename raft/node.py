"""One node of a cluster: what enters, what leaves, its term and its role. The theory stands in `__init__.py`."""

from .candidate import Candidate, PreCandidate
from .config import Config
from .errors import InvalidConfig, NotLeader, ReadFailed
from .features import Features
from .follower import Follower
from .identity import Identity
from .leader import Leader
from .log import Log
from .membership import Configuration
from .messages import MESSAGES, Append, Heartbeat, HigherTerm, Message, SnapshotChunk, VoteRequest
from .outbox import Outbox
from .prng import Prng
from .reads import Reads
from .ready import Answer, Ready, Restored, Write
from .restraint import Restraint
from .role import Role
from .room import Room
from .snapshots import Snapshots
from .status import Status
from .watch import Watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .changes import Change
    from .transfer import Transfer


class Node:
    """One member of a Raft cluster, as a pure state machine.

    Args:
        id: this member's id; must be in `configuration`.
        configuration: who takes part when the cluster begins, the same for each of its first members; None for a
            member that joins later, and learns it from the leader. What storage holds overrules it.
        config: timeouts and limits; the defaults when None.
        restored: what storage holds; a new node when None.
        seed: of the generator that draws the election timeouts and numbers the pre-votes; give each member, and each
            of its starts, another one.
        now: the time, milliseconds of a monotonic clock, 0 or more.

    Raises:
        InvalidConfig: when the id is not a member, or an argument is of the wrong kind.
        InvalidRestore: when the restored state contradicts itself.
        ProgramTooOld: when it is of a feature level that this program does not support (contract M10).

    Attributes:
        term: the current term; 0 before the first election (paper section 5.1).
        vote: whom this node voted for in this term, or None.
        log: the log.
        configuration: the one in force: the newest in the log, committed or not (contract M3).
        features: which feature level is in force (contract M10).
        identity: which incarnation of this id speaks here, and in which cluster (contract M6, M9).
        outbox: what is to be sent.
        snapshots: the snapshots: stored, received, installed.
        role: the role, an object of one of four classes.
        leading: the role if it is that of the leader, else None.
        reads: the reads of this node's clients.
        transfer: the transfer of leadership that this node has begun, or None.
        restraint: what keeps it from campaigning and from electing others.
        room: how much more its storage can take.
        dropped: a dict from reason to how many messages were refused for it.
        watch: what it tells its observers, and how much of it; nothing until `watch.listen` is called.
    """

    def __init__(
        self,
        id: str,
        configuration: "Configuration | None",
        config: "Config | None" = None,
        restored: "Restored | None" = None,
        seed: int = 0,
        now: int = 0,
    ) -> None:
        configuration = Configuration.first(id, configuration)
        restored = Restored() if restored is None else restored
        self.id = id
        self.watch = Watch(self)
        if type(now) is not int or now < 0:
            raise InvalidConfig("now", now, "an integer number of milliseconds, 0 or more")
        self.config = Config() if config is None else config
        if not isinstance(self.config, Config):
            raise InvalidConfig("config", config, "a Config")
        self.log = Log.restored(restored, configuration)
        self.configuration = self.log.configurations.newest
        self.features = Features(self)
        self.identity = Identity(self, restored.incarnation, restored.is_witness, restored.cluster)
        self.snapshots = Snapshots(self, restored)
        self.term = restored.term
        self.vote = restored.vote
        self.prng = Prng(seed)
        self.now = now
        self.dropped: "dict[str, int]" = {}
        self.answers: "list[Answer]" = []
        self._tickets = 0
        self.transfer: "Transfer | None" = None
        self.room = Room(self)
        self.restraint = Restraint(self, now, self.term > 0)
        self.reads = Reads(self)
        self.outbox = Outbox(self)
        self.leading: "Leader | None" = None
        self.role: Role = Follower(self, None, now, self.restraint.draw_timeout())

    # Input

    def step(self, message: Message, now: int) -> None:
        """Take a message of another member. One that is malformed or from a stranger is counted and dropped.

        Raises:
            FatalError: the node's state contradicts its leader's; it must be stopped.
        """
        now = self._pass_time(now)
        if self.watch.traces:
            self.watch.received(message)
        problem = message.problem() if type(message) in MESSAGES else "no message"
        if problem:
            self.drop("malformed", problem)
        elif self.identity.knows(message, now) and (
            not message.binds_term or message.term == self.term or self._settle_term(message, now)
        ):
            getattr(self.role, message.handler)(message, now)
            self.follow_configuration(now)

    def tick(self, now: int) -> None:
        """Let time pass: campaign, send heartbeats or step down if the deadline has come."""
        now = self._pass_time(now)
        if self.reads.wait:
            self.reads.give_up(now)
        if self.transfer is not None and self.transfer.settle(self, now):
            self.transfer = None
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
            ProposalRefused: `NotLeader`, `Overloaded`, `NoSpace`, `EntryTooLarge`, `InvalidCommand`; nothing changed.
        """
        return self._as_leader(now).propose(data, self.now)

    def read(self, now: int, by_lease: bool = False) -> int:
        """Ask from when on the state machine may be read so that every write acknowledged before now is seen.

        Args:
            now: milliseconds.
            by_lease: whether a lease is enough, if there is one (contract L2); else a quorum is asked (L1).

        Returns:
            A ticket. The answer comes with `Ready.answers`: the state machine may be read now, or `ReadFailed`.

        Raises:
            ReadFailed: at a witness, which has no state machine.
            TooManyReads: too many reads wait already.
        """
        now = self._pass_time(now)
        if self.id in self.configuration.witnesses:
            raise ReadFailed("a witness has no state machine; read at another member")
        ticket = self.reads.add(by_lease, now)
        self.role.wake(now)
        return ticket

    def staleness_ms(self, now: int) -> "int | None":
        """Return how long ago the state machine was last known to have all that was committed; None for never.

        A read without asking anybody may miss what was acknowledged since then, and at a follower what was in the two
        election timeouts before, and while the last heartbeat travelled: for so long a deposed leader may not know it.
        """
        return self.reads.staleness_ms(self._pass_time(now))

    def transfer_leadership(self, target: "str | None", now: int) -> int:
        """Hand leadership over (contract L3). Proposals are refused until that has succeeded or failed.

        Args:
            target: who shall lead; the best successor when None.
            now: milliseconds.

        Returns:
            A ticket. The answer comes with `Ready.answers`, within about an election timeout: the new leader, or
            `TransferFailed`.

        Raises:
            NotLeader: when this node does not lead.
            TransferRefused: when the target cannot lead, or another transfer is under way.
        """
        leader = self._as_leader(now)
        ticket = self.draw_ticket()
        leader.succession.begin(ticket, target, self.now)
        return ticket

    def change_membership(self, changes: "list[Change]", now: int) -> int:
        """Change who takes part (contract M1 to M8). New voters catch up first; then all changes take effect at once.

        Args:
            changes: one `Change` for each member concerned.
            now: milliseconds.

        Returns:
            A ticket. The answer comes with `Ready.answers`: the index of the configuration entry that ends the change,
            once that is committed; `NotCaughtUp`; or `OutcomeUnknown` when leadership is lost on the way.

        Raises:
            NotLeader: when this node does not lead.
            ChangeRefused, TransferInProgress: nothing has changed.
        """
        leader = self._as_leader(now)
        ticket = self.draw_ticket()
        leader.wake(self.now)
        leader.reconfiguration.begin(changes, ticket, self.now)
        return ticket

    def _as_leader(self, now: int) -> Leader:
        now = self._pass_time(now)
        if self.leading is None:
            self.role.wake(now)  # whoever asks may know that a quiescent leader is gone
            raise NotLeader(self.role.leader, self.configuration.addresses.get(self.role.leader or ""))
        return self.leading

    def persisted(self, number: int, now: int) -> None:
        """Note that a write is durable. Unknown and repeated numbers are ignored."""
        now = self._pass_time(now)
        if not self.log.persisted(number, now):
            return
        done = self.log.writes.done
        self.watch.write_completed(done)
        self.outbox.persisted(done)
        self.snapshots.persisted(done)
        self.role.on_persisted(now)
        self.follow_configuration(now)

    def applied(self, index: int) -> None:
        """Note that the state machine has taken every entry up to `index`."""
        self.watch.applied(index)
        self.log.applied_to(index)
        self.reads.applied(index)

    # Output

    @property
    def deadline(self) -> "int | None":
        """When `tick` is due next, in milliseconds, or None when no time will ever matter."""
        deadline = self.role.deadline
        given_up = self.reads.deadline
        if given_up is not None and (deadline is None or given_up < deadline):
            deadline = given_up
        if self.transfer is not None and (deadline is None or self.transfer.deadline < deadline):
            deadline = self.transfer.deadline
        news = None if self.leading is None else self.leading.news.due_ms
        if news is not None and (deadline is None or news < deadline):
            deadline = news
        return deadline

    @property
    def has_work(self) -> bool:
        """Whether `ready` would hand out something at once: what the last one, once carried out, has made possible."""
        return self.log.has_committed or not self.outbox.is_empty or self.reads.can_serve

    def leads(self, term: int) -> bool:
        """Whether this node is the leader of `term`."""
        return self.term == term and isinstance(self.role, Leader)

    def ready(self) -> "Ready | None":
        """Hand out, once, everything that must be done now, or None. Call it after each batch of input."""
        self.role.replicate(self.now)
        if self.reads.wait:
            self.reads.serve(self.now)
        self.identity.follow_commit()
        self.features.follow_commit()
        write = self._stage()
        if write is not None:
            self.watch.write_begun(write)
        committed = self.log.take_committed(self.config.max_apply_entries)
        snapshots = self.snapshots
        messages = self.outbox.take()
        if write is None and not (committed or messages or self.answers or self.watch.events or snapshots.have_work):
            return None
        ready = Ready(write, messages, committed, *snapshots.take(), self.answers, self.watch.take())
        self.answers = []
        return ready

    def _stage(self) -> "Write | None":
        outbox = self.outbox
        if not outbox.ballot_is_unstaged and not self.log.has_unstaged and not self.snapshots.have_unstaged:
            return None
        number, entries = self.log.stage(self.now)
        base = (self.log.base_index, self.log.base_term)
        install = self.snapshots.stage(number)
        cluster = self.identity.stage()
        term, vote = (self.term, self.vote) if outbox.stage_ballot(number) else (None, None)
        return Write(number, term, vote, entries, base, install, cluster)

    # Members

    def follow_configuration(self, now: int) -> None:
        """Take note when the log has brought, or taken back, a configuration."""
        known = self.log.configurations
        if known.newest is not self.configuration:
            self.configuration = known.newest
            self.identity.check_kind()
            self.features.check(known.newest)
            self.watch.configuration_changed(known.newest_index, known.newest)
            self.role.on_configuration(now)

    def draw_ticket(self) -> int:
        """Return a new ticket for something that is answered later."""
        self._tickets += 1
        return self._tickets

    def answer(self, ticket: int, error: "Exception | None", value: object) -> None:
        """Hand out what became of what a ticket was given for."""
        self.answers.append(Answer(ticket, error, value))

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
                self.outbox.send_in_term(message.sender, HigherTerm(self.id, self.term))
            return False
        # A removed member may obey an order to campaign that comes late; its mark is none (contract E6, L3).
        if isinstance(message, VoteRequest) and not (message.transfer and message.sender in self.configuration.voters):
            if self.role.hears_leader(now):
                self.drop("leader is heard", message.sender)
                return False
            if now < self.restraint.promised_until_ms:
                self.drop("promised to elect nobody", message.sender)
                return False
        leader = message.sender if isinstance(message, (Append, Heartbeat, SnapshotChunk)) else None
        self.become_follower(message.term, leader, now)
        return True

    def _enter_term(self, term: int) -> None:
        self.term = term
        self.vote = None
        self.outbox.term_entered()

    def cast_vote(self, candidate: str) -> None:
        """Spend the vote of this term; it is never taken back within the term (contract E1)."""
        self.vote = candidate
        self.outbox.vote_cast()

    # Roles

    def become_follower(self, term: int, leader: "str | None", now: int, reason: str = "another leads") -> Follower:
        """Follow in `term`, which is the current one or higher, and return the new role.

        A follower that merely adopts a term keeps its running timer; stepping down draws a fresh timeout (contract E7).
        The reason, why whoever is no follower becomes one in the same term, is for observers.
        """
        self.watch.gave_up("a higher term" if term > self.term else reason)
        if term > self.term:
            self._enter_term(term)
        if isinstance(self.role, Follower):
            role = Follower(self, leader, self.role.timer_start_ms, self.role.timeout_ms)
        else:
            role = Follower(self, leader, now, self.restraint.draw_timeout())
        self._take_role(role)
        return role

    def campaign(self, now: int) -> None:
        """Ask for pre-votes, or wait until nothing forbids it."""
        if not self.restraint.may_campaign:
            self.become_follower(self.term, None, now)
            return
        wait_until = self.restraint.holds_until(now)
        if wait_until is None:
            self.become_pre_candidate(now)
            return
        role = self.role
        if not isinstance(role, Follower):
            role = self.become_follower(self.term, None, now, "must not campaign now")
        role.postpone(wait_until)

    def become_pre_candidate(self, now: int) -> None:
        """Ask whether a campaign would succeed, in the same term (thesis section 9.6)."""
        self.watch.gave_up("no majority answered in time")
        role = PreCandidate(self, now)
        self._take_role(role)
        role.start(now)

    def become_candidate(self, now: int, transfer: bool = False) -> None:
        """Enter a new term, vote for oneself and ask for votes (paper section 5.2)."""
        self._enter_term(self.term + 1)
        self.cast_vote(self.id)
        role = Candidate(self, now, transfer)
        self._take_role(role)
        role.start(now)

    def become_leader(self, now: int, voted: "dict[str, int]") -> None:
        """Lead the current term (paper section 5.2), elected by these voters and their incarnations."""
        self.watch.campaign_won(voted)
        role = Leader(self, now, voted)
        self._take_role(role)
        role.start(now)

    def _take_role(self, role: Role) -> None:
        # Whoever gives up a campaign takes back the vote requests that still wait for the disk: the log that they
        # advertise may be replaced before they leave.
        if type(role) is not type(self.role):
            self.outbox.drop_held()
        self.role.left()
        self.role = role
        self.leading = role if isinstance(role, Leader) else None
        self.reads.ask_anew()
        self.watch.role_changed()

    @property
    def other_voters(self) -> "list[str]":
        """Every voter but this node, in order."""
        configuration = self.configuration
        return [member for member in configuration.members if member != self.id and configuration.votes(member)]

    # Watching

    def drop(self, reason: str, *detail: object) -> None:
        """Count a message that is refused, and tell observers the parts of the detail."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
        self.watch.dropped(reason, detail)

    def status(self) -> Status:
        """Return a picture of the node, for people and programs to read."""
        return Status(self)

    def check(self) -> None:
        """Assert the invariants that hold between two calls; the simulator calls it after every event."""
        self.log.check()
        assert self.log.last_term <= self.term, "S6: the log is ahead of the term"
        if isinstance(self.role, Leader):
            self.role.check()
