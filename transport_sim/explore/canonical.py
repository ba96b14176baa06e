"""What of a member matters for what it can do from now on, as a value, so that equal situations are found equal.

Everything that a node consists of matters, but for the exceptions below. Each exception makes more situations equal,
and each needs a reason why nothing that the node does from now on can tell them apart:

- *Moments* are counted from the node's own now: the core only ever compares them with it and with each other.
- *Numbers of writes* are counted from the last one that is done, and all that are done are one: the core only asks
  whether a write is done, and which comes next.
- What is *left out* is either never looked at in an exploration, or follows from the rest.

A field that is new to the core is taken in as it is until it is listed here: that may keep equal situations apart,
and never takes different ones for equal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, TypeAlias

from raft import log
from raft.candidate import Candidate, PreCandidate
from raft.entries import Entry
from raft.follower import Follower
from raft.leader import Leader
from raft.message import Message
from raft.messages import AppendAccepted, AppendRejected
from raft.node import Node
from raft.outbox import Outbox
from raft.progress import Progress
from raft.succession import Succession
from raft.writes import Writes

from .clone import field_names

Names: TypeAlias = Mapping[str, str]  # what each member is called
Item: TypeAlias = tuple[int, int, bytes]  # term, kind and data of an entry
Log: TypeAlias = tuple[Item, ...]

DIGEST_BYTES = 8

# The members never change here: nobody asks for that, and without incarnations nobody is bound.
_SETTINGS = {"config", "configuration", "configurations"}
# Backward references, and what is kept at two places.
_TWICE = {"node", "_node", "_leader", "leading"}

LEFT_OUT: dict[type, frozenset[str]] = {
    Node: frozenset(
        {
            "now",  # moments are counted from it
            "watch",  # nobody listens
            "dropped",  # counts for people
            "reads",  # nobody reads
            "restraint",  # leases are off: nothing was ever promised
            "identity",  # there are no incarnations
            "features",  # all run the same program
        }
    ),
    log.Log: frozenset(
        {
            "_base_stamp_ms",  # log time is for client sessions
            "taken_bytes",  # disks are never full
        }
    ),
    # Only a quiescent leader's rounds differ from each other, and there is none; answers tell it to prove losses.
    Follower: frozenset({"_round"}),
    Leader: frozenset(
        {
            "_voted",  # only to bind incarnations
            "_followers",  # the other members
            "_stuck",  # reported to people
            "_first_stamp_ms",  # log time again
            "_elected_ms",
            "witness_mode",  # there are no witnesses
            "reconfiguration",  # nobody asks for one
            "_read_rounds",  # nobody reads
        }
    ),
    Candidate: frozenset({"_incarnations"}),  # there are none
    Succession: frozenset({"_yield_after_ms"}),  # all priorities are equal
    Progress: frozenset(
        {
            "advanced_ms",  # reported to people
            "promised_until_ms",  # leases are off
            "feature_level",  # all run the same program
            "matched_round",  # proves losses, and no disk loses anything
            "trusted_round",
            "has_lost",
        }
    ),
}

MOMENTS: dict[type, frozenset[str]] = {
    Follower: frozenset({"timer_start_ms", "deadline", "heard_ms"}),
    PreCandidate: frozenset({"deadline"}),
    Candidate: frozenset({"deadline"}),
    Leader: frozenset({"deadline", "_round_sent_ms", "_woke_ms"}),
    Progress: frozenset({"heard_ms", "_probe_sent_ms"}),
    Writes: frozenset({"waiting_since_ms"}),
}

WRITE_NUMBERS: dict[type, frozenset[str]] = {
    Outbox: frozenset({"_ballot_write", "_term_write"}),
    Writes: frozenset({"issued", "done"}),
}


def digest(value: object) -> int:
    """Return a number of 64 bits that names a value made of tuples, numbers, texts and None."""
    return int.from_bytes(blake2b(repr(value).encode(), digest_size=DIGEST_BYTES).digest(), "little")


def item_of(entry: Entry) -> Item:
    """Return what of an entry matters: not its log time, at which nothing in the core looks."""
    return entry.term, entry.kind, entry.data


def message_value(receiver: str, message: Message, names: Names) -> object:
    """Return a message on its way as a value."""
    # Of an answer to an append only a loss makes the round matter, and no disk loses anything.
    without = "round" if isinstance(message, (AppendAccepted, AppendRejected)) else ""
    fields = [_plain(getattr(message, name), names) for name in message.FIELDS if name != without]
    return names[receiver], type(message).__name__, tuple(fields)


def node_value(node: Node, names: Names) -> object:
    """Return a running node as a value.

    Args:
        node: the node; it has just ended a turn.
        names: what each member is called.
    """
    return _Encoder(node, names).encode(node)


def _plain(value: Any, names: Names) -> object:
    if type(value) is str:
        return names.get(value, value)
    if type(value) is tuple:
        return tuple([_plain(item, names) for item in value])
    if type(value) is Entry:
        return value.index, *item_of(value)
    return value


class _Encoder:
    """Makes a value of one node."""

    def __init__(self, node: Node, names: Names) -> None:
        self._now = node.now
        self._done = node.log.writes.done
        self._names = names

    def encode(self, value: Any) -> Any:
        kind = type(value)
        if kind is int or value is None or kind is bool or kind is bytes:
            return value
        if kind is str:
            return self._names.get(value, value)
        if kind is list or kind is tuple:
            return tuple([self.encode(item) for item in value])
        if kind is dict:
            return tuple(sorted([(self.encode(key), self.encode(item)) for key, item in value.items()]))
        if kind is set:
            return tuple(sorted([self.encode(item) for item in value]))
        if kind is Entry:
            return value.index, *item_of(value)
        return self._fields(value, kind)

    def _fields(self, value: Any, kind: type) -> object:
        plan = _PLANS.get(kind)
        if plan is None:
            plan = _PLANS[kind] = _plan(value, kind)
        found: list[object] = [kind.__name__]
        for name, how in plan:
            field = getattr(value, name)
            if how is None:
                found.append(field if type(field) is int else self.encode(field))
            else:
                found.append(how(self, field))
        return tuple(found)

    def moment(self, at: Any) -> object:
        if type(at) is list:
            return tuple([one - self._now for one in at])
        return None if at is None else at - self._now

    def write_number(self, number: int) -> int:
        return max(number - self._done, 0)


def _plan(value: Any, kind: type) -> list[tuple[str, Callable[[_Encoder, Any], object] | None]]:
    """Return the fields of a class that matter, each with how it is encoded."""
    names = field_names(kind) or list(value.__dict__)
    left_out = LEFT_OUT.get(kind, frozenset()) | _SETTINGS | _TWICE
    plan: list[tuple[str, Callable[[_Encoder, Any], object] | None]] = []
    for name in sorted(names):
        if name in MOMENTS.get(kind, ()):
            plan.append((name, _Encoder.moment))
        elif name in WRITE_NUMBERS.get(kind, ()):
            plan.append((name, _Encoder.write_number))
        elif (kind, name) in _BY_HAND:
            plan.append((name, _BY_HAND[kind, name]))
        elif name not in left_out:
            plan.append((name, None))
    return plan


def _held(encoder: _Encoder, held: dict[tuple[int, str, str], Message]) -> object:
    """What waits for a write: the number of the write comes first."""
    names = encoder._names
    return tuple(
        sorted(
            [
                (encoder.write_number(number), names[receiver], handler, message_value(receiver, message, names))
                for (number, receiver, handler), message in held.items()
            ]
        )
    )


def _flights(encoder: _Encoder, flights: list[tuple[int, int, int]]) -> object:
    return tuple([(last_index, size_bytes, sent_ms - encoder._now) for last_index, size_bytes, sent_ms in flights])


def _pending(encoder: _Encoder, pending: list[tuple[int, int]]) -> object:
    return tuple([(encoder.write_number(number), first) for number, first in pending])


def _completed(encoder: _Encoder, completed: set[int]) -> object:
    return tuple(sorted([encoder.write_number(number) for number in completed]))


_BY_HAND: dict[tuple[type, str], Callable[[_Encoder, Any], object]] = {
    (Outbox, "_held"): _held,
    (Progress, "_flights"): _flights,
    (Writes, "_pending"): _pending,
    (Writes, "_completed"): _completed,
}

_PLANS: dict[type, list[tuple[str, Callable[[_Encoder, Any], object] | None]]] = {}
