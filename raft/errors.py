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
    """

    def __init__(self, leader: "str | None") -> None:
        way_out = f"propose to {leader}" if leader is not None else "no leader is known: wait and try again"
        super().__init__(f"this node is not the leader; {way_out}")
        self.leader = leader


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


class InvalidRestore(FatalError):
    """What storage gave back at start contradicts itself."""


class StorageFailed(FatalError):
    """Storage reported an error; it is never retried, since the failed data may already be dropped."""
