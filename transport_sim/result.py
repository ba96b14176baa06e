"""What a simulated run came to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

COUNTED = (
    "events",
    "elections",
    "commits",
    "session_retries",
    "snapshots_installed",
    "membership_changes",
    "transfers",
    "reads",
    "lease_reads",
    "witness_degraded",
    "operations",
    "undecided_keys",
)
"""What a run counts, by the names of `Result`."""


@dataclass(frozen=True)
class Violation:
    """A broken promise.

    Attributes:
        seed: the seed of the run.
        invariant: the number of the promise in the contract.
        message: what was seen, and when.
        node: where it was seen, if at one node.
        place: of an error in the code, its type and where it was raised.
        cause: the exception of a user's code that showed it, or None.
    """

    seed: int
    invariant: str
    message: str
    node: str | None = None
    place: str | None = None
    cause: BaseException | None = field(default=None, compare=False, repr=False)


class SimulationFailed(AssertionError):
    """A run has broken a promise. The text says which, what was seen, and how to see it again.

    Attributes:
        result: what the run came to.
    """

    def __init__(self, result: Result) -> None:
        violation = result.violation
        assert violation is not None
        super().__init__(
            f"seed {violation.seed} breaks {violation.invariant!r}: {violation.message}\n  replay: {result.replay}"
        )
        self.result = result


@dataclass
class Result:
    """What a run came to.

    Attributes:
        seed: its seed.
        events: how many events the scheduler executed.
        elections: how many leaders were elected.
        commits: the highest index committed.
        session_retries: how many commands were sent again, in their session, after an attempt that was in doubt.
        snapshots_installed: how many snapshots of a leader were installed.
        membership_changes: how many changes of membership were carried through.
        transfers: how many transfers of leadership succeeded.
        reads: how many reads were answered with a result.
        lease_reads: how many of them by a lease.
        witness_degraded: how often a leader began to send a witness its whole log.
        operations: how many operations of clients the history has, which is checked for linearizability.
        undecided_keys: how many keys had too many possible orders to be decided.
        model: what the history is of, one of `histories.MODELS`; empty when there is none.
        faults: how often each kind of fault struck.
        situations: how often it came to each rare situation, see `situations.py`.
        cost: seconds that each check took, if that was measured, see `cost.Meter`; differs from run to run.
        digest: of everything that happened, 32 hexadecimal digits.
        violation: the broken promise that ended the run, or None.
        lost: which committed entries were lost, as the sync policy of the run allows (contract D6), which ended the run
            without any broken promise; None when none were.
        replay: what runs the same again, as text.
    """

    seed: int
    events: int = 0
    elections: int = 0
    commits: int = 0
    session_retries: int = 0
    snapshots_installed: int = 0
    membership_changes: int = 0
    transfers: int = 0
    reads: int = 0
    lease_reads: int = 0
    witness_degraded: int = 0
    operations: int = 0
    undecided_keys: int = 0
    model: str = ""
    faults: Counter[str] = field(default_factory=Counter)
    situations: Counter[str] = field(default_factory=Counter)
    cost: dict[str, float] = field(default_factory=dict)
    digest: str = ""
    violation: Violation | None = None
    lost: str | None = None
    replay: str = ""

    def check(self) -> Result:
        """Return this result if no promise was broken.

        Raises:
            SimulationFailed: one was; an `AssertionError`, with the exception of the user's code as its cause.
        """
        if self.violation is not None:
            raise SimulationFailed(self) from self.violation.cause
        return self
