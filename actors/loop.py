"""What clients need of an event loop, so that what they do is written once and runs on gevent's loop and on asyncio's.

Whatever waits is a coroutine, and waits by one of the methods here. On asyncio's loop such coroutines are awaited like
any others. On gevent's each method waits itself and has its result when it returns, so a coroutine never suspends:
`run` starts it, and it is through. A call that blocks costs no more for being written so.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Protocol, TypeVar

import gevent
from gevent import get_hub
from gevent.event import Event as GeventEvent
from gevent.lock import BoundedSemaphore

from .runtime import GeventFuture

T = TypeVar("T")

Stop = Callable[[], object]  # takes back what was asked of a loop; may be called once, also when it has happened

_READABLE = 1  # to libev


class Event(Protocol):
    """What several may wait for, see `Loop.wait`."""

    def set(self) -> None:
        """Wake all who wait, and let nobody wait any more."""

    def clear(self) -> None:
        """Let them wait again."""

    def is_set(self) -> bool:
        """Whether nobody waits."""


class Lock(Protocol):
    """What one may hold at a time, see `Loop.acquire`."""

    def release(self) -> object:
        """Let the next one have it."""


class Outcome(Protocol):
    """What something came to, or will; see `Loop.outcome`."""

    def answer(self, error: Exception | None, value: Any) -> None:
        """Set the error, or without one the value."""


class Loop(ABC):
    """An event loop, used in its own thread."""

    # Waiting

    @abstractmethod
    async def sleep(self, seconds: float) -> None:
        """Let others run for some time."""

    @abstractmethod
    def event(self) -> Event:
        """Return an event that is not set."""

    @abstractmethod
    async def wait(self, event: Any, timeout: float | None) -> bool:
        """Wait for an event for some seconds at most, for ever when None; return whether it is set."""

    @abstractmethod
    def lock(self) -> Lock:
        """Return a lock that nobody holds."""

    @abstractmethod
    async def acquire(self, lock: Any, timeout: float) -> bool:
        """Wait for a lock for some seconds at most; return whether the caller has it."""

    @abstractmethod
    def future(self) -> Outcome:
        """Return the outcome of something that begins."""

    @abstractmethod
    async def outcome(self, future: Any, timeout: float) -> Any:
        """Wait for an outcome.

        Args:
            future: whose.
            timeout: seconds to wait at most.

        Raises:
            pykka.Timeout: it was not there in time.
            Exception: the error that it was answered with.
        """

    @abstractmethod
    async def apart(self, function: Callable[..., T], *arguments: Any) -> T:
        """Return what a function returns that may take long; others run meanwhile."""

    # Being called

    @abstractmethod
    def soon(self, call: Callable[[], None]) -> Stop:
        """Call something when what is ready now has had its turn."""

    @abstractmethod
    def later(self, seconds: float, call: Callable[[], None]) -> Stop:
        """Call something after some time."""

    @abstractmethod
    def watch(self, descriptor: int, call: Callable[[], None]) -> Stop:
        """Call something whenever a descriptor is readable, until it is stopped."""

    @abstractmethod
    def spawn(self, function: Callable[[], Coroutine[Any, Any, None]]) -> Stop:
        """Begin something that waits, beside everything else."""

    @abstractmethod
    def report(self, error: Exception) -> None:
        """Tell of an error that nobody else would hear of."""


class GeventLoop(Loop):
    """gevent's loop of whichever thread it is used in. Everything but waiting is for callbacks, which must not wait."""

    async def sleep(self, seconds: float) -> None:
        """See `Loop`."""
        gevent.sleep(seconds)

    def event(self) -> Event:
        """See `Loop`."""
        return GeventEvent()

    async def wait(self, event: GeventEvent, timeout: float | None) -> bool:
        """See `Loop`."""
        return bool(event.wait(timeout))

    def lock(self) -> Lock:
        """See `Loop`."""
        return BoundedSemaphore(1)

    async def acquire(self, lock: BoundedSemaphore, timeout: float) -> bool:
        """See `Loop`."""
        # Without waiting at first: with a timeout of 0 a semaphore that is free must not look taken.
        return lock.acquire(blocking=False) or lock.acquire(timeout=timeout)

    def future(self) -> Outcome:
        """See `Loop`."""
        return GeventFuture()

    async def outcome(self, future: GeventFuture[Any], timeout: float) -> Any:
        """See `Loop`."""
        return future.get(timeout=timeout)

    async def apart(self, function: Callable[..., T], *arguments: Any) -> T:
        """See `Loop`; the function waits by gevent itself."""
        return function(*arguments)

    def soon(self, call: Callable[[], None]) -> Stop:
        """See `Loop`."""
        stop: Stop = get_hub().loop.run_callback(call).stop
        return stop

    def later(self, seconds: float, call: Callable[[], None]) -> Stop:
        """See `Loop`."""
        return _started(get_hub().loop.timer(seconds), call, update=True)

    def watch(self, descriptor: int, call: Callable[[], None]) -> Stop:
        """See `Loop`."""
        return _started(get_hub().loop.io(descriptor, _READABLE), call)

    def spawn(self, function: Callable[[], Coroutine[Any, Any, None]]) -> Stop:
        """See `Loop`."""
        # The coroutine is made when the greenlet runs: one that is killed before leaves none that nobody waited for.
        greenlet: Any = gevent.spawn(lambda: run(function()))
        return partial(greenlet.kill, block=False)

    def report(self, error: Exception) -> None:
        """See `Loop`."""
        get_hub().handle_error(self, type(error), error, error.__traceback__)


GEVENT = GeventLoop()


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns that waits by gevent."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    raise AssertionError("a coroutine that was to wait by gevent has waited otherwise")


def _started(watcher: Any, call: Callable[[], None], **settings: Any) -> Stop:
    watcher.start(call, **settings)

    def stop() -> None:
        watcher.stop()
        watcher.close()

    return stop
