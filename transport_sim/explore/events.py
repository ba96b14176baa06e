"""The steps of a path as the events of a trace."""

from __future__ import annotations

from typing import Any

from raft.entries import Entry
from raft.messages import Message

from .member import Member
from .path import Step
from .space import Space
from .turn import COMMAND, CRASH, DURABLE, START, Turn, take_turn
from .world import DUPLICATE, LOSE, World


class Teller:
    """Puts the steps of one path into events, each an object for JSON, but for the time.

    Args:
        space: the parts of worlds.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._sent = 0
        self._on_their_way: dict[int, list[int]] = {}  # the numbers in the trace of each message on its way

    def beginning(self, world: World) -> list[dict[str, Any]]:
        """Return the events by which the members of a world have started."""
        told = []
        for number in world[: self._space.bounds.nodes]:
            told += _start(self._space.members[number].member)
        return told

    def tell(self, step: Step) -> list[dict[str, Any]]:
        """Return the events of a step."""
        space = self._space
        id = space.ids[step.position]
        if step.action >= LOSE and step.message is not None:
            sender = space.messages[step.message][1].sender
            number = self._on_their_way[step.message].pop(0)
            return [{"event": "drop", "node": sender, "to": id, "id": number, "why": "loss"}]
        member = space.members[step.before[step.position]].member
        assert step.code is not None
        told = self._cause(step, id, member)
        try:
            content = None if step.message is None else space.messages[step.message][1]
            turn = take_turn(member, space.ids, space.bounds.config, step.code, content)
        except Exception:
            turn = None  # the node stopped; the violation says why
        if turn is not None:
            told += self._effects(step, id, turn)
        if step.broken is not None:
            error = step.broken
            told.append({"event": "violation", "promise": error.invariant, "message": error.message, "node": id})
        return told

    def _cause(self, step: Step, id: str, member: Member) -> list[dict[str, Any]]:
        """Return what is done to the member."""
        code = step.code or 0
        if step.message is not None:
            sender = self._space.messages[step.message][1].sender
            numbers = self._on_their_way[step.message]
            if step.action >= DUPLICATE:
                return [
                    {"event": "duplicate", "node": sender, "to": id, "id": numbers[0]},
                    {"event": "deliver", "node": id, "from": sender, "id": numbers[0]},
                ]
            return [{"event": "deliver", "node": id, "from": sender, "id": numbers.pop(0)}]
        if code >= COMMAND:
            return [{"event": "propose", "node": id, "client": "explorer", "command": str(code - COMMAND)}]
        if code >= CRASH:
            kept = member.disk.pending[: code - CRASH]
            return [
                *[_durable(id, member, number) for number in range(1, len(kept) + 1)],
                {"event": "crash", "node": id},
            ]
        if code == DURABLE:
            return [_durable(id, member, 1)]
        return []

    def _effects(self, step: Step, id: str, turn: Turn) -> list[dict[str, Any]]:
        """Return what the member does."""
        told = []
        if step.code == START:
            told += _start(turn.after)
        else:
            changed = _changes(turn.before, turn.after)
            if changed:
                told.append({"event": "state", "node": id, **changed})
        for receiver, message in turn.sent:
            self._sent += 1
            self._on_their_way.setdefault(self._space.add_message(receiver, message), []).append(self._sent)
            shown = {"type": type(message).__name__, **_fields(message)}
            told.append({"event": "send", "node": id, "to": receiver, "id": self._sent, "message": shown})
        if turn.committed is not None:
            log, led = turn.committed
            place = self._space.bounds.nodes
            if len(log) > len(self._space.histories[step.before[place]].history.committed):
                told.append({"event": "commit", "index": len(log), "term": led or log[-1][0], "by": id})
        return told


def _state(member: Member) -> dict[str, Any]:
    node = member.node
    assert node is not None
    log = node.log
    return {
        "term": node.term,
        "vote": node.vote,
        "role": node.role.name,
        "leader": node.role.leader,
        "last_index": log.last_index,
        "last_term": log.last_term,
        "base_index": log.base_index,
        "commit_index": log.commit_index,
        "applied_index": log.applied_index,
        "durable_index": log.durable_index,
    }


def _start(member: Member) -> list[dict[str, Any]]:
    assert member.node is not None
    voters = list(member.node.configuration.voters)
    configuration = {"index": 0, "voters": voters, "outgoing": [], "learners": [], "witnesses": []}
    return [
        {"event": "start", "node": member.id, **_state(member), "incarnation": 0},
        {"event": "configuration", "node": member.id, **configuration},
    ]


def _changes(before: Member, after: Member) -> dict[str, Any]:
    if before.node is None or after.node is None:
        return {}
    old = _state(before)
    return {name: value for name, value in _state(after).items() if value != old[name]}


def _durable(id: str, member: Member, count: int) -> dict[str, Any]:
    """Return the event by which the count-th of the writes under way has become durable."""
    disk = member.disk
    for _ in range(count):
        disk = disk.after_oldest()
    write = member.disk.pending[count - 1]
    event: dict[str, Any] = {"event": "durable", "node": id, "write": write.number}
    if write.term is not None:
        event |= {"term": write.term, "vote": write.vote}
    return {**event, "last_index": len(disk.entries)}


def _fields(message: Message) -> dict[str, Any]:
    return {name: _shown(getattr(message, name)) for name in message.FIELDS if name != "sender"}


def _shown(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_shown(item) for item in value]
    if isinstance(value, Entry):
        return {"index": value.index, "term": value.term, "kind": value.kind, "bytes": len(value.data)}
    return value
