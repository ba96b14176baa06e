"""A rolling restart: every machine in its turn, and with the next program if there is one."""

from __future__ import annotations

from collections.abc import Sequence

from .host import Host
from .scheduler import Scheduler


class RollingRestart:
    """Restarts machines one after the other.

    Args:
        hosts: all of them.
        timeout_us: the election timeout: for how long a leader may try to hand over.

    Attributes:
        is_under_way: whether one has begun and is not over.
    """

    def __init__(self, scheduler: Scheduler, hosts: Sequence[Host], timeout_us: int) -> None:
        self._scheduler = scheduler
        self._hosts = hosts
        self._timeout_us = timeout_us
        self._left: list[Host] = []
        self._in_good_order = True
        self._down_us = 0
        self._pause_us = 0
        self._stopped = False
        self.is_under_way = False

    def stop(self) -> None:
        """Stop nobody any more."""
        self._stopped = True

    def begin(self, order: Sequence[Host], in_good_order: bool, down_us: int, pause_us: int) -> None:
        """Begin; the last one must be over.

        Args:
            order: the machines; those that are down are left out when their turn comes.
            in_good_order: whether leaders hand over first, and nodes wait until what they have written is durable.
            down_us: how long each is down.
            pause_us: how long each is up before the next one goes.
        """
        self.is_under_way = True
        self._left = list(order)
        self._in_good_order = in_good_order
        self._down_us = down_us
        self._pause_us = pause_us
        self._next()

    def _next(self) -> None:
        while self._left and self._left[0].actor is None:
            del self._left[0]
        if self._stopped or not self._left:
            self.is_under_way = False
            return
        host = self._left.pop(0)
        if self._in_good_order and host.node.leading is not None:
            host.transfer(None, lambda error, result: None)
            self._scheduler.after(self._timeout_us, self._take_down, host)
        else:
            self._take_down(host)

    def _take_down(self, host: Host) -> None:
        if self._stopped:
            return
        if self._in_good_order:
            host.stop()
        else:
            host.crash()
        self._scheduler.after(self._down_us, self._bring_up, host)

    def _bring_up(self, host: Host) -> None:
        if self._stopped:
            return
        if host.actor is None:
            host.upgrade()
            host.start()
        self._scheduler.after(self._pause_us, self._next)
