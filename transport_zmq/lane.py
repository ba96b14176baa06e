"""A lane: the way to one peer for one sort of frames, over whichever route works."""

from __future__ import annotations

from collections.abc import Callable

from actors.loop import GEVENT, Loop

from .address import Address, Resolve
from .connection import Connection, Route

FIRST_PATIENCE_S = 1.0  # for so long a route is tried before the next one is, doubled each time
MAX_PATIENCE_S = 8.0
LOOK_AGAIN_S = 30.0  # so often the name of a connected peer is looked up: its address may be somebody else's now


class Lane:
    """Keeps one connection to a peer. A coroutine chooses the route and looks names up; it never holds up a sender.

    A name is looked up again whenever the connection was lost or cannot be made, and from time to time while there is
    one: a pod comes back with another address.
    When there are several routes, of several addresses or keys, each is tried in turn.

    Args:
        resolve: looks names up.
        server_keys: returns the keys that the peer may have now, only None without CURVE.
        connect: opens a connection over a route, which calls what it is given when it was connected, or is not any
            more.
        loop: the event loop.
    """

    def __init__(
        self,
        resolve: Resolve,
        server_keys: Callable[[], list[str | None]],
        connect: Callable[[Route, Callable[[], None]], Connection],
        loop: Loop = GEVENT,
    ) -> None:
        self._loop = loop
        self._resolve = resolve
        self._server_keys = server_keys
        self._connect = connect
        self._addresses: list[Address] = []
        self._changed = loop.event()
        self._connection: Connection | None = None
        self._closed = False
        self._stop = loop.spawn(self._keep_connected)

    @property
    def connected(self) -> bool:
        """Whether frames can go."""
        return self._connection is not None and self._connection.connected

    def lead_to(self, addresses: list[Address]) -> None:
        """Use these addresses from now on, the first one first."""
        self._addresses = addresses
        self._changed.set()

    def reconsider(self) -> None:
        """Look whether the route is still right: keys may have changed."""
        self._changed.set()

    def send(self, frame: bytes) -> bool:
        """Send a frame, or let it go; return whether there is any route."""
        if self._connection is None:
            return False
        self._connection.send(frame)
        return True

    def close(self) -> None:
        """Close the connection and look for no other."""
        self._closed = True  # it may be about to run, before it can be stopped
        self._stop()
        self._hang_up()

    async def _keep_connected(self) -> None:
        patience_s = 0.0
        while not self._closed:
            self._changed.clear()
            if self._connection is not None and not self._is_wanted(self._connection.route):
                self._hang_up()
            if self.connected:
                patience_s = 0.0
                if not await self._loop.wait(self._changed, LOOK_AGAIN_S) and await self._has_moved():
                    self._hang_up()
                continue
            if self._connection is None or patience_s:
                await self._try_next()
            patience_s = min((2 * patience_s) or FIRST_PATIENCE_S, MAX_PATIENCE_S)
            await self._loop.wait(self._changed, patience_s)

    def _is_wanted(self, route: Route) -> bool:
        return route.address in self._addresses and route.server_key in self._server_keys()

    async def _has_moved(self) -> bool:
        """Whether the name of the peer leads elsewhere now; that it cannot be looked up says nothing."""
        connection = self._connection
        if connection is None or connection.route.address.is_literal:
            return False
        endpoints = await self._endpoints(connection.route.address)
        return bool(endpoints) and connection is self._connection and connection.route.endpoint not in endpoints

    async def _endpoints(self, address: Address) -> list[str]:
        hosts = [address.host] if address.is_literal else await self._loop.apart(self._resolve, address.host)
        return [Address(host, address.port).endpoint for host in hosts]

    async def _routes(self) -> list[Route]:
        return [
            Route(address, endpoint, key)
            for address in self._addresses
            for endpoint in await self._endpoints(address)
            for key in self._server_keys()
        ]

    async def _try_next(self) -> None:
        """Open the route behind the present one, or the same anew: after some errors ZeroMQ does not try again."""
        routes = await self._routes()
        if self._closed or self.connected or not routes:
            return
        route = routes[0]
        if self._connection is not None and self._connection.route in routes:
            route = routes[(routes.index(self._connection.route) + 1) % len(routes)]
        self._hang_up()
        self._connection = self._connect(route, self._changed.set)

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
