"""The network between simulated members: late, lossy, repetitive, disorderly and sometimes cut."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raft.messages import Message, SnapshotChunk

from .chance import Chance
from .scheduler import Scheduler

if TYPE_CHECKING:
    from .traces.recording import Recorder

STRAY = 0.5
"""How likely a second copy of a message has taken another way, and may come long after its time, where any may."""

LARGE_TWICE = 0.5
"""How likely a piece of a snapshot is carried twice, where any message may be: what is large is sent again soonest."""


@dataclass
class Weather:
    """What the network does to messages.

    Attributes:
        least_us, usual_us: latency in microseconds, see `Chance.long_tailed`.
        drop, duplicate, reorder: probability of each fault per message, 0 to 1.
        late_us: by how much a reordered message may be late.
    """

    least_us: int = 200
    usual_us: int = 800
    drop: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    late_us: int = 20_000


class Network:
    """Carries messages between members.

    Links keep the order of messages, as TCP does, unless the weather reorders them.

    Args:
        chance: decides; each link has a fork of its own.
        deliver: called as deliver(receiver, message) when a message arrives; returns whether the receiver runs.

    Attributes:
        weather: may be changed at any time.
        late: members whom messages reach late, and by how many microseconds at most.
        filter: called as filter(sender, receiver, message) with every message; one that it returns False for is its
            own affair. None for no filter.
        delivered: how many messages have arrived.
        trace: where every message is recorded, or None.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        chance: Chance,
        weather: Weather,
        deliver: Callable[[str, Message], bool],
    ) -> None:
        self.weather = weather
        self.late: dict[str, int] = {}
        self._cut: set[tuple[str, str]] = set()
        self.filter: Callable[[str, str, Message], bool] | None = None
        self.delivered = 0
        self.trace: Recorder | None = None
        self._sent = 0
        self._scheduler = scheduler
        self._chance = chance
        self._deliver = deliver
        self._faults = chance.ledger.faults
        self._chances: dict[tuple[str, str], Chance] = {}
        self._last_arrival_us: dict[tuple[str, str], int] = {}

    @property
    def cut(self) -> set[tuple[str, str]]:
        """The (sender, receiver) pairs between which nothing passes: what is sent is lost, and what arrives."""
        return self._cut

    @cut.setter
    def cut(self, links: set[tuple[str, str]]) -> None:
        self._cut = links
        if self.trace is not None:
            self.trace.record("cut", links=sorted(links))

    def send(self, sender: str, messages: Iterable[tuple[str, Message]]) -> None:
        """Put messages on their way."""
        weather = self.weather
        for receiver, message in messages:
            if self.filter is not None and not self.filter(sender, receiver, message):
                continue
            link = (sender, receiver)
            id = self._number(link, message)
            if link in self._cut:
                self._faults["cut"] += 1
                self._lose(link, id, "cut")
                continue
            chance = self._chance_of(link)
            if chance.strikes("drop", weather.drop):
                self._lose(link, id, "loss")
                continue
            self._carry(link, message, id, weather.reorder)
            if chance.strikes("duplicate", self._duplicate_of(message)):
                if self.trace is not None:
                    self.trace.record("duplicate", node=sender, to=receiver, id=id)
                self._carry(link, message, id, max(weather.reorder, STRAY) if weather.reorder else 0.0)

    def _duplicate_of(self, message: Message) -> float:
        duplicate = self.weather.duplicate
        return max(duplicate, LARGE_TWICE) if duplicate and isinstance(message, SnapshotChunk) else duplicate

    def _chance_of(self, link: tuple[str, str]) -> Chance:
        chance = self._chances.get(link)
        if chance is None:
            chance = self._chances[link] = self._chance.fork(f"{link[0]}>{link[1]}")
        return chance

    def carry(self, link: tuple[str, str], message: Message) -> None:
        """Let a message arrive after a while, unless its link is cut by then."""
        self._carry(link, message, self._number(link, message), self.weather.reorder)

    def _number(self, link: tuple[str, str], message: Message) -> int:
        self._sent += 1
        if self.trace is not None:
            self.trace.record("send", node=link[0], to=link[1], id=self._sent, message=message)
        return self._sent

    def _carry(self, link: tuple[str, str], message: Message, id: int, reorder: float) -> None:
        weather = self.weather
        chance = self._chance_of(link)
        arrival = self._scheduler.now_us + chance.long_tailed(weather.least_us, weather.usual_us)
        last = self._last_arrival_us.get(link, 0)
        late_us = chance.between(0, weather.late_us) if weather.reorder else 0
        if chance.strikes("reorder", reorder):
            arrival += late_us
        elif link[1] in self.late and chance.strikes("late"):
            arrival += chance.between(0, self.late[link[1]])
        else:
            arrival = max(arrival, last)
            self._last_arrival_us[link] = arrival
        self._scheduler.at(arrival, self._arrive, link, message, id)

    def partition(self, *groups: Iterable[str]) -> None:
        """Let messages pass within each group only; members of no group are cut off from everybody."""
        group_of = {member: number for number, group in enumerate(groups) for member in group}
        members = sorted(group_of)
        self.cut = {(a, b) for a in members for b in members if a != b and group_of[a] != group_of[b]}

    def in_time(self, member: str) -> None:
        """Let messages reach a member in time again."""
        self.late.pop(member, None)

    def heal(self) -> None:
        """Mend every cut."""
        self.cut = set()

    def _arrive(self, link: tuple[str, str], message: Message, id: int) -> None:
        if link in self._cut:
            self._faults["cut"] += 1
            self._lose(link, id, "cut")
        else:
            self.delivered += 1
            if not self._deliver(link[1], message):
                self._lose(link, id, "down")
            elif self.trace is not None:
                self.trace.record("deliver", node=link[1], **{"from": link[0]}, id=id)

    def _lose(self, link: tuple[str, str], id: int, why: str) -> None:
        if self.trace is not None:
            self.trace.record("drop", node=link[0], to=link[1], id=id, why=why)
