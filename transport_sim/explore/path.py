"""The way from a beginning to a broken promise, in words that another process, or another version, can follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transport_sim.shadow import InvariantError

from .space import Space
from .turn import COMMAND, CRASH, DURABLE, MOMENT, START
from .world import DELIVER, DUPLICATE, INPUTS, LOSE, World, Worlds

_ON_MESSAGES = {DELIVER: "deliver", DUPLICATE: "duplicate", LOSE: "lose"}
_INPUTS = ((COMMAND, "propose", "command"), (CRASH, "crash", "kept"), (START, "start", ""), (DURABLE, "durable", ""))


class Astray(Exception):
    """A path cannot be followed: it is malformed, or the core does not take these steps any more.

    Attributes:
        step: the number of the step, from 1; 0 for the beginning.
        problem: what is wrong.
    """

    def __init__(self, step: int, problem: str) -> None:
        super().__init__(f"step {step} cannot be taken: {problem}")
        self.step = step
        self.problem = problem


@dataclass(frozen=True)
class Step:
    """One step of a path.

    Attributes:
        before, after: the worlds; None after a step that breaks a promise.
        action: what is done, as `world.py` numbers it.
        said: the same as an object for JSON.
        position, code: the member that it is done with, and its input; None when a message is lost.
        message: the message that is delivered, given twice or lost, or None.
        broken: the promise that it breaks, or None.
    """

    before: World
    after: World | None
    action: int
    said: dict[str, Any]
    position: int
    code: int | None
    message: int | None
    broken: InvariantError | None


class Paths:
    """Follows paths.

    Args:
        space: the parts of worlds.

    Attributes:
        space: as above.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self._worlds = Worlds(space)

    def steps(self, path: Sequence[int]) -> Iterator[Step]:
        """Return the steps of a path that a walk has found: the number of its beginning, then what was done."""
        world = self.space.first_worlds()[path[0]]
        for action in path[1:]:
            step = self._step(world, action)
            yield step
            if step.after is None:
                return
            world = step.after

    def follow(self, path: Sequence[Any]) -> Iterator[Step]:
        """Return the steps of a path that was written down, until one breaks a promise.

        Raises:
            Astray: when a step cannot be taken.
        """
        world = self.beginning(path)
        for number, said in enumerate(path[1:], 1):
            for step in self._all_steps(world):
                if step.said == said:
                    break
            else:
                raise Astray(number, f"nothing like {said!r} can be done there")
            yield step
            if step.after is None:
                return
            world = step.after

    def beginning(self, path: Sequence[Any]) -> World:
        """Return the world that a path that was written down begins with.

        Raises:
            Astray: when there is no such world.
        """
        first = path[0] if path else None
        number = first.get("past") if isinstance(first, Mapping) else None
        worlds = self.space.first_worlds()
        if type(number) is not int or not 0 <= number < len(worlds):
            raise Astray(0, f"{first!r} is none of the {len(worlds)} beginnings")
        return worlds[number]

    def said(self, path: Sequence[int]) -> list[dict[str, Any]]:
        """Return a path as objects for JSON."""
        return [{"past": path[0]}, *[step.said for step in self.steps(path)]]

    def _all_steps(self, world: World) -> Iterator[Step]:
        found, broken = self._worlds.next_of(world)
        for action in sorted([one[0] for one in found] + [one.action for one in broken]):
            yield self._step(world, action)

    def _step(self, world: World, action: int) -> Step:
        found, broken = self._worlds.next_of(world)
        after = [one[2] for one in found if one[0] == action]
        errors = [one.error for one in broken if one.action == action]
        space, nodes = self.space, self.space.bounds.nodes
        message: int | None = None
        code: int | None
        if action < DELIVER:
            position, code = divmod(action, INPUTS)
            said = _said(space.ids[position], code)
        else:
            message = world[nodes + 1 :][action % DELIVER]
            position, content = space.messages[message]
            code = None if action >= LOSE else message
            said = {
                "do": _ON_MESSAGES[action - action % DELIVER],
                "node": space.ids[position],
                "from": content.sender,
                "message": type(content).__name__,
                "number": f"{message:016x}",
            }
        return Step(world, after[0] if after else None, action, said, position, code, message, *errors or (None,))


def _said(id: str, code: int) -> dict[str, Any]:
    for smallest, name, argument in _INPUTS:
        if code >= smallest:
            return {"do": name, "node": id, argument: code - smallest} if argument else {"do": name, "node": id}
    return {"do": "wait", "node": id, "moment": code - MOMENT}
