"""The network between simulated members: late, lossy, repetitive, disorderly and sometimes cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from raft.messages import Message

from .chance import Chance
from .scheduler import Scheduler


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
        deliver: called as deliver(receiver, message) when a message arrives.
        faults: counts every fault by its kind.

    Attributes:
        weather: may be changed at any time.
        late: members whom messages reach late, and by how many microseconds at most.
        cut: the (sender, receiver) pairs between which nothing passes; looked at when a message is sent and again
            when it arrives.
        filter: called as filter(sender, receiver, message) with every message; one that it returns False for is its
            own affair. None for no filter.
        delivered: how many messages have arrived.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        chance: Chance,
        weather: Weather,
        deliver: Callable[[str, Message], None],
        faults: Counter[str],
    ) -> None:
        self.weather = weather
        self.late: dict[str, int] = {}
        self.cut: set[tuple[str, str]] = set()
        self.filter: Callable[[str, str, Message], bool] | None = None
        self.delivered = 0
        self._scheduler = scheduler
        self._chance = chance
        self._deliver = deliver
        self._faults = faults
        self._last_arrival_us: dict[tuple[str, str], int] = {}

    def send(self, sender: str, messages: Iterable[tuple[str, Message]]) -> None:
        """Put messages on their way."""
        weather = self.weather
        chance = self._chance
        for receiver, message in messages:
            if self.filter is not None and not self.filter(sender, receiver, message):
                continue
            link = (sender, receiver)
            if link in self.cut or chance.happens(weather.drop):
                self._faults["cut" if link in self.cut else "drop"] += 1
                continue
            self.carry(link, message)
            if chance.happens(weather.duplicate):
                self._faults["duplicate"] += 1
                self.carry(link, message)

    def carry(self, link: tuple[str, str], message: Message) -> None:
        """Let a message arrive after a while, unless its link is cut by then."""
        weather = self.weather
        arrival = self._scheduler.now_us + self._chance.long_tailed(weather.least_us, weather.usual_us)
        last = self._last_arrival_us.get(link, 0)
        if self._chance.happens(weather.reorder):
            self._faults["reorder"] += 1
            arrival += self._chance.between(0, weather.late_us)
        elif link[1] in self.late:
            self._faults["late"] += 1
            arrival += self._chance.between(0, self.late[link[1]])
        else:
            arrival = max(arrival, last)
            self._last_arrival_us[link] = arrival
        self._scheduler.at(arrival, self._arrive, link, message)

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

    def _arrive(self, link: tuple[str, str], message: Message) -> None:
        if link in self.cut:
            self._faults["cut"] += 1
        else:
            self.delivered += 1
            self._deliver(link[1], message)
