"""All members are restarted, one after the other, and nobody has to miss a leader."""

import gevent
import pytest

from actors import LocalCluster
from raft.observer import RoleChanged
from tests.actors.clusters import T, leader_status, level, raft_status, wait_until


@pytest.mark.contract("L3")
@pytest.mark.parametrize(("nodes", "witnesses"), [(3, 0), (5, 0), (3, 1)])
def test_a_rolling_restart_costs_no_election_timeout(nodes, witnesses):
    events = []
    written = []
    handed_over = 0
    with LocalCluster(nodes, witnesses=witnesses, watch=events.append) as cluster:
        cluster.put("key", "0", T)
        wait_until(lambda: level(cluster))
        first_term = leader_status(cluster).term
        events.clear()

        def write():
            while not done:
                cluster.put("key", str(len(written)), T)
                assert cluster.get("key", T) == b"%d" % len(written)
                written.append(len(written))

        done = []
        writer = gevent.spawn(write)
        for node in cluster.members:
            handed_over += cluster.wait_for_leader(T) == node
            cluster.stop(node, T)
            cluster.restart(node)
            goal = len(written) + 10
            wait_until(lambda node=node: raft_status(cluster, node).leader is not None)
            wait_until(lambda goal=goal: len(written) >= goal)
        done.append(True)
        writer.get(timeout=T)

        roles = [event.role for event in events if isinstance(event, RoleChanged)]
        assert roles.count("pre-candidate") == 0
        assert roles.count("candidate") == handed_over > 0
        assert leader_status(cluster).term == first_term + handed_over
        wait_until(lambda: level(cluster))
        full = [node for node in cluster.members if cluster.machine(node) is not None]
        assert [cluster.machine(node).items() for node in full] == [[(b"key", b"%d" % written[-1])]] * len(full)
