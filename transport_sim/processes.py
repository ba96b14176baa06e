"""Client processes: generators that run in virtual time, each waiting for what it has yielded."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any

from actors import results
from actors.errors import Unavailable
from raft.errors import InvalidConfig, OutcomeUnknown

from .caller import Caller
from .cluster import Cluster
from .requests import Call, NotARequest, NotYielded, Query, SimClient, Sleep
from .shadow import InvariantError

ClientProcess = Callable[[SimClient], Generator[Any, Any, Any]]
"""A generator function of one argument, the client by which it does things."""

WANTED = "generator functions of one argument, which yield what client.call(...) returns"

LATEST_START_US = 20_000
RESTART_US = 100_000  # the usual pause before a process that an error has ended begins anew
PAUSED_US = 10_000  # how often a process that is paused looks whether it still is

_UNCERTAIN = (Unavailable, OutcomeUnknown)  # what every client must reckon with


class Process:
    """A generator at work.

    It ends when the generator returns. When it does not catch that a command or a read failed, it is begun anew a
    moment later, as whoever watches over a program does. Any other exception is a finding.

    Args:
        name: unique among the processes.
        function: makes the generator.
        cluster: the simulated world.

    Attributes:
        caller: does what it asks for.
        client: what it is given.
        paused: whether it asks for nothing new for a while.
    """

    def __init__(self, name: str, function: ClientProcess, cluster: Cluster) -> None:
        self.name = name
        setting = cluster.setting
        chance = cluster.chance.fork(name)
        decode = getattr(setting.application.example, "decode_result", results.decode)
        self.caller = Caller(name, cluster.scheduler, chance, cluster.hosts, setting.limits, decode, cluster.record)
        self.client = SimClient(name, cluster.scheduler, cluster.chance.fork(f"{name} itself"), setting.application)
        self._scheduler = cluster.scheduler
        self._chance = chance
        self._function = function
        self._generator = function(self.client)
        if not inspect.isgenerator(self._generator):
            raise InvalidConfig("clients", function, WANTED)
        self.paused = False
        self._is_over = False
        self._stopped = False
        self._scheduler.after(chance.between(0, LATEST_START_US), self._resume)

    @property
    def waits(self) -> bool:
        """Whether something it asked the cluster for is under way."""
        return self.caller.waits

    def stop(self) -> None:
        """End when what is under way is answered; the process is still told."""
        self._stopped = True
        self.caller.stop()
        if not self.waits:
            self._close()

    def _resume(self, error: Exception | None = None, value: Any = None) -> None:
        if self._is_over:
            return
        try:
            request = self._generator.send(value) if error is None else self._generator.throw(error)
            self.client.taken(request)
        except StopIteration:
            self._end()
            return
        except Exception as raised:
            if raised is not error or not isinstance(raised, _UNCERTAIN):
                raise self._finding(raised) from raised
            self._restart()
            return
        self._do(request)

    def _do(self, request: object) -> None:
        if self._is_over:
            return
        if self._stopped:
            self._close()
        elif self.paused:
            self._scheduler.after(PAUSED_US, self._do, request)
        elif isinstance(request, Sleep):
            self._scheduler.after(int(request.seconds * 1_000_000), self._resume)
        elif isinstance(request, Call):
            self.caller.call(request, self._answered)
        else:
            assert isinstance(request, Query)
            self.caller.read(request, self._answered)

    def _restart(self) -> None:
        if self._stopped:
            self._is_over = True
            return
        self._generator = self._function(self.client)
        self._scheduler.after(self._chance.long_tailed(1_000, RESTART_US), self._resume)

    def _end(self) -> None:
        self._is_over = True
        try:
            self.client.ended()
        except NotYielded as mistake:
            raise self._finding(mistake) from mistake

    def _answered(self, error: Exception | None, value: Any) -> None:
        # Not here and now: whoever answers is in the middle of something.
        self._scheduler.next(partial(self._resume, error, value))

    def _close(self) -> None:
        self._is_over = True
        try:
            self._generator.close()
        except Exception as raised:
            raise self._finding(raised) from raised

    def _finding(self, error: Exception) -> InvariantError:
        self._is_over = True
        kind = "" if isinstance(error, (AssertionError, NotYielded, NotARequest)) else f"{type(error).__name__}: "
        return InvariantError("client", f"{self.name}: {kind}{error}")


def start_processes(functions: Sequence[ClientProcess], cluster: Cluster) -> list[Process]:
    """Start a process for each function, called by its name and its number.

    Raises:
        InvalidConfig: one of them is no generator function.
    """
    processes = []
    for number, function in enumerate(functions, 1):
        if not callable(function):
            raise InvalidConfig("clients", function, WANTED)
        processes.append(Process(f"{getattr(function, '__name__', 'client')}{number}", function, cluster))
    return processes
