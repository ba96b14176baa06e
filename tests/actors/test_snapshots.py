"""Snapshots in a local cluster: logs stay short, and whoever was away too long gets a snapshot instead."""

import random

import pytest

from actors import Config, KeyValue, LocalCluster
from actors.kv_commands import delete, put
from actors.session_commands import in_session, register
from actors.session_table import SessionLimits
from actors.sessions import SnapshotSessionMachine
from raft.entries import COMMAND, Entry
from raft.observer import DownloadBegun, SnapshotInstalled
from tests.actors.clusters import Counter, T, contents, level, others, raft_status, wait_until

CONFIG = Config(
    election_timeout_ms=300,
    heartbeat_interval_ms=50,
    snapshot_entries=50,
    snapshot_tail_entries=5,
    snapshot_chunk_bytes=200,
)


@pytest.fixture
def cluster():
    with LocalCluster(3, config=CONFIG) as cluster:
        yield cluster


def stored(cluster, node):
    return cluster._nodes[node].storage.load()


def fill(cluster, count):
    for number in range(count):
        cluster.put(f"key {number:03}", f"value {number}", T)


def filled(count):
    return [(b"key %03d" % number, b"value %d" % number) for number in range(count)]


def test_who_was_away_too_long_catches_up_by_a_snapshot_and_logs_stay_short(cluster):
    away = others(cluster, cluster.wait_for_leader(T))[0]
    cluster.put("key 000", "before", T)
    wait_until(lambda: level(cluster))
    cluster.kill(away)
    fill(cluster, 500)
    assert stored(cluster, away).base == (0, 0)

    cluster.restart(away)
    wait_until(lambda: level(cluster))

    assert stored(cluster, away).base[0] > 400
    assert raft_status(cluster, away).first_index == stored(cluster, away).base[0] + 1
    assert contents(cluster) == [filled(500)] * 3
    cluster.put("key 000", "value 0", T)  # any write tells the storage where its log begins now
    wait_until(lambda: all(len(stored(cluster, node).entries) <= 60 for node in cluster.members))


def test_a_cluster_that_lost_power_as_a_whole_keeps_everything(cluster):
    fill(cluster, 230)
    for node in cluster.members:
        cluster.kill(node)
    assert max(stored(cluster, node).snapshot.index for node in cluster.members) >= 200

    for node in cluster.members:
        cluster.restart(node)

    cluster.wait_for_leader(T)
    assert cluster.get("key 229", T) == b"value 229"
    wait_until(lambda: level(cluster))
    assert contents(cluster) == [filled(230)] * 3
    cluster.put("key 230", "value 230", T)
    wait_until(lambda: level(cluster))
    assert contents(cluster) == [filled(231)] * 3


def test_who_installed_a_snapshot_starts_from_it(cluster):
    away = others(cluster, cluster.wait_for_leader(T))[0]
    cluster.kill(away)
    fill(cluster, 120)
    cluster.restart(away)
    wait_until(lambda: level(cluster))

    cluster.kill(away)
    cluster.restart(away)

    wait_until(lambda: level(cluster))
    assert stored(cluster, away).base[0] > 0
    assert contents(cluster) == [filled(120)] * 3


def test_a_machine_without_snapshots_works_and_keeps_its_whole_log():
    with LocalCluster(3, machine=Counter, config=CONFIG) as cluster:
        away = others(cluster, cluster.wait_for_leader(T))[0]
        cluster.kill(away)
        for _ in range(200):
            cluster.propose(b"1", T)

        cluster.restart(away)
        wait_until(lambda: level(cluster))

        assert [type(cluster.machine(node)) for node in cluster.members] == [Counter] * 3
        assert [cluster.machine(node).total for node in cluster.members] == [200] * 3
        for node in cluster.members:
            assert (stored(cluster, node).base, stored(cluster, node).snapshot) == ((0, 0), None)
            assert len(stored(cluster, node).entries) == raft_status(cluster, node).last_index


class Unsaveable(KeyValue):
    def snapshot(self):
        yield b"half"
        raise OSError("no more memory")


def test_a_snapshot_that_raises_stops_the_node_and_says_so():
    with LocalCluster(1, machine=Unsaveable, config=CONFIG) as cluster:
        cluster.wait_for_leader(T)
        written = 0
        while cluster.status()[0].running:
            cluster.put("key", str(written), T)
            written += 1

        assert "OSError: no more memory" in cluster.status()[0].state
        assert 40 <= written <= 60
        assert stored(cluster, "n1").snapshot is None


@pytest.mark.contract("N2")
@pytest.mark.parametrize("on_disk", [True, False], ids=["directory", "memory"])
def test_a_member_that_is_killed_in_the_middle_of_a_download_goes_on_where_it_was(on_disk, tmp_path):
    events = []
    config = Config(election_timeout_ms=500, snapshot_entries=60, snapshot_tail_entries=0, snapshot_chunk_bytes=5_000)
    with LocalCluster(3, config=config, directory=tmp_path if on_disk else None, watch=events.append) as cluster:
        leader = cluster.wait_for_leader(T)
        away = others(cluster, leader)[0]
        cluster.kill(away)
        for number in range(61):
            cluster.put(f"key {number}", random.Random(number).randbytes(100_000), T)
        wait_until(lambda: snapshots(cluster, leader).newest is not None)

        cluster.restart(away)
        wait_until(lambda: received(cluster, away) > 3_000_000)
        cluster.kill(away)
        kept = stored(cluster, away).download.size_bytes
        assert kept > 2_900_000, "but for the piece that was not full"
        cluster.restart(away)
        wait_until(lambda: level(cluster))

        told = [event for event in events if isinstance(event, (DownloadBegun, SnapshotInstalled))]
        assert [(type(event), event.node) for event in told] == [
            (DownloadBegun, away),
            (DownloadBegun, away),
            (SnapshotInstalled, away),
        ]
        assert [event.size_bytes for event in told[:2]] == [0, kept]
        assert cluster.machine(away).items() == cluster.machine(leader).items()


def snapshots(cluster, node):
    return cluster._nodes[node].supervisor._actor._node.snapshots


def received(cluster, node):
    """How many bytes of a snapshot a node has received."""
    download = snapshots(cluster, node).download
    return 0 if download is None else download.size_bytes


@pytest.mark.contract("N2")
@pytest.mark.parametrize("seed", range(5))
def test_the_same_state_is_the_same_bytes_however_a_member_has_come_to_it(seed):
    draw = random.Random(seed)
    limits = SessionLimits(timeout_ms=500)
    always, restored = (SnapshotSessionMachine(KeyValue(), limits) for _ in range(2))
    keys = [b"%d" % number for number in range(20)]
    for index in range(1, 400):
        key = draw.choice(keys)
        command = draw.choice((put(key, draw.randbytes(3)), delete(key)))
        sequence = draw.randint(1, 16)
        session = 1 + 50 * draw.randrange(8)
        data = register() if index % 50 == 1 else in_session(session, sequence, draw.randint(1, sequence), command)
        entry = Entry(index, 1, COMMAND, data, 10 * index)
        assert repr(always.apply(entry)) == repr(restored.apply(entry))
        if draw.random() < 0.1:
            copy = SnapshotSessionMachine(KeyValue(), limits)
            copy.restore(restored.snapshot())
            restored = copy

        assert b"".join(always.snapshot()) == b"".join(restored.snapshot())
