"""One member of an explored cluster: the real node, and a disk on which writes become durable one by one.

A member is a value: nothing ever changes it. Its turns (see `turn.py`) make new ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from raft.config import Config
from raft.entries import Entry
from raft.follower import Follower
from raft.leader import Leader
from raft.membership import Configuration
from raft.node import Node
from raft.prng import Prng
from raft.ready import Restored, Write

from .canonical import Log, Names, item_of, node_value


class Draws(Prng):
    """What takes the place of chance: every timeout is the same, and no campaign has the number of another.

    Only the order of moments matters to a node, and that an answer to one campaign is told from one to another. So
    nothing is lost, and equal situations coincide.

    Args:
        drawn: how many numbers were drawn before, also before the last restart: a node that starts anew draws others.
    """

    __slots__ = ()

    def __init__(self, drawn: int) -> None:
        self._state = drawn

    @property
    def drawn(self) -> int:
        """How many numbers were drawn."""
        return self._state

    def below(self, bound: int) -> int:
        """Return the middle of the range, so that a timeout is longer than the shortest possible."""
        return bound // 2

    def draw(self) -> int:
        """Return a number that was not returned before."""
        self._state += 1
        return self._state


@dataclass(frozen=True)
class Disk:
    """What is on the disk of one member, and what is on its way there.

    Attributes:
        term, vote, entries: what is durable.
        pending: the writes under way, the oldest first. They become durable in this order.
    """

    term: int = 0
    vote: str | None = None
    entries: tuple[Entry, ...] = ()
    pending: tuple[Write, ...] = ()

    def after_oldest(self) -> Disk:
        """Return the disk once the oldest write under way is durable."""
        write = self.pending[0]
        term, vote = (self.term, self.vote) if write.term is None else (write.term, write.vote)
        entries = self.entries
        if write.entries:
            entries = entries[: write.entries[0].index - 1] + write.entries
        return Disk(term, vote, entries, self.pending[1:])

    def after_crash(self, kept: int) -> Disk:
        """Return the disk after a crash that has kept so many of the writes under way, the oldest ones."""
        disk = self
        for _ in range(kept):
            disk = disk.after_oldest()
        return Disk(disk.term, disk.vote, disk.entries)

    def value(self, names: Names) -> object:
        """Return what matters of it; writes go without their numbers, which follow from their order."""
        pending = [
            (write.term, names.get(write.vote or ""), [(entry.index, *item_of(entry)) for entry in write.entries])
            for write in self.pending
        ]
        return self.term, names.get(self.vote or ""), items(self.entries), pending


def items(entries: Sequence[Entry]) -> Log:
    """Return what matters of a log."""
    return tuple([item_of(entry) for entry in entries])


class Member:
    """One member at one moment.

    Args:
        id: its id.
        node: the running node, or None while it is down. It belongs to this member alone and is not changed.
        disk: its disk.
        drawn: see `Draws`.

    Attributes:
        log: what matters of its log; of the one on disk while it is down.
        stored: what matters of the log on its disk.
        moments: the next moments at which time makes a difference, see `_moments`.
    """

    __slots__ = ("disk", "drawn", "id", "log", "moments", "node", "stored")

    def __init__(self, id: str, node: Node | None, disk: Disk, drawn: int) -> None:
        self.id = id
        self.node = node
        self.disk = disk
        self.drawn = drawn
        self.stored = items(disk.entries)
        self.log = self.stored if node is None else items(node.log._entries)
        self.moments = [] if node is None else _moments(node)

    @property
    def leads(self) -> bool:
        """Whether it is a leader."""
        return self.node is not None and self.node.leading is not None

    def value(self, names: Names) -> object:
        """Return what matters of it, with every member called by another name."""
        node = None if self.node is None else node_value(self.node, names)
        return names[self.id], node, self.disk.value(names), self.drawn


def started(id: str, members: tuple[str, ...], config: Config, disk: Disk, drawn: int) -> Member:
    """Return a member whose node has just been started from its disk.

    A new process has a new clock, which begins at 0.

    Args:
        id: of the member.
        members: the ids of all.
        config: the settings of every node.
        disk: what is on the disk; no write is under way.
        drawn: see `Draws`.

    Raises:
        RaftError: when the node refuses what is on the disk.
    """
    restored = Restored(disk.term, disk.vote, disk.entries)
    node = Node(id, Configuration(members), config, restored)
    draws = Draws(drawn)
    node.prng = draws
    node.role = Follower(node, None, node.now, node.restraint.draw_timeout())  # with a timeout like all others
    return Member(id, node, disk, draws.drawn)


def _moments(node: Node) -> list[tuple[str, int]]:
    """Return the next moments at which time alone makes a difference, each with what it is counted as, if at all.

    A clock may run as it likes between turns: all that a node can tell is which of its moments have come. They are:
    its deadline; for a follower the end of stickiness, before that; for a leader the moment from which on it helps
    others, since it has heard no quorum for an election timeout, and the one at which it therefore gives up. Moments
    at which a leader's own disk would count as stalled are left out: see docs/adr/0016.
    """
    now, role, timeout_ms = node.now, node.role, node.config.election_timeout_ms
    deadline = role.deadline
    assert deadline is not None
    if isinstance(role, Leader):
        silent = max(role.quorum_heard_ms(now), role._woke_ms) + timeout_ms
        stalled = node.log.writes.waiting_since_ms
        latest = silent if stalled is None else min(silent, stalled + timeout_ms)
        moments = [("heartbeats" if at >= deadline else "", at) for at in sorted({deadline, silent})]
        moments = [moment for moment in moments if now < moment[1] <= latest]
        return [*moments, ("heartbeats", max(silent + 1, deadline))]
    moments = [("timeouts", deadline)]
    if isinstance(role, Follower) and now < role.timer_start_ms + timeout_ms < deadline:
        moments.append(("", role.timer_start_ms + timeout_ms))
    return moments
