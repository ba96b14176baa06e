"""The processes of an exploration: each has a share of the worlds, and all are asked together."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

from .bounds import Bounds
from .partition import Partition
from .space import Space
from .wire import packed, unpacked


class ShareFailed(Exception):
    """A process of the exploration has ended unexpectedly, as when memory runs out."""


class Share:
    """Answers requests, each a name and bytes, with bytes.

    Args:
        bounds: of the exploration.
        symmetric: see `Space`.
        index: which share of the worlds this is.
        shares: how many there are.
    """

    def __init__(self, bounds: Bounds, symmetric: bool, index: int, shares: int) -> None:
        self._partition = Partition(Space(bounds, symmetric), index, shares)

    def answer(self, name: str, data: bytes) -> bytes:
        """Return the answer to a request."""
        partition = self._partition
        if name == "begin":
            partition.begin()
        elif name == "round":
            return partition.round(data)
        elif name == "came_from":
            return packed({"came_from": partition.came_from(int.from_bytes(data, "little"))})
        elif name == "saved":
            return partition.saved()
        elif name == "load":
            try:
                partition.load(data)
            except ValueError as error:
                return packed({"problem": str(error)})
        return packed({})


class Crew:
    """All shares; as many processes, or none but this one when there is only one share. A context manager."""

    def __init__(self, bounds: Bounds, symmetric: bool, shares: int) -> None:
        self.shares = shares
        self._alone = Share(bounds, symmetric, 0, 1) if shares == 1 else None
        self._connections: list[Connection] = []
        self._processes: list[multiprocessing.process.BaseProcess] = []
        if shares > 1:
            self._start(bounds, symmetric)

    def _start(self, bounds: Bounds, symmetric: bool) -> None:
        # Fresh processes share nothing with this one. Ctrl-C at a terminal meets the whole group: they leave it to
        # this process to end them, from their first moment on.
        context = multiprocessing.get_context("spawn")
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            for index in range(self.shares):
                ours, theirs = context.Pipe()
                arguments = (theirs, bounds.as_object(), symmetric, index, self.shares)
                process = context.Process(target=_serve, args=arguments, daemon=True)
                process.start()
                theirs.close()
                self._connections.append(ours)
                self._processes.append(process)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self._connections:
            connection.close()  # they end when nobody asks any more
        for process in self._processes:
            process.join(timeout=2)
            if process.is_alive():
                process.terminate()
                process.join()

    def ask(self, name: str, requests: Sequence[bytes]) -> list[bytes]:
        """Ask every share something, and return their answers.

        Raises:
            ShareFailed: when a process has ended.
        """
        if self._alone is not None:
            return [self._alone.answer(name, requests[0])]
        with _ended_is_failed():
            for connection, request in zip(self._connections, requests, strict=True):
                _send(connection, name, request)
            return [connection.recv_bytes() for connection in self._connections]

    def ask_one(self, share: int, name: str, request: bytes) -> dict[str, Any]:
        """Ask one share something, and return the header of its answer.

        Raises:
            ShareFailed: when its process has ended.
        """
        if self._alone is not None:
            return unpacked(self._alone.answer(name, request))[0]
        with _ended_is_failed():
            _send(self._connections[share], name, request)
            return unpacked(self._connections[share].recv_bytes())[0]


@contextmanager
def _ended_is_failed() -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError):
        raise ShareFailed("a process of the exploration has ended; is there enough memory?") from None


def _send(connection: Connection, name: str, request: bytes) -> None:
    connection.send_bytes(name.encode())
    connection.send_bytes(request)


def _serve(connection: Connection, bounds: dict[str, int], symmetric: bool, index: int, shares: int) -> None:
    """Answer until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    answer: Callable[[str, bytes], bytes] = Share(Bounds.of_object(bounds), symmetric, index, shares).answer
    with suppress(EOFError, OSError):
        while True:
            name = connection.recv_bytes().decode()
            connection.send_bytes(answer(name, connection.recv_bytes()))
