"""The shapes in which a network falls apart are those that they are called by."""

import pytest

from transport_sim import partitions
from transport_sim.chance import Chance

SEEDS = range(200)


def ids(size):
    return [f"n{number}" for number in range(1, size + 1)]


def groups(links, members):
    """The sets of members that still hear each other both ways, directly."""
    left, found = set(members), []
    while left:
        one = min(left)
        group = {other for other in left if other == one or not {(one, other), (other, one)} & links}
        found.append(group)
        left -= group
    return found


@pytest.mark.parametrize("size", [2, 3, 4, 5, 7])
def test_a_split_leaves_two_groups_and_the_leader_is_in_either(size):
    members = ids(size)
    beside = set()
    for seed in SEEDS:
        links = partitions.split(Chance(seed), members, members[-1], "n1")
        one, other = groups(links, members)
        assert links == partitions.between(sorted(one), sorted(other))
        beside.add(len(one if "n1" in one else other))
    assert 1 in beside
    if size > 2:
        assert size // 2 + 1 in beside


def test_without_a_leader_a_split_is_at_random():
    for seed in SEEDS:
        assert len(groups(partitions.split(Chance(seed), ids(5), "n2", None), ids(5))) == 2


@pytest.mark.parametrize("size", [3, 4, 5, 6])
def test_a_bridge_hears_everybody_and_joins_two_halves(size):
    members = ids(size)
    for seed in SEEDS:
        links = partitions.bridge(Chance(seed), members)
        (hub, *more) = [one for one in members if not any(one in link for link in links)]
        assert not more
        left = [one for one in members if one != hub]
        one, other = groups(links, left)
        assert abs(len(one) - len(other)) <= 1
        assert links == partitions.between(sorted(one), sorted(other))


@pytest.mark.parametrize("size", [4, 5, 7])
def test_in_a_ring_each_hears_two(size):
    members = ids(size)
    links = partitions.ring(Chance(1), members)
    for one in members:
        assert sum((one, other) not in links for other in members if other != one) == 2
        assert all(((a, b) in links) == ((b, a) in links) for a in members for b in members)


def test_one_way_cuts_are_of_three_shapes():
    members = ids(4)
    deaf = {(other, "n2") for other in members if other != "n2"}
    mute = {("n2", other) for other in members if other != "n2"}
    seen = [partitions.one_way(Chance(seed), members, "n2") for seed in SEEDS]
    assert deaf in seen
    assert mute in seen
    assert any(links not in (deaf, mute) for links in seen)
