"""Records the scenarios anew, after a change of the core that the old ones do not fit:

    python3 -m tests.micropython.record

What is recorded is looked at: scenarios in which nothing happens would prove nothing. So each is played under many
seeds, and kept is what adds most to what the others reach.
"""

import sys
from collections import Counter
from functools import partial
from pathlib import Path

from raft.messages import TimeoutNow
from tests.micropython.committee import Committee
from tests.micropython.people import Client, Director, Liar, Reader
from tests.micropython.scenarios.reached import MARKS
from tests.micropython.surroundings import Surroundings

SCENARIOS = Path(__file__).parent / "scenarios"
SEEDS = 60
OFTEN = 3  # how often they should reach each mark together: small changes of the core may cost a few
PEOPLE = (Client, Reader, Director, Liar)
LEASES = "lease_promise_ms=100 quiescent_timeouts=3"

# By the name of the file, those last that can do something about what is still rare. The clocks begin at different
# moments, one just below 2**30.
CLUSTERS = {
    "three.txt": partial(Surroundings, founders=["voters a b c"], people=PEOPLE),
    "five.txt": partial(
        Surroundings, founders=["voters a b c d e"], people=PEOPLE, now=(1 << 30) - 1000, incarnated=True
    ),
    "leases.txt": partial(
        Surroundings,
        founders=["voters a b c", "priorities b=2 c=1"],
        people=PEOPLE,
        settings=LEASES,
        now=1,
        incarnated=True,
    ),
    "witness.txt": partial(
        Surroundings,
        founders=["voters a b w", "witnesses w", "priorities b=1"],
        people=PEOPLE,
        settings=LEASES,
        now=7000,
        incarnated=True,
    ),
    # A leader that is removed can hand over to nobody here.
    "joint.txt": partial(
        Surroundings,
        founders=["voters a b c", "outgoing b c d", "learners e"],
        people=(Client, Reader, Liar, Committee),
        now=500,
        always_lost=TimeoutNow,
    ),
    # Nobody else wants anything here that keeps a leader from what it has begun.
    "members.txt": partial(
        Surroundings,
        founders=["voters a b c"],
        people=(Client, Liar, Committee),
        incarnated=True,
        joiners=("d", "e"),
        loses_disks=True,
        calm_ms=1600,
    ),
}


def worth(reached):
    """How many marks are reached at all, and then how near all of them are to being reached often enough."""
    return sum(reached[mark] > 0 for mark in MARKS), sum(min(reached[mark], OFTEN) for mark in MARKS)


def best(cluster, reached):
    """Plays a cluster under every seed and returns the play that adds most to what has been reached."""
    plays = []
    for seed in range(1, SEEDS + 1):
        played = cluster(seed)
        played.run()
        plays.append(played)
    return max(plays, key=lambda played: worth(reached + played.reached))


def main():
    """Records every scenario, if together they reach everything."""
    reached = Counter()
    recorded = {}
    for name, cluster in CLUSTERS.items():
        played = recorded[name] = best(cluster, reached)
        reached += played.reached
        print(f"{name}: {len(played.lines)} lines, {played.effects} effects, digest {played.digest}", flush=True)
    for mark in MARKS:
        print(f"{reached[mark]:7} {mark}")
    missing = [mark for mark in MARKS if not reached[mark]]
    if missing:
        sys.exit(f"Nothing is written: not reached are {', '.join(missing)}. They need help from the surroundings.")
    for name, played in recorded.items():
        (SCENARIOS / name).write_text("\n".join(played.lines) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
