"""What a node says of itself, as JSON has it: for `quorate status`, HTTP and whoever reads with a program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actors.ports import StateMachine
from actors.session_table import SessionLimits
from raft.status import Status

from .allow_list import PEER
from .security import Security


def report(status: Status) -> dict[str, Any]:
    """Return a node's status as values that JSON has.

    The names are those of `raft.status.Status`, but `configuration` is a dict of its own, and `followers` has one dict
    for each.
    """
    configuration = status.configuration
    return {
        "id": status.id,
        "role": status.role,
        "term": status.term,
        "leader": status.leader,
        "first_index": status.first_index,
        "last_index": status.last_index,
        "commit_index": status.commit_index,
        "applied_index": status.applied_index,
        "learner": status.learner,
        "witness": status.witness,
        "witness_mode": status.witness_mode,
        "transfer": status.transfer,
        "feature_level": status.feature_level,
        "supported_level": status.supported_level,
        "upgrade_waits_for": list(status.upgrade_waits_for),
        "configuration": {
            "voters": list(configuration.voters),
            "outgoing": list(configuration.outgoing),
            "learners": list(configuration.learners),
            "witnesses": list(configuration.witnesses),
            "addresses": dict(configuration.addresses),
            "priorities": dict(configuration.priorities),
        },
        "followers": [
            {
                "id": follower.id,
                "state": follower.state,
                "match_index": follower.match_index,
                "lag": max(0, status.last_index - follower.match_index),
                "stuck": follower.stuck,
                "heard": follower.heard,
                "silent_ms": follower.silent_ms,
                "no_room": follower.no_room,
                "has_lost": follower.has_lost,
            }
            for follower in status.followers
        ],
    }


def greeting(
    member: str, leader: str | None, machine: StateMachine | None, limits: SessionLimits, frame_bytes: int
) -> dict[str, Any]:
    """Return what a node tells a client that connects; with `ways` it is all that `link.About` has."""
    return {
        "member": member,
        "leader": leader,
        "machine": None if machine is None else type(machine).__name__,
        "window": limits.window,
        "timeout_ms": limits.timeout_ms,
        "frame_bytes": frame_bytes,
    }


def ways(addresses: Mapping[str, str], security: Security | None) -> dict[str, Any]:
    """Return where clients reach the members, and the public keys that each may have there; none without CURVE."""
    keys = {} if security is None else {member: security.allow_list.keys_of(member, PEER) for member in addresses}
    return {"addresses": dict(addresses), "keys": keys}
