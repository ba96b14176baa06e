"""Whoever operates a simulated cluster: it changes who takes part and who leads, at random moments and under faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from raft.changes import LEARNER, REMOVED, VOTER, Change
from raft.membership import Configuration

from .chance import Chance
from .host import Host
from .scheduler import Scheduler

FEWEST_VOTERS = 2
BREAKS_DOWN = 0.1  # how often a machine that is to join breaks down at once, so that it never catches up


class Operator:
    """Asks the leader for changes of membership and for transfers, one at a time, and notes what came of them.

    Args:
        hosts: all of them, members or not.
        kinds: what it may do: "membership", "transfer".
        leader: returns the host that leads, or None.
        record: is told of every answer.

    Attributes:
        paused: whether it asks for nothing new for a while.
        is_busy: whether it is replacing a machine, and leaves all other members alone.
        changes: how many changes of membership were carried through.
        transfers: how many transfers succeeded.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        chance: Chance,
        hosts: Sequence[Host],
        kinds: Sequence[str],
        leader: Callable[[], Host | None],
        record: Callable[..., None],
    ) -> None:
        self.changes = 0
        self.transfers = 0
        self._scheduler = scheduler
        self._chance = chance
        self._hosts = hosts
        self._leader = leader
        self._record = record
        self._stopped = False
        self.paused = False
        self.is_busy = False
        self._asked: dict[int, tuple[Host, int]] = {}  # by number of the change: whom, in which of its runs
        self._number = 0
        actions = {"membership": self._change, "transfer": self._transfer}
        self._actions = [actions[kind] for kind in actions if kind in kinds and len(hosts) > 1]
        self._mean_pause_us = chance.pick((300_000, 1_000_000, 5_000_000))
        if self._actions:
            self._again()

    def stop(self) -> None:
        """Ask for nothing any more."""
        self._stopped = True

    def role_changed(self, host: Host, role: str) -> None:
        """A node took on a role: sometimes a new leader is asked for a change before it has committed anything."""
        if role == "leader" and self._change in self._actions and not self._stopped and self._chance.happens(0.2):
            self._scheduler.after(self._chance.between(0, 2_000), self._ask_new_leader, host)

    def _ask_new_leader(self, host: Host) -> None:
        if host.actor is not None and not self._stopped:
            self._change(host)

    def _again(self) -> None:
        self._scheduler.after(self._chance.long_tailed(50_000, self._mean_pause_us), self._act)

    def _act(self) -> None:
        if self._stopped:
            return
        if self.paused:
            self._again()
            return
        leader = self._leader()
        if leader is not None:
            self._chance.pick(self._actions)(leader)
        self._again()

    def _transfer(self, leader: Host) -> None:
        target = self._chance.pick([None, *(host.id for host in self._hosts)])

        def reply(error: Exception | None, result: object) -> None:
            self._record("transfer", target, error, result)
            self.transfers += error is None

        if self._chance.acts("transfer"):
            leader.transfer(target, reply)

    def _change(self, leader: Host) -> None:
        if self.is_busy or not self._chance.acts("change"):
            return
        # Who is removed by an entry that is not committed may be a member again, and must keep its disk.
        log = leader.node.log
        members = set(log.configurations.at(log.commit_index).members + log.configurations.newest.members)
        self.ask(leader, self._draw_changes(leader.node.configuration, members))

    @property
    def waits(self) -> bool:
        """Whether a change has no answer yet, and may have one: whoever was asked has not crashed since."""
        return any(host.actor is not None and host.starts == run for host, run in self._asked.values())

    def ask(self, leader: Host, changes: list[Change]) -> None:
        """Ask a leader for changes, and count what comes of them."""
        self._number += 1
        number = self._number

        def reply(error: Exception | None, result: object) -> None:
            self._record("change", changes, error, result)
            self._asked.pop(number, None)
            self.changes += error is None and bool(changes)

        if leader.change(changes, reply):
            self._asked[number] = (leader, leader.starts)

    def _draw_changes(self, configuration: Configuration, members: set[str]) -> list[Change]:
        """Draw up to three changes that leave enough voters; the leader may refuse them for all that is left."""
        changes = []
        voters = set(configuration.voters)
        for host in self._chance.shuffle(self._hosts)[: self._chance.pick((1, 1, 2, 3))]:
            part = self._chance.pick((VOTER, VOTER, LEARNER, REMOVED))
            if part != VOTER and host.id in voters:
                if len(voters) <= FEWEST_VOTERS:
                    continue
                voters.remove(host.id)
            if part != REMOVED and host.id not in members:
                host.prepare_to_join()
                if host.actor is None:
                    continue  # its disk is damaged
                if self._chance.happens(BREAKS_DOWN) and not host.disk.forgets:
                    host.crash()
            changes.append(self._change_of(host, part))
        return changes

    def _change_of(self, host: Host, part: str) -> Change:
        if part == REMOVED:
            return Change(host.id, REMOVED)
        priority = self._chance.pick((None, None, 0, 5))
        return Change(host.id, part, f"{host.id}:7000", host.disk.incarnation, host.is_witness, priority)
