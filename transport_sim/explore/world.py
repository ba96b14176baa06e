"""Worlds: what all members and the network can do from where they are.

A world is a tuple of the numbers of its parts (see `space.py`): the members in order, the history, and the messages on
their way in order of their numbers, each as often as it is on its way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from transport_sim.shadow import InvariantError

from . import together
from .bounds import COUNTED
from .space import COMMANDS, UNCOUNTED, Lanes, Outcome, Space
from .turn import COMMAND

World: TypeAlias = tuple[int, ...]

MASK = (1 << 64) - 1

# What is done is a number of 16 bits: one of these, + the position of the message among those on their way; or else
# the position of the member times 128, + the input.
DELIVER = 1 << 14
DUPLICATE = 2 << 14
LOSE = 3 << 14
_INPUTS = 128

_DROPS = COUNTED.index("drops")
_DUPLICATES = COUNTED.index("duplicates")


@dataclass(frozen=True)
class Broken:
    """A promise that is broken by what can be done next.

    Attributes:
        action: what is done.
        error: what it breaks.
    """

    action: int
    error: InvariantError


class Worlds:
    """What can be done in each world.

    Args:
        space: the parts.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self._nodes = space.bounds.nodes
        self._compared: set[tuple[int, ...]] = set()  # combinations of logs that were compared

    def digest(self, world: World) -> int:
        """Return the number that a world has, whatever its members are called."""
        return min([lane & MASK for lane in self._lanes(world)])

    def _lanes(self, world: World) -> list[int]:
        lanes = self.space.lanes
        return [sum(lane) for lane in zip(*[lanes[part] for part in world], strict=True)]

    def next_of(self, world: World) -> tuple[list[tuple[int, int, World]], list[Broken]]:
        """Return all that can be done in a world: what is done, the digest of the world after it, and that world.

        And the promises that are broken by what can be done.
        """
        space, nodes = self.space, self._nodes
        members, net = world[:nodes], world[nodes + 1 :]
        history = world[nodes]
        lanes = self._lanes(world)
        counted = space.counted(history)
        found: list[tuple[int, int, World]] = []
        broken: list[Broken] = []

        def follow(
            action: int, position: int, code: int, outcome: Outcome, past: int, change: Lanes, rest: World
        ) -> None:
            """Add the world after an outcome."""
            if outcome.beyond:
                return
            try:
                if outcome.broken is not None:
                    raise outcome.broken
                after = (*members[:position], outcome.member, *members[position + 1 :])
                total = [lane + one + other for lane, one, other in zip(lanes, outcome.change, change, strict=True)]
                if outcome.compare:
                    if outcome.turn is not None:
                        past, more = space.noted(past, members[position], code, outcome.turn)
                        total = [lane + one for lane, one in zip(total, more, strict=True)]
                    self._compare(after, past, outcome)
            except InvariantError as error:
                broken.append(Broken(action, error))
                return
            net = tuple(sorted(rest + outcome.sent)) if outcome.sent else rest
            found.append((action, min([lane & MASK for lane in total]), (*after, past, *net)))

        nothing = (0,) * len(lanes)
        for position in range(nodes):
            number = members[position]
            for code, what in space.members[number].inputs:
                past, change = history, nothing
                if what != UNCOUNTED:
                    more = counted[what]
                    if more is None:
                        continue
                    past, change = more
                    if code == COMMAND:
                        code += space.histories[history].history.spent[COMMANDS]
                action = position * _INPUTS + code
                follow(action, position, code, space.outcome(number, code), past, change, net)
        lose, duplicate = counted[_DROPS], counted[_DUPLICATES]
        last = 0
        for place, message in enumerate(net):
            if message == last:
                continue
            last = message
            rest = net[:place] + net[place + 1 :]
            position = space.messages[message][0]
            if space.members[members[position]].member.node is not None:
                outcome = space.outcome(members[position], message)
                follow(DELIVER + place, position, message, outcome, history, nothing, rest)
                if duplicate is not None:
                    change = tuple(
                        [one + other for one, other in zip(duplicate[1], space.lanes[message], strict=True)]
                    )
                    follow(DUPLICATE + place, position, message, outcome, duplicate[0], change, net)
            if lose is not None:
                total = [
                    lane + one - other
                    for lane, one, other in zip(lanes, lose[1], space.lanes[message], strict=True)
                ]
                found.append((LOSE + place, min([lane & MASK for lane in total]), (*members, lose[0], *rest)))
        return found, broken

    def _compare(self, after: World, past: int, outcome: Outcome) -> None:
        """Check what only shows when members are compared, unless the same was compared before."""
        space = self.space
        parts = [space.members[number] for number in after]
        history = space.histories[past]
        if outcome.turn is not None and outcome.turn.committed is not None:
            together.check_commit(outcome.turn.committed[0], [part.member for part in parts])
        key = (history.committed, *[number for part in parts for number in part.logs])
        if key not in self._compared:
            members = [part.member for part in parts]
            together.check_logs(members)
            together.check_disks(history.history.committed, members)
            self._compared.add(key)
