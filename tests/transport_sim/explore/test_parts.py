"""The parts of an exploration, each by itself."""

import itertools
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raft.entries import COMMAND, NOOP, Entry
from tests.transport_sim.explore.worlds import bounds
from transport_sim.explore import canonical, promises, together
from transport_sim.explore.bounds import Bounds, InvalidBounds
from transport_sim.explore.clone import clone, field_names
from transport_sim.explore.history import Elected, History
from transport_sim.explore.lanes import Lanes
from transport_sim.explore.member import Disk, Member, started
from transport_sim.explore.pasts import pasts
from transport_sim.explore.space import Space, as_broken
from transport_sim.explore.turn import DURABLE, Turn, take_turn
from transport_sim.explore.visited import Visited
from transport_sim.explore.wire import packed, unpacked
from transport_sim.explore.world import Worlds
from transport_sim.shadow import InvariantError

IDS = ("n1", "n2", "n3")
CONFIG = bounds().config
NUMBERS = st.integers(1, (1 << 64) - 1)


# Bounds


@pytest.mark.parametrize(
    ("field", "value"), [("nodes", 0), ("nodes", 5), ("max_terms", 0), ("max_crashes", -1), ("past_terms", "1")]
)
def test_a_bound_out_of_its_bounds_is_refused(field, value):
    with pytest.raises(InvalidBounds, match=f"^{field} is {value!r} and must be an integer from"):
        Bounds(**{field: value})


def test_bounds_survive_json_and_nothing_else_passes():
    within = bounds(nodes=2)

    assert Bounds.of_object(within.as_object()) == within
    with pytest.raises(InvalidBounds, match="nodes is None and must be given"):
        Bounds.of_object({})
    with pytest.raises(InvalidBounds, match="max_wishes is 3 and must be left out"):
        Bounds.of_object({**within.as_object(), "max_wishes": 3})
    with pytest.raises(InvalidBounds, match="must be an object"):
        Bounds.of_object([1])


# Sets, sums, bytes


@given(st.lists(NUMBERS))
def test_a_set_of_visited_worlds_is_a_set(numbers):
    visited = Visited()
    seen = set()
    for number in numbers + numbers:
        assert (number in visited) == (number in seen)
        assert visited.add(number) == (number not in seen)
        seen.add(number)
    assert len(visited) == len(seen)
    assert sorted(visited) == sorted(seen)


def test_a_set_of_visited_worlds_grows():
    visited = Visited()
    numbers = [canonical.digest(number) for number in range(20_000)]

    assert [visited.add(number) for number in numbers] == [True] * 20_000
    assert [visited.add(number) for number in numbers] == [False] * 20_000
    assert len(visited) == 20_000


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=50), st.tuples(NUMBERS, NUMBERS))
def test_lanes_add_up_each_by_itself(parts, other):
    way = Lanes(("n1", "n2"), symmetric=True)
    total = sum(way.of(part) for part in parts)

    assert way.each(total) == tuple(sum(lane) % (1 << 64) for lane in zip(*parts, strict=True))
    instead = total + way.difference(way.of(other), way.of(parts[0]))
    expected = sum(way.of(part) for part in [*parts[1:], other])
    assert way.each(instead) == way.each(expected)
    assert way.least(total) == min(way.each(total))


def test_there_is_a_way_for_each_order_of_the_names():
    way = Lanes(IDS, symmetric=True)

    assert way.own == dict(zip(IDS, IDS, strict=True))
    assert len(way.others) == 5
    assert Lanes(IDS, symmetric=False).others == []


@given(st.lists(NUMBERS), st.lists(st.integers(0, (1 << 16) - 1)))
def test_arrays_survive_the_wire(large, small):
    header, arrays = unpacked(packed({"most": 3}, large=array("Q", large), small=array("H", small)))

    assert header == {"most": 3}
    assert arrays == {"large": array("Q", large), "small": array("H", small)}


def test_what_is_cut_off_on_the_wire_is_noticed():
    whole = packed({"most": 3}, large=array("Q", [1, 2, 3]))

    for length in range(4, len(whole)):
        with pytest.raises(ValueError, match=r".+"):
            unpacked(whole[:length])
    with pytest.raises(ValueError, match="longer than it says"):
        unpacked(whole + b"x")


# Members


def leading():
    """A member that leads alone, with a write under way."""
    member = started("n1", ("n1",), CONFIG, Disk(), 0)
    for code in (0, DURABLE):
        member = take_turn(member, ("n1",), CONFIG, code).after
    assert member.leads
    return member


def test_a_copy_of_a_node_shares_nothing_that_changes():
    member = leading()
    before = member.value({"n1": "n1"})

    copied = clone(member.node)
    assert canonical.node_value(copied, {"n1": "n1"}) == canonical.node_value(member.node, {"n1": "n1"})
    assert copied.role.node is copied
    assert copied.leading is copied.role
    copied.propose(b"x", copied.now)
    copied.persisted(2, copied.now)
    copied.tick(copied.now + 100)
    copied.ready()

    assert member.value({"n1": "n1"}) == before


def test_what_is_said_of_fields_is_said_of_fields_that_there_are():
    member = leading()
    objects = {type(member.node): member.node}
    todo = [member.node]
    while todo:
        value = todo.pop()
        inside = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
        if not inside and type(value).__module__.startswith("raft."):
            names = field_names(type(value)) or list(value.__dict__)
            inside = [getattr(value, name, None) for name in names]
        for one in inside:
            if isinstance(one, (dict, list, tuple)) or (
                type(one).__module__.startswith("raft.") and type(one) not in objects
            ):
                objects[type(one)] = one
                todo.append(one)
    tables = (canonical.LEFT_OUT, canonical.MOMENTS, canonical.WRITE_NUMBERS)
    checked = 0
    for kind, names in itertools.chain(*[table.items() for table in tables]):
        if kind in objects:
            fields = field_names(kind) or list(objects[kind].__dict__)
            assert names <= set(fields), kind
            checked += 1
    assert checked >= 5


def test_a_disk_takes_writes_in_order_and_keeps_a_prefix_in_a_crash():
    member = take_turn(started("n1", ("n1",), CONFIG, Disk(), 0), ("n1",), CONFIG, 0).after
    assert [write.vote for write in member.disk.pending] == ["n1"]

    assert member.disk.after_crash(0) == Disk()
    assert member.disk.after_crash(1) == Disk(1, "n1")
    assert member.disk.after_oldest() == Disk(1, "n1")


# Promises that no deliberate bug of the mutations breaks first


def disk_turn(before, after):
    return Turn(Member("n1", None, before, 0), Member("n1", None, after, 0))


ENTRY = Entry(1, 1, NOOP, b"")


@pytest.mark.contract("S6")
@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (Disk(2), Disk(1), "went back from term 2 to 1"),
        (Disk(1, "n2"), Disk(1, "n3"), "changed its vote in term 1"),
        (Disk(1, None, (ENTRY,)), Disk(1, None, ()), "loses entry 1"),
        (Disk(1, None, (ENTRY,)), Disk(1, None, (Entry(1, 1, COMMAND, b"x"),)), "loses entry 1"),
        (Disk(1), Disk(1, None, (Entry(2, 1, NOOP, b""),)), "has entry 2 at index 1"),
    ],
)
def test_a_disk_that_goes_back_is_noticed(before, after, message):
    with pytest.raises(InvariantError, match=message) as broken:
        promises.check(disk_turn(before, after))
    assert broken.value.invariant == "S6"


def test_a_disk_that_follows_its_leader_is_fine():
    promises.check(disk_turn(Disk(1, None, (ENTRY,)), Disk(2, "n2", (Entry(1, 2, NOOP, b""),))))


A, B, C = (1, NOOP, b""), (2, NOOP, b""), (2, COMMAND, b"x")


def member_with(id, log):
    return Member(id, None, Disk(9, None, tuple(Entry(i, *item) for i, item in enumerate(log, 1))), 0)


@pytest.mark.contract("S1", "S4", "S5")
def test_a_history_notices_what_contradicts_it():
    history = History(elected=(Elected(2, "n1", ()),), committed=(A, C), committed_in=(1, 2))

    with pytest.raises(InvariantError, match="S1: n1 and n2 are both elected in term 2"):
        history._after_election("n2", 2, (A, C))
    with pytest.raises(InvariantError, match="S4: n2 is elected in term 3 without the committed entry 2"):
        history._after_election("n2", 3, (A,))
    with pytest.raises(InvariantError, match="S5: n2 commits up to 2 other entries"):
        history._after_commit("n2", (A, B), None)
    with pytest.raises(InvariantError, match="R2: follower n2 commits entry 3"):
        history._after_commit("n2", (A, C, C), None)
    with pytest.raises(InvariantError, match="S4: entry 3, committed in term 1, misses with the leader of term 2"):
        history._after_commit("n2", (A, C, C), 1)
    assert history._after_election("n2", 3, (A, C)).elected[-1] == Elected(3, "n2", (A, C))
    assert history._after_commit("n1", (A, C, C), 2).committed_in == (1, 2, 2)
    assert History.of_object(history.as_object()) == history


@pytest.mark.contract("S3")
def test_logs_that_do_not_match_are_noticed():
    together.check_logs([member_with("n1", (A, C)), member_with("n2", (B,)), member_with("n3", (A,))])
    with pytest.raises(InvariantError, match="S3: n1 and n2 have entry 2 of the same term"):
        together.check_logs([member_with("n1", (A, C)), member_with("n2", (B, C))])


@pytest.mark.contract("S8")
def test_what_is_committed_and_not_durable_is_noticed():
    members = [member_with("n1", (A, C)), member_with("n2", (A,)), member_with("n3", ())]

    together.check_commit((A,), members)
    together.check_disks((A,), members)
    with pytest.raises(InvariantError, match=r"S8: committed entry 2 is durable on \['n1'\] only"):
        together.check_commit((A, C), members)
    with pytest.raises(InvariantError, match="S8: n2 could be elected without the committed entry 2"):
        together.check_disks((A, C), members)


def test_a_node_that_stops_breaks_what_it_names():
    assert as_broken("n1", AssertionError("S7: too much")).invariant == "S7"
    assert as_broken("n1", AssertionError("whatever")).invariant == "failure"
    assert str(as_broken("n1", IndexError("out"))) == "failure: n1 failed with IndexError: out"


# Pasts


def test_a_new_cluster_has_one_past():
    assert [past.disks for past in pasts(IDS, 0)] == [(Disk(), Disk(), Disk())]


@pytest.mark.parametrize("terms", [1, 2])
def test_pasts_keep_the_rules(terms):
    worlds = Worlds(Space(bounds(past_terms=terms)))
    seen = {worlds.digest(world) for world in worlds.space.first_worlds()}
    for past in pasts(IDS, terms):
        members = [Member(id, None, disk, 0) for id, disk in zip(IDS, past.disks, strict=True)]
        together.check_logs(members)
        together.check_disks(past.history.committed, members)
        for one in past.history.elected:
            votes = [disk for disk in past.disks if disk.term > one.term or disk.vote == one.leader]
            assert len(votes) >= 2
    assert len(seen) == {1: 8, 2: 85}[terms]
