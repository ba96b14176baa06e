"""A local cluster is upgraded member by member; its programs differ by their config (contract M10)."""

import pytest

from actors import LocalCluster
from actors.cluster import LOCAL_CONFIG
from actors.errors import AlreadyRunning
from raft.config import Config
from raft.errors import FatalError, InvalidConfig, ProgramTooOld
from raft.observer import FeatureLevelRaised
from tests.actors.clusters import T, contents, leader_status, level, raft_status, wait_until

pytestmark = pytest.mark.contract("M10")


class ProgramToCome(Config):
    """Of a program that supports levels which no program supports yet."""

    program_level = 9


def program(feature_level):
    """The config of local clusters, for a program that supports levels up to this one."""
    settings = {name: value for name, value in vars(LOCAL_CONFIG).items() if name != "feature_level"}
    return ProgramToCome(**settings, feature_level=feature_level)


def levels(cluster):
    return [member.raft.feature_level if member.raft else None for member in cluster.status()]


@pytest.mark.parametrize("witnesses", [0, 1])
def test_the_level_rises_when_the_last_member_was_upgraded(witnesses):
    events = []
    with LocalCluster(3, witnesses=witnesses, watch=events.append) as cluster:
        cluster.put("key", "before", T)
        for done, node in enumerate(cluster.members):
            assert levels(cluster) == [1, 1, 1]
            cluster.stop(node, T)
            cluster.restart(node, program(2))
            cluster.put("key", node, T)
            wait_until(lambda: level(cluster))
            if done < 2:
                wait_until(lambda done=done: len(leader_status(cluster).upgrade_waits_for) in (0, 2 - done))
        wait_until(lambda: levels(cluster) == [2, 2, 2])

        assert cluster.get("key", T) == cluster.members[-1].encode()
        raised = [event for event in events if isinstance(event, FeatureLevelRaised)]
        assert sorted(event.node for event in raised) == ["n1", "n2", "n3"]
        assert {event.feature_level for event in raised} == {2}
        assert leader_status(cluster).upgrade_waits_for == ()
        assert leader_status(cluster).supported_level == 2


def test_a_downgrade_is_refused_and_the_member_can_come_back():
    with LocalCluster(3, config=program(2)) as cluster:
        cluster.put("key", "value", T)
        wait_until(lambda: levels(cluster) == [2, 2, 2])
        cluster.stop("n2", T)

        with pytest.raises(ProgramTooOld, match="level 2, and this program supports levels up to 1; start"):
            cluster.restart("n2", program(1))
        assert cluster.status()[1].state == "down"
        cluster.put("key", "without it", T)
        cluster.restart("n2", program(2))

        wait_until(lambda: level(cluster))
        assert contents(cluster) == [[(b"key", b"without it")]] * 3


def test_until_the_level_has_risen_every_member_can_go_back():
    with LocalCluster(3) as cluster:
        for node, supported in [("n1", 2), ("n2", 2), ("n2", 1), ("n1", 1)]:
            cluster.stop(node, T)
            cluster.restart(node, program(supported))
            cluster.put("key", node, T)
            wait_until(lambda: level(cluster))

        assert levels(cluster) == [1, 1, 1]
        assert raft_status(cluster, "n1").supported_level == 1


def test_a_downgrade_of_a_data_directory_is_refused_and_changes_nothing_of_the_log(tmp_path):
    with LocalCluster(3, directory=tmp_path, config=program(2)) as cluster:
        cluster.put("key", "value", T)
        wait_until(lambda: levels(cluster) == [2, 2, 2])

    for _ in range(2):
        with pytest.raises(ProgramTooOld) as refusal:
            LocalCluster(3, directory=tmp_path)

    assert isinstance(refusal.value, FatalError)
    assert (refusal.value.level, refusal.value.supported) == (2, 1)
    with LocalCluster(3, directory=tmp_path, config=program(3)) as cluster:
        assert cluster.get("key", T) == b"value"
        wait_until(lambda: levels(cluster) == [3, 3, 3])


def test_settings_of_its_own_are_checked_and_given_to_nodes_that_are_down():
    with LocalCluster(1) as cluster:
        with pytest.raises(AlreadyRunning):
            cluster.restart("n1", program(2))
        cluster.kill("n1")
        with pytest.raises(InvalidConfig, match="a Config or None"):
            cluster.restart("n1", {"feature_level": 2})
        cluster.restart("n1", program(2))
        wait_until(lambda: levels(cluster) == [2])
        cluster.kill("n1")
        cluster.restart("n1")
        assert raft_status(cluster, "n1").supported_level == 2
