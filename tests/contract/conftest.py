import os
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.contract.daemons import DaemonCluster
from tests.contract.local import ActorCluster
from tests.contract.port import FORGETFUL_S, Capability
from tests.contract.simulated import SimulatedCluster

REALIZATIONS = ("simulator", "actors", "daemons", "curve")
ENCRYPTED = (
    "test_a_learner_becomes_a_voter_and_takes_the_place_of_an_old_one",
    "test_a_read_at_any_member_sees_the_last_write_that_was_acknowledged",
    "test_a_history_is_linearizable_though_the_leader_is_killed",
)
EVERYTHING = bool(os.environ.get("QUORATE_CONTRACT_EVERYTHING"))  # for a long night


OPEN = []  # the realizations that may keep a cluster


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item, nextitem):
    """Ends what is kept when the tests of another folder come: they look whether anything is left behind."""
    yield
    if nextitem is None or nextitem.path.parent != item.path.parent:
        for realization in OPEN:
            realization.close()


@dataclass
class Realization:
    """What runs the cluster under test.

    Attributes:
        name: as parameters of tests have it.
        make: starts a cluster; may be told how long sessions last, where `EXPIRES_SESSIONS` is among the capabilities.
        capabilities: of such a cluster.
        keeps: whether one cluster serves test after test, and is mended in between.
    """

    name: str
    make: Callable
    capabilities: frozenset
    keeps: bool = False
    _kept: object = None

    def lend(self):
        """A cluster of three members that are up."""
        cluster, self._kept = self._kept or self.make(), None
        return cluster

    def take_back(self, cluster):
        """Ends a cluster, or keeps it for the next test."""
        if not self.keeps:
            cluster.close()
            return
        try:
            cluster.mend()
        except BaseException:
            cluster.discard()
            raise
        self._kept = cluster

    def close(self):
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()


def pytest_generate_tests(metafunc):
    """Runs every test against every realization; of those with keys, which differ in the transport alone, some."""
    if "realization" in metafunc.fixturenames:
        encrypted = EVERYTHING or metafunc.function.__name__ in ENCRYPTED
        names = [name for name in REALIZATIONS if name != "curve" or encrypted]
        metafunc.parametrize("realization", names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def realization(request, tmp_path_factory):
    name = request.param
    if name == "simulator":
        realization = Realization(name, SimulatedCluster, SimulatedCluster.capabilities)
    elif name == "actors":
        realization = Realization(name, ActorCluster, ActorCluster.capabilities, keeps=True)
    else:
        realization = Realization(
            name,
            lambda: DaemonCluster(tmp_path_factory.mktemp(name), encrypted=name == "curve"),
            DaemonCluster.capabilities,
            keeps=True,
        )
    OPEN.append(realization)
    yield realization
    OPEN.remove(realization)
    realization.close()


@pytest.fixture
def cluster(realization):
    """Three members that are up; a test leaves it as it likes, and must not lean on what an earlier one has left."""
    cluster = realization.lend()
    yield cluster
    realization.take_back(cluster)


@pytest.fixture
def forgetful_cluster(realization):
    """A cluster that forgets clients soon."""
    if Capability.EXPIRES_SESSIONS not in realization.capabilities:
        pytest.skip(f"{realization.name} cannot: {Capability.EXPIRES_SESSIONS.value}")
    cluster = realization.make(session_timeout_ms=int(1000 * FORGETFUL_S))
    yield cluster
    cluster.close()


@pytest.fixture
def needs(realization):
    """Called with a `Capability` by a test that cannot do without; where it is missing the test is skipped, aloud."""

    def check(capability):
        if capability not in realization.capabilities:
            pytest.skip(f"{realization.name} cannot: {capability.value}")

    return check


@pytest.fixture
def key(request):
    """A key that no other test uses."""
    return request.node.originalname
