"""What an operator does with a machine whose disk has rotted or is lost: it is removed, and added with a new disk.

Raft needs no such thing to be safe: who cannot read what it promised takes no part. But it must not come back as if
nothing had been (contract M6). That is tried, too: some machines get their new disk first and return under the old id,
and nobody may believe them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from raft.changes import REMOVED, VOTER, Change

from .host import Host
from .invariants import Checker
from .operator import Operator
from .quorums import suffices
from .scheduler import Scheduler

PATIENCE_LOOKS = 20  # for how many election timeouts it waits until nobody remembers the member


class Replacement:
    """Replaces machines, one at a time.

    Args:
        hosts: all of them.
        checker: knows who goes by which configuration.
        operator: changes the members; asked for nothing else while a machine waits.
        leader: returns the host that leads, or None.
        timeout_us: the election timeout: how often it looks how far it is.

    Attributes:
        waiting: the machine that cannot take part until it is replaced, or None.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        hosts: Sequence[Host],
        checker: Checker,
        operator: Operator,
        leader: Callable[[], Host | None],
        timeout_us: int,
    ) -> None:
        self.waiting: Host | None = None
        self._scheduler = scheduler
        self._hosts = hosts
        self._checker = checker
        self._operator = operator
        self._leader = leader
        self._timeout_us = timeout_us
        self._looks = 0

    def may_begin(self, host: Host) -> bool:
        """Whether a machine can be spared: the others can elect a leader, however the members are changing.

        And whether it is bound wherever it is known, so that its next life is told from this one.
        """
        if self.waiting is not None or self._operator.waits or not host.disk.entries:
            return False
        known = self._checker.configurations()
        others = [other.id for other in self._hosts if other is not host and not other.disk.is_damaged]
        bound = all(
            configuration.incarnations.get(host.id) == host.disk.incarnation
            for configuration in known
            if host.id in configuration.members
        )
        return bound and suffices(known, others)

    def begin(self, host: Host, comes_back: bool) -> None:
        """Replace a machine that cannot start.

        Args:
            host: the machine.
            comes_back: whether it gets a new disk at once, and returns under its old id before it was removed.
        """
        self.waiting = host
        self._looks = 0
        self._operator.is_busy = True
        if comes_back:
            host.lose_disk()
            host.start()
        self._scheduler.after(self._timeout_us, self._look, host)

    def _look(self, host: Host) -> None:
        leader = self._leader()
        if leader is not None and not self._operator.waits:
            known = leader.node.log.configurations
            committed = known.at(leader.node.log.commit_index)
            if host.id in (*known.newest.members, *committed.members):
                self._operator.ask(leader, [Change(host.id, REMOVED)])
            elif not self._checker.is_remembered(host.id):
                self._bring_back(leader, host)
                self._end()
                return
            else:
                self._looks += 1
                if self._looks > PATIENCE_LOOKS:  # who was removed before it may remember it for ever
                    self._end()
                    return
        self._scheduler.after(self._timeout_us, self._look, host)

    def _bring_back(self, leader: Host, host: Host) -> None:
        if host.disk.is_damaged:
            host.lose_disk()
        if host.actor is None:
            host.start()
        address = f"{host.id}:7000"
        self._operator.ask(leader, [Change(host.id, VOTER, address, host.disk.incarnation, host.is_witness)])

    def _end(self) -> None:
        self.waiting = None
        self._operator.is_busy = False
