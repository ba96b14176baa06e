"""Records what happens in a simulated cluster: see docs/trace.md for the events and their fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from raft.entries import Entry
from raft.membership import Configuration
from raft.messages import Message
from raft.snapshot import Snapshot

if TYPE_CHECKING:
    from raft.ready import Write

    from ..cluster import Cluster
    from ..host import Host

Line = dict[str, Any]
"""One line of a trace: an object as JSON has it."""

TRACE_VERSION = 1
"""Changes when a field changes its meaning or goes; new events and fields do not change it."""

MARKED_FAULTS = (
    "bit-rot",
    "bridge",
    "clock-jump",
    "crash",
    "disk-error",
    "disk-full",
    "one-way",
    "partition",
    "pause",
    "ring",
    "rolling-restart",
    "stall",
    "torn-write",
    "usurper",
    "worst-moment",
)
"""Kinds of faults that are events of their own, apart from the decision: those that one marks in a picture."""

LONGEST_TEXT = 60
"""How many characters of a command or a result are recorded."""

STATE = (
    "term",
    "vote",
    "role",
    "leader",
    "last_index",
    "last_term",
    "base_index",
    "commit_index",
    "applied_index",
    "durable_index",
)
"""What is recorded of a node's state."""


class Recorder:
    """Turns what the parts of a cluster report into lines of a trace.

    Args:
        cluster: what is recorded.
        sink: called with every line.
    """

    def __init__(self, cluster: Cluster, sink: Callable[[Line], None]) -> None:
        self._scheduler = cluster.scheduler
        self._committed = cluster.checker.committed
        self._sink = sink
        self._states: dict[str, Line] = {}
        self._configurations: dict[str, Configuration] = {}
        self._snapshots: dict[str, Snapshot | None] = {}
        self._commits = 0
        self._asked = 0
        cluster.trace = self
        cluster.world.trace = self
        cluster.network.trace = self
        cluster.chance.ledger.watch = self._decided

    def record(self, event: str, **fields: object) -> None:
        """Record an event with its fields."""
        line = {"at": self._scheduler.now_us, "event": event}
        for name, value in fields.items():
            line[name] = _as_json(value)
        self._sink(line)

    def _decided(self, kind: str, key: str) -> None:
        self.record("decision", kind=kind, key=key)
        if kind in MARKED_FAULTS:
            self.record("fault", fault=kind, key=key)

    # Hosts

    def started(self, host: Host) -> None:
        """A node was started from its disk."""
        state = self._states[host.id] = _state(host)
        self.record("start", node=host.id, **state, incarnation=f"{host.disk.incarnation:x}")
        self._snapshots[host.id] = host.node.snapshots.newest
        self._configurations.pop(host.id, None)
        self._follow_configuration(host)

    def turn_ended(self, host: Host) -> None:
        """Record what has changed of a node."""
        before = self._states[host.id]
        state = self._states[host.id] = _state(host)
        changed = {name: value for name, value in state.items() if value != before[name]}
        if changed:
            self.record("state", node=host.id, **changed)
        self._follow_configuration(host)
        newest = host.node.snapshots.newest
        if newest is not None and newest is not self._snapshots[host.id]:
            self._snapshots[host.id] = newest
            how = "installed" if newest.index > before["last_index"] else "taken"
            self.record("snapshot", node=host.id, index=newest.index, term=newest.term, how=how)
        while self._commits < len(self._committed) - 1:
            self._commits += 1
            log = host.node.log
            term = {"term": log.term_at(self._commits)} if self._commits >= log.base_index else {}
            self.record("commit", index=self._commits, **term, by=host.id)

    def _follow_configuration(self, host: Host) -> None:
        configuration = host.node.configuration
        if self._configurations.get(host.id) is not configuration:
            self._configurations[host.id] = configuration
            index = host.node.log.configurations.newest_index
            self.record("configuration", node=host.id, index=index, **_as_json(configuration))

    def written(self, host: Host, write: Write) -> None:
        """A write has become durable."""
        last_index = write.entries[-1].index if write.entries else None
        self.record(
            "durable", node=host.id, write=write.number, term=write.term, vote=write.vote, last_index=last_index
        )

    def asked(
        self, host: Host, what: str, subject: object, reply: Callable[[Exception | None, object], None]
    ) -> Callable[[Exception | None, object], None]:
        """Record that something is asked of a node; return what the answer must go to instead, which records it too."""
        self._asked += 1
        number = self._asked
        command = {"command": _text(subject)} if what == "propose" else {}
        self.record(what, node=host.id, request=number, subject=_text(subject), **command)

        def answered(error: Exception | None, result: object) -> None:
            problem = None if error is None else f"{type(error).__name__}: {error}"
            self.record(
                "answer", node=host.id, request=number, what=what, error=problem, result=_text(result), **command
            )
            reply(error, result)

        return answered


def _state(host: Host) -> Line:
    node = host.node
    log = node.log
    values = (
        node.term,
        node.vote,
        node.role.name,
        node.role.leader,
        log.last_index,
        log.last_term,
        log.base_index,
        log.commit_index,
        log.applied_index,
        log.durable_index,
    )
    return dict(zip(STATE, values, strict=True))


def _text(value: object) -> str | None:
    if value is None:
        return None
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def _as_json(value: Any) -> Any:
    """Return a value as JSON has it; of payloads only their size."""
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, (list, tuple)):
        return [_as_json(item) for item in value]
    if isinstance(value, Entry):
        return {"index": value.index, "term": value.term, "kind": value.kind, "bytes": len(value.data)}
    if isinstance(value, Snapshot):
        return {"index": value.index, "term": value.term}
    if isinstance(value, Configuration):
        parts = ("voters", "outgoing", "learners", "witnesses")
        return {part: list(getattr(value, part)) for part in parts}
    if isinstance(value, Message):
        said = {field: _as_json(getattr(value, field)) for field in value.FIELDS if field != "sender"}
        return {"type": type(value).__name__, **said}
    return value
