"""Changes of membership on whole clusters: leaders that crash on the way, members that are removed or that join."""

import pytest

from raft.changes import LEARNER, REMOVED, VOTER, Change
from raft.errors import OutcomeUnknown, TermNotCommitted
from raft.messages import Append, PreVoteRequest, TimeoutNow
from tests.raft.cluster import Cluster
from tests.raft.member import ELECTION_TIMEOUT_MS, shown

REPLACE_TWO = [Change("b", REMOVED), Change("c", REMOVED), Change("d", VOTER), Change("e", VOTER)]


def cluster_of(voters="abc", joining="", **arguments):
    """A cluster led by its first member, and members that wait to be taken in."""
    cluster = Cluster(voters, **arguments)
    cluster.elect(voters[0])
    cluster.commit(voters[0], b"first")
    cluster.join(*joining)
    return cluster


def shown_by_all(cluster, ids):
    return {shown(cluster.nodes[id]) for id in ids}


def configurations_entered(cluster, id):
    """Every configuration in the log of a member, in order."""
    log = cluster.nodes[id].log
    return [log.configurations.at(index) for index in range(1, log.last_index + 1) if log.entry(index).kind == 2]


# Joint consensus (contract M1)


@pytest.mark.contract("M1", "M4")
def test_members_are_replaced_while_the_cluster_serves():
    cluster = cluster_of(joining="de")

    ticket = cluster.change("a", *REPLACE_TWO)
    for number in range(30):
        cluster.propose("a", b"%d" % number)
        cluster.run(50)
    cluster.run(ELECTION_TIMEOUT_MS)

    assert cluster.leader == "a"
    assert len(cluster.answered("a", ticket)) == 1
    assert shown_by_all(cluster, "ade") == {"ade//"}
    assert ["".join(c.voters) + "/" + "".join(c.outgoing) for c in configurations_entered(cluster, "a")] == [
        "abc/",  # with d and e as learners
        "ade/abc",
        "ade/",
    ]
    assert cluster.commands("d") == cluster.commands("a") == [b"first", *[b"%d" % number for number in range(30)]]
    cluster.crash("b")
    cluster.crash("c")
    cluster.commit("a", b"last")
    cluster.restart("a")
    cluster.run_until_leader()
    assert cluster.leader in "ade"


def crash_after(steps, **arguments):
    """Begin to replace two members, and crash the leader when so many messages have been delivered."""
    cluster = cluster_of(joining="de", **arguments)
    cluster.change("a", *REPLACE_TWO)
    delivered = 0
    while delivered < steps and cluster.under_way():
        for sender, receiver in cluster.under_way():
            if delivered < steps:
                cluster.deliver(sender, receiver)
                delivered += 1
        if not cluster.under_way():
            cluster.run(100, until=cluster.under_way)
    everything_seen = shown(cluster.nodes["a"])
    cluster.crash("a")
    return cluster, everything_seen


@pytest.mark.contract("M1", "M3")
@pytest.mark.parametrize("steps", range(0, 60, 2))
def test_when_the_leader_crashes_at_any_step_a_successor_finishes_the_change_or_it_never_was(steps):
    cluster, last_seen = crash_after(steps)

    cluster.run(20 * ELECTION_TIMEOUT_MS)

    leader = cluster.leader
    assert leader is not None
    cluster.commit(leader, b"after")
    cluster.run(ELECTION_TIMEOUT_MS)
    outcome = shown(cluster.nodes[leader])
    assert outcome in ("abc//", "abc//de", "ade//"), "a joint configuration is left"
    assert shown_by_all(cluster, outcome.split("/")[0].replace("a", "")) == {outcome}
    joint = [configuration for configuration in configurations_entered(cluster, leader) if configuration.joint]
    assert len(joint) == (outcome == "ade//"), "it is entered, and left, once"
    if last_seen == "ade//":
        assert outcome == "ade//", "it was committed by both halves"
    cluster.start("a")
    cluster.run(5 * ELECTION_TIMEOUT_MS)
    assert shown(cluster.nodes["a"]) == outcome


@pytest.mark.contract("M1")
def test_the_crashes_above_meet_every_step_of_the_way():
    seen = {crash_after(steps)[1] for steps in range(0, 60, 2)}

    assert seen == {"abc//de", "ade/abc/", "ade//"}


@pytest.mark.contract("M1", "M5")
def test_a_joint_configuration_whose_leader_is_removed_is_left_by_its_successor():
    # The new configuration is bcd: a enters the joint one, and crashes as soon as that is committed.
    cluster = cluster_of(joining="d")
    cluster.change("a", Change("a", REMOVED), Change("d", VOTER))
    cluster.run(5 * ELECTION_TIMEOUT_MS, until=lambda: shown(cluster.nodes["a"]) == "bcd/abc/")
    joint_index = cluster.nodes["a"].log.last_index
    cluster.run(1000, until=lambda: cluster.nodes["a"].log.commit_index >= joint_index)
    cluster.crash("a")

    cluster.run(10 * ELECTION_TIMEOUT_MS)

    assert cluster.leader in "bcd"
    assert shown_by_all(cluster, "bcd") == {"bcd//"}


# The bug of single-server changes (contract M2)


# The counterexample to changing one server at a time without that rule: two leaders enter a change each before they
# have committed anything. Leader a of term 1 adds e to abcd, and only e hears of it. Leader b of term 2, which knows
# nothing of e, removes d: abc. If it could commit that by b and c, a could be elected by a, d and e, and overwrite it.


@pytest.mark.contract("M2")
def test_a_leader_changes_nothing_before_it_has_committed_in_its_own_term():
    cluster = Cluster("abcd", learners="e")
    cluster.elect("a")
    cluster.commit("a", b"x")
    cluster.partition("ae", "bcd")
    cluster.change("a", Change("e", VOTER))
    cluster.settle()
    cluster.now += 2 * ELECTION_TIMEOUT_MS
    cluster.tick("b")
    while cluster.role("b") != "leader":
        sender, receiver = cluster.under_way()[0]
        cluster.deliver(sender, receiver)

    with pytest.raises(TermNotCommitted):
        cluster.change("b", Change("d", REMOVED))

    cluster.settle()
    cluster.change("b", Change("d", REMOVED))
    assert shown(cluster.nodes["b"]) == "abc//e"


@pytest.mark.contract("M2", "S4")
def test_two_leaders_that_change_one_server_each_lose_nothing():
    # Arrange: a enters {abcde}, and e and itself hold it; b enters {abc} and commits it by b and c.
    cluster = Cluster("abcd", learners="e")
    cluster.elect("a")
    cluster.commit("a", b"x")
    cluster.partition("ae", "bcd")
    cluster.change("a", Change("e", VOTER))
    cluster.settle()
    assert shown(cluster.nodes["a"]) == shown(cluster.nodes["e"]) == "abcde//"
    cluster.elect("b")
    cluster.partition("ae", "bc", "d")
    cluster.change("b", Change("d", REMOVED))
    cluster.settle()
    cluster.commit("b", b"y")

    # Act: b is gone, and a campaigns among those that its own configuration counts.
    cluster.crash("b")
    cluster.partition("ade", "c")
    cluster.run(20 * ELECTION_TIMEOUT_MS)

    # Assert: d has seen b's term commit, and does not vote for a.
    assert cluster.role("a") != "leader"
    cluster.heal()
    cluster.start("b")
    cluster.run(20 * ELECTION_TIMEOUT_MS)
    assert cluster.commands(cluster.leader) == [b"x", b"y"]


# Removal (contract M5, E6)


@pytest.mark.contract("M5")
def test_a_removed_leader_hands_over_and_steps_down():
    cluster = cluster_of()
    cluster.run(200)

    ticket = cluster.change("a", Change("a", REMOVED))
    took = cluster.run(5 * ELECTION_TIMEOUT_MS, until=lambda: cluster.leader in ("b", "c"))
    cluster.run(2 * ELECTION_TIMEOUT_MS)

    assert took < ELECTION_TIMEOUT_MS, "nobody's time had to run out"
    assert cluster.answered("a", ticket) == [OutcomeUnknown]
    assert shown_by_all(cluster, "bc") == {"bc//"}
    assert cluster.role("a") != "leader"
    cluster.commit(cluster.leader, b"after")
    assert cluster.commands("b") == [b"first", b"after"]


@pytest.mark.contract("M5")
def test_a_removed_leader_whose_successor_does_not_listen_leads_until_it_has_left():
    cluster = cluster_of()
    cluster.run(200)

    ticket = cluster.change("a", Change("a", REMOVED))
    for _ in range(300):
        cluster.run(10)
        for link in cluster.links.values():
            link[:] = [message for message in link if not isinstance(message, TimeoutNow)]
        if cluster.role("a") == "leader":
            left_at = cluster.now
    cluster.run(5 * ELECTION_TIMEOUT_MS)

    [index] = cluster.answered("a", ticket)
    assert cluster.nodes["a"].log.entry(index).kind == 2
    assert left_at >= ELECTION_TIMEOUT_MS
    assert shown_by_all(cluster, "abc") == {"bc//"}
    assert cluster.leader in ("b", "c")


@pytest.mark.contract("E6")
@pytest.mark.parametrize("knows", [True, False], ids=["has heard of it", "has not heard of it"])
def test_a_removed_member_never_deposes_a_healthy_leader(knows):
    cluster = cluster_of("abcd")
    if not knows:
        cluster.partition("abc", "d")
    cluster.change("a", Change("d", REMOVED))
    cluster.settle()
    cluster.heal()
    assert shown(cluster.nodes["a"]) == "abc//"

    for _ in range(20):
        cluster.run(ELECTION_TIMEOUT_MS)
        assert (cluster.role("a"), cluster.nodes["a"].term) == ("leader", 1)
    assert {cluster.nodes[id].term for id in "abc"} == {1}
    asked = [message for sender, _, message in cluster.sent if sender == "d" and isinstance(message, PreVoteRequest)]
    assert asked != [], "it was not for want of trying"


@pytest.mark.contract("E6")
def test_a_removed_member_with_a_higher_term_never_deposes_a_healthy_leader():
    cluster = cluster_of("abcd")
    cluster.crash("d")
    cluster.change("a", Change("d", REMOVED))
    cluster.settle()
    cluster.disks["d"].term, cluster.disks["d"].vote = 99, "d"
    cluster.start("d")

    cluster.run(20 * ELECTION_TIMEOUT_MS)

    assert (cluster.leader, cluster.nodes["a"].term) == ("a", 1)
    assert {cluster.nodes[id].term for id in "abc"} == {1}


# Joining (contract M4)


def test_a_member_that_joins_does_nothing_before_it_is_taken_in():
    cluster = cluster_of(joining="d")

    cluster.run(10 * ELECTION_TIMEOUT_MS)

    assert [sender for sender, _, _ in cluster.sent if sender == "d"] == []
    assert cluster.nodes["d"].deadline is None


@pytest.mark.contract("M4")
def test_a_learner_follows_and_is_promoted_later():
    cluster = cluster_of(joining="d")
    cluster.change("a", Change("d", LEARNER, address="there"))
    cluster.run(ELECTION_TIMEOUT_MS)
    assert (shown(cluster.nodes["d"]), cluster.commands("d")) == ("abc//d", [b"first"])
    assert cluster.nodes["d"].deadline is None

    ticket = cluster.change("a", Change("d", VOTER))
    cluster.run(ELECTION_TIMEOUT_MS)

    assert len(cluster.answered("a", ticket)) == 1
    assert shown_by_all(cluster, "abcd") == {"abcd//"}
    assert cluster.nodes["d"].configuration.addresses == {"d": "there"}
    cluster.crash("a")
    cluster.crash("b")
    cluster.run(10 * ELECTION_TIMEOUT_MS)
    assert cluster.leader is None, "two of four are no majority"


@pytest.mark.contract("M4")
def test_a_member_that_joins_with_a_restart_in_between_goes_by_what_its_log_says():
    cluster = cluster_of(joining="d")
    cluster.change("a", Change("d", VOTER))
    cluster.run(ELECTION_TIMEOUT_MS)

    cluster.restart("d")

    assert shown(cluster.nodes["d"]) == "abcd//"
    assert cluster.nodes["d"].deadline is not None


@pytest.mark.contract("M5")
def test_a_promoted_learner_that_has_not_heard_of_it_still_votes():
    # abc and d: d is promoted, and only b hears of it. Then a and c are lost; b and d and one more would be enough.
    cluster = Cluster("abc", learners="d")
    cluster.elect("a")
    cluster.commit("a", b"x")
    cluster.cut_link("a", "d")
    cluster.change("a", Change("d", VOTER))
    for link in (("d", "a"), ("a", "b"), ("a", "c"), ("b", "a"), ("c", "a")):
        for _ in range(len(cluster.links.get(link, []))):
            cluster.deliver(*link)
    assert (shown(cluster.nodes["b"]), shown(cluster.nodes["d"])) == ("abcd//", "abc//d")

    cluster.crash("a")
    cluster.heal()
    cluster.run_until_leader()

    assert cluster.leader in ("b", "c")
    cluster.run(ELECTION_TIMEOUT_MS)
    assert shown_by_all(cluster, "bcd") == {"abcd//"}


@pytest.mark.contract("M4")
def test_an_append_that_joins_a_member_is_refused_by_nobody():
    cluster = cluster_of(joining="d")
    cluster.change("a", Change("d", LEARNER))
    cluster.run(ELECTION_TIMEOUT_MS)

    assert cluster.nodes["d"].dropped == {}
    assert [to for _, to, message in cluster.sent if isinstance(message, Append) and to == "d"] != []
