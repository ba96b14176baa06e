"""Every deliberate bug is found, by the simulator or by the test that it names: so we know that the checks can fail."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.mutations.mutations import MUTATIONS
from tests.mutations.run import SEEDS, hunt, remembered


@pytest.fixture(scope="module")
def hunts(request):
    """The hunts for all chosen mutations, under way on every core: each takes a process of its own."""
    chosen = [item.callspec.params["mutation"] for item in request.session.items if item.path == request.path]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        under_way = {mutation.name: pool.submit(hunt, mutation, _order(mutation.name)) for mutation in chosen}
        yield under_way
        pool.shutdown(cancel_futures=True)


def _order(name):
    """Return all seeds, the one that found the mutation last time first: `run.py` tells how many it takes from 0 on."""
    first = [seed for seed in (remembered().get(name),) if seed is not None and seed < SEEDS]
    return [*first, *(seed for seed in range(SEEDS) if seed not in first)]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_it_is_found_by_its_test_or_within_200_seeds(mutation, hunts):
    catch = hunts[mutation.name].result()

    assert catch.seed is not None, f"{mutation.name!r} was not found"
