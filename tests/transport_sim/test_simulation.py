import pytest

from transport_sim import Simulation
from transport_sim.climate import CLIMATES, STRUCK
from transport_sim.faults import KINDS, parse_kinds


@pytest.mark.parametrize("nodes", range(1, 10))
def test_any_number_of_nodes_works(nodes):
    result = Simulation(1, nodes=nodes, seconds=3).run()
    assert result.violation is None
    assert result.elections >= 1
    assert result.commits > 1


@pytest.mark.parametrize("climate", CLIMATES)
def test_every_climate_is_survived(climate):
    for seed in range(2):
        result = Simulation(seed, seconds=5, climate=climate).run()
        assert result.violation is None


def test_a_run_is_the_same_whether_its_climate_is_drawn_or_given():
    simulation = Simulation(5, seconds=3)
    lines = []
    result = simulation.run()
    again = Simulation(5, seconds=3, trace=lines.append)
    assert Simulation(5, seconds=3, climate=lines[0]["climate"]).run() == result == again.run()


def test_in_a_calm_climate_nothing_strikes():
    for seed in range(5):
        faults = Simulation(seed, seconds=5, climate="calm").run().faults
        assert not set(faults) & {*STRUCK, "worst-moment", "bit-rot", "torn-write", "usurper", "restart"}


@pytest.mark.parametrize("kind", KINDS)
def test_any_single_kind_of_fault_is_survived(kind):
    for seed in range(3):
        result = Simulation(seed, faults=(kind,), seconds=5, climate="hostile").run()
        assert result.violation is None


def test_without_faults_there_is_one_election_and_no_fault():
    elections = []
    for seed in range(5):
        result = Simulation(seed, faults=(), seconds=5).run()
        assert result.violation is None
        assert not result.faults
        elections.append(result.elections)
    assert elections == [1] * 5


def test_all_kinds_of_faults_strike():
    struck = set()
    for seed in range(12):
        struck |= set(Simulation(seed, climate="hostile", seconds=8).run().faults)
    assert struck >= {
        "drop", "duplicate", "reorder", "cut", "partition", "one-way", "bridge", "ring", "crash", "rolling-restart",
        "restart", "worst-moment", "lost-write", "late", "pause", "usurper", "busy", "stall", "clock-jump",
        "disk-error", "disk-full", "torn-write",
    }  # fmt: skip


def test_kinds_are_parsed():
    assert parse_kinds("all") == KINDS
    assert parse_kinds("none") == ()
    assert parse_kinds("drop, crash") == ("drop", "crash")
    with pytest.raises(ValueError, match="unknown fault 'gremlins'; use all alone, none alone, or some of latency"):
        parse_kinds("drop,gremlins")


def test_nothing_is_left_behind():
    from pykka import ActorRegistry

    before = len(ActorRegistry.get_all())
    Simulation(1, seconds=2).run()
    assert len(ActorRegistry.get_all()) == before
