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
from .space import COMMANDS, UNCOUNTED, Outcome, Space
from .turn import COMMAND

World: TypeAlias = tuple[int, ...]

# What is done is a number of 16 bits: one of these, + the position of the message among those on their way; or else
# the position of the member times 128, + the input.
DELIVER = 1 << 14
DUPLICATE = 2 << 14
LOSE = 3 << 14
INPUTS = 128

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
        return self.space.way.least(self._lanes(world))

    def _lanes(self, world: World) -> int:
        lanes = self.space.lanes
        return sum([lanes[part] for part in world])

    def next_of(self, world: World) -> tuple[list[tuple[int, int, World]], list[Broken]]:
        """Return all that can be done in a world: what is done, the digest of the world after it, and that world.

        And the promises that are broken by what can be done. Left out is what leads to nothing new: a message that
        changes nothing leads to a world that can do nothing but what this one can.
        """
        space, nodes = self.space, self._nodes
        members, history = world[:nodes], world[nodes]
        lanes = self._lanes(world)
        least = space.way.least
        found: list[tuple[int, int, World]] = []
        broken: list[Broken] = []
        for action, position, code, past, change, rest in self._moves(world):
            number = members[position]
            outcome = space.members[number].outcomes.get(code) or space.outcome(number, code)
            if not outcome.leads_on:
                continue
            after = (*members[:position], outcome.member, *members[position + 1 :])
            total = lanes + outcome.change + change
            if outcome.compare or outcome.broken is not None:
                try:
                    past, noted = self._note(after, past, number, code, outcome)
                except InvariantError as error:
                    broken.append(Broken(action, error))
                    continue
                total += noted
            net = tuple(sorted(rest + outcome.sent)) if outcome.sent else rest
            found.append((action, least(total), (*after, past, *net)))
        lose = space.counted(history)[_DROPS]
        if lose is not None:
            net = world[nodes + 1 :]
            for place, message in enumerate(net):
                if place == 0 or net[place - 1] != message:
                    total = lanes + lose[1] + space.way.difference(0, space.lanes[message])
                    after = (*members, lose[0], *net[:place], *net[place + 1 :])
                    found.append((LOSE + place, least(total), after))
        return found, broken

    def _moves(self, world: World) -> list[tuple[int, int, int, int, int, World]]:
        """Return every input that a member can be given now.

        Each as: what is done, the position of the member, the input, the history after it, what that adds to the lanes
        beside the outcome, and the messages that are still on their way.
        """
        space, nodes = self.space, self._nodes
        history, net = world[nodes], world[nodes + 1 :]
        counted = space.counted(history)
        moves: list[tuple[int, int, int, int, int, World]] = []
        for position in range(nodes):
            for code, what in space.members[world[position]].inputs:
                if what == UNCOUNTED:
                    moves.append((position * INPUTS + code, position, code, history, 0, net))
                    continue
                more = counted[what]
                if more is not None:
                    if code == COMMAND:
                        code += space.histories[history].history.spent[COMMANDS]
                    moves.append((position * INPUTS + code, position, code, *more, net))
        duplicate = counted[_DUPLICATES]
        last = 0
        for place, message in enumerate(net):
            position = space.messages[message][0]
            if message != last and space.members[world[position]].is_up:
                rest = net[:place] + net[place + 1 :]
                moves.append((DELIVER + place, position, message, history, 0, rest))
                if duplicate is not None:
                    change = duplicate[1] + space.lanes[message]
                    moves.append((DUPLICATE + place, position, message, duplicate[0], change, net))
            last = message
        return moves

    def _note(self, after: World, past: int, number: int, code: int, outcome: Outcome) -> tuple[int, int]:
        """Note elections and commits, and check what only shows when members are compared.

        Returns:
            The history after it, and what that adds to the lanes.
        """
        space = self.space
        if outcome.broken is not None:
            raise outcome.broken
        noted = 0
        parts = [space.members[one] for one in after]
        if outcome.turn is not None:
            past, noted = space.noted(past, number, code, outcome.turn)
            committed = outcome.turn.committed
            if committed is not None:
                together.check_commit(committed[0], [part.member for part in parts])
        history = space.histories[past]
        key = (history.committed, *[log for part in parts for log in part.logs])
        if key not in self._compared:
            members = [part.member for part in parts]
            together.check_logs(members)
            together.check_disks(history.history.committed, members)
            self._compared.add(key)
        return past, noted
