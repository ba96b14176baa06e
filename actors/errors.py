"""The errors of the runtime, in the families of `raft.errors`: what happened, which bound it met, what to do."""

from __future__ import annotations

from raft.errors import ProposalRefused, RaftError


class NodeStopped(ProposalRefused):
    """The node is down; the command did not enter its log.

    Attributes:
        node: id of the node.
    """

    def __init__(self, node: str) -> None:
        super().__init__(f"node {node} is down and did not take the command; propose it to another one")
        self.node = node


class Unavailable(ProposalRefused):
    """Nobody took the command in time; it certainly had no effect, and proposing it again is safe.

    Attributes:
        timeout_s: how long was tried, in seconds.
        attempts: the last answer of each member that was asked, by id.
    """

    def __init__(self, what: str, timeout_s: float, attempts: dict[str, str]) -> None:
        tried = "; ".join(f"{member}: {attempts[member]}" for member in sorted(attempts)) or "nobody was asked"
        super().__init__(f"{what} within {timeout_s:g} s ({tried}); is a majority of the members up and connected?")
        self.timeout_s = timeout_s
        self.attempts = attempts


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
