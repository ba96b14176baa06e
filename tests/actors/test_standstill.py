"""A cluster whose process does something else for a while: at a prompt, in a debugger, in `time.sleep`."""

import time

import gevent

from actors.cluster import LOCAL_CONFIG
from tests.actors.clusters import T, raft_status

LONG_S = 3 * LOCAL_CONFIG.election_timeout_ms / 1000


def leads(cluster):
    leader = cluster.wait_for_leader(T)
    return leader, raft_status(cluster, leader).term


def test_after_a_pause_the_same_leader_leads_and_takes_the_next_write(cluster):
    cluster.put("key", "1", T)
    led = leads(cluster)

    time.sleep(LONG_S)

    cluster.put("key", "2", T)
    assert cluster.get("key", T) == b"2"
    cluster.sleep(LONG_S)  # whoever lost patience would campaign by now
    assert leads(cluster) == led


def test_a_session_of_pauses_changes_nothing(cluster):
    cluster.put("key", "0", T)
    led = leads(cluster)

    for number in range(5):
        time.sleep(LONG_S / 2)
        cluster.put("key", str(number), T)
        assert cluster.get("key", T) == str(number).encode()

    assert leads(cluster) == led


def test_pauses_between_which_the_cluster_hardly_runs_change_nothing(cluster):
    cluster.put("key", "0", T)
    led = leads(cluster)

    for _ in range(20):
        time.sleep(0.1)
        cluster.sleep(0)

    cluster.put("key", "1", T)
    assert leads(cluster) == led


def test_a_greenlet_that_blocks_the_others_changes_nothing(cluster):
    cluster.put("key", "1", T)
    led = leads(cluster)

    gevent.spawn(time.sleep, LONG_S).join()

    cluster.put("key", "2", T)
    cluster.sleep(LONG_S)
    assert leads(cluster) == led


def test_a_standstill_does_not_stop_elections(cluster):
    leader = cluster.wait_for_leader(T)
    cluster.kill(leader)

    time.sleep(LONG_S)

    assert cluster.wait_for_leader(T) != leader
