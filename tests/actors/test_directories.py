"""Clusters whose nodes keep what they store in directories: they go on where they were, whatever has ended them."""

import gevent
import pytest

from actors import LocalCluster
from actors.cluster import LOCAL_CONFIG
from actors.errors import Unavailable
from actors.storage.policy import InvalidPolicy, SyncPolicy
from actors.storage.real_disk import DirectoryInUse, ReadableDirectory
from raft.config import Config
from raft.errors import InvalidConfig
from raft.observer import AcknowledgedLost
from storage.errors import DamagedStorage, WrongOwner
from storage.identity import read_identity
from tests.actors.clusters import T, leader_status, level, raft_status, voters, wait_until


def test_a_cluster_goes_on_where_the_last_one_with_its_directory_was(tmp_path):
    with LocalCluster(3, directory=tmp_path) as cluster:
        cluster.put("key", "first")
    with LocalCluster(3, directory=tmp_path) as cluster:
        assert cluster.get("key") == b"first"
        cluster.put("key", "second")
        cluster.kill("n1")
        cluster.put("key", "third")
        cluster.restart("n1")
    with LocalCluster(1, directory=tmp_path) as cluster:
        assert cluster.members == ("n1", "n2", "n3")
        assert cluster.get("key") == b"third"


@pytest.mark.contract("N5")
def test_members_and_witnesses_are_found_again(tmp_path):
    with LocalCluster(3, witnesses=1, directory=tmp_path) as cluster:
        cluster.put("key", "value")
        added = cluster.add()
    with LocalCluster(3, directory=tmp_path) as cluster:
        assert cluster.members == ("n1", "n2", "n3", added)
        assert cluster.get("key") == b"value"
        cluster.remove(added)
    assert not (tmp_path / added).exists()


def test_a_long_history_is_found_again_from_a_snapshot(tmp_path):
    config = Config(election_timeout_ms=300, heartbeat_interval_ms=50, snapshot_entries=20, snapshot_tail_entries=2)
    for life in range(3):
        with LocalCluster(3, directory=tmp_path, config=config) as cluster:
            assert cluster.get("99") == (b"99" * 50 if life else None)
            for number in range(100):
                cluster.put(str(number), str(number) * 50)
    assert list((tmp_path / "n1").glob("*.snap"))


@pytest.mark.contract("D1")
@pytest.mark.parametrize("gone", [False, True])
def test_where_every_snapshot_is_lost_the_whole_log_takes_their_place(gone, tmp_path):
    config = Config(election_timeout_ms=300, heartbeat_interval_ms=50, snapshot_entries=20, snapshot_tail_entries=2)
    with LocalCluster(1, directory=tmp_path, config=config) as cluster:
        for number in range(70):
            cluster.put(str(number), str(number))
    lost = list((tmp_path / "n1").glob("*.snap"))
    assert len(lost) == 2
    for file in lost:
        if gone:
            file.unlink()
        else:
            file.write_bytes(file.read_bytes()[:-1] + b"?")
    for _ in range(2):
        with LocalCluster(1, directory=tmp_path, config=config) as cluster:
            assert [cluster.get(str(number)) for number in range(70)] == [b"%d" % number for number in range(70)]
            for number in range(30):
                cluster.put("more", str(number))


@pytest.mark.contract("M6")
def test_two_clusters_cannot_have_one_directory(tmp_path):
    with LocalCluster(1, directory=tmp_path), pytest.raises(DirectoryInUse, match="in use by another node"):
        LocalCluster(1, directory=tmp_path)

    LocalCluster(1, directory=tmp_path).close()


@pytest.mark.contract("M6")
def test_a_directory_belongs_to_one_node(tmp_path):
    with LocalCluster(2, directory=tmp_path):
        pass
    (tmp_path / "n1").rename(tmp_path / "aside")
    (tmp_path / "n2").rename(tmp_path / "n1")
    (tmp_path / "aside").rename(tmp_path / "n2")

    with pytest.raises(WrongOwner, match="belongs to 'n2', and was opened for 'n1'|belongs to 'n1'"):
        LocalCluster(2, directory=tmp_path)


@pytest.mark.contract("D1")
def test_a_damaged_directory_stops_its_node_and_names_the_place(tmp_path):
    with LocalCluster(1, directory=tmp_path) as cluster:
        for number in range(20):
            cluster.put("key", str(number) * 100)
    (segment,) = (tmp_path / "n1").glob("*.wal")
    content = bytearray(segment.read_bytes())
    content[700] ^= 1
    segment.write_bytes(content)

    with pytest.raises(DamagedStorage, match=rf"{segment.name} is damaged at offset \d+: .* was known to be durable"):
        LocalCluster(1, directory=tmp_path)


# What a policy makes of a node that starts again (contract D6)


def incarnation(directory):
    disk = ReadableDirectory(directory)
    try:
        return read_identity(disk).incarnation
    finally:
        disk.close()


@pytest.mark.contract("D6", "M6")
def test_without_syncs_a_node_that_restarts_is_refused_until_it_was_removed_and_added_again(tmp_path):
    with LocalCluster(3, directory=tmp_path, sync="never") as cluster:
        cluster.put("key", "value", T)
        before = incarnation(tmp_path / "n2")
        cluster.kill("n2")
        cluster.restart("n2")
        assert incarnation(tmp_path / "n2") != before
        assert raft_status(cluster, "n2").configuration.members == (), "it knows nobody, and founds nothing"
        wait_until(lambda: cluster.status()[1].refused is not None)
        assert cluster.status()[1].state.startswith("refused by n")
        assert cluster.get("key", timeout=T) == b"value"
        assert raft_status(cluster, "n2").last_index == 0

        cluster.remove("n2", T)
        cluster.add("n2", timeout=T)
        wait_until(lambda: level(cluster))
        assert "n2" in voters(cluster)
        assert cluster.machine("n2").items() == cluster.machine("n1").items()


@pytest.mark.contract("D6")
def test_without_syncs_the_only_member_loses_its_cluster_and_does_not_found_another(tmp_path):
    with LocalCluster(1, directory=tmp_path, sync="never") as cluster:
        cluster.put("key", "value", T)
        cluster.kill("n1")
        cluster.restart("n1")
        cluster.sleep(1.0)
        assert cluster.leader() is None
        with pytest.raises(Unavailable):
            cluster.get("key", timeout=0.5)


@pytest.mark.contract("D6")
def test_without_syncs_a_cluster_begins_anew_in_the_directory_of_an_earlier_one(tmp_path):
    with LocalCluster(2, directory=tmp_path, sync="never") as cluster:
        cluster.put("key", "value", T)
        cluster.add("n3", timeout=T)
        with pytest.raises(DirectoryInUse):
            LocalCluster(2, directory=tmp_path, sync="never")
        assert cluster.get("key", timeout=T) == b"value"
    with LocalCluster(2, directory=tmp_path, sync="never") as cluster:
        assert cluster.members == ("n1", "n2")
        assert cluster.get("key", timeout=T) is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["n1", "n2"]


def lose_the_newest_entries(cluster, directory, losses):
    """Writes ten entries that everybody acknowledges, and brings back what n2's directory held before them."""
    cluster.put("key", "first", T)
    wait_until(lambda: level(cluster))
    leader = cluster.wait_for_leader(T)
    if leader == "n2":
        cluster.transfer("n1", T)
    cluster.put("key", "second", T)
    wait_until(lambda: level(cluster))
    gevent.sleep(1.5)  # who is idle writes down how far it is durable
    before = {path: path.read_bytes() for path in (directory / "n2").iterdir()}
    for number in range(10):
        cluster.put(str(number), "lost", T)
    wait_until(lambda: level(cluster))
    cluster.kill("n2")
    for path, content in before.items():
        path.write_bytes(content)
    cluster.restart("n2")
    cluster.put("key", "third", T)
    wait_until(lambda: losses)


def watching(losses):
    return lambda event: losses.append(event) if isinstance(event, AcknowledgedLost) else None


@pytest.mark.contract("D6")
@pytest.mark.parametrize("own", [None, LOCAL_CONFIG])
def test_at_intervals_a_node_that_has_lost_entries_is_caught_up(tmp_path, own):
    losses = []
    with LocalCluster(3, directory=tmp_path, sync="interval(100)", watch=watching(losses)) as cluster:
        for node in cluster.members:
            cluster.stop(node, T)
            cluster.restart(node, own)
        lose_the_newest_entries(cluster, tmp_path, losses)

        wait_until(lambda: level(cluster))
        assert [(loss.follower, loss.replace) for loss in losses] == [("n2", False)]
        assert losses[0].kept < losses[0].acknowledged
        assert cluster.machine("n2").items() == cluster.machine("n1").items()


@pytest.mark.contract("D6")
def test_a_node_that_has_lost_what_it_has_synced_must_be_replaced(tmp_path):
    losses = []
    with LocalCluster(3, directory=tmp_path, watch=watching(losses)) as cluster:
        lose_the_newest_entries(cluster, tmp_path, losses)

        assert [(loss.follower, loss.replace) for loss in losses] == [("n2", True)]
        wait_until(lambda: cluster.status()[1].refused is not None)
        (status,) = [each for each in leader_status(cluster).followers if each.id == "n2"]
        assert status.has_lost
        cluster.remove("n2", T)
        cluster.add("n2", timeout=T)
        wait_until(lambda: level(cluster))
        assert cluster.machine("n2").items() == cluster.machine("n1").items()


@pytest.mark.parametrize(
    "text", ["", "sometimes", "interval", "interval()", "interval(0)", "interval(60001)", "interval(1", None, 100]
)
def test_what_is_no_policy_is_named(text, tmp_path):
    with pytest.raises(InvalidPolicy, match="use always, never, or interval"):
        SyncPolicy.parse(text)
    with pytest.raises(InvalidPolicy):
        LocalCluster(1, directory=tmp_path, sync=text)


class Measuring:
    """Replies how large a command is."""

    def apply(self, command):
        return len(command)


@pytest.mark.contract("R6", "D2")
def test_a_command_that_is_as_large_as_is_allowed_finds_room(tmp_path):
    config = LOCAL_CONFIG.replaced(max_entry_bytes=33 << 20)
    with LocalCluster(1, machine=Measuring, directory=tmp_path, config=config) as cluster:
        assert cluster.propose(bytes(32 << 20), T) == 32 << 20


def test_what_is_no_path_is_named():
    with pytest.raises(InvalidConfig, match="directory is 5; it must be a path or None"):
        LocalCluster(1, directory=5)
