"""What one member does with one input: a turn of the actor (see `raft/actor.py`), on a copy of its node.

What a turn comes to depends on nothing but the member and the input. So it is worked out once, and serves for all
worlds in which this member is given this input.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from raft.errors import ProposalRefused
from raft.messages import Message
from raft.node import Node

from . import promises
from .canonical import Item
from .clone import clone
from .member import Disk, Member, started

# Inputs that are no messages. A message is named by its digest, which is larger than all of these.
MOMENT = 0  # + which of the member's moments comes
DURABLE = 16  # its oldest write becomes durable
START = 17
CRASH = 32  # + how many of its writes under way are kept
COMMAND = 64  # + the number of the command that is proposed
SMALLEST_MESSAGE = 1 << 32

Sent: TypeAlias = tuple[tuple[str, Message], ...]


@dataclass(frozen=True)
class Turn:
    """What came of an input.

    Attributes:
        member: the member after it.
        sent: the messages that have left, each with its receiver.
        won: if it became the leader of a term: that term and the log with which it was elected; else None.
        committed: what it newly knows to be committed: the log up to there, and the term that it led when it was so, or
            None when it follows; None when nothing is new.
    """

    member: Member
    sent: Sent = ()
    won: tuple[int, tuple[Item, ...]] | None = None
    committed: tuple[tuple[Item, ...], int | None] | None = None


def take_turn(member: Member, members: tuple[str, ...], code: int, message: Message | None = None) -> Turn:
    """Return what comes of an input.

    Args:
        member: the member.
        members: the ids of all.
        code: one of the inputs above, or anything else with a message.
        message: what is delivered, if it is that.

    Raises:
        InvariantError: when it breaks a promise that can be seen at one member.
        Exception: whatever the core raises: its node would have stopped.
    """
    if code == START:
        return _first_turn(member, members)
    if CRASH <= code < COMMAND:
        disk = member.disk.after_crash(code - CRASH)
        promises.check_disk(member.id, member.disk, disk)
        return Turn(Member(member.id, None, disk, member.drawn))
    assert member.node is not None, "only a member that is down has no node"
    node = clone(member.node)
    disk = member.disk
    if message is not None:
        node.step(message, node.now)
        node.tick(node.now)
    elif code == DURABLE:
        disk = disk.after_oldest()
        promises.check_disk(member.id, member.disk, disk)
        node.persisted(member.disk.pending[0].number, node.now)
        node.tick(node.now)
    elif code >= COMMAND:
        try:
            node.propose(b"%d" % (code - COMMAND), node.now)
        except ProposalRefused:
            return Turn(member)
        node.tick(node.now)
    else:
        node.tick(member.moments[code - MOMENT][1])
    return _end(member, node, disk)


def _first_turn(member: Member, members: tuple[str, ...]) -> Turn:
    first = started(member.id, members, member.disk, member.drawn)
    node = first.node
    assert node is not None
    promises.check_restart(node, member.disk)
    node.tick(node.now)
    return _end(first, node, member.disk)


def _end(before: Member, node: Node, disk: Disk) -> Turn:
    """Carry out what the node asks for, and check what can be checked at one member."""
    sent: list[tuple[str, Message]] = []
    begun = disk
    while True:
        ready = node.ready()
        if ready is None:
            break
        if ready.write is not None:
            begun = replace(begun, pending=(*begun.pending, ready.write))
        sent += ready.messages
        if ready.committed:
            promises.check_handed_out(node, ready.committed)
            node.applied(ready.committed[-1].index)
        if not node.has_work:
            break
    after = Member(before.id, node, begun, node.prng.drawn)  # type: ignore[attr-defined]
    promises.check_turn(before, after)
    for receiver, message in sent:
        promises.check_sent(after, disk, receiver, message)
    return Turn(after, tuple(sent), _won(before, after), _committed(before, after))


def _won(before: Member, after: Member) -> tuple[int, tuple[Item, ...]] | None:
    assert before.node is not None and after.node is not None
    term = after.node.term
    if not after.leads or (before.leads and before.node.term == term):
        return None
    own = 0  # what the new leader has appended already
    while own < len(after.log) and after.log[-1 - own][0] == term:
        own += 1
    return term, after.log[: len(after.log) - own]


def _committed(before: Member, after: Member) -> tuple[tuple[Item, ...], int | None] | None:
    assert before.node is not None and after.node is not None
    index = after.node.log.commit_index
    if index == before.node.log.commit_index:
        return None
    leading = after.node.term if after.leads else None
    return after.log[:index], leading
