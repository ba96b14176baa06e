"""The simulator finds deliberate bugs: a few of them in every run of the tests, others each day, all of them nightly."""

import datetime

import pytest

from tests.mutations.mutations import MUTATIONS
from tests.mutations.run import apply, hunt

EACH_DAY = 4


def todays():
    """Return the mutations whose turn it is."""
    first = datetime.date.today().toordinal() * EACH_DAY
    return [MUTATIONS[(first + i) % len(MUTATIONS)] for i in range(EACH_DAY)]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_mutation_still_fits_the_source(mutation, tmp_path):
    apply(mutation, tmp_path)


@pytest.mark.parametrize("mutation", todays(), ids=lambda mutation: mutation.name)
def test_simulator_finds_the_mutation_within_200_seeds(mutation):
    catch = hunt(mutation, seeds=200)

    assert catch.seeds is not None, f"{mutation.name!r} was not found"
    print(f"{mutation.name}: {catch.invariant} after {catch.seeds} seeds")
