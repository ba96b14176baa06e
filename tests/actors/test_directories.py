"""Clusters whose nodes keep what they store in directories: they go on where they were, whatever has ended them."""

import pytest

from actors import LocalCluster
from actors.storage.policy import InvalidPolicy, SyncPolicy
from actors.storage.real_disk import DirectoryInUse
from storage.errors import DamagedStorage, WrongOwner
from storage.identity import read_identity


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
    from raft.config import Config

    config = Config(election_timeout_ms=300, heartbeat_interval_ms=50, snapshot_entries=20, snapshot_tail_entries=2)
    for life in range(3):
        with LocalCluster(3, directory=tmp_path, config=config) as cluster:
            assert cluster.get("99") == (b"99" * 50 if life else None)
            for number in range(100):
                cluster.put(str(number), str(number) * 50)
    assert list((tmp_path / "n1").glob("*.snap"))


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


def test_without_syncs_a_node_that_restarts_has_lost_its_disk(tmp_path):
    def incarnation():
        from actors.storage.real_disk import ReadableDirectory

        disk = ReadableDirectory(tmp_path / "n2")
        try:
            return read_identity(disk).incarnation
        finally:
            disk.close()

    with LocalCluster(3, directory=tmp_path, sync="never") as cluster:
        cluster.put("key", "value")
        before = incarnation()
        cluster.kill("n2")
        cluster.restart("n2")
        assert incarnation() != before
        assert cluster.get("key") == b"value"


@pytest.mark.parametrize(
    "text", ["", "sometimes", "interval", "interval()", "interval(0)", "interval(60001)", "interval(1"]
)
def test_what_is_no_policy_is_named(text, tmp_path):
    with pytest.raises(InvalidPolicy, match="use always, never, or interval"):
        SyncPolicy.parse(text)
    with pytest.raises(InvalidPolicy):
        LocalCluster(1, directory=tmp_path, sync=text)
