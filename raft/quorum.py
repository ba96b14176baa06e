"""The arithmetic of majorities. Pure functions over `halves`, so that a joint configuration is no special case.

`halves` is a tuple of one or two tuples of voter ids: the voters in force and, while a configuration is joint, the
outgoing voters. A decision needs a majority of *each* half (thesis section 4.3).
"""

WON = 1
PENDING = 0
LOST = -1


def majority(size: int) -> int:
    """Return how many of `size` voters are more than half of them."""
    return size // 2 + 1


def reached(values: "dict[str, int]", halves: "tuple[tuple[str, ...], ...]") -> int:
    """Return the largest value that a majority of every half has reached.

    With match indexes this is the index that may be committed (paper section 5.3); with times it is the moment up to
    which a quorum was heard.

    Args:
        values: a dict from every voter id to its integer.
        halves: as in the module's description.
    """
    lowest = []
    for half in halves:
        ranked = sorted([values[voter] for voter in half])
        lowest.append(ranked[len(ranked) - majority(len(ranked))])
    return min(lowest)


def tally(votes: "dict[str, bool]", halves: "tuple[tuple[str, ...], ...]") -> int:
    """Return `WON`, `LOST` or `PENDING` for an election.

    Args:
        votes: a dict from voter id to True (granted) or False (refused); voters that have not answered are absent,
            and whoever is no voter is not counted.
        halves: as in the module's description.
    """
    outcome = WON
    for half in halves:
        granted = 0
        refused = 0
        for voter in half:
            vote = votes.get(voter)
            if vote is True:
                granted += 1
            elif vote is False:
                refused += 1
        if granted >= majority(len(half)):
            continue
        if len(half) - refused < majority(len(half)):
            return LOST
        outcome = PENDING
    return outcome
