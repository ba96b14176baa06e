"""Whether what the clients of a run saw is linearizable (contract C3), and its stale reads no older than they said."""

from __future__ import annotations

from collections.abc import Sequence

from raft.config import Config

from ..histories.budget import Budget, OutOfBudget
from ..histories.models import problem_of
from ..histories.operation import CAS, DELETE, GET, Operation
from ..histories.search import Search
from ..injector import LONGEST_PAUSE_US
from ..shadow import InvariantError

MOST_CONFIGURATIONS = 20_000
"""How much the search for an order may cost for each key; beyond, nothing is decided."""

LATEST_MESSAGE_S = 0.2
"""By how much the network delays a message at most, beside what is in proportion to the election timeout."""


def judge(operations: Sequence[Operation], model: str, allowance_s: float) -> int:
    """Check a history, key by key.

    Args:
        operations: what was done.
        model: what the keys hold.
        allowance_s: how much older than they said stale reads may be, in seconds.

    Returns:
        How many keys could not be decided within `MOST_CONFIGURATIONS`.

    Raises:
        InvariantError: the history of a key has no order that explains it.
    """
    by_key: dict[str, list[Operation]] = {}
    for operation in operations:
        by_key.setdefault(operation.key, []).append(operation)
    undecided = 0
    for key in sorted(by_key):
        search = Search(problem_of(by_key[key], model, allowance_s), Budget(MOST_CONFIGURATIONS))
        try:
            outcome = search.run()
        except OutOfBudget:
            undecided += 1
            continue
        if outcome.order is None:
            assert outcome.stuck_at is not None
            raise InvariantError("C3", _explanation(key, model, by_key[key], outcome.stuck_at.operation))
    return undecided


def _explanation(key: str, model: str, operations: Sequence[Operation], stuck: Operation) -> str:
    return (
        f"the {len(operations)} operations on key {key!r} ({model}) cannot have taken effect one after the other: "
        f"no order of them gets past {shown(stuck)}"
    )


def shown(operation: Operation) -> str:
    """Return an operation as a reader wants to see it."""
    asked = [] if operation.op in (GET, DELETE) else [repr(operation.value)]
    if operation.op == CAS:
        asked.insert(0, repr(operation.expected))
    end = "…" if operation.end is None else f"{operation.end:.6f}"
    told = "" if operation.end is None else f" = {operation.result!r}"
    strength = "" if operation.consistency == "linearizable" else f"{operation.consistency} "
    age = "" if operation.age is None else f", at most {operation.age:g} s old"
    call = f"{strength}{operation.op}({', '.join(asked)}){told}"
    return f"{call} of process {operation.process} ({operation.start:.6f} to {end} s{age})"


def allowance_s(config: Config) -> float:
    """Return how much older than it said a stale read may be, in seconds.

    A follower counts from when it takes note of a heartbeat. That was under way, and waited while the node was paused.
    It may also come from a leader that has lost its quorum and not noticed yet, for which it has two election timeouts,
    and its periods of silence.
    """
    unnoticed_ms = 2 * config.election_timeout_ms * (1 + 2 * config.quiescent_timeouts)
    late_ms = config.election_timeout_ms  # the usurper holds messages back, up to three quarters of it
    return (unnoticed_ms + late_ms) / 1000 + 2 * LONGEST_PAUSE_US / 1e6 + LATEST_MESSAGE_S
