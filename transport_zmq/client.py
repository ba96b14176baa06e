"""The client of a cluster: blocking calls that find the leader, and do what they do once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Self

from pykka import Timeout

from actors import client as ask
from actors import interrupts, results, session_commands
from actors.client import Deadline
from actors.errors import NotKeyValue, ResultNotKept, UnknownNode, WrongThread
from actors.kv import KeyValue
from actors.kv_calls import KeyValueCalls
from actors.session_client import SessionClient
from actors.session_table import UNSUPPORTED, Reply, SessionLimits
from actors.stale_read import StaleRead
from actors.threads import main_greenlet
from actors.waiter import Waiter
from raft.actor import LEASE, LINEARIZABLE, STALE, Propose, Read
from raft.errors import InvalidCommand, InvalidConfig, RaftError

from .address import Address
from .admin_calls import AdminCalls
from .allow_list import AllowList
from .errors import ClientClosed, WrongMachine, in_doubt_when_closed
from .keys import KeyPair
from .links import Links
from .network import Network
from .pipeline import Pipeline
from .security import Security


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


class Client(KeyValueCalls, AdminCalls):
    """Speaks to the cluster whose nodes listen at some endpoints.

    Use it in a `with` statement, or call `close` when done. It connects by itself, in the background, and again
    whenever a connection is lost. Keys and values are bytes; a string stands for its UTF-8 bytes. Every timeout is in
    seconds. Calls wait by gevent: other greenlets run meanwhile, and several may call at once. In another thread than
    the one that made the client every method raises `WrongThread`; make a client in each.

    Commands are sent again until their outcome is known, and applied once (see `actors.session_client`).

    Args:
        endpoints: where clients reach nodes: "host:port" each, in a list or separated by commas. One is enough where
            nodes are told each other's client addresses; with all of them the client starts when any is up.
        machine: the class of the state machine that the nodes were given, for its `decode_result`; None for any, whose
            results then must be what `actors.results` can encode.
        keys: the client's own keys; None for a cluster without.
        server_keys: the public keys of the nodes, one for each endpoint, in their order; one alone is for all.

    Raises:
        InvalidConfig: when an argument is out of its bounds.
        InvalidAddress: an endpoint is none.
    """

    def __init__(
        self,
        endpoints: str | Sequence[str],
        *,
        machine: Callable[[], Any] | None = KeyValue,
        keys: KeyPair | None = None,
        server_keys: str | Sequence[str] = (),
    ) -> None:
        addresses = _addresses(endpoints)
        ways = list(zip(addresses, _keys_for(addresses, keys, server_keys), strict=True))
        self._keys = keys
        self._machine = None if machine is None else machine()
        self._network = Network(None if keys is None else Security(keys, AllowList(None)))
        self._links = Links(self._network, ways)
        self._client = ask.Client(self._links.members, self._links.submit, self._links)
        self._session: SessionClient | None = None
        self._thread = main_greenlet()
        self._holds_interrupts = interrupts.hold()
        self._closed = False

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({', '.join(self._links.members())}{', closed' if self._closed else ''})"

    def close(self) -> None:
        """Close all connections. What was asked and not answered is in doubt. May be called again."""
        self._check_thread()
        if not self._closed:
            self._closed = True
            self._links.close()
            self._network.close()
            if self._holds_interrupts:
                interrupts.release()

    # Any state machine

    def propose(self, command: bytes, timeout: float = 5.0, *, session: bool = True) -> Any:
        """Get a command applied on every node, and return what the state machine answered.

        Args:
            command: bytes that the state machine understands.
            timeout: seconds, 0 or more.
            session: whether the command goes under the session of this client: then it is sent again when its outcome
                is in doubt, and applied once. Without, it is sent once.

        Raises:
            InvalidCommand: when the command is not bytes.
            InvalidConfig: when the timeout is no number of seconds.
            EntryTooLarge: when it is larger than `Config.max_entry_bytes`, less 25 bytes that tell session and
                sequence.
            Unavailable: nobody took the command in time; it had no effect.
            OutcomeUnknown: the time is up after a node took it; it may yet take effect, once. `SessionExpired` is one.
                Without a session also as soon as the leadership or a connection is lost.
            ResultNotKept: it was applied, but its result is of a type that cannot be encoded (see `StateMachine`).
            Unauthorized, WrongMachine, ClientClosed: it was not applied.
        """
        deadline = self._deadline(timeout)
        if type(command) is not bytes:
            raise InvalidCommand(command)
        with in_doubt_when_closed():
            if session:
                return self._in_session(deadline).ask(command, deadline)
            self._check_machine(deadline)
            reply: Reply = self._client.ask(partial(Propose, session_commands.plain(command)), deadline)
        if reply.outcome == UNSUPPORTED:
            raise ResultNotKept(str(reply.value))
        assert type(reply.value) is bytes, reply
        return self._decode(reply.value)

    def read(
        self, query: Any, timeout: float = 5.0, *, consistency: str = LINEARIZABLE, node: str | int | None = None
    ) -> Any:
        """Return what the state machine's `read` answers to a query, without a place in the log.

        It sees every command that was acknowledged before the call, whichever member serves it. A read that fails is
        tried again, at another member too, until the time is up.

        Args:
            query: what the machine's `read` understands and `actors.results` can encode.
            timeout: seconds, 0 or more.
            consistency: "linearizable" asks a majority whether the leader still leads (ReadIndex). "lease" saves that
                while the leader holds a lease, and is as safe as the clocks are.
            node: which member shall serve it, by id or by the position of its endpoint; any when None.

        Raises:
            InvalidConfig: when the timeout is no number of seconds, or the consistency none of the two.
            UnsupportedResult: the query cannot be encoded.
            NotAnswerable: the state machine has raised.
            UnknownNode: no endpoint leads to such a node.
            Unavailable: nobody served it in time.
            WrongMachine, ClientClosed: nothing was asked.
        """
        if consistency not in (LINEARIZABLE, LEASE):
            raise InvalidConfig("consistency", consistency, f'"{LINEARIZABLE}" or "{LEASE}"; see read_stale')
        return self._decode(self._read(query, consistency, timeout, node))

    def read_stale(self, query: Any, timeout: float = 5.0, *, node: str | int | None = None) -> StaleRead[Any]:
        """Return what one node's state machine answers to a query, without asking others, and how old that may be.

        It works at a node that is cut off, and may miss commands that were acknowledged long ago.

        Raises:
            InvalidConfig, UnsupportedResult, NotAnswerable, UnknownNode, Unavailable, WrongMachine, ClientClosed: as
                for `read`.
        """
        value, staleness_ms = results.decode(self._read(query, STALE, timeout, node))
        return StaleRead(self._decode(value), None if staleness_ms is None else staleness_ms / 1000)

    def waiter(self, timeout: float = 5.0) -> Waiter:
        """Return a way to wait until the state machine has something to tell (see `actors.ports.WatchableMachine`).

        Args:
            timeout: seconds, 0 or more, within which a node must have been reached.

        Raises:
            InvalidConfig: when the timeout is no number of seconds.
            Unavailable, WrongMachine, ClientClosed: there is nothing to wait for.
        """
        self._check_machine(self._deadline(timeout))
        return Waiter(self._links.members, self._links.submit, self._links, self._decode)

    def pipeline(self) -> Pipeline:
        """Return a way to have many calls under way at once."""
        self._check_open()
        return Pipeline(self)

    # The cluster itself

    def status(self, timeout: float = 5.0) -> list[EndpointStatus]:
        """Return what the node behind each endpoint says of itself; those that cannot be asked are told too.

        Args:
            timeout: seconds to wait at most for nodes that do not answer, 0 or more.
        """
        deadline = self._deadline(timeout)
        self._links.settle(deadline)
        found = []
        for link, future in self._links.statuses():
            try:
                found.append(EndpointStatus(str(link.address), future.get(timeout=deadline.left_s), None))
            except (RaftError, Timeout) as error:
                problem = link.problem or ("no answer" if isinstance(error, Timeout) else str(error))
                found.append(EndpointStatus(str(link.address), None, problem))
        return found

    def status_of(self, endpoint: str, timeout: float = 5.0, *, server_key: str | None = None) -> EndpointStatus:
        """Return what the node behind another endpoint says of itself: one that waits to be added, for instance.

        Args:
            endpoint: its "host:port" for clients.
            timeout: seconds to wait at most, 0 or more.
            server_key: its public key; None in a cluster without keys.

        Raises:
            InvalidAddress, InvalidConfig, ClientClosed: nothing was asked.
        """
        self._check_open()
        with Client(
            endpoint, machine=None, keys=self._keys, server_keys=() if server_key is None else server_key
        ) as one:
            return one.status(timeout)[0]

    # Internals

    def _deadline(self, timeout: float) -> Deadline:
        self._check_open()
        return Deadline(timeout)

    def _in_session(self, deadline: Deadline) -> SessionClient:
        if self._session is None:
            about = self._check_machine(deadline)
            if self._session is None:
                limits = SessionLimits(window=about.window, timeout_ms=about.timeout_ms)
                self._session = SessionClient(self._client, limits, self._decode)
        return self._session

    def _read(self, query: Any, consistency: str, timeout: float, node: str | int | None) -> Any:
        deadline = self._deadline(timeout)
        results.encode(query)
        self._check_machine(deadline)
        member = None if node is None else self._member(node, deadline)
        return self._client.read(partial(Read, query, consistency), deadline, member)

    def _member(self, node: str | int, deadline: Deadline) -> str:
        if node not in self._links.members():
            self._links.settle(deadline)
        members = self._links.members()
        if type(node) is int and 0 <= node < len(members):
            return members[node]
        if isinstance(node, str) and node in members:
            return node
        raise UnknownNode(node, members)

    def _check_machine(self, deadline: Deadline) -> Any:
        about = self._links.about(deadline)
        if self._machine is not None and about.machine != type(self._machine).__name__:
            raise WrongMachine(str(about.machine), type(self._machine).__name__)
        return about

    def _decode(self, data: bytes) -> Any:
        return getattr(self._machine, "decode_result", results.decode)(data)

    def _check_key_value(self) -> None:
        self._check_open()
        if not isinstance(self._machine, KeyValue):
            raise NotKeyValue(type(self._machine).__name__)

    def _check_open(self) -> None:
        self._check_thread()
        if self._closed:
            raise ClientClosed

    def _check_thread(self) -> None:
        if main_greenlet() is not self._thread:
            raise WrongThread(threading.current_thread().name)


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
    return [[key] for key in (given * len(addresses) if len(given) == 1 else given)]
