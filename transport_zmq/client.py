"""The client of a cluster: blocking calls that find the leader, and do what they do once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from actors import interrupts
from actors.client import Deadline
from actors.errors import WrongThread
from actors.kv import KeyValue
from actors.kv_calls import KeyValueCalls
from actors.loop import GEVENT, run
from actors.stale_read import StaleRead
from actors.threads import main_greenlet
from actors.waiter import Waiter
from raft.actor import LINEARIZABLE

from .address import resolve
from .admin_calls import AdminCalls
from .client_calls import ClientCalls, EndpointStatus
from .keys import KeyPair
from .pipeline import Pipeline


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
        self._calls = ClientCalls(endpoints, machine, keys, server_keys, GEVENT, resolve)
        self._thread = main_greenlet()
        self._holds_interrupts = interrupts.hold()

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
        return f"Client({', '.join(self._calls.links.members())}{', closed' if self._calls.closed else ''})"

    def close(self) -> None:
        """Close all connections. What was asked and not answered is in doubt. May be called again."""
        self.check_thread()
        if not self._calls.closed:
            self._calls.leave()
            self._calls.end()
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
        return run(self._calls.propose(command, self._deadline(timeout), session))

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
        return run(self._calls.read(query, self._deadline(timeout), consistency, node))

    def read_stale(self, query: Any, timeout: float = 5.0, *, node: str | int | None = None) -> StaleRead[Any]:
        """Return what one node's state machine answers to a query, without asking others, and how old that may be.

        It works at a node that is cut off, and may miss commands that were acknowledged long ago.

        Raises:
            InvalidConfig, UnsupportedResult, NotAnswerable, UnknownNode, Unavailable, WrongMachine, ClientClosed: as
                for `read`.
        """
        return run(self._calls.read_stale(query, self._deadline(timeout), node))

    def waiter(self, timeout: float = 5.0) -> Waiter:
        """Return a way to wait until the state machine has something to tell (see `actors.ports.WatchableMachine`).

        Args:
            timeout: seconds, 0 or more, within which a node must have been reached.

        Raises:
            InvalidConfig: when the timeout is no number of seconds.
            Unavailable, WrongMachine, ClientClosed: there is nothing to wait for.
        """
        return run(self._calls.waiter(self._deadline(timeout)))

    def pipeline(self) -> Pipeline:
        """Return a way to have many calls under way at once."""
        self._check_open()
        return Pipeline(self, self._calls)

    # The cluster itself

    def status(self, timeout: float = 5.0) -> list[EndpointStatus]:
        """Return what the node behind each endpoint says of itself; those that cannot be asked are told too.

        Args:
            timeout: seconds to wait at most for nodes that do not answer, 0 or more.
        """
        return run(self._calls.status(self._deadline(timeout)))

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
            endpoint, machine=None, keys=self._calls.keys, server_keys=() if server_key is None else server_key
        ) as one:
            return one.status(timeout)[0]

    # Internals

    def _deadline(self, timeout: float) -> Deadline:
        self._check_open()
        return Deadline(timeout)

    def _check_key_value(self) -> None:
        self.check_thread()
        self._calls.check_key_value()

    def _check_open(self) -> None:
        self.check_thread()
        self._calls.check_open()

    def check_thread(self) -> None:
        """Raise `WrongThread` in another thread than the one that made this client."""
        if main_greenlet() is not self._thread:
            raise WrongThread(threading.current_thread().name)
