"""A cluster under test, whatever it consists of: what the tests of the contract ask for, and what they can see.

There are three realizations: `simulated.py`, `local.py` and `daemons.py`. A test is written once, in plain blocking
calls, and runs against each. What one cannot do is a `Capability` that it lacks; a test that needs it says so.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum

from actors.errors import SessionExpired
from actors.session_table import APPLIED, EXPIRED
from raft.changes import REMOVED, VOTER, Change
from raft.quorum import majority

T = 30.0  # seconds after which a test calls something lost; only a broken cluster takes so long
LOOK_S = 0.02  # how often a test looks whether what it waits for has come about

LEADER = "leader"
VOTERS = 3
FORGETFUL_S = 0.4  # how long sessions last in a cluster that forgets clients soon
SNAPSHOT_ENTRIES = 60  # few, so that a test can make a cluster take snapshots by writing
TAIL_ENTRIES = 10


class Capability(Enum):
    """What some realizations can do, and others cannot."""

    CUTS_LINKS = "what one member sends to another can be lost, while both hear and are heard by others"
    ASKS_SILENCED = "clients reach a member that the others do not hear"
    KEEPS_REMOVED = "a member that was removed goes on running, and may not know it"
    EXPIRES_SESSIONS = "sessions expire within a second of idleness"


@dataclass(frozen=True)
class Seen:
    """What a member said of itself when it was looked at; see `raft.status.Status`."""

    id: str
    role: str
    term: int
    leader: str | None
    first_index: int
    last_index: int
    commit_index: int
    applied_index: int
    voters: tuple[str, ...]
    learners: tuple[str, ...]
    joint: bool

    @classmethod
    def of(cls, report):
        """Takes what `transport_zmq.report` tells."""
        configuration = report["configuration"]
        return cls(
            *(report[name] for name in ("id", "role", "term", "leader", "first_index", "last_index")),
            *(report[name] for name in ("commit_index", "applied_index")),
            tuple(configuration["voters"]),
            tuple(configuration["learners"]),
            bool(configuration["outgoing"]),
        )


class Cluster(ABC):
    """Three members at first, on which `CountingStore` is replicated.

    Attributes:
        capabilities: what it can do beside what all can.
        election_timeout_s: of every member.
    """

    capabilities: frozenset[Capability] = frozenset()
    election_timeout_s: float

    def __init__(self):
        self._reigns = {}  # term: who led it
        self._terms = {}  # member: the highest term it was seen in, as long as it has its disk

    # Time

    @abstractmethod
    def now_s(self) -> float:
        """Seconds of the clock that all clients share."""

    @abstractmethod
    def sleep(self, seconds: float) -> None:
        """Lets time pass."""

    @abstractmethod
    def together(self, *functions) -> None:
        """Runs functions at the same time, until all have returned; each uses clients of its own."""

    def wait_until(self, condition, what, timeout_s=T):
        """Waits until something is so, and returns it."""
        deadline_s = self.now_s() + timeout_s
        while not (result := condition()):
            assert self.now_s() < deadline_s, f"not within {timeout_s:g} s: {what}; seen: {list(self.look().values())}"
            self.sleep(LOOK_S)
        return result

    # Clients

    @abstractmethod
    def client(self):
        """A new client: an `actors.kv_calls.KeyValueCalls` whose `read` and `read_stale` can be told a node."""

    @abstractmethod
    def open_session(self) -> int:
        """Opens a session for `apply_in_session`."""

    @abstractmethod
    def apply_in_session(self, session: int, sequence: int, command: bytes):
        """Sends a command as a client does that asks for the first time, or again; raises `SessionExpired`."""

    # Members

    @property
    @abstractmethod
    def members(self) -> tuple[str, ...]:
        """All that there are, those that are down too."""

    @abstractmethod
    def runs(self, id: str) -> bool:
        """Whether a member runs."""

    @abstractmethod
    def look_at(self, id: str) -> Seen | None:
        """What a member says of itself; None when it is down, or cannot be asked now."""

    @abstractmethod
    def kill(self, *ids: str) -> None:
        """Ends members at once: what they had not made durable is lost."""

    @abstractmethod
    def restart(self, *ids: str) -> None:
        """Starts members that are down from what is on their disks."""

    @abstractmethod
    def stop(self, id: str) -> None:
        """Ends a member in good order."""

    @abstractmethod
    def silence(self, *ids: str) -> None:
        """Lets nothing pass between each of these and anybody else, until `heal`."""

    @abstractmethod
    def cut(self, sender: str, receiver: str) -> None:
        """Lets nothing pass from one member to another, until `heal` (`CUTS_LINKS`)."""

    @abstractmethod
    def heal(self) -> None:
        """Lets everybody hear everybody again."""

    @abstractmethod
    def transfer(self, to: str) -> str:
        """Has leadership handed over, and returns who leads then."""

    @abstractmethod
    def add(self, *, learner: bool = False) -> str:
        """Has a new member added, and returns its id."""

    @abstractmethod
    def change(self, *changes: Change) -> None:
        """Has members changed, all at once."""

    def promote(self, id: str) -> None:
        """Makes a voter of a learner."""
        self.change(Change(id, VOTER))

    def remove(self, id: str) -> None:
        """Has a member removed."""
        self.change(Change(id, REMOVED))

    @abstractmethod
    def lose_disk(self, id: str) -> None:
        """Replaces the disk of a member that is down by an empty one."""

    def mend(self) -> None:
        """Brings it to where a test begins: three voters, all of them up and level, and no other members."""
        self.heal()
        down = [id for id in self.members if not self.runs(id)]
        if self.reign() is None:  # maybe for want of them
            self.restart(*down)
            down = []
        voters = self.leading().voters
        self.restart(*[id for id in voters if id in down])
        reign = self.leading()
        surplus = (*reign.voters[VOTERS:], *reign.learners)
        if surplus:
            self.change(*[Change(id, REMOVED) for id in surplus])
        for _ in range(VOTERS - len(reign.voters)):
            self.add()
        self.wait_until_level()
        self.tidy()

    def tidy(self) -> None:  # noqa: B027 (there may be nothing)
        """Takes away what is left of members that were removed, and of clients."""

    # What can be seen from outside

    def look(self) -> dict[str, Seen]:
        """What the members say of themselves, by id; at no time may two of them lead one term (contract S1)."""
        seen = {id: found for id in self.members if (found := self.look_at(id)) is not None}
        for one in seen.values():
            assert one.term >= self._terms.get(one.id, 0), f"{one.id} went back to term {one.term}"  # contract S6
            self._terms[one.id] = one.term
            if one.role == LEADER:
                assert self._reigns.setdefault(one.term, one.id) == one.id, f"two lead term {one.term}: {self._reigns}"
        return seen

    @property
    def reigns(self) -> dict[int, str]:
        """Who was seen to lead which term."""
        return dict(self._reigns)

    def reign(self) -> Seen | None:
        """What the leader says of itself, once a majority of the voters follow it; None when nobody leads."""
        seen = self.look()
        first = max((one for one in seen.values() if one.role == LEADER), key=lambda one: one.term, default=None)
        if first is None:
            return None
        behind = [
            id for id in first.voters if id in seen and (seen[id].term, seen[id].leader) == (first.term, first.id)
        ]
        return first if len(behind) >= majority(len(first.voters)) else None

    def leader(self) -> str | None:
        """Who leads; None when nobody does."""
        reign = self.reign()
        return None if reign is None else reign.id

    def leading(self, other_than: str = "") -> Seen:
        """Waits until somebody leads, and returns what that one says of itself."""
        return self.wait_until(
            lambda: (reign := self.reign()) and reign.id != other_than and reign, f"a leader other than {other_than!r}"
        )

    def wait_for_leader(self, other_than: str = "") -> str:
        """Waits until somebody leads, and returns who."""
        return self.leading(other_than).id

    def followers(self) -> list[str]:
        """The voters that do not lead, once somebody does."""
        reign = self.leading()
        return [id for id in reign.voters if id != reign.id]

    def is_level(self) -> bool:
        """Whether all members of the leader's configuration have applied all that is in its log."""
        reign = self.reign()
        if reign is None or reign.joint:
            return False
        seen = self.look()
        return all(
            id in seen and seen[id].applied_index == seen[id].last_index == reign.last_index
            for id in reign.voters + reign.learners
        )

    def wait_until_level(self) -> None:
        """Waits until all members have applied the same log."""
        self.wait_until(self.is_level, "all members have the same log")


def told(reply, session, decode):
    """What a command in a session came to, for whoever sent it."""
    if reply.outcome == EXPIRED:
        raise SessionExpired(session)
    assert reply.outcome == APPLIED, reply
    return decode(reply.value)
