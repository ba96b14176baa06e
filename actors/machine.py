"""Users' state machines as the core wants them: they take commands, the core hands out entries of the log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeGuard

from raft.entries import Entry

from .ports import SnapshotMachine, StateMachine


class CommandMachine:
    """Applies the commands of entries to a user's state machine.

    It has no `snapshot`, so the core never asks for one and keeps the whole log.

    Args:
        machine: the user's.
    """

    def __init__(self, machine: StateMachine) -> None:
        self._machine = machine

    def apply(self, entry: Entry) -> Any:
        """Apply the command of a committed entry and return its result for the proposer."""
        return self._machine.apply(entry.data)


class SnapshotCommandMachine(CommandMachine):
    """The same for a state machine that can be snapshotted."""

    def __init__(self, machine: SnapshotMachine) -> None:
        super().__init__(machine)
        self._snapshots = machine

    def snapshot(self) -> Iterable[bytes]:
        """Return what `restore` needs to come to the present state."""
        return self._snapshots.snapshot()

    def restore(self, chunks: Iterable[bytes]) -> None:
        """Come to the state of which `snapshot` returned these bytes."""
        self._snapshots.restore(chunks)


def for_core(machine: StateMachine) -> CommandMachine:
    """Return a user's state machine as the core wants it, with snapshots if it has both methods for them."""
    return SnapshotCommandMachine(machine) if _takes_snapshots(machine) else CommandMachine(machine)


def _takes_snapshots(machine: StateMachine) -> TypeGuard[SnapshotMachine]:
    # An attribute of that name which is data means nothing to us.
    return all(callable(getattr(machine, method, None)) for method in ("snapshot", "restore"))
