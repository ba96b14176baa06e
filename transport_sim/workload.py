"""Clients of a simulated cluster: they propose commands and remember exactly what they were told."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from raft.errors import NotLeader, ProposalRefused

from .chance import Chance
from .host import Host
from .scheduler import Scheduler
from .shadow import InvariantError


class Client:
    """Proposes one command after the other to whomever it takes for the leader. It never retries.

    Args:
        name: part of every command, so that each is unique.
        hosts: all of them.
        mean_pause_us: usual time between two commands.

        record: is told of every answer.

    Attributes:
        acknowledged: the commands that were answered with a result, and the results.
        refused: those that certainly did not enter the log.
    """

    def __init__(
        self,
        name: str,
        scheduler: Scheduler,
        chance: Chance,
        hosts: Sequence[Host],
        mean_pause_us: int,
        record: Callable[..., None],
    ) -> None:
        self.name = name
        self.acknowledged: list[tuple[bytes, object]] = []
        self.refused: list[bytes] = []
        self._scheduler = scheduler
        self._chance = chance
        self._hosts = hosts
        self._mean_pause_us = mean_pause_us
        self._record = record
        self._padding = chance.pick((0, 0, 50, 400))
        self._target = chance.pick(hosts)
        self._proposed = 0
        self._stopped = False
        self._again()

    def stop(self) -> None:
        """Propose nothing any more."""
        self._stopped = True

    def _again(self) -> None:
        self._scheduler.after(self._chance.long_tailed(0, self._mean_pause_us), self._act)

    def _act(self) -> None:
        if self._stopped:
            return
        for _ in range(self._chance.pick((1, 1, 1, 8))):
            self._proposed += 1
            padding = b"." * self._chance.between(0, self._padding)
            command = f"{self.name}-{self._proposed}".encode() + padding
            if not self._target.propose(command, self._reply_to(command)):
                self._target = self._chance.pick(self._hosts)
        self._again()

    def _reply_to(self, command: bytes) -> Callable[[Exception | None, object], None]:
        answers = []

        def reply(error: Exception | None, result: object) -> None:
            answers.append(error)
            if len(answers) > 1:
                raise InvariantError("C2", f"{command!r} is answered a second time: {error!r}, {result!r}")
            self._record(command, error, result)
            if error is None:
                self.acknowledged.append((command, result))
            elif isinstance(error, ProposalRefused):
                self.refused.append(command)
                self._follow(error)
            # an unknown outcome promises nothing, so there is nothing to hold the cluster to

        return reply

    def _follow(self, refusal: ProposalRefused) -> None:
        hinted = refusal.leader if isinstance(refusal, NotLeader) else None
        for host in self._hosts:
            if host.id == hinted:
                self._target = host
                return
        self._target = self._chance.pick(self._hosts)
