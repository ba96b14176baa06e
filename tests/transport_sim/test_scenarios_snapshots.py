"""Scripted runs about snapshots (contract N1 to N6)."""

import pytest

from raft.messages import SnapshotChunk
from transport_sim.scenario import Scenario

CHUNK_BYTES = 100


@pytest.mark.contract("N3", "N6")
def test_a_snapshot_that_takes_longer_than_two_snapshots_are_apart_arrives_all_the_same():
    settings = {"snapshot_entries": 100, "snapshot_tail_entries": 20, "snapshot_chunk_bytes": 8}
    with Scenario(seed=3, election_timeout_ms=300, heartbeat_interval_ms=50, **settings) as cluster:
        cluster.elect("n1")
        cluster.isolate("n3")
        for _ in range(250):
            cluster.propose()
            cluster.run(3)
        cluster.heal()

        for _ in range(1200):
            cluster.propose()
            cluster.run(3)

        leader, late = cluster.node("n1"), cluster.node("n3")
        assert leader.log.last_index - late.log.applied_index < 20, "it catches up while writes go on"
        sent = cluster.traffic.sent["SnapshotChunk"]
        cluster.run(1000)
        assert cluster.traffic.sent["SnapshotChunk"] == sent, "nothing is sent a second time"
        assert leader.log.last_index - leader.log.base_index <= 100 + 20 + 5, "the log is short again"


class Downloads:
    """A cluster in which one member gets a snapshot of all commands so far, slowly, and everything is counted.

    Members n1 and n4 write the same state as the same bytes, n2 as others (see `SnapshotMachine`).

    Attributes:
        sent: a list of (leader, bytes) of each chunk on its way to the member.
        begun: how much was there each time when the member was sent a snapshot by a leader that was new to it.
    """

    def __init__(self, cluster, late):
        self.late = late
        self.sent = []
        self._cluster = cluster
        cluster.drop(SnapshotChunk, receiver=late, matches=self._count)

    def _count(self, chunk):
        self.sent.append((chunk.sender, len(chunk.data)))
        return False

    @property
    def node(self):
        return self._cluster.node(self.late)

    @property
    def size_bytes(self):
        """How much is there."""
        download = self.node.snapshots.download
        return 0 if download is None else download.size_bytes

    def from_leader(self, leader):
        return sum(size for sender, size in self.sent if sender == leader)

    def run_until_half(self):
        cluster = self._cluster
        whole = len(cluster.host(cluster.leader()).disk.snapshots[-1][1])
        cluster.run_until(lambda: self.size_bytes > whole // 2, what="half of the snapshot has arrived")
        return whole

    def run_until_more_was_sent(self, chunks):
        end = len(self.sent) + chunks
        self._cluster.run_until(lambda: len(self.sent) >= end or self.node.log.base_index > 0)

    def run_until_installed(self):
        index = self._cluster.node(self._cluster.leader()).snapshots.newest.index
        self._cluster.run_until(lambda: self.node.log.base_index >= index, timeout_ms=30_000, what="it is installed")


def with_a_late_member(cluster, first, late):
    """Let all but one member come to the same snapshot, and lead one of them."""
    cluster.elect(first)
    cluster.isolate(late)
    others = [id for id in ("n1", "n2", "n3", "n4", "n5") if id != late]

    def are_equal():
        return len({cluster.node(id).snapshots.newest for id in others} - {None}) == 1

    while cluster.node(first).snapshots.newest is None:
        cluster.expect_success(cluster.propose(size=100))
    cluster.run_until(lambda: all(cluster.node(id).snapshots.newest for id in others) and are_equal())
    downloads = Downloads(cluster, late)
    cluster.heal()
    return downloads


def hand_over(cluster, leader):
    if cluster.leader() != leader:
        cluster.transfer(leader)
        cluster.run_until(lambda: cluster.leader() == leader)


SETTINGS = {"snapshot_entries": 100, "snapshot_tail_entries": 0, "snapshot_chunk_bytes": CHUNK_BYTES}


@pytest.mark.contract("N2")
@pytest.mark.parametrize(("successor", "goes_on"), [("n4", True), ("n2", False)])
def test_a_download_goes_on_with_another_leader_if_it_has_the_same_bytes(successor, goes_on):
    with Scenario(5, seed=4, **SETTINGS) as cluster:
        downloads = with_a_late_member(cluster, "n1", "n5")
        whole = downloads.run_until_half()
        there = downloads.size_bytes
        hand_over(cluster, successor)
        downloads.run_until_installed()

        again = downloads.from_leader("n1") + downloads.from_leader(successor) - whole
        assert downloads.from_leader(successor) > whole // 3
        if goes_on:
            assert 0 < again <= 2 * CHUNK_BYTES, "nothing but a chunk or two is sent a second time"
        else:
            assert again >= there, "all of it is sent a second time, since the bytes are others"
        assert downloads.from_leader(successor) <= whole + 2 * CHUNK_BYTES, "and no third time"
        assert cluster._cluster.situations.reached["snapshot-continued"] == goes_on


@pytest.mark.contract("N2")
def test_a_download_goes_on_after_a_restart_from_what_the_disk_has_kept():
    with Scenario(5, seed=4, **SETTINGS) as cluster:
        downloads = with_a_late_member(cluster, "n1", "n5")
        whole = downloads.run_until_half()
        cluster.crash("n5")
        kept = cluster.host("n5").disk.download.size_bytes
        assert kept > CHUNK_BYTES
        before = downloads.from_leader("n1")
        cluster.restart("n5")
        assert downloads.size_bytes == kept
        downloads.run_until_installed()

        assert downloads.from_leader("n1") - before <= whole - kept + 2 * CHUNK_BYTES
        assert cluster._cluster.situations.reached["snapshot-continued"] == 1


@pytest.mark.contract("N2")
def test_a_download_comes_to_an_end_though_leaders_change_faster_than_it_takes():
    with Scenario(5, seed=4, **SETTINGS) as cluster:
        downloads = with_a_late_member(cluster, "n1", "n5")
        whole = len(cluster.host("n1").disk.snapshots[-1][1])
        leaders = 0
        while downloads.node.log.base_index == 0:
            hand_over(cluster, ("n1", "n4")[leaders % 2])
            leaders += 1
            downloads.run_until_more_was_sent(10)

        assert leaders >= whole // CHUNK_BYTES // 10, "each sends but a tenth"
        assert sum(size for _, size in downloads.sent) < 1.5 * whole


@pytest.mark.contract("N2", "N3")
def test_what_is_not_what_was_sent_is_not_installed_but_sent_anew():
    with Scenario(5, seed=4, **SETTINGS) as cluster:
        downloads = with_a_late_member(cluster, "n1", "n5")
        downloads.run_until_half()
        disk = cluster.host("n5").disk
        disk._received = b"?" + disk._received[1:]
        downloads.run_until_installed()

        whole = len(cluster.host("n1").disk.snapshots[-1][1])
        assert 2 * whole <= downloads.from_leader("n1") < 3 * whole
