"""Whether all replicas of the inner machine come to the same: the same commands, the same results, the same state."""

from __future__ import annotations

from .machine import Answer
from .shadow import InvariantError

_ADVICE = "it must depend on the commands alone: no clock, no chance, no order of a set, nothing that is shared"


class Agreement:
    """What the first replica came to, against which all others are held (contract S5, for machines of users).

    Args:
        machine: the name of the machine's class.
    """

    def __init__(self, machine: str) -> None:
        self._machine = machine
        self._results: dict[int, tuple[bytes | None, str]] = {}  # by position: the result, and whose
        self._states: dict[int, tuple[bytes, str]] = {}  # by number of commands: the digest of a snapshot, and whose

    def applied(self, owner: str, position: int, command: bytes, answer: Answer) -> None:
        """A replica has applied the command of a position.

        Raises:
            InvariantError: another one has come to another result.
        """
        result, other = self._results.setdefault(position, (answer.encoded, owner))
        if result != answer.encoded:
            raise InvariantError(
                "machine",
                f"{self._machine} is not deterministic: command {position}, {command!r}, is answered differently on "
                f"{other} and {owner}, after the same commands; {_ADVICE}",
            )

    def reached(self, owner: str, commands: int, digest: bytes, restored: bool = False) -> None:
        """A replica has made a snapshot after so many commands.

        Args:
            owner: whose it is.
            commands: how many commands it has applied, or has the effects of.
            digest: of the snapshot.
            restored: whether it has just been restored from the snapshot of another, or its own.

        Raises:
            InvariantError: another one came to another state.
        """
        state, other = self._states.setdefault(commands, (digest, owner))
        if state == digest:
            return
        if restored:
            problem = (
                f"restore of {self._machine} does not bring back what snapshot saved: {owner} was restored to the "
                f"state after {commands} commands, and its snapshot differs from the one that {other} made there"
            )
        else:
            problem = (
                f"{self._machine} is not deterministic: after the same {commands} commands the snapshots of {other} "
                f"and {owner} differ; {_ADVICE}"
            )
        raise InvariantError(
            "machine", f"{problem}; a snapshot must have the same bytes for the same state: sort what has no order"
        )
