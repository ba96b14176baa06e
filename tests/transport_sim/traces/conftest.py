"""What the tests of traces share."""

import pytest

from tests.browser.browsers import browser
from tests.transport_sim.traces import sample

__all__ = ["browser"]


@pytest.fixture(scope="session")
def trace(tmp_path_factory):
    """A trace of two thousand events that breaks a promise."""
    return sample.write(tmp_path_factory.mktemp("trace") / "run.ndjson", events=2_000)
