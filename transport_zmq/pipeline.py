"""Many calls under way at once, without greenlets of one's own."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from gevent.pool import Pool

from actors.runtime import GeventFuture

if TYPE_CHECKING:
    from .client import Client

UNDER_WAY = 1024  # a session takes no more at once


class Pipeline:
    """Begins calls of a client, and brings their results as futures.

    The order in which they take effect is not that in which they were begun. Leaving the `with` statement waits for
    all of them, and raises nothing of what they have raised: that is for `get`.

        with client.pipeline() as pipeline:
            stored = [pipeline.call(client.put, key, value) for key, value in pairs]
        for future in stored:
            future.get()

    Args:
        client: whose calls they are.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._pool = Pool(UNDER_WAY)

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
        future: GeventFuture[Any] = GeventFuture()

        def run() -> None:
            try:
                future.set(method(*arguments, **settings))
            except Exception as error:
                future.set_exception((type(error), error, error.__traceback__))

        self._pool.spawn(run)
        return future

    def put(self, key: bytes | str, value: bytes | str, timeout: float = 5.0) -> GeventFuture[None]:
        """Begin `Client.put`."""
        return self.call(self._client.put, key, value, timeout)

    def get(self, key: bytes | str, timeout: float = 5.0) -> GeventFuture[bytes | None]:
        """Begin `Client.get`."""
        return self.call(self._client.get, key, timeout)

    def delete(self, key: bytes | str, timeout: float = 5.0) -> GeventFuture[bool]:
        """Begin `Client.delete`."""
        return self.call(self._client.delete, key, timeout)

    def cas(
        self, key: bytes | str, expected: bytes | str | None, value: bytes | str, timeout: float = 5.0
    ) -> GeventFuture[bool]:
        """Begin `Client.cas`."""
        return self.call(self._client.cas, key, expected, value, timeout)

    def propose(self, command: bytes, timeout: float = 5.0) -> GeventFuture[Any]:
        """Begin `Client.propose`."""
        return self.call(self._client.propose, command, timeout)

    def wait(self) -> None:
        """Wait until everything that was begun has ended."""
        self._pool.join()
