"""The promises that can be seen to be broken at a single member, within one turn of it."""

from __future__ import annotations

from collections.abc import Sequence

from raft.entries import Entry
from raft.messages import AppendAccepted, HeartbeatEcho, Message, VoteReply, VoteRequest
from raft.node import Node
from transport_sim.shadow import InvariantError

from .member import Disk, Member


def check_disk(id: str, before: Disk, after: Disk) -> None:
    """A write has become durable: term and vote never go back (S6), and the log has no gap."""
    if after.term < before.term:
        raise InvariantError("S6", f"the disk of {id} went back from term {before.term} to {after.term}")
    if after.term == before.term and before.vote not in (None, after.vote):
        raise InvariantError("S6", f"the disk of {id} changed its vote in term {after.term}")
    for position, entry in enumerate(after.entries):
        if entry.index != position + 1:
            raise InvariantError("S6", f"the disk of {id} has entry {entry.index} at index {position + 1}")


def check_restart(node: Node, disk: Disk) -> None:
    """A node has started from its disk and must be what the disk says (S6)."""
    if node.term != disk.term or node.vote != disk.vote:
        raise InvariantError("S6", f"{node.id} restarts with term {node.term} and vote {node.vote}, not its disk's")


def check_handed_out(node: Node, entries: Sequence[Entry]) -> None:
    """Entries are about to be applied: each once, in order (S5)."""
    applied = node.log.applied_index
    for entry in entries:
        applied += 1
        if entry.index != applied or node.log.entry(applied) is not entry:
            raise InvariantError("S5", f"{node.id} applies entry {entry.index} where entry {applied} is due")


def check_turn(before: Member, after: Member) -> None:
    """A turn has ended: what must not move backwards has not (S2, S6, R1), and the bounds hold (S7)."""
    assert before.node is not None and after.node is not None
    id, old, new = after.id, before.node, after.node
    new.check()
    if new.term < old.term:
        raise InvariantError("S6", f"{id} went back from term {old.term} to {new.term}")
    if new.term == old.term and old.vote not in (None, new.vote):
        raise InvariantError("S6", f"{id} took back its vote for {old.vote} in term {new.term}")
    if new.log.commit_index < old.log.commit_index:
        raise InvariantError("S6", f"the commit index of {id} fell to {new.log.commit_index}")
    if new.log.applied_index < old.log.applied_index:
        raise InvariantError("S6", f"the applied index of {id} fell to {new.log.applied_index}")
    _check_log(before, after)
    _check_bounds(after)
    if after.leads and new.log.commit_index > old.log.commit_index:
        term = new.log.term_at(new.log.commit_index)
        if term != new.term:
            raise InvariantError("R3", f"leader {id} of term {new.term} commits an entry of term {term} by counting")


def _check_log(before: Member, after: Member) -> None:
    """A log is cut off only where it contradicts its leader's: never by a leader, never below the commit index."""
    assert before.node is not None and after.node is not None
    same = 0
    while same < min(len(before.log), len(after.log)) and before.log[same] == after.log[same]:
        same += 1
    if same == len(before.log):
        return
    id, term = after.id, after.node.term
    if before.leads and after.leads and before.node.term == term:
        raise InvariantError("S2", f"leader {id} of term {term} changed its entry {same + 1}")
    if same < before.node.log.commit_index:
        raise InvariantError("R1", f"{id} truncates entry {same + 1} below its commit index")
    if same == len(after.log) or after.log[same][0] == before.log[same][0]:
        raise InvariantError("R1", f"{id} truncates entry {same + 1} although no term conflicts")


def _check_bounds(member: Member) -> None:
    node = member.node
    assert node is not None
    log = node.log
    if not 0 <= log.applied_index <= min(log.commit_index, log.durable_index) or log.commit_index > log.last_index:
        raise InvariantError(
            "S7",
            f"{member.id} applied {log.applied_index}, committed {log.commit_index}, has {log.durable_index} on disk "
            f"and {log.last_index} in all",
        )
    for index, entry in enumerate(log._entries, 1):
        if entry.index != index:
            raise InvariantError("S5", f"{member.id} holds entry {entry.index} at index {index}")
    if member.stored[: log.durable_index] != member.log[: log.durable_index]:
        raise InvariantError("S7", f"{member.id} takes entry {log.durable_index} for durable, and its disk has it not")


def check_sent(member: Member, disk: Disk, receiver: str, message: Message) -> None:
    """A message leaves: whatever it promises must be true of the disk (E1, E2, R2, S7).

    Args:
        member: the sender, after its turn.
        disk: its disk when the message left.
        receiver: who gets it.
        message: the message.
    """
    id = member.id
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
        if not _holds(disk, message.last_index, message.last_term):
            raise InvariantError("E1", f"{id} advertises entry {message.last_index}, which is not durable")
    elif isinstance(message, AppendAccepted):
        if message.match_index > len(disk.entries):
            raise InvariantError("R2", f"{id} acknowledges entry {message.match_index}, which is not on its disk")
    elif isinstance(message, HeartbeatEcho) and message.commit > len(disk.entries):
        raise InvariantError("S7", f"{id} reports entry {message.commit} as committed, which its disk does not hold")


def _holds(disk: Disk, index: int, term: int) -> bool:
    return index == 0 or (index <= len(disk.entries) and disk.entries[index - 1].term == term)
