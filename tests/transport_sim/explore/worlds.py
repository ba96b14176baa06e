"""Small spaces, and a walk through them that knows nothing of digests, shares or symmetry."""

from transport_sim.explore.bounds import Bounds

NOTHING = {
    "max_terms": 1,
    "max_timeouts": 1,
    "max_heartbeats": 0,
    "max_commands": 0,
    "max_crashes": 0,
    "max_drops": 0,
    "max_duplicates": 0,
}


def bounds(**more):
    return Bounds(**{**NOTHING, **more})


TWO_NODES = bounds(nodes=2, max_timeouts=2, max_crashes=1)
THREE_NODES = bounds(nodes=3)
PARTED_LOGS = bounds(nodes=3, past_terms=1)
ONE_COMMAND = bounds(nodes=3, max_commands=1)
TWO_TERMS = bounds(nodes=2, max_terms=2, max_timeouts=2, max_commands=1, max_crashes=1)


def walk_all(worlds, most=None):
    """Every world that can be reached, as it is; with a bound, whole levels until there are so many."""
    seen = set(worlds.space.first_worlds())
    level = list(seen)
    while level and (most is None or len(seen) < most):
        found = []
        for world in level:
            steps, broken = worlds.next_of(world)
            assert not broken
            for _, _, after in steps:
                if after not in seen:
                    seen.add(after)
                    found.append(after)
        level = found
    return seen
