"""Processes that work through tasks; whatever becomes of one of them, every task is answered for.

Each has a pipe of its own and shares no lock with the others. So one that hangs or dies is noticed, ended and replaced,
and the others go on meanwhile.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from time import monotonic
from typing import Any, Generic, TypeVar

Task = TypeVar("Task")
Answer = TypeVar("Answer")

MOST_AHEAD = 1_000
"""How many tasks may be taken up after one that has no answer yet: one that hangs must not keep the others waiting."""

LONGEST_START_S = 60
"""How long a process may take to start, in seconds; the time of its task begins only then."""

_ENDINGS = (signal.SIGINT, signal.SIGTERM)
_SPAWN = multiprocessing.get_context("spawn")  # fresh processes share nothing with this one, whatever it has started


class TimeIsUpError(Exception):
    """The time for all tasks together is over."""


@dataclass(frozen=True)
class NoAnswer:
    """What stands for the answer of a task that has none.

    Attributes:
        why: what became of it.
        hangs: whether it took too long; otherwise its process ended.
    """

    why: str
    hangs: bool


class Workers(Generic[Task, Answer]):
    """Processes that call a function with tasks. A context manager: they end with it.

    Args:
        function: called with each task; stands at the top of a module, and raises nothing.
        jobs: how many processes, 1 or more.
        longest_s: how many seconds a task may take; it is given up then.
    """

    def __init__(self, function: Callable[[Task], Answer], jobs: int, longest_s: float = math.inf) -> None:
        self.longest_s = longest_s
        self._function = function
        self._jobs = jobs
        self._series = 0
        self._workers: list[_Worker] = []

    def __enter__(self) -> Workers[Task, Answer]:
        try:
            for _ in range(self._jobs):
                self._workers.append(_Worker(self._function))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.end()
        self._workers.clear()

    def answers(self, tasks: Iterable[Task], until: float = math.inf) -> Iterator[Answer | NoAnswer]:
        """Return the answers in the order of the tasks, as they come.

        Whoever stops listening loses nothing but the tasks under way: the next call goes on with other ones.

        Args:
            tasks: the tasks, perhaps without an end.
            until: the time, as `monotonic` has it, at which waiting ends.

        Raises:
            TimeIsUpError: that time has come.
        """
        self._series += 1
        left = iter(tasks)
        found: dict[int, Answer | NoAnswer] = {}
        taken = given = 0
        is_more = True
        while is_more or given < taken:
            for worker in self._workers:
                if worker.task is None and taken - given < MOST_AHEAD and is_more:
                    task = next(left, None)
                    is_more = task is not None
                    if task is not None:
                        worker.give((self._series, taken), task, self.longest_s)
                        taken += 1
            if given in found:
                yield found.pop(given)
                given += 1
            elif any(worker.task is not None for worker in self._workers):
                found.update(self._next_answers(until))

    def _next_answers(self, until: float) -> Iterator[tuple[int, Answer | NoAnswer]]:
        """Wait until something happens, and yield the answers that it brought, by the numbers of their tasks."""
        busy = [worker for worker in self._workers if worker.task is not None]
        earliest = min(until, *(worker.until for worker in busy))
        ready = wait([worker.pipe for worker in busy], None if earliest == math.inf else max(0, earliest - monotonic()))
        for place, worker in enumerate(self._workers):
            if worker.task is None:
                continue
            series, number = worker.task
            if worker.pipe in ready:
                answer = worker.take()
                if answer is _STARTED:
                    worker.until = monotonic() + self.longest_s
                    continue
            elif monotonic() >= worker.until:
                answer = NoAnswer(f"no answer within {self.longest_s:g} s", hangs=True)
            else:
                continue
            if isinstance(answer, NoAnswer):
                worker.end()
                self._workers[place] = _Worker(self._function)
            if series == self._series:
                yield number, answer
        if monotonic() >= until:
            raise TimeIsUpError


_STARTED = object()


class _Worker:
    """One process.

    Attributes:
        task: what it works on, None for nothing.
        until: when that is given up.
        pipe: where its answer arrives.
    """

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.task: tuple[int, int] | None = None
        self.until = math.inf
        self._has_started = False
        self.pipe, theirs = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=_serve, args=(theirs, function), daemon=True)
        with theirs, _signals_held_back():
            self._process.start()

    def give(self, name: tuple[int, int], task: object, longest_s: float) -> None:
        """Hand a task to it."""
        self.task = name
        self.until = monotonic() + longest_s + (0 if self._has_started else LONGEST_START_S)
        with suppress(OSError):  # it has died; its pipe tells so at the next look
            self.pipe.send(task)

    def take(self) -> Any:
        """Return its answer, which is there; or what has become of it; or, once, that it has started."""
        try:
            answer: object = self.pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            return NoAnswer(f"its process ended with exit code {self._process.exitcode}", hangs=False)
        if not self._has_started:
            self._has_started = True
            return _STARTED
        self.task = None
        return answer

    def end(self) -> None:
        """Kill it: it holds nothing that anybody would miss."""
        self._process.kill()
        self._process.join()
        self.pipe.close()


def _serve(pipe: Connection, function: Callable[[Any], Any]) -> None:
    _prepare()
    with suppress(OSError):
        pipe.send(None)  # it has started
    while True:
        try:
            task = pipe.recv()
        except (EOFError, OSError):  # nobody wants an answer any more
            return
        answer = function(task)
        with suppress(OSError):
            pipe.send(answer)


def _prepare() -> None:
    """Leave signals to the group, Ctrl-C above all, to the process that ends this one; and end when that is gone."""
    os.setpgrp()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # also one that has come meanwhile
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDINGS)
    parent = multiprocessing.parent_process()
    assert parent is not None  # since a process of ours was started by another

    def follow() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Let signals that end this process wait, so that they never meet it with a half-made child.

    The child inherits that signals are blocked, until `_prepare`. Here that is not enough: another thread may take a
    signal and pass it on to the main thread.
    """
    # It unblocks these signals when it starts, so it must run already.
    resource_tracker.ensure_running()
    if threading.current_thread() is not threading.main_thread():
        yield  # Python delivers signals to the main thread only
        return
    caught: list[int] = []
    handlers = [(number, signal.signal(number, lambda number, _: caught.append(number))) for number in _ENDINGS]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDINGS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for number, handler in handlers:
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
    for one in caught:
        signal.raise_signal(one)
