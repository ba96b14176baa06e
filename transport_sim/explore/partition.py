"""One process's share of an exploration: the worlds whose digests fall to it, each visited once.

The walk goes by levels: a level holds the worlds that are as many steps away from the beginning, by the shortest way.
So the first violation found is one that nothing shorter leads to.
"""

from __future__ import annotations

from array import array
from typing import Any

from .history import History
from .space import Space
from .visited import Visited
from .wire import packed, unpacked
from .world import World, Worlds

NOWHERE = (1 << 32) - 1  # what the worlds at the beginning came from
_CACHE = 1 << 18  # slots for what was sent to others lately, so that little is sent twice


class Partition:
    """The share of one process.

    Worlds are kept one behind the other in arrays of numbers, each behind its length. What is not kept is which worlds
    were visited but their digests; how one came to each is a tree of two small numbers for each.

    Args:
        space: the parts of worlds, this process's own.
        index: which share this is, 0 or more.
        shares: how many there are.

    Attributes:
        transitions: how many steps between worlds were taken.
    """

    def __init__(self, space: Space, index: int, shares: int) -> None:
        self._space = space
        self._worlds = Worlds(space)
        self._index = index
        self._shares = shares
        self._visited = Visited()
        self._parents = array("I")  # where each world came from: the number of that one times shares, + its share
        self._actions = array("H")  # and by what
        self._level = array("Q")  # worlds of this level that were not gone on from yet
        self._next = 0  # the number of the first of them
        self._found = array("Q")  # worlds of the next level
        self._waiting = array("Q")  # what was found when no more was wanted, not looked at yet
        self._sent = array("Q", bytes(8 * _CACHE))
        self._outboxes = [array("Q") for _ in range(shares)]
        self._broken: list[dict[str, Any]] = []
        self._told = [0, 0]  # how much of what the space has worked out, and remembered, the others know
        self.transitions = 0

    def begin(self) -> None:
        """Visit the worlds at the beginning, those of this share."""
        for position, world in enumerate(self._space.first_worlds()):
            digest = self._worlds.digest(world) or 1
            if self._owner(digest) == self._index and self._visited.add(digest):
                self._keep(world, NOWHERE, position)
        self._advance()

    def _owner(self, digest: int) -> int:
        return (digest >> 48) % self._shares

    def _keep(self, world: World, parent: int, action: int) -> None:
        self._parents.append(parent)
        self._actions.append(action)
        self._found.append(len(world))
        self._found.extend(world)

    def _advance(self) -> None:
        """The level is done: go on with the next one."""
        self._level, self._found = self._found, array("Q")

    # A round

    def round(self, request: bytes) -> bytes:
        """Take up what others have found, and go on from some worlds of the level.

        The request says how many of them (`most`), how many worlds may be visited on the way (`quota`; what is found
        beyond waits), and whether the level is done (`advance`). It brings what other spaces have worked out and the
        worlds that other shares have found for this one. The reply says how far this share is, and brings the same for
        the others.
        """
        header, arrays = unpacked(request)
        self._learn(arrays["worked_out"], header["remembered"])
        if header["advance"]:
            self._advance()
        quota = header["quota"]
        given, self._waiting = self._waiting, array("Q")
        given.extend(arrays["worlds"])
        quota = self._take(given, quota)
        self._go_on(header["most"], quota)
        outboxes, self._outboxes = self._outboxes, [array("Q") for _ in range(self._shares)]
        broken, self._broken = self._broken, []
        worked_out, remembered = self._news()
        reply = {
            "states": len(self._visited),
            "transitions": self.transitions,
            "frontier": len(self._parents) - self._next,
            "level": len(self._level),
            "waiting": len(self._waiting),
            "elections": self._space.elections,
            "committed": self._space.committed,
            "broken": broken,
            "remembered": remembered,
        }
        named = {f"to_{share}": outbox for share, outbox in enumerate(outboxes)}
        return packed(reply, worked_out=worked_out, **named)

    def _learn(self, worked_out: array[int], remembered: list[Any]) -> None:
        space = self._space
        for position in range(0, len(worked_out), 2):
            space.outcome(worked_out[position], worked_out[position + 1])
        for history in remembered:
            space.add_history(History.of_object(history))
        self._told = [len(space.worked_out), len(space.remembered)]

    def _news(self) -> tuple[array[int], list[Any]]:
        """Return what the others do not know yet of what this space has worked out and remembers."""
        space = self._space
        pairs = space.worked_out[self._told[0] :]
        histories = space.remembered[self._told[1] :]
        self._told = [len(space.worked_out), len(space.remembered)]
        worked_out = array("Q", [number for pair in pairs for number in pair])
        return worked_out, [space.histories[number].history.as_object() for number in histories]

    def _take(self, given: array[int], quota: int) -> int:
        """Visit worlds that were found; return how many more may be visited."""
        at = 0
        while at < len(given):
            digest, parent, action, length = given[at : at + 4]
            end = at + 4 + length
            if quota == 0:
                self._waiting.extend(given[at:])
                return 0
            if self._visited.add(digest):
                quota -= 1
                self._keep(tuple(given[at + 4 : end]), parent, action)
            at = end
        return quota

    def _go_on(self, most: int, quota: int) -> None:
        """Take every step from some worlds of the level."""
        level, at = self._level, 0
        index, shares, visited, sent = self._index, self._shares, self._visited, self._sent
        while most and at < len(level) and not (quota == 0 and self._waiting):
            end = at + 1 + level[at]
            world = tuple(level[at + 1 : end])
            at = end
            most -= 1
            parent = self._next * shares + index
            self._next += 1
            steps, broken = self._worlds.next_of(world)
            self.transitions += len(steps) + len(broken)
            for one in broken:
                error = one.error
                self._broken.append(
                    {"from": parent, "action": one.action, "promise": error.invariant, "message": error.message}
                )
            for action, digest, after in steps:
                digest = digest or 1
                owner = (digest >> 48) % shares
                if owner != index:
                    if sent[digest & (_CACHE - 1)] != digest:
                        sent[digest & (_CACHE - 1)] = digest
                        self._outboxes[owner].extend((digest, parent, action, len(after), *after))
                elif quota == 0:
                    if digest not in visited:
                        self._waiting.extend((digest, parent, action, len(after), *after))
                elif visited.add(digest):
                    quota -= 1
                    self._keep(after, parent, action)
        del level[:at]

    # The way to a world, and the whole share to be kept

    def came_from(self, record: int) -> tuple[int, int]:
        """Return where a world of this share came from, by its number, and by what action."""
        return self._parents[record], self._actions[record]

    def saved(self) -> bytes:
        """Return all of this share; nothing may be on its way between shares."""
        worked_out = array("Q", [number for pair in self._space.worked_out for number in pair])
        remembered = [self._space.histories[number].history.as_object() for number in self._space.remembered]
        return packed(
            {"transitions": self.transitions, "next": self._next, "remembered": remembered},
            worked_out=worked_out,
            visited=array("Q", self._visited),
            parents=self._parents,
            actions=self._actions,
            level=self._level,
            found=self._found,
            waiting=self._waiting,
        )

    def load(self, data: bytes) -> None:
        """Become the share that was saved.

        Raises:
            ValueError: when the space that this core makes is another.
        """
        header, arrays = unpacked(data)
        self._space.first_worlds()
        try:
            self._learn(arrays["worked_out"], header["remembered"])
        except KeyError:
            raise ValueError("this version of the core takes other steps than the one that made it") from None
        self.transitions, self._next = header["transitions"], header["next"]
        for digest in arrays["visited"]:
            self._visited.add(digest)
        self._parents, self._actions = arrays["parents"], arrays["actions"]
        self._level, self._found, self._waiting = arrays["level"], arrays["found"], arrays["waiting"]
        if not self._knows(self._level) or not self._knows(self._found):
            raise ValueError("this version of the core takes other steps than the one that made it")

    def _knows(self, worlds: array[int]) -> bool:
        lanes, at = self._space.lanes, 0
        while at < len(worlds):
            end = at + 1 + worlds[at]
            if any(part not in lanes for part in worlds[at + 1 : end]):
                return False
            at = end
        return True
