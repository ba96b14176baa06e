"""The simulator finds every deliberate bug: that is how we know that its checks can fail."""

import pytest

from tests.mutations.mutations import MUTATIONS
from tests.mutations.run import hunt


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_the_simulator_finds_it_within_200_seeds(mutation):
    catch = hunt(mutation, seeds=200)

    assert catch.seeds is not None, f"{mutation.name!r} was not found"
