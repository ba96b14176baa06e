"""What goes wrong when: drawn from a seed, and from nothing else.

Acts follow each other. In the first ones every kind of fault comes once, some alone; after that, two kinds at a time, a
moment apart.
"""

import random
from typing import NamedTuple

from tests.faults.kinds import ALONE, KINDS

LASTS_S = (2.5, 5.0)
PAUSE_S = (0.3, 1.5)  # between two acts


class Step(NamedTuple):
    """One fault.

    Attributes:
        kind: which, a key of `KINDS`.
        after_s: how long after the beginning of its act it begins.
        lasts_s: how long it lasts, if its kind has a choice.
        seed: of what it draws.
    """

    kind: str
    after_s: float
    lasts_s: float
    seed: int


class Act(NamedTuple):
    """Faults that are under way together, and the pause after them."""

    steps: tuple
    pause_s: float


def schedule(seed):
    """The acts of a seed, without end."""
    chance = random.Random(seed)
    quick = [kind for kind in KINDS if kind not in ALONE]
    chance.shuffle(quick)
    first = [(kind,) for kind in ALONE] + list(zip(quick[::2], quick[1::2], strict=False))
    first += [(quick[-1],)] if len(quick) % 2 else []
    chance.shuffle(first)
    yield from (_act(kinds, chance) for kinds in first)
    while True:
        yield _act(chance.sample([*KINDS], 2), chance)


def _act(kinds, chance):
    steps = tuple(
        Step(kind, chance.uniform(0, 2) if later else 0.0, chance.uniform(*LASTS_S), chance.getrandbits(32))
        for later, kind in enumerate(kinds)
    )
    return Act(steps, chance.uniform(*PAUSE_S))
