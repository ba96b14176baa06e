"""Queries that wait until the state machine has something to tell.

A state machine that has a method `watcher` can be waited for: nobody polls, each node looks again when it has applied
something. Whoever waits is told as well when the node has lost its leader, since it would then hear of nothing, and had
better ask another one.
"""

from .errors import ReadFailed, TooManyReads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .node import Node


class WaitFor:
    """Ask the state machine something that it may not be able to tell yet.

    What is told was committed, and may be behind what other nodes have.

    Args:
        query: what to ask it, see `StateMachine.watcher`.
        reply: called once, as reply(error, result). The error is None, a `ReadFailed`, or whatever the state machine
            has raised.
    """

    __slots__ = ("query", "reply")

    def __init__(self, query, reply) -> None:
        self.query = query
        self.reply = reply


class StopWaiting:
    """Nobody wants to know any more what a `WaitFor` asks; it is not answered, if it was not before.

    Args:
        wait: which one.
        reply: called once, as reply(None, None).
    """

    __slots__ = ("reply", "wait")

    def __init__(self, wait: WaitFor, reply) -> None:
        self.wait = wait
        self.reply = reply


class Waiting:
    """All queries that wait at one node.

    Args:
        node: the node.
        machine: its state machine.
    """

    def __init__(self, node: "Node", machine) -> None:
        self._node = node
        self._watcher = getattr(machine, "watcher", None)
        self._waiting = {}  # type: ignore[var-annotated]  # by number: a `WaitFor`, and what tells, or returns None
        self._last = 0  # the number of the last one

    def add(self, wait: WaitFor, now: int) -> None:
        """Answer a query at once, or when there is something to tell."""
        if self._watcher is None:
            wait.reply(ReadFailed("this node has no state machine that can be waited for"), None)
            return
        most = self._node.config.max_pending_reads
        if len(self._waiting) >= most:
            wait.reply(TooManyReads(len(self._waiting), most), None)
            return
        try:
            tell = self._watcher(wait.query)
        except Exception as error:
            wait.reply(error, None)
            return
        self._last += 1
        self._waiting[self._last] = (wait, tell)
        self._look(self._last)
        self._node.role.wake(now)  # a quiescent node may not know yet that its leader is gone

    def remove(self, stop: StopWaiting) -> None:
        """Forget a query."""
        for number in sorted(self._waiting):
            if self._waiting[number][0] is stop.wait:
                del self._waiting[number]
        stop.reply(None, None)

    def settle(self, has_changed: bool) -> None:
        """End a turn: answer those who need not wait any more.

        Args:
            has_changed: whether the state machine may have something new to tell.
        """
        if has_changed and self._waiting:
            for number in sorted(self._waiting):
                self._look(number)
        if self._waiting and self._node.role.leader is None:
            self.abandon("this node knows no leader")

    def abandon(self, reason: str) -> None:
        """Tell everybody that there is nothing to wait for here."""
        waiting = self._waiting
        self._waiting = {}
        for number in sorted(waiting):
            waiting[number][0].reply(ReadFailed(reason), None)

    def _look(self, number: int) -> None:
        wait, tell = self._waiting[number]
        error = None
        result = None
        try:
            result = tell()
        except Exception as problem:
            error = problem
        if error is not None or result is not None:
            del self._waiting[number]
            wait.reply(error, result)
