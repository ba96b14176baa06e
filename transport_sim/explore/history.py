"""What has happened in a world and may not be seen on its members any more, and the promises about it.

Who was elected and what was committed must be remembered beside the members: a leader may crash, and everybody who
knew of a commit too. And what is bounded is counted here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from transport_sim.shadow import InvariantError

from .bounds import COUNTED
from .canonical import Log, Names
from .turn import Turn


@dataclass(frozen=True)
class Elected:
    """A leader.

    Attributes:
        term: the term that it leads.
        leader: its id.
        log: the log with which it was elected.
    """

    term: int
    leader: str
    log: Log


@dataclass(frozen=True)
class History:
    """The past of a world.

    Attributes:
        spent: how often each of `COUNTED` has happened.
        elected: every leader, by term.
        committed: the committed log.
        committed_in: for each of its entries the term of the leader that was first seen to commit it.
    """

    spent: tuple[int, ...] = (0,) * len(COUNTED)
    elected: tuple[Elected, ...] = ()
    committed: Log = ()
    committed_in: tuple[int, ...] = ()

    def value(self, names: Names) -> object:
        """Return it with every member called by another name."""
        elected = [(one.term, names[one.leader], one.log) for one in self.elected]
        return self.spent, elected, self.committed, self.committed_in

    def as_object(self) -> list[Any]:
        """Return it for JSON."""
        elected = [[one.term, one.leader, _as_object(one.log)] for one in self.elected]
        return [list(self.spent), elected, _as_object(self.committed), list(self.committed_in)]

    @classmethod
    def of_object(cls, given: list[Any]) -> History:
        """Return the history that `as_object` returned."""
        spent, elected, committed, committed_in = given
        leaders = [Elected(term, leader, _of_object(log)) for term, leader, log in elected]
        return cls(tuple(spent), tuple(leaders), _of_object(committed), tuple(committed_in))

    def count(self, what: int) -> History:
        """Return the history with one more of what is `COUNTED` at a position."""
        spent = list(self.spent)
        spent[what] += 1
        return replace(self, spent=tuple(spent))

    def after(self, turn: Turn) -> History:
        """Return the history after a turn.

        Raises:
            InvariantError: when an election (S1, S4) or a commit (S4, S5) breaks a promise.
        """
        history, won, committed = self, turn.won, turn.committed
        if won is not None:
            history = history._after_election(turn.after.id, *won)
        if committed is not None:
            history = history._after_commit(turn.after.id, *committed)
        return history

    def _after_election(self, id: str, term: int, log: Log) -> History:
        for other in self.elected:
            if other.term == term:
                raise InvariantError("S1", f"{other.leader} and {id} are both elected in term {term}")
        index = len(self.committed)
        while index and self.committed_in[index - 1] >= term:
            index -= 1
        if log[:index] != self.committed[:index]:
            raise InvariantError("S4", f"{id} is elected in term {term} without the committed entry {index}")
        elected = sorted([*self.elected, Elected(term, id, log)], key=lambda one: one.term)
        return replace(self, elected=tuple(elected))

    def _after_commit(self, id: str, log: Log, led: int | None) -> History:
        known = min(len(log), len(self.committed))
        if log[:known] != self.committed[:known]:
            raise InvariantError("S5", f"{id} commits up to {len(log)} other entries than were committed before")
        if len(log) == known:
            return self
        if led is None:
            raise InvariantError("R2", f"follower {id} commits entry {len(log)} before any leader did")
        for one in self.elected:
            if one.term > led and one.log[: len(log)] != log:
                raise InvariantError(
                    "S4", f"entry {len(log)}, committed in term {led}, misses with the leader of term {one.term}"
                )
        committed_in = self.committed_in + (led,) * (len(log) - known)
        return replace(self, committed=log, committed_in=committed_in)


def _as_object(log: Log) -> list[Any]:
    return [[term, kind, data.hex()] for term, kind, data in log]


def _of_object(log: list[Any]) -> Log:
    return tuple([(term, kind, bytes.fromhex(data)) for term, kind, data in log])
