from hypothesis import given
from hypothesis import strategies as st

from transport_sim.chance import Chance


def test_equal_seeds_give_equal_streams():
    assert [Chance(7).between(0, 999) for _ in range(3)] == [Chance(7).between(0, 999) for _ in range(3)]
    first, second = Chance(7), Chance(7)
    assert [first.unit() for _ in range(100)] == [second.unit() for _ in range(100)]


@given(st.integers(), st.integers(-1000, 1000), st.integers(0, 1000))
def test_between_stays_within_its_bounds(seed, low, width):
    assert low <= Chance(seed).between(low, low + width) <= low + width


@given(st.integers(), st.integers(0, 10_000), st.integers(0, 10_000))
def test_long_tailed_stays_within_its_bounds(seed, least, usual):
    assert least <= Chance(seed).long_tailed(least, usual) <= least + 5 * usual


@given(st.integers(), st.integers(2, 9))
def test_split_gives_two_groups_with_everybody_in_one(seed, count):
    items = list(range(count))
    left, right = Chance(seed).split(items)
    assert left and right
    assert sorted(left + right) == items


def test_certain_outcomes_draw_nothing():
    first, second = Chance(1), Chance(1)
    assert not first.happens(0.0)
    assert first.unit() == second.unit()
