"""The checker of the invariants itself: it notices each kind of breach."""

import pytest

from raft.entries import COMMAND, Entry
from tests.raft.cluster import Cluster


def healthy():
    cluster = Cluster()
    cluster.elect("a")
    cluster.commit("a", b"x", b"y")
    cluster.elect("b")
    cluster.commit("b", b"z")
    return cluster


def breach(cluster, text):
    with pytest.raises(AssertionError, match=text):
        cluster.invariants.check()


def test_a_healthy_cluster_breaks_nothing():
    cluster = healthy()

    cluster.invariants.check()

    assert cluster.commands("a") == cluster.commands("b") == cluster.commands("c") == [b"x", b"y", b"z"]
    assert len(cluster.invariants.committed) == 5


@pytest.mark.contract("S1")
def test_a_second_leader_of_a_term_is_noticed():
    cluster = healthy()

    cluster.nodes["c"].become_leader(cluster.now, {"c": 0})

    breach(cluster, "S1: b and c both led term 2")


@pytest.mark.contract("S2")
def test_a_leader_that_overwrites_its_log_is_noticed():
    cluster = healthy()
    cluster.propose("b", b"more")
    cluster.cut_link("b", "a")

    cluster.nodes["b"].log._entries[-1] = Entry(6, 2, COMMAND, b"less")

    breach(cluster, "S2: leader b overwrote its own log")


@pytest.mark.contract("S3")
def test_logs_that_agree_at_an_index_and_differ_before_it_are_noticed():
    cluster = healthy()

    cluster.disks["c"].entries[1] = Entry(2, 1, COMMAND, b"other")
    cluster.invariants.disks.clear()
    del cluster.nodes["c"]

    breach(cluster, "S3: two logs agree at 2 and differ there or before")


@pytest.mark.contract("S4")
def test_a_leader_that_lacks_a_committed_entry_is_noticed():
    cluster = healthy()
    cluster.invariants.committed[2] = Entry(3, 1, COMMAND, b"forgotten")

    with pytest.raises(AssertionError, match="S4: leader b of term 2 lacks"):
        cluster.invariants.leaders_are_complete()


@pytest.mark.contract("S5")
@pytest.mark.parametrize("kind", ["gap", "repeat", "other"])
def test_different_applications_are_noticed(kind):
    cluster = healthy()

    applied = cluster.applied["c"]
    if kind == "gap":
        del applied[2]
    elif kind == "repeat":
        applied.insert(2, applied[2])
    else:
        applied[2] = Entry(3, 1, COMMAND, b"other")

    breach(cluster, "S5: c applied")


@pytest.mark.contract("S6")
@pytest.mark.parametrize("what", ["term", "vote", "log"])
def test_a_disk_that_goes_back_is_noticed(what):
    cluster = healthy()

    disk = cluster.disks["c"]
    if what == "term":
        disk.term = 1
    elif what == "vote":
        disk.vote = "c"
    else:
        disk.entries.pop()
        cluster.nodes.pop("c")

    breach(cluster, "S6")


@pytest.mark.contract("S6")
def test_a_commit_index_that_goes_back_is_noticed():
    cluster = healthy()
    log = cluster.nodes["c"].log
    log.commit_index = log.applied_index = log._handed_index = log.settled_index = 3

    breach(cluster, "S6: the commit index of c moved backwards")


@pytest.mark.contract("S7")
def test_what_counts_as_durable_and_is_not_on_the_disk_is_noticed():
    cluster = healthy()
    cluster.disks["c"].entries.pop()

    with pytest.raises(AssertionError, match="S7: what counts as durable is not on the disk"):
        cluster.invariants.indexes_are_ordered(cluster.nodes["c"])


@pytest.mark.contract("S8")
def test_a_committed_entry_that_no_quorum_holds_is_noticed():
    cluster = healthy()
    for id in "ac":
        del cluster.nodes[id]
        cluster.disks[id].entries.pop()
    cluster.invariants.disks.clear()

    breach(cluster, "S8")
