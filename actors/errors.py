"""The errors of the runtime, in the families of `raft.errors`: what happened, which bound it met, what to do."""

from __future__ import annotations

from raft.errors import OutcomeUnknown, ProposalRefused, RaftError


class NodeStopped(ProposalRefused):
    """The node is down; what it was asked for had no effect.

    Args:
        node: id of the node.
        cause: what took it down, in one line, or None when it was killed or stopped.

    Attributes:
        node: id of the node.
        state: "down", followed by the cause if there is one.
        advice: what to do when all nodes are like that.
    """

    advice = "restart a majority of them"

    def __init__(self, node: str, cause: str | None = None) -> None:
        self.state = "down" if cause is None else f"down: {cause}"
        super().__init__(f"node {node} is {self.state}; restart it, or ask another one")
        self.node = node


class Unavailable(ProposalRefused):
    """Nobody took the command in time; it certainly had no effect, and proposing it again is safe.

    Args:
        what: what did not happen in time.
        timeout_s: how long was tried, in seconds.
        attempts: the last answer of each member that was asked, by id.
        advice: what to look at.

    Attributes:
        timeout_s: how long was tried, in seconds.
        attempts: the last answer of each member that was asked, by id.
    """

    def __init__(
        self,
        what: str,
        timeout_s: float,
        attempts: dict[str, str],
        advice: str = "is a majority of the members up and connected?",
    ) -> None:
        tried = "; ".join(f"{member}: {attempts[member]}" for member in sorted(attempts)) or "nobody was asked"
        super().__init__(f"{what} within {timeout_s:g} s ({tried}); {advice}")
        self.timeout_s = timeout_s
        self.attempts = attempts


class SessionExpired(OutcomeUnknown):
    """The session of the command has expired: whether an earlier copy of it was applied is not known any more.

    The command is not sent again: under another session it could take effect a second time.

    Attributes:
        session: the id of the session.
    """

    def __init__(self, session: int) -> None:
        super().__init__(f"session {session} has expired, and what it remembered is forgotten")
        self.session = session


class ResultNotKept(RaftError):
    """The command was applied, but its result cannot be kept for a retry, and so not be told.

    Args:
        problem: what is wrong with the result.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"the command was applied, but its result cannot be told: {problem}; let the machine return something "
            "else, give it encode_result and decode_result, or propose without a session"
        )


class UnknownNode(RaftError):
    """The cluster has no such node.

    Attributes:
        node: what was given.
    """

    def __init__(self, node: object, known: tuple[str, ...]) -> None:
        super().__init__(
            f"there is no node {node!r}; the nodes are {', '.join(known)}, or their positions 0 to {len(known) - 1}"
        )
        self.node = node


class AlreadyRunning(RaftError):
    """A node that runs cannot be started.

    Attributes:
        node: id of the node.
    """

    def __init__(self, node: str) -> None:
        super().__init__(f"node {node} runs already; kill it before you restart it")
        self.node = node


class NotRunning(RaftError):
    """A node that is down cannot be killed.

    Attributes:
        node: id of the node.
    """

    def __init__(self, node: str) -> None:
        super().__init__(f"node {node} is down; restart it first")
        self.node = node


class ClusterClosed(RaftError):
    """The cluster has been closed; what it held is gone."""

    def __init__(self) -> None:
        super().__init__("the cluster is closed; make a new one")


class WrongThread(RaftError):
    """The cluster was used from another thread than the one it lives in; nothing was done.

    Attributes:
        thread: name of the thread that used it.
    """

    def __init__(self, thread: str) -> None:
        super().__init__(
            f"a cluster lives in the thread that made it and was used from {thread}; call it from its own thread, "
            "where gevent.spawn does several things at once, or make another cluster in this one"
        )
        self.thread = thread


class InvalidGroups(RaftError):
    """The network cannot be split like that; nothing was changed."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"{problem}, as in partition(['n1'], ['n2', 'n3'])")


class NoMoreNodes(RaftError):
    """The cluster has as many nodes as it may have; none was added.

    Attributes:
        limit: how many that is.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(f"a local cluster has at most {limit} nodes; remove one first")
        self.limit = limit


class NotReadable(RaftError):
    """The state machine has no method `read(query)`.

    Attributes:
        machine: name of the machine's class.
    """

    def __init__(self, machine: str) -> None:
        super().__init__(f"{machine} has no method read(query); give it one, or propose a command that asks")
        self.machine = machine


class TakesNoSnapshots(RaftError):
    """The state machine has no methods `snapshot` and `restore`.

    Attributes:
        machine: name of the machine's class.
    """

    def __init__(self, machine: str) -> None:
        super().__init__(f"{machine} has no methods snapshot() and restore(chunks); a backup needs them")
        self.machine = machine


class NotKeyValue(RaftError):
    """The cluster replicates another state machine than the key-value store.

    Attributes:
        machine: name of the machine's class.
    """

    def __init__(self, machine: str) -> None:
        super().__init__(
            f"this cluster replicates {machine}, not the key-value store; use propose with its own commands"
        )
        self.machine = machine


class NotWatchable(RaftError):
    """The state machine has no method `watcher(query)`.

    Attributes:
        machine: name of the machine's class.
    """

    def __init__(self, machine: str) -> None:
        super().__init__(f"{machine} has no method watcher(query), so nobody can wait for its changes; give it one")
        self.machine = machine


class CommandRefused(RaftError):
    """The store does not understand a command or a query, or will not carry it out; nothing was changed.

    Args:
        problem: what is wrong with it.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(f"the store refuses it: {problem}; nothing was changed")


class LeaseExpired(RaftError):
    """There is no such lease, or not any more; nothing was changed.

    Attributes:
        lease: its id.
    """

    def __init__(self, lease: int) -> None:
        super().__init__(f"there is no lease {lease}: it has expired, or was revoked; grant another one")
        self.lease = lease


class TooManyLeases(RaftError):
    """The store has as many leases as it may have; none was granted.

    Attributes:
        limit: how many that is.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(f"there are {limit} leases, which is the limit; revoke some, or wait until they expire")
        self.limit = limit


class Compacted(RaftError):
    """The changes that were asked for are not kept any more.

    Attributes:
        revision: from which on they were wanted.
        first: the first revision that is kept.
    """

    def __init__(self, revision: int, first: int) -> None:
        super().__init__(
            f"changes from revision {revision} on are not kept any more, the first one is {first}; read what there is "
            "now, then watch from the revision after that"
        )
        self.revision = revision
        self.first = first
