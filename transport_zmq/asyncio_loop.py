"""asyncio's loop, as `actors.loop` wants one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

from pykka import Timeout

from actors.loop import Event, Lock, Loop, Outcome, Stop

from .errors import WrongLoop

T = TypeVar("T")


class AsyncioFuture:
    """An outcome that one coroutine waits for. When that was cancelled or waits no longer, it takes any answer.

    Attributes:
        answered: error and value, once they are there. The error is none of asyncio's: nobody need retrieve it.
    """

    def __init__(self, answered: asyncio.Future[tuple[Exception | None, Any]]) -> None:
        self.answered = answered

    def answer(self, error: Exception | None, value: Any) -> None:
        """Set the error, or without one the value."""
        if not self.answered.done():
            self.answered.set_result((error, value))


class AsyncioLoop(Loop):
    """The loop that runs where it is made.

    Raises:
        WrongLoop: none does.
    """

    def __init__(self) -> None:
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            raise WrongLoop("made where none runs") from None

    def check_runs_here(self) -> None:
        """Raise `WrongLoop` where it is not the one that runs the caller."""
        try:
            if asyncio.get_running_loop() is self._loop:
                return
        except RuntimeError:
            raise WrongLoop("used where none runs") from None
        raise WrongLoop("used in another one")

    async def sleep(self, seconds: float) -> None:
        """See `Loop`."""
        await asyncio.sleep(seconds)

    def event(self) -> Event:
        """See `Loop`."""
        return asyncio.Event()

    async def wait(self, event: asyncio.Event, timeout: float | None) -> bool:
        """See `Loop`."""
        return await _within(timeout, event.wait)

    def lock(self) -> Lock:
        """See `Loop`."""
        return asyncio.Lock()

    async def acquire(self, lock: asyncio.Lock, timeout: float) -> bool:
        """See `Loop`."""
        return await _within(timeout, lock.acquire)

    def future(self) -> Outcome:
        """See `Loop`."""
        return AsyncioFuture(self._loop.create_future())

    async def outcome(self, future: AsyncioFuture, timeout: float) -> Any:
        """See `Loop`."""
        try:
            async with asyncio.timeout(timeout):
                error, value = await future.answered
        except TimeoutError:
            raise Timeout(f"{timeout} seconds") from None
        if error is not None:
            raise error
        return value

    async def apart(self, function: Callable[..., T], *arguments: Any) -> T:
        """See `Loop`; the function runs in a thread."""
        return await self._loop.run_in_executor(None, function, *arguments)

    def soon(self, call: Callable[[], None]) -> Stop:
        """See `Loop`."""
        return self._loop.call_soon(call).cancel

    def later(self, seconds: float, call: Callable[[], None]) -> Stop:
        """See `Loop`."""
        return self._loop.call_later(seconds, call).cancel

    def watch(self, descriptor: int, call: Callable[[], None]) -> Stop:
        """See `Loop`."""
        self._loop.add_reader(descriptor, call)
        return partial(self._loop.remove_reader, descriptor)

    def spawn(self, function: Callable[[], Coroutine[Any, Any, None]]) -> Stop:
        """See `Loop`."""
        return self._loop.create_task(function()).cancel

    def report(self, error: Exception) -> None:
        """See `Loop`."""
        self._loop.call_exception_handler({"message": "a callback has failed", "exception": error})


async def _within(timeout: float | None, wait: Callable[[], Coroutine[Any, Any, Any]]) -> bool:
    """Wait for something for some seconds at most; return whether it came."""
    try:
        async with asyncio.timeout(timeout):
            await wait()
    except TimeoutError:
        return False
    return True
