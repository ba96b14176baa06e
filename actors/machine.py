"""Users' state machines as the core wants them: they take commands, the core hands out entries of the log."""

from __future__ import annotations

from typing import TypeGuard

from .ports import SnapshotMachine, StateMachine
from .session_table import SessionLimits
from .sessions import SessionMachine, SnapshotSessionMachine


def for_core(machine: StateMachine, limits: SessionLimits) -> SessionMachine:
    """Return a user's state machine as the core wants it: with sessions, and snapshots if it has methods for them."""
    if _takes_snapshots(machine):
        return SnapshotSessionMachine(machine, limits)
    return SessionMachine(machine, limits)


def _takes_snapshots(machine: StateMachine) -> TypeGuard[SnapshotMachine]:
    # An attribute of that name which is data means nothing to us.
    return all(callable(getattr(machine, method, None)) for method in ("snapshot", "restore"))
