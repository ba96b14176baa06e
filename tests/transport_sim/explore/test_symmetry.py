"""What makes different things one: equal members, other names, lost messages. Each must lose nothing."""

import pytest

from tests.transport_sim.explore.worlds import TWO_NODES, bounds, walk_all
from transport_sim.explore.space import Space
from transport_sim.explore.turn import SMALLEST_MESSAGE
from transport_sim.explore.walk import Walk
from transport_sim.explore.world import Worlds


@pytest.fixture(scope="module")
def two_nodes():
    worlds = Worlds(Space(TWO_NODES))
    return worlds, walk_all(worlds)


@pytest.fixture(scope="module")
def three_nodes():
    worlds = Worlds(Space(bounds(nodes=3, max_terms=1, max_timeouts=2, append_entries=1)))
    return worlds, walk_all(worlds, most=60_000)


def test_worlds_that_differ_by_names_only_are_one(two_nodes):
    worlds, seen = two_nodes
    digests = {worlds.digest(world) for world in seen}

    reduced = Walk(TWO_NODES).run()
    full = Walk(TWO_NODES, symmetric=False).run()

    assert full.complete and reduced.complete
    assert full.states == len(seen)
    assert reduced.states == len(digests)
    assert len(seen) / 2 <= len(digests) < len(seen)


@pytest.mark.parametrize("explored", ["two_nodes", "three_nodes"])
def test_the_core_takes_the_same_steps_under_other_names(explored, request):
    worlds, _ = request.getfixturevalue(explored)
    space = worlds.space
    lanes = {number: space.way.each(value) for number, value in space.lanes.items()}
    compared = 0
    for number, part in space.members.items():
        for code, outcome in part.outcomes.items():
            inputs = lanes[code] if code >= SMALLEST_MESSAGE else [code] * len(lanes[number])
            for way, (renamed, given) in enumerate(zip(lanes[number], inputs, strict=True)):
                other = space.members.get(renamed)
                if way == 0 or other is None or given not in other.outcomes or not outcome.member:
                    continue
                compared += 1
                assert other.outcomes[given].member == lanes[outcome.member][way]
                assert sorted(other.outcomes[given].sent) == sorted(lanes[one][way] for one in outcome.sent)
    assert compared > 100


class Doubting(Space):
    """A space that keeps every member which it takes for one that it knows, to ask it the same."""

    def __init__(self, within):
        super().__init__(within)
        self.taken_for = {}

    def add_member(self, member):
        number = super().add_member(member)
        if self.members[number].member is not member:
            self.taken_for.setdefault(number, []).append(member)
        return number


@pytest.mark.parametrize(
    "within",
    [
        bounds(nodes=2, max_terms=2, max_timeouts=2, max_commands=1),
        bounds(nodes=2, max_heartbeats=2, max_crashes=1),
        bounds(nodes=3, max_terms=2, max_timeouts=2, max_heartbeats=2, max_commands=1, max_crashes=1, past_terms=1),
    ],
    ids=["commands", "crashes", "past"],
)
def test_members_that_are_taken_for_equal_do_the_same(within):
    space = Doubting(within)
    walk_all(Worlds(space), most=20_000)
    compared = 0
    for number, twins in list(space.taken_for.items()):
        known = space.members[number]
        for twin in twins[:: len(twins) // 4 + 1]:
            for code, outcome in list(known.outcomes.items()):
                other = space._work_out(number, twin, code)
                compared += 1
                assert (other.member, other.sent, other.change) == (outcome.member, outcome.sent, outcome.change)
    assert compared > 1000


def test_lost_messages_lead_nowhere_that_delayed_ones_do_not():
    found = []
    for drops in (0, 2):
        worlds = Worlds(Space(bounds(nodes=2, max_timeouts=2, max_crashes=1, max_drops=drops)))
        histories, members = worlds.space.histories, worlds.space.members
        seen = set()
        for world in walk_all(worlds):
            past = histories[world[2]].history
            seen.add((world[:2], past.spent[:4], past.elected, past.committed, past.committed_in))
        found.append(seen)
        assert len(members) > 100

    assert found[0] == found[1]
