"""What can go wrong with a transport, in words that say what to do."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from actors.errors import NodeStopped
from raft.errors import OutcomeUnknown, Overloaded, ProposalRefused, RaftError


class TransportError(Exception):
    """The base of all of them."""


class InvalidAddress(TransportError, ValueError):
    """A text is no address.

    Attributes:
        text: what was given.
    """

    def __init__(self, text: object) -> None:
        super().__init__(f"{text!r} is no address; write host:port, for instance db1.example:7000 or [::1]:7000")
        self.text = text


class CannotListen(TransportError):
    """An address cannot be listened on.

    Attributes:
        address: which.
    """

    def __init__(self, address: str, why: str) -> None:
        super().__init__(f"cannot listen on {address}: {why}; stop what listens there, or choose another address")
        self.address = address


class InsecureBind(TransportError):
    """Without keys anybody who reaches the port is believed, so it may be reached from this machine only.

    Attributes:
        address: where it was to be.
    """

    def __init__(self, address: str) -> None:
        super().__init__(
            f"{address} can be reached from other machines and there are no keys, so anybody could pose as a member; "
            "give every member keys, listen on 127.0.0.1, or say insecure_bind=True"
        )
        self.address = address


class KeyFileError(TransportError):
    """A file of keys cannot be used.

    Attributes:
        path: which.
    """

    def __init__(self, path: object, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path


class KeyFileExposed(KeyFileError):
    """Others may read a secret key than those who should, so it may not be secret any more."""

    def __init__(self, path: object, mode: int) -> None:
        super().__init__(
            path,
            f"others than its owner may read this secret key (mode {mode:03o}); chmod 600 it, or make a new one "
            "(a file of root's may be 640 or 440, if its group is one of this process's)",
        )


class InvalidAllowList(KeyFileError):
    """An allow-list has a line that cannot be understood."""

    def __init__(self, path: object, line: int, why: str) -> None:
        super().__init__(
            path, f"line {line}: {why}; a line is: name roles key, for instance: n1 peer,admin <40 letters>"
        )


# What clients meet. These are of the families of `raft.errors`, so that callers can treat them alike.


class Unauthorized(ProposalRefused):
    """The key of a client is not good for what it asked; nothing was done.

    Attributes:
        name: whose key it is.
    """

    def __init__(self, name: str) -> None:
        super().__init__(
            f"the key of {name} has not the role admin, which this needs; use a key that has it, or add the role to "
            "its line on the allow-list of every node"
        )
        self.name = name


class NotAdmitted(Unauthorized):
    """A node does not even let a client connect, because of its keys; nothing was done.

    Attributes:
        name: the public key of the client, empty when it has none.
    """

    def __init__(self, node: str, key: str, why: str) -> None:
        ProposalRefused.__init__(self, f"{node} does not let this client in: {why}")
        self.name = key

    @classmethod
    def key(cls, node: str, key: str) -> NotAdmitted:
        """The node does not take the client's key."""
        return cls(
            node,
            key,
            f"its allow-list does not have the key {key} as a client or admin; quorate keys allow LIST NAME --role "
            f"client --key {shlex.quote(key)}, on every node, and kill -HUP each",
        )

    @classmethod
    def no_keys(cls, node: str) -> NotAdmitted:
        """The node wants keys, and the client has none."""
        return cls(node, "", "it takes clients with keys only; give --key-file and --server-key (in a program keys and "
                   "server_keys)")  # fmt: skip

    @classmethod
    def plain(cls, node: str) -> NotAdmitted:
        """The client has keys, and the node has none."""
        return cls(node, "", "it has no keys, and this client wants to speak with keys only; start the node with "
                   "--key-file and --allow-list, or the client without keys")  # fmt: skip

    @classmethod
    def server_key(cls, node: str) -> NotAdmitted:
        """The node hangs up: it cannot read what is meant for another key, or has none and did not get to say so."""
        return cls(node, "", "it breaks the handshake off, as nodes do that have another key than the client was told, "
                   "or that have no keys; compare --server-key with what quorate keys show tells of the node's "
                   "file")  # fmt: skip


class PortOverloaded(Overloaded):
    """Too much is under way at the client port of one node; nothing was done.

    Attributes:
        pending: how many requests, or bytes of requests, are under way.
        limit: how many may be.
    """

    def __init__(self, what: str, pending: int, limit: int) -> None:
        ProposalRefused.__init__(
            self, f"{pending} {what} are under way at this node, and the limit is {limit}; back off and try again"
        )
        self.pending = self.pending_bytes = pending
        self.limit = self.limit_bytes = limit


class AnotherCluster(ProposalRefused):
    """The node belongs to another cluster than the one that the client has spoken to; nothing was done."""

    def __init__(self) -> None:
        super().__init__("this node belongs to another cluster; check the endpoints, then make a new client")


class NotUnderstood(ProposalRefused):
    """The program of a node is older than the client's, and does not know what it was asked for; nothing was done.

    Attributes:
        kind: the number of what was asked for.
    """

    def __init__(self, node: str, kind: int) -> None:
        super().__init__(
            f"{node} does not understand requests of kind {kind}, since its program is older than this client's; "
            "upgrade the nodes first"
        )
        self.kind = kind


class NotAnswerable(RaftError):
    """The state machine has raised for a query, or what it answered has no encoding; nothing has changed."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"the query cannot be answered: {problem}")


class NotConnected(NodeStopped):
    """A node cannot be asked at the moment, so it was asked nothing.

    Attributes:
        node: its id, or its endpoint while that is not known.
        state: that it cannot be reached, and why.
    """

    advice = "see that they run, and that endpoints and keys are right"

    def __init__(self, node: str, why: str) -> None:
        super().__init__(node)
        self.state = f"not reached: {why}"
        self.args = (f"{node} is {self.state}; {self.advice}",)


class WrongMachine(RaftError):
    """The cluster replicates another state machine than the client was made for; nothing was done.

    Attributes:
        machine: name of the class of the cluster's.
    """

    def __init__(self, machine: str, wanted: str) -> None:
        super().__init__(
            f"the cluster replicates {machine}, and this client was made for {wanted}; say Client(..., machine=...) "
            "with the class that the nodes were given"
        )
        self.machine = machine


class WrongLoop(RaftError):
    """An asyncio client was used elsewhere than in its event loop; nothing was done."""

    def __init__(self, how: str) -> None:
        super().__init__(
            f"an AsyncClient belongs to the event loop that runs where it is made, and this one was {how}; make it in "
            "a coroutine, and use it in coroutines of the same loop"
        )


class ClientClosed(RaftError):
    """The client has been closed."""

    def __init__(self) -> None:
        super().__init__("the client is closed; make a new one")


@contextmanager
def in_doubt_when_closed() -> Iterator[None]:
    """What a client was about to do when it was closed is in doubt (contract C2)."""
    try:
        yield
    except ClientClosed:
        raise doubt_when_closed() from None


def doubt_when_closed() -> OutcomeUnknown:
    """Return what whoever waits for a command is told when the client is closed."""
    return OutcomeUnknown("the client was closed meanwhile")
