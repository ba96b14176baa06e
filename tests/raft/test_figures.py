"""The situations of the paper's Figures 7 and 8, exactly as drawn there."""

import pytest

from tests.raft.cluster import with_logs
from tests.raft.member import ELECTION_TIMEOUT_MS

# Figure 7. The leader of term 8 as it comes to power, and six members that may follow it: (a) and (b) miss entries, (c)
# and (d) have some that were never committed, (e) and (f) both.
LEADER_OF_8 = (1, 1, 1, 4, 4, 5, 5, 6, 6, 6)
FOLLOWERS = {
    "a": (1, 1, 1, 4, 4, 5, 5, 6, 6),
    "b": (1, 1, 1, 4),
    "c": (1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6),
    "d": (1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7),
    "e": (1, 1, 1, 4, 4, 4, 4),
    "f": (1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3),
}


def figure_7():
    """All seven logs in one cluster, "s" the leader of term 8; nothing that it sent as such has arrived yet."""
    cluster = with_logs({"s": LEADER_OF_8, **FOLLOWERS}, term=7)
    cluster.now += 2 * ELECTION_TIMEOUT_MS
    cluster.tick("s")
    while cluster.leader is None:
        for link in cluster.under_way():
            cluster.deliver(*link)
    assert (cluster.leader, cluster.term) == ("s", 8)
    assert {id: tuple(cluster.log(id)) for id in FOLLOWERS} == FOLLOWERS
    return cluster


@pytest.mark.contract("R4")
@pytest.mark.parametrize("follower", FOLLOWERS)
def test_figure_7_the_log_of_each_follower_converges_within_three_round_trips(follower):
    # P15
    cluster = figure_7()

    # One round trip is all that the leader has sent, then all answers to it.
    round_trips = 0
    while cluster.log(follower) != cluster.log("s"):
        assert round_trips < 3, f"after 3 round trips the log is {cluster.log(follower)}"
        for link in (("s", follower), (follower, "s")):
            for _ in range(len(cluster.links.get(link, ()))):
                cluster.deliver(*link)
        round_trips += 1

    assert cluster.log("s") == [*LEADER_OF_8, 8]


@pytest.mark.contract("R4")
def test_figure_7_all_seven_logs_become_one_and_are_committed():
    cluster = figure_7()

    cluster.settle()
    cluster.run(ELECTION_TIMEOUT_MS)  # the next heartbeats tell what is committed

    assert {id: cluster.log(id) for id in cluster.ids} == {id: [*LEADER_OF_8, 8] for id in cluster.ids}
    assert {cluster.nodes[id].log.commit_index for id in cluster.ids} == {11}
    assert (cluster.leader, cluster.term) == ("s", 8)


# Figure 8. Servers S1 to S5 are a to e here.


def figure_8():
    """Figure 8 at (c): a leads again, and its old entry 2 is on a majority, for it has reached c."""
    logs = {"a": (1, 2), "b": (1, 2), "c": (1,), "d": (1,), "e": (1, 3)}
    cluster = with_logs(logs, term=3, max_append_entries=1)
    cluster.crash("d")
    cluster.crash("e")
    cluster.now += 2 * ELECTION_TIMEOUT_MS
    cluster.tick("a")
    while cluster.log("c") != [1, 2]:
        for link in cluster.under_way():
            cluster.deliver(*link)
    # What follows entry 2 on the way to c is lost.
    cluster.links[("a", "c")].clear()
    for sender in "bc":
        while cluster.links.get((sender, "a")):
            cluster.deliver(sender, "a")
    cluster.links[("a", "c")].clear()
    assert (cluster.leader, cluster.term) == ("a", 4)
    assert [cluster.log(id)[:2] for id in "abc"] == [[1, 2]] * 3
    assert cluster.nodes["a"].role.progress["c"].match_index == 2
    return cluster


@pytest.mark.contract("R3", "S4")
def test_figure_8_c_an_entry_of_an_earlier_term_is_not_committed_by_counting():
    # P13
    cluster = figure_8()

    # Its followers hold it, say so again with every heartbeat, and still it is not committed: c never gets entry 3.
    for _ in range(5):
        cluster.now += cluster.nodes["a"].config.retry_ms
        cluster.tick("a")
        for sender, receiver in (("a", "b"), ("b", "a"), ("c", "a")):
            while cluster.links.get((sender, receiver)):
                cluster.deliver(sender, receiver)

    assert [cluster.log(id)[1] for id in "abc"] == [2, 2, 2]
    assert cluster.nodes["a"].log.commit_index == 0
    assert cluster.applied["a"] == []


@pytest.mark.contract("R3", "S4")
def test_figure_8_d_an_entry_of_an_earlier_term_on_a_majority_can_be_overwritten():
    # P13
    cluster = figure_8()

    cluster.crash("a")
    cluster.crash("b")
    cluster.start("d")
    cluster.start("e")
    cluster.run_until_leader()
    assert cluster.leader == "e", "no other log is as up to date as those of a majority"
    cluster.run(ELECTION_TIMEOUT_MS)
    assert [cluster.log(id) for id in "cde"] == [[1, 3, cluster.term]] * 3

    cluster.start("a")
    cluster.start("b")
    cluster.run(4 * ELECTION_TIMEOUT_MS)
    assert [cluster.log(id)[:2] for id in "abcde"] == [[1, 3]] * 5


@pytest.mark.contract("R3", "S4")
def test_figure_8_e_with_an_entry_of_the_leaders_own_term_on_a_majority_the_old_one_is_committed_for_good():
    cluster = figure_8()

    for _ in range(3):
        cluster.now += 200
        cluster.tick("a")
        cluster.settle()
    assert cluster.nodes["a"].log.commit_index == 3

    cluster.crash("a")
    cluster.start("d")
    cluster.start("e")
    cluster.run_until_leader()
    assert cluster.leader in "bc", "e, whose log ends with term 3, cannot win"
    cluster.run(2 * ELECTION_TIMEOUT_MS)
    assert [cluster.log(id)[:3] for id in "bcde"] == [[1, 2, 4]] * 4
