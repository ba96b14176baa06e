"""Every error the core raises: what happened, which bound it met, what to do.

Three families, told apart because callers must treat them differently:

- `ProposalRefused`: the command certainly did not enter the log. Safe to retry.
- `OutcomeUnknown`: the command may or may not take effect. Never retry blindly.
- `FatalError`: the node's state can no longer be trusted. It must stop (crash-stop) and be restarted from its storage.
"""


class RaftError(Exception):
    """The root of all errors raised by this package."""


class InvalidConfig(RaftError):
    """A configuration value is out of its bounds.

    Attributes:
        field: the name of the offending field.
        value: what was given.
        bound: what is allowed, in words.
    """

    def __init__(self, field: str, value: object, bound: str) -> None:
        super().__init__(f"{field} is {value!r}; it must be {bound}")
        self.field = field
        self.value = value
        self.bound = bound


class ProposalRefused(RaftError):
    """The proposal did not enter the log; proposing it again is safe."""


class NotLeader(ProposalRefused):
    """Only the leader takes proposals (thesis section 6.2).

    Attributes:
        leader: the id of the leader as far as this node knows, or None.
        address: the leader's address, if the configuration tells it, or None.
    """

    def __init__(self, leader: "str | None", address: "str | None" = None) -> None:
        where = "" if address is None else f" at {address}"
        way_out = f"propose to {leader}{where}" if leader is not None else "no leader is known: wait and try again"
        super().__init__(f"this node is not the leader; {way_out}")
        self.leader = leader
        self.address = address


class Overloaded(ProposalRefused):
    """Too many bytes wait to be committed, or for the leader's own disk.

    Attributes:
        pending_bytes: bytes of log that are not committed yet, or not on the leader's own disk.
        limit_bytes: `Config.max_uncommitted_bytes`.
    """

    def __init__(self, pending_bytes: int, limit_bytes: int) -> None:
        super().__init__(
            f"{pending_bytes} bytes wait for a quorum or for the leader's disk, and the limit is {limit_bytes}; "
            "back off and try again"
        )
        self.pending_bytes = pending_bytes
        self.limit_bytes = limit_bytes


class NoSpace(ProposalRefused):
    """The leader's disk is full: the command did not enter the log, which would have no room for it (contract D2).

    Attributes:
        size_bytes: what the command would take.
        room_bytes: what is left for commands.
    """

    def __init__(self, size_bytes: int, room_bytes: int) -> None:
        super().__init__(
            f"the disk of the leader is full: the command takes {size_bytes} bytes of log, and {room_bytes} are left; "
            "free some space there, or try again when another member leads"
        )
        self.size_bytes = size_bytes
        self.room_bytes = room_bytes


class EntryTooLarge(ProposalRefused):
    """The command is larger than the hard limit of one entry.

    Attributes:
        size_bytes: the size of the command.
        limit_bytes: `Config.max_entry_bytes`.
    """

    def __init__(self, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(f"the command has {size_bytes} bytes and the limit is {limit_bytes}; split it")
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes


class InvalidCommand(ProposalRefused):
    """The command is not a bytes object."""

    def __init__(self, command: object) -> None:
        super().__init__(f"a command is a bytes object, not {type(command).__name__}; encode it first")


class TransferInProgress(ProposalRefused):
    """The leader is handing over and takes nothing new (contract L3).

    Attributes:
        target: the member that shall lead next.
    """

    def __init__(self, target: str) -> None:
        super().__init__(f"leadership is being transferred to {target}; propose to it, or try again in a moment")
        self.target = target


class TransferRefused(RaftError):
    """Leadership cannot be handed to this member; nothing has changed.

    Attributes:
        target: the member, or None when the leader was to choose one.
    """

    def __init__(self, target: "str | None", reason: str) -> None:
        super().__init__(f"leadership is not transferred to {target or 'anybody'}: {reason}")
        self.target = target


class TransferFailed(RaftError):
    """A transfer was begun, and the target does not lead.

    Attributes:
        target: the member that should have.
    """

    def __init__(self, target: str, reason: str) -> None:
        super().__init__(f"leadership was not transferred to {target}: {reason}; look who leads, then try again")
        self.target = target


class ReadFailed(RaftError):
    """Nothing was read; reading again is safe."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the read failed: {reason}; try again")


class TooManyReads(ReadFailed):
    """Too many reads wait at this node.

    Attributes:
        pending: how many.
        limit: `Config.max_pending_reads`.
    """

    def __init__(self, pending: int, limit: int) -> None:
        super().__init__(f"{pending} reads wait at this node, and the limit is {limit}")
        self.pending = pending
        self.limit = limit


class ChangeRefused(ProposalRefused):
    """A change of membership is refused; nothing has changed."""


class TermNotCommitted(ChangeRefused):
    """The leader has not committed anything in its term yet, and must not change the members before (contract M2)."""

    def __init__(self, term: int) -> None:
        super().__init__(f"nothing is committed in term {term} yet; try again in a moment")


class ChangeInProgress(ChangeRefused):
    """Another change is under way (contract M2).

    Attributes:
        index: the configuration entry that is not committed, or not left, yet; 0 while new voters catch up.
    """

    def __init__(self, index: int) -> None:
        super().__init__("another change of membership is under way; wait until it is done")
        self.index = index


class InvalidChange(ChangeRefused):
    """The change asks for what cannot be.

    Attributes:
        member: the id of whom it is asked.
    """

    def __init__(self, member: str, reason: str) -> None:
        super().__init__(f"{member} cannot be changed so: {reason}")
        self.member = member


class LastVoter(ChangeRefused):
    """No voter with a state machine would be left (contract M6)."""

    def __init__(self) -> None:
        super().__init__("no voter with a state machine would be left; add another one first")


class WitnessMajority(ChangeRefused):
    """Witnesses alone would form a majority, and nobody would hold what they commit (contract M8)."""

    def __init__(self) -> None:
        super().__init__("the witnesses would form a majority by themselves; add full voters first")


class NotCaughtUp(ChangeRefused):
    """A new voter does not come near enough to the leader's log (contract M4). It stays a learner.

    Attributes:
        member: its id.
        match_index, last_index: how far it is, and how far the leader is.
    """

    def __init__(self, member: str, match_index: int, last_index: int) -> None:
        super().__init__(
            f"{member} does not catch up (it holds entry {match_index} of {last_index}) and stays a learner; "
            "look after its disk and network, then promote it again"
        )
        self.member = member
        self.match_index = match_index
        self.last_index = last_index


class MemberTooOld(ChangeRefused):
    """A new voter runs a program that does not support the feature level in force (contract M10). It stays a learner.

    Attributes:
        member: its id.
        level: the level in force.
        supported: the highest level that its program supports.
    """

    def __init__(self, member: str, level: int, supported: int) -> None:
        super().__init__(
            f"the cluster is at feature level {level}, and the program of {member} supports levels up to {supported}; "
            f"{member} stays a learner: upgrade its program, then promote it again"
        )
        self.member = member
        self.level = level
        self.supported = supported


class OutcomeUnknown(RaftError):
    """The command entered a log, and whether it takes effect cannot be told (yet).

    It may still be committed by a later leader.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"the outcome is unknown: {reason}; read before you retry")
        self.reason = reason


class FatalError(RaftError):
    """The node must stop: going on could lose data that was promised to be safe."""


class CommittedEntryConflict(FatalError):
    """A leader sent an entry that contradicts one already committed here.

    Raft rules this out (State Machine Safety, paper section 5.4.3), so storage or code is broken on some member.

    Attributes:
        index: the index at which the two disagree.
        own_term: the term of the committed entry held here.
        sent_term: the term of the entry that the leader sent.
    """

    def __init__(self, index: int, own_term: int, sent_term: int, leader: str) -> None:
        super().__init__(
            f"entry {index} of term {own_term} is committed here, but leader {leader} sent entry {index} of term "
            f"{sent_term}; stop this node and compare the logs of all members"
        )
        self.index = index
        self.own_term = own_term
        self.sent_term = sent_term


class WrongKind(FatalError):
    """A member is to be a witness and its storage was made for a full member, or the other way round (contract M8).

    Attributes:
        member: its id.
        as_witness: what it is to be.
    """

    def __init__(self, member: str, as_witness: bool) -> None:
        wanted, made = ("a witness", "a full member") if as_witness else ("a full member", "a witness")
        super().__init__(
            f"{member} is to be {wanted}, and its storage was made for {made}; remove the member, and add it again "
            "with an empty storage"
        )
        self.member = member
        self.as_witness = as_witness


class ProgramTooOld(FatalError):
    """The cluster is at a feature level that this program does not support (contract M10); nothing was stored of it.

    Attributes:
        level: the level of the cluster.
        supported: the highest level that this program supports, or that its `Config.feature_level` allows.
    """

    def __init__(self, level: int, supported: int) -> None:
        super().__init__(
            f"the cluster is at feature level {level}, and this program supports levels up to {supported}; start the "
            "node with a newer program, or without a Config.feature_level that holds it down"
        )
        self.level = level
        self.supported = supported


class MalformedConfiguration(FatalError):
    """The bytes of a configuration entry are none."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"a configuration entry does not hold a configuration: {problem}")


class InvalidRestore(FatalError):
    """What storage gave back at start contradicts itself."""


class StorageFailed(FatalError):
    """Storage reported an error; it is never retried, since the failed data may already be dropped."""
