"""A past is one that Raft could have had: whoever led a term had the votes of a majority, and they are spent."""

import pytest

from raft.quorum import majority
from transport_sim import Simulation
from transport_sim.chance import Chance
from transport_sim.disk import DiskSpeed, SimDisk
from transport_sim.past import TERMS, give_past
from transport_sim.scheduler import Scheduler


def past(seed, nodes):
    scheduler = Scheduler()
    chance = Chance(seed)
    disks = {
        f"n{number}": SimDisk(scheduler, chance, DiskSpeed(), lambda number: None, lambda write: None)
        for number in range(1, nodes + 1)
    }
    give_past(chance, disks)
    return disks


@pytest.mark.parametrize("nodes", [2, 3, 4, 5])
def test_no_term_that_was_led_can_be_won_again(nodes):
    led = set()
    for seed in range(500):
        disks = past(seed, nodes).values()
        for term in {entry.term for disk in disks for entry in disk.entries}:
            spent = sum(disk.term > term or (disk.term == term and disk.vote is not None) for disk in disks)
            assert spent >= majority(nodes), (seed, term)
            led.add(term)
    assert led == set(range(1, TERMS + 1))


def test_entries_of_one_index_and_term_are_the_same_with_all_before_them():
    for seed in range(500):
        prefixes = {}
        for disk in past(seed, 5).values():
            assert disk.term >= max([entry.term for entry in disk.entries], default=0)
            for length in range(1, len(disk.entries) + 1):
                last = disk.entries[length - 1]
                assert last.index == length
                assert prefixes.setdefault((last.index, last.term), disk.entries[:length]) == disk.entries[:length]


def test_pasts_are_of_many_kinds():
    behind_but_longer = 0
    for seed in range(200):
        disks = list(past(seed, 3).values())
        behind_but_longer += any(
            one.term < other.term and len(one.entries) > len(other.entries) for one in disks for other in disks
        )
    assert behind_but_longer > 20


@pytest.mark.parametrize(("seed", "nodes", "seconds"), [(533, 3, 20), (83, 3, 1), (289, 5, 1), (876, 5, 1)])
def test_seeds_that_once_began_with_an_impossible_past(seed, nodes, seconds):
    assert Simulation(seed, nodes=nodes, seconds=seconds).run().violation is None
