"""Climates: what a seed draws, and from what."""

from collections import Counter

import pytest

from transport_sim import Simulation
from transport_sim.chance import Chance
from transport_sim.climate import CLIMATES, STRUCK, draw_climate, draw_mix
from transport_sim.faults import FAULTS, KINDS


def test_all_climates_are_drawn_and_the_worst_most_often():
    drawn = Counter(draw_climate(Chance(seed).fork("climate")) for seed in range(2000))
    assert set(drawn) == set(CLIMATES)
    for name, climate in CLIMATES.items():
        assert drawn[name] == pytest.approx(20 * climate.weight, rel=0.25)
    assert {name for name, _ in drawn.most_common(2)} == {"flaky", "hostile"}


@pytest.mark.parametrize("name", CLIMATES)
def test_a_mix_is_drawn_from_its_climate_and_from_the_kinds_that_may_take_part(name):
    climate = CLIMATES[name]
    for seed in range(50):
        mix = draw_mix(Chance(seed), name, KINDS)
        assert mix.weather.drop in climate.drop
        assert mix.disk_speed.usual_us in climate.disk_us
        assert set(mix.struck) <= set(STRUCK)
        assert bool(mix.struck) == bool(climate.pace_us)
        none = draw_mix(Chance(seed), name, ())
        assert (none.weather.drop, none.busy, none.struck, none.rot, none.past) == (0.0, 0.0, (), 0.0, False)


def test_a_kind_that_is_asked_for_alone_takes_part():
    for seed in range(20):
        assert draw_mix(Chance(seed), "lan", ("bridge",)).struck == ("bridge",)


def test_leases_are_off_where_clocks_jump():
    jumped = 0
    for seed in range(60):
        simulation = Simulation(seed, climate="hostile")
        if "clock-jump" in simulation._mix.struck:
            jumped += 1
            assert simulation.config.lease_promise_ms == 0
    assert jumped > 8


def test_every_kind_of_fault_says_what_it_is():
    assert tuple(FAULTS) == KINDS
    assert all(FAULTS.values())
    assert set(STRUCK) <= set(KINDS)
