"""Clients without a session: they propose each command once and remember exactly what they were told."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from actors.session_commands import plain
from actors.session_table import APPLIED, Reply
from raft.errors import NotLeader, ProposalRefused

from ..chance import Chance
from ..host import Host
from ..scheduler import Scheduler
from ..shadow import InvariantError


class Client:
    """Proposes one command after the other to whomever it takes for the leader. It never retries.

    Args:
        name: part of every command, so that each is unique.
        hosts: all of them.
        mean_pause_us: usual time between two commands.
        record: is told of every answer.

    Attributes:
        paused: whether it asks for nothing new for a while.
        acknowledged: the commands that were answered with a result, and the results.
        acknowledged_position: the highest of these results.
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
        self.acknowledged_position = 0
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
        self._is_fixed = False  # whether it proposes to one host only
        self.paused = False
        self._again()

    def aim_at(self, host: Host) -> None:
        """Propose to this host only, whoever leads."""
        self._target = host
        self._is_fixed = True

    def stop(self) -> None:
        """Propose nothing any more."""
        self._stopped = True

    def _again(self) -> None:
        self._scheduler.after(self._chance.long_tailed(0, self._mean_pause_us), self._act)

    def _act(self) -> None:
        if self._stopped:
            return
        if self.paused:
            self._again()
            return
        for _ in range(self._chance.pick((1, 1, 1, 8))):
            self._proposed += 1
            padding = b"." * self._chance.between(0, self._padding)
            command = f"{self.name}-{self._proposed}".encode() + padding
            if not self._chance.acts("command"):
                continue
            if not self._target.propose(plain(command), self._reply_to(command)) and not self._is_fixed:
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
                if not isinstance(result, Reply) or result.outcome != APPLIED:
                    raise InvariantError("S5", f"{command!r} is answered {result!r}, another entry's result")
                self.acknowledged.append((command, result.value))
                if isinstance(result.value, int):
                    self.acknowledged_position = max(self.acknowledged_position, result.value)
            elif isinstance(error, ProposalRefused):
                self.refused.append(command)
                self._follow(error)
            # an unknown outcome promises nothing, so there is nothing to hold the cluster to

        return reply

    def _follow(self, refusal: ProposalRefused) -> None:
        if self._is_fixed:
            return
        hinted = refusal.leader if isinstance(refusal, NotLeader) else None
        for host in self._hosts:
            if host.id == hinted:
                self._target = host
                return
        self._target = self._chance.pick(self._hosts)
