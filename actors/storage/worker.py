"""One thread that works while the event loop goes on: what it is given is done in order, and reported in the loop."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from gevent import get_hub
from gevent.event import Event

Work = Callable[[], Any]
Done = Callable[[Any, BaseException | None], object]


class Worker:
    """A thread and its queue. It begins with the first piece of work and ends with `stop`.

    The pool of gevent would not do: to give it more than it has threads for is to wait.

    Its methods are for the thread of the loop.
    """

    def __init__(self) -> None:
        self._queue: SimpleQueue[tuple[Work, Done] | None] = SimpleQueue()
        self._finished: deque[tuple[Done, Any, BaseException | None]] = deque()
        self._under_way = 0
        self._is_idle = Event()
        self._is_idle.set()
        self._bell: Any = None  # rung by the thread when something is finished

    @property
    def is_idle(self) -> bool:
        """Whether all that it was given is done and reported."""
        return not self._under_way

    def do(self, work: Work, done: Done) -> None:
        """Let the thread do something, behind all that waits; then call done(result, error) in the loop."""
        if self._bell is None:
            self._bell = get_hub().loop.async_()
            self._bell.start(self._report)
            threading.Thread(target=self._run, args=(self._queue, self._bell), daemon=True).start()
        self._bell.ref = True  # the loop has something to wait for
        self._under_way += 1
        self._is_idle.clear()
        self._queue.put((work, done))

    def wait_for(self, work: Work) -> Any:
        """Let the thread do something, wait for it while the loop goes on, and return its result or raise its error."""
        outcome: list[tuple[Any, BaseException | None]] = []
        is_done = Event()

        def done(result: Any, error: BaseException | None) -> None:
            outcome.append((result, error))
            is_done.set()

        self.do(work, done)
        try:
            is_done.wait()
        except BaseException:
            self.join()  # whoever is interrupted must find it done or not begun
            raise
        ((result, error),) = outcome
        if error is not None:
            raise error
        return result

    def join(self) -> None:
        """Wait, while the loop goes on, until all is done and reported."""
        self._is_idle.wait()

    def stop(self) -> None:
        """Wait until all is done, and end the thread; it can be used again."""
        self.join()
        if self._bell is not None:
            self._queue.put(None)
            self._bell.close()
            self._bell = None
            self._queue = SimpleQueue()

    def _run(self, queue: SimpleQueue[tuple[Work, Done] | None], bell: Any) -> None:
        while (given := queue.get()) is not None:
            work, done = given
            result, error = None, None
            try:
                result = work()
            except BaseException as raised:
                error = raised
            self._finished.append((done, result, error))
            bell.send()

    def _report(self) -> None:
        while self._finished:
            done, result, error = self._finished.popleft()
            self._under_way -= 1
            if not self._under_way:
                self._is_idle.set()
                if self._bell is not None:
                    self._bell.ref = False
            done(result, error)
