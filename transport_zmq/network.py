"""What all ports of one node share: ZeroMQ's context, the keys, the counts."""

from __future__ import annotations

import zmq
from loguru import logger

from actors.loop import GEVENT, Loop

from .address import Address, Resolve, resolve
from .errors import InsecureBind
from .security import Authenticator, Security
from .statistics import Statistics


class Network:
    """A node's way to the network. Make it, and everything that uses it, in the thread of one event loop.

    Args:
        security: the node's keys and those it takes. None for no encryption and no check of who speaks.
        insecure_bind: whether ports may be reached from other machines without `security`.
        resolve: looks names up.
        loop: the event loop.

    Attributes:
        security, resolve, loop: see above.
        context: of ZeroMQ; one thread of its own moves the bytes.
        statistics: of everything on this network.
    """

    def __init__(
        self,
        security: Security | None = None,
        *,
        insecure_bind: bool = False,
        resolve: Resolve = resolve,
        loop: Loop = GEVENT,
    ) -> None:
        self.security = security
        self.resolve = resolve
        self.loop = loop
        self.statistics = Statistics()
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._insecure_bind = insecure_bind
        self._authenticator: Authenticator | None = None
        if security is not None:
            # First of all: who connects while nobody answers is turned away.
            self._authenticator = Authenticator(self.context, security.allow_list, self.statistics, loop)

    def check_bind(self, address: Address) -> None:
        """Check that a port may be opened at an address.

        Raises:
            InsecureBind: there are no keys, and other machines could reach it.
        """
        if self.security is not None or address.is_loopback:
            return
        if not self._insecure_bind:
            raise InsecureBind(str(address))
        logger.warning(
            "INSECURE: {} can be reached from other machines, and there are no keys. Whoever reaches it can pose as a "
            "member, read and change everything. Do this only in a network in which you trust every machine.",
            address,
        )

    def close(self) -> None:
        """Give everything back; all that uses the network must be closed before."""
        self.leave()
        self.end()

    def leave(self) -> None:
        """Let go of the event loop."""
        if self._authenticator is not None:
            self._authenticator.close()

    def end(self) -> None:
        """Wait until ZeroMQ's thread has ended, after `leave`; may be called in any thread."""
        self.context.destroy(linger=0)  # `term` would wait for ever for a socket that was forgotten
