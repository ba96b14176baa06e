"""Translates traces for the trace validation of etcd's raft library.

Source of names and fields: etcd-io/raft, `state_trace.go` (what the library writes when built with the tag `with_tla`)
and `tla/Traceetcdraft.tla` (what the specification reads). What maps to what, and what is left out, stands in
docs/trace.md. The two protocols differ in places; a translation says what our nodes did, in etcd's words.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from .reading import Event, Trace

NAMES = (
    "InitState",
    "BecomeCandidate",
    "BecomeFollower",
    "BecomeLeader",
    "Commit",
    "Replicate",
    "ChangeConf",
    "ApplyConfChange",
    "Ready",
    "SendAppendEntriesRequest",
    "ReceiveAppendEntriesRequest",
    "SendAppendEntriesResponse",
    "ReceiveAppendEntriesResponse",
    "SendRequestVoteRequest",
    "ReceiveRequestVoteRequest",
    "SendRequestVoteResponse",
    "ReceiveRequestVoteResponse",
)
"""The events that a translation uses; etcd's list has SendSnapshot and ReceiveSnapshot too, which it never writes."""

NOBODY = "0"
_EPOCH_S = 1_000_000_000  # etcd's scripts sort lines by their time as text: all have as many digits
_LIBRARY_ROLES = {
    "follower": "StateFollower",
    "pre-candidate": "StateFollower",  # the specification knows no pre-votes, which change nothing
    "candidate": "StateCandidate",
    "leader": "StateLeader",
}
_EXCHANGES = {
    "VoteRequest": ("RequestVoteRequest", "MsgVote"),
    "VoteReply": ("RequestVoteResponse", "MsgVoteResp"),
    "Append": ("AppendEntriesRequest", "MsgApp"),
    "AppendAccepted": ("AppendEntriesResponse", "MsgAppResp"),
    "AppendRejected": ("AppendEntriesResponse", "MsgAppResp"),
    "HigherTerm": ("AppendEntriesResponse", "MsgAppResp"),
    "Heartbeat": ("AppendEntriesRequest", "MsgHeartbeat"),
    "HeartbeatEcho": ("AppendEntriesResponse", "MsgHeartbeatResp"),
    "SnapshotChunk": ("AppendEntriesRequest", "MsgSnap"),
}

Line = dict[str, Any]


class _Member:
    """What is known of a node: as of its last turn."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.term = 0
        self.vote: str | None = None
        self.role = "follower"
        self.commit = 0
        self.last_index = 0
        self.conf: tuple[list[str], list[str]] = ([], [])
        self.learners: list[str] = []
        self.starting = False  # it has started, and its configuration may not be known yet
        self.configured: set[int] = set()  # indexes of its own configuration entries
        self.appended: list[int] = []  # indexes that it, as the leader, has appended in this turn
        self.is_dirty = False  # it has done something in this turn


def translate(trace: Trace) -> Iterator[str]:
    """Translate a trace, line by line; each has its newline.

    Raises:
        TraceError: the trace cannot be read.
    """
    yield from _Translation(trace).lines()


class _Translation:
    """A translation in progress. A turn is what consecutive lines say of one node at one time."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._numbers = {id: str(number) for number, id in enumerate(trace.header.members, 1)}
        self._members = {id: _Member(id) for id in trace.header.members}
        self._messages: dict[int, Line] = {}
        self._turn: tuple[str, int] | None = None
        self._out: list[Line] = []
        self._handlers: dict[str, Callable[[_Member, Event], None]] = {
            "start": self._on_start,
            "state": self._on_state,
            "configuration": self._on_configuration,
            "durable": self._on_durable,
            "send": self._on_send,
            "deliver": self._on_deliver,
        }

    def lines(self) -> Iterator[str]:
        at = place = 0
        for event in self._trace.events():
            self._take(event)
            for line in self._out:
                # Lines of the same microsecond keep their order by the digits behind it.
                place = place + 1 if event["at"] == at else 0
                at = event["at"]
                yield _written(at, place, line)
            self._out.clear()
        self._end_turn()
        for line in self._out:
            place += 1
            yield _written(at, place, line)

    def _take(self, event: Event) -> None:
        handler = self._handlers.get(event["event"])
        if handler is None:
            return
        member = self._members[event["node"]]
        turn = (member.id, event["at"])
        if self._turn != turn or event["event"] == "deliver":
            self._end_turn()
            self._turn = turn
        handler(member, event)

    def _end_turn(self) -> None:
        """What a node did is handed over to disk and network at the end of its turn."""
        if self._turn is None:
            return
        member = self._members[self._turn[0]]
        self._settle(member)
        if member.is_dirty:
            self._emit("Ready", member)
        member.is_dirty = False

    def _settle(self, member: _Member) -> None:
        """Emit what had to wait for the node's configuration."""
        if member.starting:
            member.starting = False
            self._emit("InitState", member)
        appended = member.appended
        member.appended = []
        for index in appended:
            if index not in member.configured:
                self._emit("Replicate", member, log=index - 1)
        if appended:
            self._emit("SendAppendEntriesResponse", member, msg=self._to_itself(member, "MsgAppResp", appended[-1]))

    # What nodes are and become

    def _on_start(self, member: _Member, event: Event) -> None:
        member.term, member.vote, member.role = event["term"], event.get("vote"), event["role"]
        member.commit, member.last_index = event["commit_index"], event["last_index"]
        member.starting = True
        member.configured.clear()

    def _on_state(self, member: _Member, event: Event) -> None:
        self._settle(member)
        was, old_term = _LIBRARY_ROLES[member.role], member.term
        member.term = event.get("term", member.term)
        member.vote = event.get("vote", member.vote)
        member.role = event.get("role", member.role)
        role = _LIBRARY_ROLES[member.role]
        if role == "StateCandidate" and (role != was or member.term != old_term):
            self._emit("BecomeCandidate", member)
            self._emit("SendRequestVoteResponse", member, msg=self._to_itself(member, "MsgVoteResp"))
        elif role == "StateFollower" and (role != was or member.term != old_term):
            self._emit("BecomeFollower", member)
        elif role == "StateLeader" and role != was:
            self._emit("BecomeLeader", member)
        last_index = event.get("last_index", member.last_index)
        if role == "StateLeader":
            member.appended = list(range(member.last_index + 1, last_index + 1))
        member.last_index = last_index
        commit = event.get("commit_index", member.commit)
        if commit != member.commit:
            member.commit = commit
            if role == "StateLeader":
                self._settle(member)
                self._emit("Commit", member)

    def _on_configuration(self, member: _Member, event: Event) -> None:
        before, learners = set(member.conf[0]), set(member.learners)
        member.learners = self._renamed(event.get("learners"))
        conf = (self._renamed(event["voters"]), self._renamed(event.get("outgoing")))
        if event["index"] == 0 or member.starting:
            member.conf = conf
            return
        if member.role == "leader":
            member.configured.add(event["index"])
            changes = [
                *({"nid": id, "action": "AddNewServer"} for id in conf[0] if id not in before),
                *({"nid": id, "action": "AddLearner"} for id in member.learners if id not in learners),
                *(
                    {"nid": id, "action": "RemoveServer"}
                    for id in sorted(before | learners)
                    if id not in (*conf[0], *member.learners)
                ),
            ]
            if changes:
                self._emit("ChangeConf", member, prop={"cc": {"changes": changes}})
        self._emit("ApplyConfChange", member, prop={"cc": {"newconf": conf[0]}})
        member.conf = conf

    def _on_durable(self, member: _Member, event: Event) -> None:
        """A member's own vote, and its own acknowledgement, count once they are durable, as if sent to itself."""
        if member.role == "candidate" and event.get("vote") == member.id and event.get("term") == member.term:
            self._emit("ReceiveRequestVoteResponse", member, msg=self._to_itself(member, "MsgVoteResp"))
        elif member.role == "leader" and event.get("last_index"):
            msg = self._to_itself(member, "MsgAppResp", event["last_index"])
            self._emit("ReceiveAppendEntriesResponse", member, msg=msg)

    # What they say

    def _on_send(self, member: _Member, event: Event) -> None:
        message = event["message"]
        if message["type"] not in _EXCHANGES or (message["type"] == "SnapshotChunk" and not message.get("last")):
            return
        self._settle(member)
        exchange, _ = _EXCHANGES[message["type"]]
        msg = self._message(member.id, event["to"], message)
        self._messages[event["id"]] = {"exchange": exchange, "msg": msg}
        self._emit(f"Send{exchange}", member, msg=msg)

    def _on_deliver(self, member: _Member, event: Event) -> None:
        sent = self._messages.get(event["id"])
        if sent is not None:
            self._settle(member)
            self._emit(f"Receive{sent['exchange']}", member, msg=sent["msg"])

    def _message(self, sender: str, receiver: str, message: dict[str, Any]) -> Line:
        kind = message["type"]
        msg = self._blank(_EXCHANGES[kind][1], message["term"], sender, receiver)
        if kind == "VoteRequest":
            msg.update(index=message.get("last_index", 0), logTerm=message.get("last_term", 0))
        elif kind == "VoteReply":
            msg.update(reject=not message.get("granted", False))
        elif kind == "Append":
            entries = len(message.get("entries") or ())
            msg.update(index=message.get("prev_index", 0), logTerm=message.get("prev_term", 0), entries=entries)
            msg.update(commit=message.get("commit", 0))
        elif kind == "AppendAccepted":
            msg.update(index=message.get("match_index", 0))
        elif kind == "AppendRejected":
            msg.update(index=message.get("prev_index", 0), reject=True)
            msg.update(rejectHint=message.get("hint_index", 0), logTerm=message.get("hint_term", 0))
        elif kind == "Heartbeat":
            msg.update(commit=message.get("commit", 0))
        elif kind == "SnapshotChunk":
            msg.update(entries=(message.get("snapshot") or {}).get("index", 0))
        return msg

    def _to_itself(self, member: _Member, kind: str, index: int = 0) -> Line:
        return self._blank(kind, member.term, member.id, member.id) | {"index": index}

    def _blank(self, kind: str, term: int, sender: str, receiver: str) -> Line:
        return {
            "type": kind,
            "term": term,
            "from": self._numbers[sender],
            "to": self._numbers[receiver],
            "entries": 0,
            "logTerm": 0,
            "index": 0,
            "commit": 0,
            "vote": NOBODY,
            "reject": False,
            "rejectHint": 0,
        }

    def _emit(self, name: str, member: _Member, log: int | None = None, **more: Line) -> None:
        # What is received, the node has done nothing about yet.
        member.is_dirty = member.is_dirty or (name != "InitState" and not name.startswith(("Receive", "Ready")))
        event = {
            "name": name,
            "nid": self._numbers[member.id],
            "state": {
                "term": member.term,
                "vote": NOBODY if member.vote is None else self._numbers.get(member.vote, NOBODY),
                "commit": member.commit,
            },
            "role": _LIBRARY_ROLES[member.role],
            "log": member.last_index if log is None else log,
            "conf": [list(half) for half in member.conf],
        }
        self._out.append(event | more)

    def _renamed(self, ids: list[str] | None) -> list[str]:
        return [self._numbers[id] for id in ids or () if id in self._numbers]


def _written(at: int, place: int, event: Line) -> str:
    seconds, micros = divmod(at, 1_000_000)
    time = f"{_EPOCH_S + seconds}.{micros:06d}{place:06d}"
    body = json.dumps(event, separators=(",", ":"))
    return f'{{"level":"debug","ts":{time},"tag":"trace","event":{body}}}\n'
