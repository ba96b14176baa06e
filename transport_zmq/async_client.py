"""The client of a cluster for asyncio: coroutines that find the leader, and do what they do once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from actors.client import Deadline
from actors.kv import KeyValue
from actors.stale_read import StaleRead
from actors.waiter import Waiter
from raft.actor import LINEARIZABLE

from .address import look_up
from .async_admin_calls import AsyncAdminCalls
from .async_kv_calls import AsyncKeyValueCalls
from .asyncio_loop import AsyncioLoop
from .client_calls import ClientCalls, EndpointStatus
from .keys import KeyPair


class AsyncClient(AsyncKeyValueCalls, AsyncAdminCalls):
    """Speaks to the cluster whose nodes listen at some endpoints, as `Client` does, and runs on asyncio's loop.

    Use it in an `async with` statement, or await `close` when done. It belongs to the loop that runs where it is made.
    Many calls may be under way at once, for instance by `asyncio.gather`; what is asked within one turn of the loop
    travels together. A session takes as many commands at once as the nodes' `SessionLimits` allow, 1024 by default;
    more wait.

    Each coroutine means what the method of `Client` of the same name does, and raises what that raises: all timeouts
    are in seconds, and commands are sent again until their outcome is known, and applied once. A task that is
    cancelled while it waits gives up at once: a read was read for nothing, and of a command it is not known whether it
    takes effect, as after `OutcomeUnknown`.

    Args:
        endpoints: where clients reach nodes: "host:port" each, in a list or separated by commas.
        machine: the class of the state machine that the nodes were given; None for any.
        keys: the client's own keys; None for a cluster without.
        server_keys: the public keys of the nodes, one for each endpoint, in their order; one alone is for all.

    Raises:
        InvalidConfig: when an argument is out of its bounds.
        InvalidAddress: an endpoint is none.
        WrongLoop: it is made where no event loop runs. Every coroutine raises it in another loop.
    """

    def __init__(
        self,
        endpoints: str | Sequence[str],
        *,
        machine: Callable[[], Any] | None = KeyValue,
        keys: KeyPair | None = None,
        server_keys: str | Sequence[str] = (),
    ) -> None:
        self._loop = AsyncioLoop()
        self._calls = ClientCalls(endpoints, machine, keys, server_keys, self._loop, look_up)

    async def __aenter__(self) -> Self:
        self._check_open()
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"AsyncClient({', '.join(self._calls.links.members())}{', closed' if self._calls.closed else ''})"

    async def close(self) -> None:
        """Close all connections. What was asked and not answered is in doubt. May be called again."""
        self._loop.check_runs_here()
        if not self._calls.closed:
            self._calls.leave()
            await self._loop.apart(self._calls.end)

    # Any state machine

    async def propose(self, command: bytes, timeout: float = 5.0, *, session: bool = True) -> Any:
        """Get a command applied on every node, and return what the state machine answered. See `Client.propose`."""
        return await self._calls.propose(command, self._deadline(timeout), session)

    async def read(
        self, query: Any, timeout: float = 5.0, *, consistency: str = LINEARIZABLE, node: str | int | None = None
    ) -> Any:
        """Return what the state machine's `read` answers to a query. See `Client.read`."""
        return await self._calls.read(query, self._deadline(timeout), consistency, node)

    async def read_stale(self, query: Any, timeout: float = 5.0, *, node: str | int | None = None) -> StaleRead[Any]:
        """Return what one node's state machine answers, and how old that may be. See `Client.read_stale`."""
        return await self._calls.read_stale(query, self._deadline(timeout), node)

    async def waiter(self, timeout: float = 5.0) -> Waiter:
        """Return a way to wait until the state machine has something to tell. See `Client.waiter`."""
        return await self._calls.waiter(self._deadline(timeout))

    # The cluster itself

    async def status(self, timeout: float = 5.0) -> list[EndpointStatus]:
        """Return what the node behind each endpoint says of itself. See `Client.status`."""
        return await self._calls.status(self._deadline(timeout))

    async def status_of(self, endpoint: str, timeout: float = 5.0, *, server_key: str | None = None) -> EndpointStatus:
        """Return what the node behind another endpoint says of itself. See `Client.status_of`."""
        self._check_open()
        keys = () if server_key is None else server_key
        async with AsyncClient(endpoint, machine=None, keys=self._calls.keys, server_keys=keys) as one:
            return (await one.status(timeout))[0]

    # Internals

    def _deadline(self, timeout: float) -> Deadline:
        self._check_open()
        return Deadline(timeout)

    def _check_key_value(self) -> None:
        self._check_open()
        self._calls.check_key_value()

    def _check_open(self) -> None:
        self._loop.check_runs_here()
        self._calls.check_open()
