"""A cluster of core actors in memory, with nothing around them that takes time: replication, and little else."""

from __future__ import annotations

from collections import deque
from typing import Any

from .copies import Copy

TURN_MS = 1
ELECTED_WITHIN_MS = 60_000


class Member:
    """One actor; it is all of its ports itself, each as small as can be, and its state machine keeps nothing.

    Attributes:
        level: which events it wants.
        events: how many it was told.
        sent: how many messages it has sent.
        applied: how many commands it has applied.
    """

    def __init__(self, copy: Copy, id: str, ids: tuple[str, ...], seed: int, level: int | None) -> None:
        self.level = level
        self.now = self.events = self.sent = self.applied = 0
        self.mailbox: deque[object] = deque()
        self.others: dict[str, Member] = {}
        self._alarm = 0
        actor = copy.module("actor")
        self._persisted, self._tick = actor.Persisted, actor.Tick
        node = copy.module("node").Node(id, copy.module("membership").Configuration(ids), seed=seed)
        self.actor: Any = actor.RaftActor(node, self, self, self, self, self, self)

    def turn(self, now: int) -> None:
        """Drain the mailbox."""
        self.now = now
        if self._alarm <= now:
            self._alarm = 1 << 62
            self.mailbox.append(self._tick())
        if self.mailbox:
            receive = self.actor.on_receive
            while self.mailbox:
                receive(self.mailbox.popleft())
            self.actor.on_drained()

    # The ports

    def now_ms(self) -> int:
        return self.now

    def set(self, deadline_ms: int) -> None:
        self._alarm = deadline_ms

    def send(self, messages: list[tuple[str, object]]) -> None:
        self.sent += len(messages)
        for receiver, message in messages:
            self.others[receiver].mailbox.append(message)

    def write(self, write: Any) -> None:
        self.mailbox.append(self._persisted(write.number))

    def apply(self, entry: object) -> None:
        self.applied += 1

    def observe(self, event: object) -> None:
        self.events += 1


class Replication:
    """A cluster that has elected a leader.

    Args:
        copy: the core that it runs.
        nodes: how many members.
        level: which events each observer wants.
    """

    def __init__(self, copy: Copy, nodes: int, level: int | None) -> None:
        ids = tuple(f"n{number}" for number in range(nodes))
        self._members = [Member(copy, id, ids, seed, level) for seed, id in enumerate(ids)]
        self._propose = copy.module("actor").Propose
        self._now = 0
        self._answers = 0
        for member in self._members:
            member.others = dict(zip(ids, self._members, strict=True))
            member.actor.on_start()
        while not any(member.actor.node.role.name == "leader" for member in self._members):
            self._turn()
            assert self._now < ELECTED_WITHIN_MS, "nobody is elected"
        self._leader = next(member for member in self._members if member.actor.node.role.name == "leader")
        while self._leader.actor.node.log.applied_index == 0:
            self._turn()

    def run(self, commands: int, in_flight: int) -> None:
        """Replicate so many commands, some of them at a time."""
        for first in range(0, commands, in_flight):
            last = min(commands, first + in_flight)
            for _ in range(first, last):
                self._leader.mailbox.append(self._propose(b"command", self._answered))
            while self._answers < last:
                self._turn()

    @property
    def work(self) -> tuple[int, int, int]:
        """What the cluster has done: milliseconds gone by, messages sent, commands applied."""
        members = self._members
        return self._now, sum(member.sent for member in members), sum(member.applied for member in members)

    @property
    def events(self) -> int:
        """How many events the observers were told."""
        return sum(member.events for member in self._members)

    def _answered(self, error: Exception | None, result: object) -> None:
        assert error is None, error
        self._answers += 1

    def _turn(self) -> None:
        self._now += TURN_MS
        for member in self._members:
            member.turn(self._now)
