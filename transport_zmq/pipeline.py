"""Many calls under way at once, without greenlets of one's own."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from gevent.event import Event
from gevent.pool import Pool

from actors import kv_commands
from actors.arguments import as_bytes, checked_timeout
from actors.kv import DONE, Result
from actors.kv_access import checked
from actors.kv_commands import OutOfBounds
from actors.runtime import GeventFuture
from actors.session_client import Done
from raft.errors import InvalidCommand, InvalidConfig, RaftError

from .client_calls import ClientCalls
from .link import ANSWER_S

if TYPE_CHECKING:
    from .client import Client

UNDER_WAY = 1024  # a session takes no more at once

Convert = Callable[[Any], Any]


class Pipeline:
    """Begins calls of a client, and brings their results as futures.

    The order in which they take effect is not that in which they were begun. Leaving the `with` statement waits for
    all of them, and raises nothing of what they have raised: that is for `get`.

        with client.pipeline() as pipeline:
            stored = [pipeline.put(key, value) for key, value in pairs]
        for future in stored:
            future.get()

    Commands and reads go to the leader at once and need no greenlet until something goes wrong, which makes them far
    cheaper than calls of the client in greenlets of one's own. In either case the outcome is the same.

    Args:
        client: whose calls they are.
        calls: those calls, as coroutines and without.
    """

    def __init__(self, client: Client, calls: ClientCalls) -> None:
        self._client = client
        self._calls = calls
        self._pool = Pool(UNDER_WAY)
        self._started = 0  # under way without a greenlet
        self._none_started = Event()
        self._none_started.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.wait()

    def call(self, method: Callable[..., Any], *arguments: Any, **settings: Any) -> GeventFuture[Any]:
        """Begin a call, which waits only while as many as may be are under way.

        Args:
            method: of the client.
            *arguments: for it.
            **settings: for it.

        Returns:
            A future; `get` returns what the call does, or raises what it does.
        """
        self._client.check_thread()
        future: GeventFuture[Any] = GeventFuture()

        def run() -> None:
            try:
                future.set(method(*arguments, **settings))
            except Exception as error:
                future.answer(error, None)

        self._pool.spawn(run)
        return future

    def put(self, key: bytes | str, value: bytes | str, timeout: float = 5.0) -> GeventFuture[None]:
        """Begin `Client.put`."""
        return self._command(lambda: kv_commands.put(as_bytes("key", key), as_bytes("value", value)), timeout, _nothing)

    def get(self, key: bytes | str, timeout: float = 5.0) -> GeventFuture[bytes | None]:
        """Begin `Client.get`."""
        try:
            self._calls.check_key_value()
            query = kv_commands.get(as_bytes("key", key))
        except (RaftError, OutOfBounds) as error:
            return _failed(error)
        started = self._start(self._calls.start_read, query, timeout, _value)
        return started or self.call(self._client.get, key, timeout)

    def delete(self, key: bytes | str, timeout: float = 5.0) -> GeventFuture[bool]:
        """Begin `Client.delete`."""
        return self._command(lambda: kv_commands.delete(as_bytes("key", key)), timeout, _was_there)

    def cas(
        self, key: bytes | str, expected: bytes | str | None, value: bytes | str, timeout: float = 5.0
    ) -> GeventFuture[bool]:
        """Begin `Client.cas`."""

        def encode() -> bytes:
            known = None if expected is None else as_bytes("expected", expected)
            return kv_commands.cas(as_bytes("key", key), known, as_bytes("value", value))

        return self._command(encode, timeout, _is_done)

    def propose(self, command: bytes, timeout: float = 5.0) -> GeventFuture[Any]:
        """Begin `Client.propose`, in a session."""
        if type(command) is not bytes:
            return _failed(InvalidCommand(command))
        return self._proposed(command, timeout, _as_it_is)

    def wait(self) -> None:
        """Wait until everything that was begun has ended."""
        while self._started or len(self._pool):
            self._none_started.wait()
            self._pool.join()

    # Internals

    def _command(self, encode: Callable[[], bytes], timeout: float, convert: Convert) -> GeventFuture[Any]:
        """Begin a command of the key-value store."""
        try:
            self._calls.check_key_value()
            command = encode()
        except (RaftError, OutOfBounds) as error:
            return _failed(error)
        return self._proposed(command, timeout, convert)

    def _proposed(self, command: bytes, timeout: float, convert: Convert) -> GeventFuture[Any]:
        started = self._start(self._calls.start_proposal, command, timeout, convert)
        return started or self.call(lambda: convert(self._client.propose(command, timeout)))

    def _start(
        self, start: Callable[[bytes, float, Done], bool], what: bytes, timeout: float, convert: Convert
    ) -> GeventFuture[Any] | None:
        """Begin something without a greenlet, and return what brings its result; None if that cannot be."""
        self._client.check_thread()
        if self._started >= UNDER_WAY:
            return None
        try:
            checked_timeout(timeout)
        except InvalidConfig as error:
            return _failed(error)
        if timeout < ANSWER_S:
            return None  # nobody would notice that the time is up
        future: GeventFuture[Any] = GeventFuture()

        def done(error: Exception | None, encoded: Any) -> None:
            self._ended()
            value = None
            if error is None:
                try:
                    value = convert(self._calls.decode(encoded))
                except Exception as problem:  # a user's machine may raise what it likes
                    error = problem
            future.answer(error, value)

        self._started += 1
        if start(what, timeout, done):
            self._none_started.clear()
            return future
        self._ended()
        return None

    def _ended(self) -> None:
        self._started -= 1
        if not self._started:
            self._none_started.set()


def _failed(error: Exception) -> GeventFuture[Any]:
    future: GeventFuture[Any] = GeventFuture()
    future.answer(error, None)
    return future


def _as_it_is(result: Any) -> Any:
    return result


def _nothing(result: Result) -> None:
    checked(result)


def _value(result: Result) -> bytes | None:
    value: bytes | None = checked(result).value
    return value


def _was_there(result: Result) -> bool:
    return checked(result).value is not None


def _is_done(result: Result) -> bool:
    return checked(result).outcome == DONE
