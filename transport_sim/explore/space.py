"""The parts that worlds are made of, each kept once and named by a number of 64 bits.

What a member does with an input is worked out by the real core, once; every other world in which the same member meets
the same input takes the outcome from here.

Members can be called by each other's names, and nothing changes but the names. Therefore every part has a number for
each way to rename the members, its *lanes*; the first one, with the names as they are, is its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import permutations
from typing import TypeAlias

from raft.errors import CommittedEntryConflict
from raft.messages import Message
from transport_sim.shadow import InvariantError

from .bounds import COUNTED, Bounds
from .canonical import digest, message_value
from .history import History, Log
from .member import Disk, Member, started
from .turn import COMMAND, CRASH, DURABLE, MOMENT, SMALLEST_MESSAGE, START, Turn, take_turn

Lanes: TypeAlias = tuple[int, ...]

UNCOUNTED = -1
COMMANDS = COUNTED.index("commands")
_CRASHES = COUNTED.index("crashes")


@dataclass
class Outcome:
    """What came of a member and an input.

    Attributes:
        member: the number of the member after it.
        sent: the numbers of the messages that have left.
        change: what it adds to the lanes of the world.
        turn: the turn itself, if elections or commits in it must be noted; else None.
        compare: whether its log or its disk has changed, and must be compared with the others'.
        beyond: whether the member has come to a term beyond the bounds, so that this is not followed.
        broken: the promise that was broken, or None.
    """

    member: int = 0
    sent: tuple[int, ...] = ()
    change: Lanes = ()
    turn: Turn | None = None
    compare: bool = False
    beyond: bool = False
    broken: InvariantError | None = None


@dataclass
class MemberPart:
    """A member, and what is known of it.

    Attributes:
        inputs: what can be done with it, besides delivering messages: each input with what it is counted as.
        outcomes: what came of the inputs that were worked out, by input.
        logs: numbers of its log and of that on its disk: equal numbers, equal logs.
    """

    member: Member
    inputs: list[tuple[int, int]]
    logs: tuple[int, int]
    outcomes: dict[int, Outcome] = field(default_factory=dict)


@dataclass
class HistoryPart:
    """A history, and what is known of it.

    Attributes:
        committed: the number of its committed log.
        counted: the history with one more of each of `COUNTED`, and what that adds to the lanes of the world; None
            beyond the bounds.
        after: the history after a turn of a member, by member and input before it, in the same form.
    """

    history: History
    committed: int
    counted: list[tuple[int, Lanes] | None] | None = None
    after: dict[tuple[int, int], tuple[int, Lanes]] = field(default_factory=dict)


class Space:
    """All parts that an exploration has met.

    Args:
        bounds: of the exploration.
        symmetric: whether worlds that differ only by the names of the members are one.

    Attributes:
        lanes: of every part, by its number.
        members, histories: the parts, by number.
        messages: by number: the position of the receiver, and the message.
    """

    def __init__(self, bounds: Bounds, symmetric: bool = True) -> None:
        self.bounds = bounds
        self.ids = bounds.members
        ways = list(permutations(self.ids)) if symmetric else [self.ids]
        # None, for whom a node has not voted, stays nobody.
        self._namings = [{"": "", **dict(zip(self.ids, way, strict=True))} for way in ways]
        self.lanes: dict[int, Lanes] = {}
        self.members: dict[int, MemberPart] = {}
        self.messages: dict[int, tuple[int, Message]] = {}
        self.histories: dict[int, HistoryPart] = {}
        self._logs: dict[Log, int] = {}

    def first_world(self) -> tuple[int, ...]:
        """Return the world in which everything begins: every member has just started with an empty disk."""
        members = [self.add_member(started(id, self.ids, Disk(), 0)) for id in self.ids]
        return (*members, self.add_history(History()))

    # Parts

    def add_member(self, member: Member) -> int:
        """Keep a member and return its number."""
        number = digest(member.value(self._namings[0]))
        if number not in self.members:
            self.lanes[number] = (number, *[digest(member.value(naming)) for naming in self._namings[1:]])
            logs = (self._number(member.log), self._number(member.stored))
            self.members[number] = MemberPart(member, self._inputs(member), logs)
        return number

    def add_message(self, receiver: str, message: Message) -> int:
        """Keep a message on its way and return its number."""
        number = _large(digest(message_value(receiver, message, self._namings[0])))
        if number not in self.messages:
            others = [_large(digest(message_value(receiver, message, naming))) for naming in self._namings[1:]]
            self.lanes[number] = (number, *others)
            self.messages[number] = self.ids.index(receiver), message
        return number

    def add_history(self, history: History) -> int:
        """Keep a history and return its number."""
        number = digest(history.value(self._namings[0]))
        if number not in self.histories:
            self.lanes[number] = (number, *[digest(history.value(naming)) for naming in self._namings[1:]])
            self.histories[number] = HistoryPart(history, self._number(history.committed))
        return number

    def _number(self, log: Log) -> int:
        return self._logs.setdefault(log, len(self._logs))

    def _inputs(self, member: Member) -> list[tuple[int, int]]:
        if member.node is None:
            return [(START, UNCOUNTED)]
        inputs = []
        for position, (what, _) in enumerate(member.moments):
            inputs.append((MOMENT + position, COUNTED.index(what) if what else UNCOUNTED))
        if member.disk.pending:
            inputs.append((DURABLE, UNCOUNTED))
        if member.leads:
            inputs.append((COMMAND, COMMANDS))
        for kept in range(len(member.disk.pending) + 1):
            inputs.append((CRASH + kept, _CRASHES))
        return inputs

    # Outcomes

    def outcome(self, number: int, code: int) -> Outcome:
        """Return what comes of a member and an input."""
        part = self.members[number]
        outcome = part.outcomes.get(code)
        if outcome is None:
            outcome = part.outcomes[code] = self._work_out(number, part.member, code)
        return outcome

    def _work_out(self, number: int, member: Member, code: int) -> Outcome:
        message = self.messages[code][1] if code >= SMALLEST_MESSAGE else None
        try:
            turn = take_turn(member, self.ids, code, message)
        except Exception as error:
            return Outcome(broken=_as_broken(member.id, error))
        node = turn.member.node
        if node is not None and node.term > self.bounds.max_terms:
            return Outcome(beyond=True)
        after = self.add_member(turn.member)
        sent = tuple([self.add_message(receiver, message) for receiver, message in turn.sent])
        taken = [self.lanes[number]] + ([self.lanes[code]] if message is not None else [])
        given = [self.lanes[after], *[self.lanes[one] for one in sent]]
        change = difference(given, taken)
        noted = turn if turn.won is not None or turn.committed is not None else None
        compare = noted is not None or self.members[after].logs != self.members[number].logs
        return Outcome(after, sent, change, noted, compare)

    def counted(self, number: int) -> list[tuple[int, Lanes] | None]:
        """Return what a history becomes with one more of each of `COUNTED`."""
        part = self.histories[number]
        if part.counted is None:
            part.counted = []
            for what, limit in enumerate(self.bounds.limits):
                if part.history.spent[what] < limit:
                    part.counted.append(self._other_history(number, part.history.count(what)))
                else:
                    part.counted.append(None)
        return part.counted

    def noted(self, number: int, member: int, code: int, turn: Turn) -> tuple[int, Lanes]:
        """Return what a history becomes by a turn of a member.

        Raises:
            InvariantError: see `History.after`.
        """
        part = self.histories[number]
        found = part.after.get((member, code))
        if found is None:
            found = part.after[member, code] = self._other_history(number, part.history.after(turn))
        return found

    def _other_history(self, number: int, history: History) -> tuple[int, Lanes]:
        other = self.add_history(history)
        return other, difference([self.lanes[other]], [self.lanes[number]])


def difference(given: list[Lanes], taken: list[Lanes]) -> Lanes:
    """Return lane by lane what some parts come to, less what others come to."""
    plus = [sum(lane) for lane in zip(*given, strict=True)]
    minus = [sum(lane) for lane in zip(*taken, strict=True)]
    return tuple([a - b for a, b in zip(plus, minus, strict=True)])


def _large(number: int) -> int:
    """Return the number of a message, which no other input has."""
    return number | 1 << 63


def _as_broken(id: str, error: Exception) -> InvariantError:
    """Return what a member has broken that stopped."""
    if isinstance(error, InvariantError):
        return error
    if isinstance(error, CommittedEntryConflict):
        return InvariantError("R1", f"{id} stops: {error}")
    if isinstance(error, AssertionError):
        # The assertions of the core begin with the promise that they guard.
        promise, colon, message = str(error).partition(": ")
        if colon and len(promise) <= 3:
            return InvariantError(promise, f"{id}: {message}")
    return InvariantError("failure", f"{id} failed with {type(error).__name__}: {error}")
