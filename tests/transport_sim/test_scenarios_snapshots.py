"""Scripted runs about snapshots (contract N1 to N6)."""

import pytest

from transport_sim.scenario import Scenario


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
