"""A run is a pure function of its settings: in whichever process, with whatever hash seed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from transport_sim import Simulation
from transport_sim.runner import Plan, run_seeds

ROOT = Path(__file__).resolve().parents[2]
PRINT_DIGESTS = """
from transport_sim import Simulation
for seed in range(24):
    result = Simulation(seed, seconds=5, storage=None if seed < 20 else "real").run()
    print(seed, result.digest, result.events, sorted(result.faults.items()))
"""


def digests(hash_seed):
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PRINT_DIGESTS]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_two_dozen_seeds_give_the_same_digests_in_different_processes():
    first = digests("0")
    assert len(first.splitlines()) == 24
    assert digests("1") == first
    assert digests("random") == first


@pytest.mark.parametrize("storage", ["model", "real"])
def test_a_second_run_in_one_process_is_the_same_too(storage):
    assert Simulation(3, seconds=5, storage=storage).run() == Simulation(3, seconds=5, storage=storage).run()


def test_seeds_differ():
    assert len({Simulation(seed, seconds=2).run().digest for seed in range(5)}) == 5


def test_the_digest_of_a_series_does_not_depend_on_the_number_of_processes():
    plan = Plan(3, ("drop", "crash"), 3)
    alone = run_seeds(range(6), plan, 1, lambda summary: None)
    together = run_seeds(range(6), plan, 2, lambda summary: None)
    assert alone.digest == together.digest
    assert (alone.events, alone.elections, alone.commits, alone.faults) == (
        together.events,
        together.elections,
        together.commits,
        together.faults,
    )
