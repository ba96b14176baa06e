"""What a client does, as coroutines: `Client` runs them by gevent, `AsyncClient` by asyncio (see `actors.loop`)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pykka import Timeout

from actors import client as ask
from actors import results, session_commands
from actors.client import SOON_S, Deadline, Pause
from actors.errors import NotKeyValue, ResultNotKept, UnknownNode
from actors.kv import KeyValue
from actors.loop import Loop
from actors.session_client import Done, SessionClient
from actors.session_table import UNSUPPORTED, Reply, SessionLimits
from actors.stale_read import StaleRead
from actors.waiter import Waiter
from raft.actor import LEASE, LINEARIZABLE, STALE, ChangeMembership, Propose, Read, TransferLeadership
from raft.changes import Change
from raft.errors import InvalidCommand, InvalidConfig, RaftError, TransferRefused

from .address import Address, Resolve
from .allow_list import AllowList
from .errors import ClientClosed, WrongMachine, doubt_when_closed, in_doubt_when_closed
from .keys import KeyPair, is_key
from .links import Links
from .network import Network
from .security import Security

TARGET_S = 2.0  # for so long a new leader may have heard of nobody whom it could hand over to


@dataclass(frozen=True)
class EndpointStatus:
    """What is known of the node behind one endpoint.

    Attributes:
        endpoint: where it is.
        node: what it says of itself, as `report.report` has it and more; None when it could not be asked.
        problem: why it could not; None when it could.
    """

    endpoint: str
    node: dict[str, Any] | None
    problem: str | None


class ClientCalls:
    """The calls of one client. Whoever makes them sees to it that they come from the thread of the loop.

    Args:
        endpoints, machine, keys, server_keys: as for `Client`.
        loop: on which it waits.
        resolve: looks names up, apart from the loop (see `Loop.apart`).

    Raises:
        InvalidConfig: when an argument is out of its bounds.
        InvalidAddress: an endpoint is none.

    Attributes:
        links: the ways to the nodes.
        keys: see above.
        closed: whether `leave` was called.
        is_key_value: whether the client was made for the built-in key-value store.
        decode: returns the result of the state machine that some bytes are.
    """

    def __init__(
        self,
        endpoints: str | Sequence[str],
        machine: Callable[[], Any] | None,
        keys: KeyPair | None,
        server_keys: str | Sequence[str],
        loop: Loop,
        resolve: Resolve,
    ) -> None:
        addresses = _addresses(endpoints)
        ways = list(zip(addresses, _keys_for(addresses, keys, server_keys), strict=True))
        self.keys = keys
        self.closed = False
        self._loop = loop
        self._machine = None if machine is None else machine()
        self.is_key_value = isinstance(self._machine, KeyValue)
        self.decode: Callable[[bytes], Any] = getattr(self._machine, "decode_result", results.decode)
        security = None if keys is None else Security(keys, AllowList(None))
        self._network = Network(security, resolve=resolve, loop=loop)
        self.links = Links(self._network, ways)
        self._client = ask.Client(self.links.members, self.links.submit, self.links)
        self._session: SessionClient | None = None
        self._is_checked = False  # whether the cluster is known to have the machine that this client is for

    def leave(self) -> None:
        """Close all connections, and let go of the loop. What was asked and not answered is in doubt."""
        self.closed = True
        self.links.close()
        self._network.leave()

    def end(self) -> None:
        """Give back what is left after `leave`, which may take a moment; may be called in any thread."""
        self._network.end()

    def check_open(self) -> None:
        """Raise `ClientClosed` after `leave`."""
        if self.closed:
            raise ClientClosed

    def check_key_value(self) -> None:
        """Raise `NotKeyValue` when the client was made for another machine."""
        self.check_open()
        if not self.is_key_value:
            raise NotKeyValue(type(self._machine).__name__)

    # Data

    async def propose(self, command: bytes, deadline: Deadline, session: bool) -> Any:
        """See `Client.propose`."""
        if type(command) is not bytes:
            raise InvalidCommand(command)
        with in_doubt_when_closed():
            if session:
                return await (await self._in_session(deadline)).ask(command, deadline)
            await self._check_machine(deadline)
            reply: Reply = await self._client.ask(partial(Propose, session_commands.plain(command)), deadline)
        if reply.outcome == UNSUPPORTED:
            raise ResultNotKept(str(reply.value))
        assert type(reply.value) is bytes, reply
        return self.decode(reply.value)

    async def read(self, query: Any, deadline: Deadline, consistency: str, node: str | int | None) -> Any:
        """See `Client.read`."""
        if consistency not in (LINEARIZABLE, LEASE):
            raise InvalidConfig("consistency", consistency, f'"{LINEARIZABLE}" or "{LEASE}"; see read_stale')
        return self.decode(await self._read(query, deadline, consistency, node))

    async def read_stale(self, query: Any, deadline: Deadline, node: str | int | None) -> StaleRead[Any]:
        """See `Client.read_stale`."""
        value, staleness_ms = results.decode(await self._read(query, deadline, STALE, node))
        return StaleRead(self.decode(value), None if staleness_ms is None else staleness_ms / 1000)

    async def waiter(self, deadline: Deadline) -> Waiter:
        """See `Client.waiter`."""
        await self._check_machine(deadline)
        return Waiter(self.links.members, self.links.submit, self.links, self.decode)

    # Without a coroutine that waits, unless something goes wrong on the way: what pipelines stand on

    def start_proposal(self, command: bytes, timeout: float, done: Done) -> bool:
        """Begin what `propose` does in a session, if that can be begun without waiting.

        Args:
            command: bytes that the state machine understands.
            timeout: seconds, not below `ANSWER_S`, which is how long a node has for an answer.
            done: called with the error, or None and the result, encoded. It may neither wait nor raise.

        Returns:
            Whether it has begun; if not, nothing was done, and `done` will not be called.
        """
        session = self._session
        if session is None or self.closed:
            return False
        return session.start(command, timeout, self.links.start, done)

    def start_read(self, query: bytes, timeout: float, done: Done) -> bool:
        """Begin what `read` does, linearizably, as `start_proposal` does for `propose`."""
        if not self._is_checked or self.closed:
            return False
        begun_s = time.monotonic()

        def answered(error: Exception | None, result: Any) -> None:
            if error is None:
                done(None, result)
            else:
                self._loop.spawn(partial(self._read_again, query, Deadline(timeout, begun_s), done))

        return self.links.start(Read(query, LINEARIZABLE, answered))

    async def _read_again(self, query: bytes, deadline: Deadline, done: Done) -> None:
        try:
            result = await self._client.read(partial(Read, query, LINEARIZABLE), deadline)
        except Exception as problem:
            done(problem, None)
        else:
            done(None, result)

    # The cluster itself

    async def status(self, deadline: Deadline) -> list[EndpointStatus]:
        """See `Client.status`."""
        await self.links.settle(deadline)
        found = []
        for link, future in self.links.statuses():
            try:
                node = await self._loop.outcome(future, deadline.left_s)
                found.append(EndpointStatus(str(link.address), node, None))
            except (RaftError, Timeout) as error:
                problem = link.problem or ("no answer" if isinstance(error, Timeout) else str(error))
                found.append(EndpointStatus(str(link.address), None, problem))
        return found

    async def change(self, changes: Sequence[Change], deadline: Deadline) -> None:
        """See `Client.change`."""
        with in_doubt_when_closed():
            await self._client.ask(partial(ChangeMembership, list(changes)), deadline, once=True)

    async def transfer(self, target: str | None, deadline: Deadline) -> str:
        """See `Client.transfer`."""
        soon = Deadline(min(TARGET_S, deadline.left_s))
        moment = Pause(soon, SOON_S)
        while True:
            try:
                with in_doubt_when_closed():
                    leader: str = await self._client.ask(partial(TransferLeadership, target), deadline)
                return leader
            except TransferRefused:
                # A new leader may choose only from whom it has heard since its election.
                if target is not None or not soon.left_s:
                    raise
            await self._loop.sleep(moment.take_s())

    # Internals

    async def _in_session(self, deadline: Deadline) -> SessionClient:
        if self._session is None:
            about = await self._check_machine(deadline)
            if self._session is None:
                limits = SessionLimits(window=about.window, timeout_ms=about.timeout_ms)
                self._session = SessionClient(self._client, limits, self.decode, _in_doubt)
        return self._session

    async def _read(self, query: Any, deadline: Deadline, consistency: str, node: str | int | None) -> Any:
        results.encode(query)
        await self._check_machine(deadline)
        member = None if node is None else await self._member(node, deadline)
        return await self._client.read(partial(Read, query, consistency), deadline, member)

    async def _member(self, node: str | int, deadline: Deadline) -> str:
        if node not in self.links.members():
            await self.links.settle(deadline)
        members = self.links.members()
        if type(node) is int and 0 <= node < len(members):
            return members[node]
        if isinstance(node, str) and node in members:
            return node
        raise UnknownNode(node, members)

    async def _check_machine(self, deadline: Deadline) -> Any:
        about = await self.links.about(deadline)
        if self._machine is not None and about.machine != type(self._machine).__name__:
            raise WrongMachine(str(about.machine), type(self._machine).__name__)
        self._is_checked = True
        return about


def _in_doubt(error: Exception) -> Exception:
    """Return as what an error of a command is told: when the client was closed meanwhile, it is in doubt (C2)."""
    return doubt_when_closed() if isinstance(error, ClientClosed) else error


def _addresses(endpoints: str | Sequence[str]) -> list[Address]:
    texts = endpoints.split(",") if isinstance(endpoints, str) else list(endpoints)
    addresses = [Address.parse(text.strip()) for text in texts]
    if not addresses:
        raise InvalidConfig("endpoints", endpoints, "at least one host:port")
    return addresses


def _keys_for(addresses: list[Address], keys: KeyPair | None, server_keys: str | Sequence[str]) -> list[list[str]]:
    given = [server_keys] if isinstance(server_keys, str) else list(server_keys)
    if keys is None and not given:
        return [[] for _ in addresses]
    if keys is None or len(given) not in (1, len(addresses)):
        raise InvalidConfig(
            "server_keys",
            given,
            f"with keys of the client's own one public key for each of {len(addresses)} endpoints, or one for all",
        )
    for key in given:
        if not is_key(key):
            raise InvalidConfig("server_keys", key, "public keys of nodes, 40 letters of Z85 each")
    return [[key] for key in (given * len(addresses) if len(given) == 1 else given)]
