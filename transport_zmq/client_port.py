"""The port at which clients ask one node.

A daemon makes it beside the transport between peers, on the same network and loop:

    port = ClientPort(network, "n1", "127.0.0.1:7201", ClientLimits.of(config), session_limits, addresses)
    port.listen()
    port.open(actor, machine)  # whenever a node has been started; until then everybody is told that it is down
    port.drain(5.0)  # before the node is stopped in good order
    port.close()  # the node has gone down; the port stays
    port.release()
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actors.node import NodeActor
from actors.ports import StateMachine
from actors.session_table import SessionLimits

from .limits import ClientLimits
from .network import Network


class ClientPort:
    """Takes requests of clients, puts them before the node, and answers.

    Args:
        network: of this node.
        member: its id.
        listen: where clients reach it, as `host:port`; port 0 for any that is free.
        limits: how large requests may be and how many may be under way.
        session_limits: those of the cluster; clients are told.
        addresses: by member, where its clients reach it, as far as known; it may change at any time. Clients are told
            where the leader is.

    Raises:
        InvalidAddress: `listen` is none.

    Attributes:
        facts: what else `status` tells of this node, by name; values that JSON has. Called for each status; may be set.
    """

    def __init__(
        self,
        network: Network,
        member: str,
        listen: str,
        limits: ClientLimits,
        session_limits: SessionLimits,
        addresses: Mapping[str, str] | None = None,
    ) -> None:
        raise NotImplementedError

    @property
    def address(self) -> str:
        """Where it listens, with the port that was chosen; `listen` must have been called."""
        raise NotImplementedError

    def listen(self) -> None:
        """Open the port. Does nothing when it is open.

        Raises:
            InsecureBind: without keys others than this machine could reach it.
            CannotListen: something else listens there.
        """
        raise NotImplementedError

    def open(self, actor: NodeActor, machine: StateMachine | None) -> None:
        """Put requests before a node from now on; opens the port as `listen` does.

        Args:
            actor: the node.
            machine: its state machine, whose `encode_result` makes bytes of results; None for a witness.
        """
        raise NotImplementedError

    def drain(self, timeout: float) -> bool:
        """Take nothing new, and wait until what is under way has been answered and sent, `timeout` seconds at most.

        Whoever asks meanwhile is told to ask another node.

        Returns:
            Whether everything was answered.
        """
        raise NotImplementedError

    def status(self) -> dict[str, Any]:
        """Return what this node says of itself, as `report.report` has it, and the `facts`; JSON has all of it."""
        raise NotImplementedError

    def close(self) -> None:
        """Put nothing more before the node; the port stays open for the next `open`. May be called when not open."""
        raise NotImplementedError

    def release(self) -> None:
        """Close the port and forget all clients."""
        raise NotImplementedError
