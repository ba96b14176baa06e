"""Readers of a simulated cluster: every read must see all that was acknowledged before it began (contract L1, L2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from raft.actor import LEASE, LINEARIZABLE
from raft.errors import OutcomeUnknown, ReadFailed

from ..chance import Chance
from ..host import Host
from ..scheduler import Scheduler
from ..shadow import InvariantError


class Readings:
    """Reads, and holds every answer to what was promised.

    Args:
        acknowledged: returns how many commands the state machine had taken when the last one acknowledged was applied.
        record: is told of every answer.

    Attributes:
        answered: how many reads were answered with a result.
    """

    def __init__(self, acknowledged: Callable[[], int], record: Callable[..., None]) -> None:
        self.answered = 0
        self._acknowledged = acknowledged
        self._record = record
        self._waiting: dict[int, tuple[Host, int]] = {}  # by number of the read: where, in which of its runs
        self._asked = 0

    @property
    def unanswered(self) -> str:
        """The id of a host that owes an answer and has not crashed since: no read may be dropped silently."""
        for host, run in self._waiting.values():
            if host.actor is not None and host.starts == run:
                return host.id
        return ""

    def read(self, host: Host, consistency: str, told: Callable[[Exception | None, object], None]) -> bool:
        """Read at a host, and pass the answer on; return False when the node does not run."""
        seen = self._acknowledged()
        self._asked += 1
        number = self._asked
        answers: list[Exception | None] = []

        def reply(error: Exception | None, result: object) -> None:
            answers.append(error)
            if len(answers) > 1:
                raise InvariantError("L1", f"a read at {host.id} is answered a second time: {error!r}, {result!r}")
            self._waiting.pop(number, None)
            self._record("read", host.id, consistency, error, result)
            if error is None:
                self.answered += 1
                assert isinstance(result, int)
                if result < seen:
                    raise InvariantError(
                        "L2" if consistency == LEASE else "L1",
                        f"a {consistency} read at {host.id} sees {result} commands, {seen} were acknowledged before",
                    )
            elif not isinstance(error, (ReadFailed, OutcomeUnknown)):
                raise InvariantError("L1", f"a read at {host.id} ends with {error!r}")
            told(error, result)

        asked = host.read(consistency, reply)
        if asked:
            self._waiting[number] = (host, host.starts)
        return asked


class Reader:
    """Reads at any member, whether it leads or not, by asking a quorum or by a lease.

    Args:
        hosts: all of them.
        mean_pause_us: usual time between two reads.
        acknowledged, record: see `Readings`.

    Attributes:
        readings: every read and its answer.
        paused: whether it asks for nothing new for a while.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        chance: Chance,
        hosts: Sequence[Host],
        mean_pause_us: int,
        acknowledged: Callable[[], int],
        record: Callable[..., None],
    ) -> None:
        self.readings = Readings(acknowledged, record)
        self._scheduler = scheduler
        self._chance = chance
        self._hosts = hosts
        self._mean_pause_us = mean_pause_us
        self._stopped = False
        self.paused = False
        self._again()

    def stop(self) -> None:
        """Read nothing any more."""
        self._stopped = True

    def read_by_lease(self, host: Host) -> None:
        """Read at a host once more, beside all else."""
        if not self._stopped:
            self.readings.read(host, LEASE, lambda error, result: None)

    def _again(self) -> None:
        self._scheduler.after(self._chance.long_tailed(0, self._mean_pause_us), self._act)

    def _act(self) -> None:
        if self._stopped:
            return
        if self.paused:
            self._again()
            return
        host = self._chance.pick(self._hosts)
        for _ in range(self._chance.pick((1, 1, 5))):
            consistency = self._chance.pick((LINEARIZABLE, LEASE))
            if self._chance.acts("read"):
                self.readings.read(host, consistency, lambda error, result: None)
        self._again()
