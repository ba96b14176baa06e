"""The promises that can be seen to be broken at a single member, within one turn of it."""

from __future__ import annotations

from raft.messages import AppendAccepted, HeartbeatEcho, Message, VoteReply, VoteRequest
from raft.node import Node
from transport_sim.shadow import InvariantError

from .canonical import Log
from .member import Disk, Member
from .turn import Turn


def check(turn: Turn) -> None:
    """Check all that one turn shows.

    Raises:
        InvariantError: when a promise is broken.
        AssertionError: when the core itself finds one broken.
    """
    _check_disk(turn.before, turn.after)
    node = turn.after.node
    if node is None:
        return
    node.check()
    if turn.before.node is None:
        _check_restart(node, turn.after.disk)
    else:
        _check_progress(turn.before, turn.before.node, turn.after, node)
    if turn.won is not None and node.log.last_term != node.term:
        raise InvariantError("R3", f"{node.id} leads term {node.term} without a no-op of that term")
    _check_applied(turn, node)
    _check_bounds(turn.after, node)
    for receiver, message in turn.sent:
        _check_sent(turn.after.id, turn.after.disk, receiver, message)


def _check_disk(before: Member, after: Member) -> None:
    """Term and vote on a disk never go back (S6), and its log is cut off only where terms conflict (S6, R1)."""
    id, old, new = after.id, before.disk, after.disk
    if new.term < old.term:
        raise InvariantError("S6", f"the disk of {id} went back from term {old.term} to {new.term}")
    if new.term == old.term and old.vote not in (None, new.vote):
        raise InvariantError("S6", f"the disk of {id} changed its vote in term {new.term}")
    for position, entry in enumerate(new.entries):
        if entry.index != position + 1:
            raise InvariantError("S6", f"the disk of {id} has entry {entry.index} at index {position + 1}")
    first = _first_lost(before.stored, after.stored)
    if first:
        raise InvariantError("S6", f"the disk of {id} loses entry {first} although no term conflicts")


def _first_lost(before: Log, after: Log) -> int:
    """Return the index of the first entry that is gone although none of another term has taken its place; else 0."""
    same = _in_common(before, after)
    if same == len(before) or (same < len(after) and after[same][0] != before[same][0]):
        return 0
    return same + 1


def _in_common(log: Log, other: Log) -> int:
    same = 0
    while same < min(len(log), len(other)) and log[same] == other[same]:
        same += 1
    return same


def _check_restart(node: Node, disk: Disk) -> None:
    """A node that has started from its disk is what the disk says (S6)."""
    if node.term != disk.term or node.vote != disk.vote:
        raise InvariantError("S6", f"{node.id} restarts with term {node.term} and vote {node.vote}, not its disk's")


def _check_progress(before: Member, old: Node, after: Member, new: Node) -> None:
    """What must not go back has not (S6), and no log was cut off that must not be (S2, R1)."""
    id = after.id
    if new.term < old.term:
        raise InvariantError("S6", f"{id} went back from term {old.term} to {new.term}")
    if new.term == old.term and old.vote not in (None, new.vote):
        raise InvariantError("S6", f"{id} took back its vote for {old.vote} in term {new.term}")
    if new.log.commit_index < old.log.commit_index:
        raise InvariantError("S6", f"the commit index of {id} fell to {new.log.commit_index}")
    if new.log.applied_index < old.log.applied_index:
        raise InvariantError("S6", f"the applied index of {id} fell to {new.log.applied_index}")
    same = _in_common(before.log, after.log)
    if same < len(before.log):
        if before.leads and new.leads(old.term):
            raise InvariantError("S2", f"leader {id} of term {new.term} changed its entry {same + 1}")
        if same < old.log.commit_index:
            raise InvariantError("R1", f"{id} truncates entry {same + 1} below its commit index")
        if _first_lost(before.log, after.log):
            raise InvariantError("R1", f"{id} truncates entry {same + 1} although no term conflicts")
    if after.leads and new.log.commit_index > old.log.commit_index:
        term = new.log.term_at(new.log.commit_index)
        if term != new.term:
            raise InvariantError("R3", f"leader {id} of term {new.term} commits an entry of term {term} by counting")


def _check_applied(turn: Turn, node: Node) -> None:
    """Entries are applied each once, in order, as the log has them (S5)."""
    applied = 0 if turn.before.node is None else turn.before.node.log.applied_index
    for entry in turn.applied:
        applied += 1
        if entry.index != applied or node.log.entry(applied) is not entry:
            raise InvariantError("S5", f"{node.id} applies entry {entry.index} where entry {applied} is due")


def _check_bounds(member: Member, node: Node) -> None:
    """What is applied is committed and on the own disk (S7), and the disk has what the node thinks it has."""
    id, log = member.id, node.log
    if not 0 <= log.applied_index <= min(log.commit_index, log.durable_index) or log.commit_index > log.last_index:
        raise InvariantError(
            "S7",
            f"{id} has applied {log.applied_index} and committed {log.commit_index} entries, "
            f"of {log.last_index} in its log and {log.durable_index} on its disk",
        )
    for position in range(log.last_index):
        if log.entry(position + 1).index != position + 1:
            raise InvariantError("S5", f"{id} holds entry {log.entry(position + 1).index} at index {position + 1}")
    if member.stored[: log.durable_index] != member.log[: log.durable_index]:
        raise InvariantError("S7", f"{id} takes its log up to {log.durable_index} for durable, and it is not")


def _check_sent(id: str, disk: Disk, receiver: str, message: Message) -> None:
    """A message has left: whatever it promises must be true of the disk (E1, E2, R2, S7)."""
    if message.binds_term and message.term > disk.term:
        raise InvariantError("E1", f"{id} sends {message!r} while its durable term is {disk.term}")
    voted = disk.vote if disk.term == message.term else None
    if isinstance(message, VoteReply):
        if message.granted and voted != receiver:
            raise InvariantError("E1", f"{id} grants term {message.term} to {receiver} before that is durable")
        if not message.granted and voted == receiver:
            raise InvariantError("E2", f"{id} refuses {receiver} its vote of term {message.term}, cast for it")
    elif isinstance(message, VoteRequest):
        if voted != id:
            raise InvariantError("E1", f"{id} asks for votes in term {message.term} before its own is durable")
        index = message.last_index
        if index > len(disk.entries) or (index and disk.entries[index - 1].term != message.last_term):
            raise InvariantError("E1", f"{id} advertises entry {index}, which is not durable")
    elif isinstance(message, AppendAccepted):
        if message.match_index > len(disk.entries):
            raise InvariantError("R2", f"{id} acknowledges entry {message.match_index}, which is not on its disk")
    elif isinstance(message, HeartbeatEcho) and message.commit > len(disk.entries):
        raise InvariantError("S7", f"{id} reports entry {message.commit} as committed, which its disk does not hold")
