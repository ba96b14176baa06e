"""How much the clients of a node may have under way together, and each of them."""

from __future__ import annotations

from typing import NoReturn

from .caller import Caller, Pending
from .errors import PortOverloaded
from .limits import ClientLimits
from .refusal import TOO_MANY_REQUESTS
from .statistics import Statistics


class ClientRoom:
    """Counts what is under way against the limits of a port.

    Args:
        limits: those of the port.
        statistics: count what is refused.

    Attributes:
        requests, bytes: how much all clients together have under way.
    """

    def __init__(self, limits: ClientLimits, statistics: Statistics) -> None:
        self.requests = 0
        self.bytes = 0
        self._limits = limits
        self._statistics = statistics

    def has(self, caller: Caller, requests: int, size_bytes: int) -> bool:
        """Whether there is certainly room for so many requests of a caller, of so many bytes together."""
        limits = self._limits
        return (
            len(caller.pending) + requests <= limits.requests
            and self.requests + requests <= limits.all_requests
            and caller.pending_bytes + size_bytes <= limits.request_bytes
            and self.bytes + size_bytes <= limits.all_request_bytes
        )

    def demand(self, caller: Caller, size_bytes: int) -> None:
        """Refuse a request that there is no room for; one without others beside it always has room.

        Raises:
            PortOverloaded: too many requests, or too many bytes of them, are under way.
        """
        limits = self._limits
        if len(caller.pending) >= limits.requests:
            self._refuse("requests of this client", len(caller.pending) + 1, limits.requests)
        if self.requests >= limits.all_requests:
            self._refuse("requests", self.requests + 1, limits.all_requests)
        if caller.pending_bytes and caller.pending_bytes + size_bytes > limits.request_bytes:
            self._refuse("bytes of requests of this client", caller.pending_bytes + size_bytes, limits.request_bytes)
        if self.bytes and self.bytes + size_bytes > limits.all_request_bytes:
            self._refuse("bytes of requests", self.bytes + size_bytes, limits.all_request_bytes)

    def begin(self, pending: Pending) -> None:
        """Take note of a request that is about to be put before the node."""
        self.requests += 1
        self.bytes += pending.size
        caller = pending.caller
        caller.pending[pending.number] = pending
        caller.pending_bytes += pending.size

    def end(self, pending: Pending) -> None:
        """Forget a request."""
        self.requests -= 1
        self.bytes -= pending.size
        caller = pending.caller
        del caller.pending[pending.number]
        caller.pending_bytes -= pending.size

    def _refuse(self, what: str, under_way: int, limit: int) -> NoReturn:
        self._statistics.refuse(TOO_MANY_REQUESTS, what, "a client")
        raise PortOverloaded(what, under_way, limit)
