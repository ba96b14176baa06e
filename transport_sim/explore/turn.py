"""What one member does with one input: a turn of the actor (see `raft/actor.py`), on a copy of its node.

What a turn comes to depends on nothing but the member and the input. So it is worked out once, and serves for all
worlds in which this member is given this input.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from raft.config import Config
from raft.entries import Entry
from raft.errors import ProposalRefused
from raft.messages import Message
from raft.node import Node

from .canonical import Log
from .clone import clone
from .member import Disk, Draws, Member, started

# Inputs that are no messages. A message is named by a number larger than all of these.
MOMENT = 0  # + which of the member's moments comes
DURABLE = 16  # its oldest write becomes durable
START = 17
CRASH = 32  # + how many of its writes under way are kept
COMMAND = 64  # + the number of the command that is proposed
SMALLEST_MESSAGE = 128


@dataclass(frozen=True)
class Turn:
    """What came of an input.

    Attributes:
        before, after: the member.
        sent: the messages that have left, each with its receiver.
        applied: the entries that were applied, in order.
    """

    before: Member
    after: Member
    sent: tuple[tuple[str, Message], ...] = ()
    applied: tuple[Entry, ...] = ()

    @property
    def won(self) -> tuple[int, Log] | None:
        """If the member became the leader of a term: that term, and the log with which it was elected; else None."""
        before, after = self.before.node, self.after.node
        if after is None or after.leading is None or (before is not None and before.leads(after.term)):
            return None
        log = self.after.log
        own = 0  # what the new leader has appended already
        while own < len(log) and log[-1 - own][0] == after.term:
            own += 1
        return after.term, log[: len(log) - own]

    @property
    def committed(self) -> tuple[Log, int | None] | None:
        """If the member newly knows entries to be committed: the log up to there, and the term it leads or has led.

        That term is None when it follows.
        """
        before, after = self.before.node, self.after.node
        if before is None or after is None or after.log.commit_index <= before.log.commit_index:
            return None
        return self.after.log[: after.log.commit_index], after.term if after.leading is not None else None


def take_turn(
    member: Member, members: tuple[str, ...], config: Config, code: int, message: Message | None = None
) -> Turn:
    """Return what comes of an input.

    Args:
        member: the member.
        members: the ids of all.
        config: the settings of every node.
        code: one of the inputs above, or anything else with a message.
        message: what is delivered, if it is that.

    Raises:
        Exception: whatever the core raises: its node would have stopped.
    """
    if code == START:
        first = started(member.id, members, config, member.disk, member.drawn)
        assert first.node is not None
        first.node.tick(first.node.now)
        return _end(member, first.node, member.disk)
    if CRASH <= code < COMMAND:
        return Turn(member, Member(member.id, None, member.disk.after_crash(code - CRASH), member.drawn))
    assert member.node is not None, "a member that is down can only start"
    node = clone(member.node)
    disk = member.disk
    now = node.now
    if message is not None:
        node.step(message, now)
    elif code == DURABLE:
        node.persisted(disk.pending[0].number, now)
        disk = disk.after_oldest()
    elif code >= COMMAND:
        try:
            node.propose(b"%d" % (code - COMMAND), now)
        except ProposalRefused:
            return Turn(member, member)
    else:
        now = member.moments[code - MOMENT][1]
    node.tick(now)
    return _end(member, node, disk)


def _end(before: Member, node: Node, disk: Disk) -> Turn:
    """Carry out what the node asks for."""
    sent: list[tuple[str, Message]] = []
    applied: list[Entry] = []
    while True:
        ready = node.ready()
        if ready is None:
            break
        if ready.write is not None:
            disk = replace(disk, pending=(*disk.pending, ready.write))
        sent += ready.messages
        if ready.committed:
            applied += ready.committed
            node.applied(ready.committed[-1].index)
        if not node.has_work:
            break
    drawn = node.prng.drawn if isinstance(node.prng, Draws) else 0
    return Turn(before, Member(before.id, node, disk, drawn), tuple(sent), tuple(applied))
