"""The parts that worlds are made of, each kept once and named by a number of 64 bits.

What a member does with an input is worked out by the real core, once; every other world in which the same member meets
the same input takes the outcome from here.

Members can be called by each other's names, and nothing changes but the names. Therefore every part has a number for
each way to rename the members, its *lanes*; the first one, with the names as they are, is its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from raft.errors import CommittedEntryConflict
from raft.messages import Message
from transport_sim.shadow import InvariantError

from . import promises
from .bounds import COUNTED, Bounds
from .canonical import Log, digest, message_value
from .history import History
from .lanes import Lanes
from .member import Member, started
from .pasts import pasts
from .turn import COMMAND, CRASH, DURABLE, MOMENT, SMALLEST_MESSAGE, START, Turn, take_turn

UNCOUNTED = -1
COMMANDS = COUNTED.index("commands")
_CRASHES = COUNTED.index("crashes")


@dataclass(slots=True)
class Outcome:
    """What came of a member and an input.

    Attributes:
        member: the number of the member after it.
        sent: the numbers of the messages that have left.
        change: what it adds to the lanes of the world.
        leads_on: whether it leads anywhere: not if nothing has changed, nor if it leads beyond the bounds.
        turn: the turn itself, if it has an election or a commit that must be noted; else None.
        compare: whether its log or its disk has changed, and must be compared with the others'.
        broken: the promise that was broken, or None.
    """

    member: int = 0
    sent: tuple[int, ...] = ()
    change: int = 0
    leads_on: bool = False
    turn: Turn | None = None
    compare: bool = False
    broken: InvariantError | None = None


@dataclass(slots=True)
class MemberPart:
    """A member, and what is known of it.

    Attributes:
        is_up: whether its node runs.
        inputs: what can be done with it, besides delivering messages: each input with what it is counted as.
        outcomes: what came of the inputs that were worked out, by input.
        logs: numbers of its log and of that on its disk: equal numbers, equal logs.
    """

    member: Member
    is_up: bool
    inputs: list[tuple[int, int]]
    logs: tuple[int, int]
    outcomes: dict[int, Outcome] = field(default_factory=dict)


@dataclass(slots=True)
class HistoryPart:
    """A history, and what is known of it.

    Attributes:
        committed: the number of its committed log.
        counted: the history with one more of each of `COUNTED`, and what that adds to the lanes of the world; None
            beyond the bounds.
        after: the history after a turn of a member, by member and input, in the same form.
    """

    history: History
    committed: int
    counted: list[tuple[int, int] | None] | None = None
    after: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)


class Space:
    """All parts that an exploration has met.

    Args:
        bounds: of the exploration.
        symmetric: whether worlds that differ only by the names of the members are one.

    Attributes:
        lanes: of every part, by its number.
        members, histories: the parts, by number.
        messages: by number: the position of the receiver, and the message.
        worked_out: the members and inputs whose outcomes have brought new parts, in order: what another process needs
            to have the same parts.
        remembered: the numbers of all histories, in order.
        elections: the most elections that were won in one world.
        committed: the longest log that was committed in one, in entries.
    """

    def __init__(self, bounds: Bounds, symmetric: bool = True) -> None:
        self.bounds = bounds
        self.ids = bounds.members
        self.way = Lanes(self.ids, symmetric)
        self.lanes: dict[int, int] = {}
        self.members: dict[int, MemberPart] = {}
        self.messages: dict[int, tuple[int, Message]] = {}
        self.histories: dict[int, HistoryPart] = {}
        self.worked_out: list[tuple[int, int]] = []
        self.remembered: list[int] = []
        self._config = bounds.config
        self._limits = bounds.limits
        self._last_term = bounds.last_term
        self._logs: dict[Log, int] = {}
        self.elections = 0
        self.committed = 0

    def first_worlds(self) -> list[tuple[int, ...]]:
        """Return the worlds in which everything may begin: every member has just started from its disk."""
        worlds = []
        for past in pasts(self.ids, self.bounds.past_terms):
            members = [
                self.add_member(started(id, self.ids, self._config, disk, 0))
                for id, disk in zip(self.ids, past.disks, strict=True)
            ]
            worlds.append((*members, self.add_history(past.history)))
        return worlds

    # Parts

    def add_member(self, member: Member) -> int:
        """Keep a member and return its number."""
        number = digest(member.value(self.way.own))
        if number not in self.members:
            self.lanes[number] = self.way.of([number, *[digest(member.value(names)) for names in self.way.others]])
            logs = (self._number(member.log), self._number(member.stored))
            self.members[number] = MemberPart(member, member.node is not None, _inputs(member), logs)
        return number

    def add_message(self, receiver: str, message: Message) -> int:
        """Keep a message on its way and return its number."""
        number = digest(message_value(receiver, message, self.way.own))
        if number not in self.messages:
            values = [message_value(receiver, message, names) for names in self.way.others]
            self.lanes[number] = self.way.of([number, *[digest(value) for value in values]])
            self.messages[number] = self.ids.index(receiver), message
        return number

    def add_history(self, history: History) -> int:
        """Keep a history and return its number."""
        number = digest(history.value(self.way.own))
        if number not in self.histories:
            self.lanes[number] = self.way.of([number, *[digest(history.value(names)) for names in self.way.others]])
            self.histories[number] = HistoryPart(history, self._number(history.committed))
            self.remembered.append(number)
            self.elections = max(self.elections, len(history.elected))
            self.committed = max(self.committed, len(history.committed))
        return number

    def _number(self, log: Log) -> int:
        return self._logs.setdefault(log, len(self._logs))

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
            turn = take_turn(member, self.ids, self._config, code, message)
            promises.check(turn)
        except Exception as error:
            return Outcome(leads_on=True, broken=as_broken(member.id, error))
        node = turn.after.node
        if node is not None and node.term > self._last_term:
            return Outcome()
        known = len(self.lanes)
        after = self.add_member(turn.after)
        sent = tuple([self.add_message(receiver, message) for receiver, message in turn.sent])
        if len(self.lanes) > known:
            self.worked_out.append((number, code))
        given = self.lanes[after] + sum([self.lanes[one] for one in sent])
        taken = self.lanes[number] + (0 if message is None else self.lanes[code])
        noted = turn if turn.won is not None or turn.committed is not None else None
        return Outcome(
            after,
            sent,
            self.way.difference(given, taken),
            after != number or bool(sent),
            noted,
            noted is not None or self.members[after].logs != self.members[number].logs,
        )

    def counted(self, number: int) -> list[tuple[int, int] | None]:
        """Return what a history becomes with one more of each of `COUNTED`."""
        part = self.histories[number]
        if part.counted is None:
            part.counted = []
            for what, limit in enumerate(self._limits):
                if part.history.spent[what] < limit:
                    part.counted.append(self._instead_of(number, part.history.count(what)))
                else:
                    part.counted.append(None)
        return part.counted

    def noted(self, number: int, member: int, code: int, turn: Turn) -> tuple[int, int]:
        """Return what a history becomes by a turn of a member.

        Raises:
            InvariantError: see `History.after`.
        """
        part = self.histories[number]
        found = part.after.get((member, code))
        if found is None:
            found = part.after[member, code] = self._instead_of(number, part.history.after(turn))
        return found

    def _instead_of(self, number: int, history: History) -> tuple[int, int]:
        other = self.add_history(history)
        return other, self.way.difference(self.lanes[other], self.lanes[number])


def _inputs(member: Member) -> list[tuple[int, int]]:
    """Return what can be done with a member, besides delivering messages: each input with what it is counted as."""
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


def as_broken(id: str, error: Exception) -> InvariantError:
    """Return which promise it breaks that a member stopped with an error."""
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
