"""What a deliberate bug is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """A deliberate bug.

    Attributes:
        name: what the bug is.
        edits: (file, what stands there, what the bug puts in its place).
        test: the file whose tests must find it, or "" when the simulator must, by itself.
    """

    name: str
    edits: tuple[tuple[str, str, str], ...]
    test: str = ""


def in_core(name: str, file: str, before: str, after: str) -> Mutation:
    return Mutation(name, ((f"raft/{file}.py", before, after),))


def in_actors(name: str, file: str, before: str, after: str) -> Mutation:
    return Mutation(name, ((f"actors/{file}.py", before, after),))
