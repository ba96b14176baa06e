"""Changes of membership as the thesis tells them (section 4), each with the mishap that makes it hard."""

import pytest

from raft.changes import REMOVED, VOTER, Change
from raft.errors import (
    ChangeInProgress,
    InvalidChange,
    LastVoter,
    NotCaughtUp,
    NotLeader,
    OutcomeUnknown,
    TermNotCommitted,
)
from raft.messages import Append, TimeoutNow
from transport_sim.scenario import Scenario

CHANGES = {
    "two voters are added": (3, lambda cluster: cluster.add("n4", "n5"), ("n1", "n2", "n3", "n4", "n5")),
    "two of five are removed": (5, lambda cluster: cluster.remove("n4", "n5"), ("n1", "n2", "n3")),
    "two of three are replaced": (3, lambda cluster: cluster.replace(["n2", "n3"], ["n4", "n5"]), ("n1", "n4", "n5")),
    "the leader and another are replaced": (
        3,
        lambda cluster: cluster.replace(["n1", "n3"], ["n4", "n5"]),
        ("n2", "n4", "n5"),
    ),
    "one voter is demoted, another added": (
        3,
        lambda cluster: cluster.change(cluster.joining("n4"), cluster.joining("n3", "learner")),
        ("n1", "n2", "n4"),
    ),
}


def steps(cluster, id):
    """The voters of each configuration in a node's log, with the outgoing ones of a joint one; repeats left out."""
    seen = []
    for configuration in cluster.configurations(id):
        step = (configuration.voters, configuration.outgoing)
        if not seen or seen[-1] != step:
            seen.append(step)
    return seen


def settled(cluster):
    """Whether somebody leads by a configuration that is committed and not joint."""
    if cluster.leader() is None:
        return False
    log = cluster.node(cluster.leader()).log
    return not log.configurations.newest.joint and log.configurations.newest_index <= log.commit_index


# M1: joint consensus


@pytest.mark.contract("M1")
@pytest.mark.parametrize("change", CHANGES)
def test_any_set_of_changes_goes_through_one_joint_configuration(change):
    nodes, ask, after = CHANGES[change]
    with Scenario(nodes, spares=5 - nodes) as cluster:
        cluster.elect("n1")
        before = cluster.configuration().voters

        ask(cluster)
        cluster.run_until(lambda: settled(cluster) and cluster.configuration().voters == after)

        assert steps(cluster, cluster.leader()) == [(before, ()), (after, before), (after, ())]


def crash_during(change, seed, events):
    """Let the leader crash after so many events of a change; return whether it was done, and what came of it."""
    nodes, ask, after = CHANGES[change]
    with Scenario(nodes, spares=5 - nodes, seed=seed) as cluster:
        cluster.elect("n1")
        cluster.expect_success(cluster.propose())
        before = cluster.configuration().voters
        asked = ask(cluster)

        cluster.run_events(events)
        done = settled(cluster) and cluster.configuration().voters == after
        victim = cluster.leader() or "n1"
        log = cluster.node(victim).log
        joint_was_committed = log.configurations.at(log.commit_index).joint
        cluster.crash(victim)
        if events % 2:
            cluster.isolate(victim)  # what it has sent is lost, too
        cluster.run_until(lambda: settled(cluster), what="a successor that leaves the joint configuration")

        voters = cluster.configuration().voters
        assert voters in (before, after)
        if joint_was_committed or asked.succeeded:
            assert voters == after
        way = [(before, ()), (after, before), (after, ())]
        assert steps(cluster, cluster.leader()) == (way if voters == after else way[:1])
        cluster.expect_success(cluster.propose())
    return done, joint_was_committed, voters == after


@pytest.mark.contract("M1")
@pytest.mark.parametrize("change", CHANGES)
def test_a_successor_finishes_what_the_leader_began_wherever_it_crashes(change):
    for seed in (1, 2):
        runs = []
        while not runs or not runs[-1][0]:
            runs.append(crash_during(change, seed, len(runs) + 1))
            assert len(runs) < 400

        assert any(joint_was_committed for _, joint_was_committed, _ in runs)
        assert {entered for _, _, entered in runs} == {True, False}


# M2: one change at a time, and only by a leader that knows what is committed


@pytest.mark.contract("M2")
def test_a_leader_that_has_committed_nothing_in_its_term_changes_nobody():
    with Scenario() as cluster:
        old = cluster.elect()
        held = cluster.hold(Append)
        cluster.crash(old)
        cluster.run_until(lambda: cluster.leader() is not None)

        cluster.expect_error(cluster.remove(old), TermNotCommitted)

        cluster.release(held)
        cluster.elect()
        cluster.expect_success(cluster.remove(old))


@pytest.mark.contract("M2")
def test_a_change_is_refused_while_another_is_under_way_and_says_which():
    with Scenario(spares=2) as cluster:
        cluster.elect("n1")
        held = cluster.hold(Append, receiver="n4")
        first = cluster.add("n4")
        cluster.run(500)

        cluster.expect_error(cluster.remove("n3"), ChangeInProgress)

        cluster.release(held)
        cluster.expect_success(first)
        held = cluster.hold(Append)
        second = cluster.remove("n3")
        cluster.run(10)
        error = cluster.expect_error(cluster.remove("n2"), ChangeInProgress)
        assert error.index == cluster.node("n1").log.last_index
        cluster.release(held)
        cluster.expect_success(second)


@pytest.mark.contract("M2")
def test_a_refusal_never_names_a_change_that_is_done():
    with Scenario(spares=1) as cluster:
        cluster.elect("n1")
        cluster.expect_success(cluster.add("n4"))
        done = cluster.node("n1").log.configurations.newest_index

        cluster.remove("n4")
        error = cluster.expect_error(cluster.remove("n3"), ChangeInProgress)

        assert error.index != done


def test_only_the_leader_changes_members():
    with Scenario() as cluster:
        cluster.elect("n1")

        cluster.expect_error(cluster.change(Change("n1", REMOVED), at="n2"), NotLeader)


# M3: the newest configuration counts, committed or not


@pytest.mark.contract("M3")
def test_a_configuration_that_is_taken_back_gives_way_to_the_one_before():
    with Scenario() as cluster:
        cluster.elect("n1")
        cluster.isolate("n1")
        asked = cluster.remove("n3")
        cluster.run(10)
        assert cluster.node("n1").configuration.voters == ("n1", "n2")
        cluster.run_until(lambda: cluster.leader() in ("n2", "n3"))
        cluster.expect_success(cluster.propose())

        cluster.heal()
        cluster.expect_leader("n2", "n3")

        assert cluster.node("n1").configuration.voters == ("n1", "n2", "n3")
        cluster.expect_error(asked, OutcomeUnknown)


@pytest.mark.contract("M3", "M7")
def test_what_waits_for_a_quorum_is_committed_when_the_quorum_shrinks():
    with Scenario(nodes=4) as cluster:
        cluster.elect("n1")
        cluster.crash("n3", "n4")
        stuck = cluster.propose()
        cluster.run(500)
        assert not stuck.settled

        cluster.expect_success(cluster.remove("n4"), stuck)


@pytest.mark.contract("M3")
def test_a_joint_configuration_needs_both_halves():
    """The new voters alone, and the old ones alone, would each be a majority of their half only."""
    with Scenario(spares=2) as cluster:
        cluster.elect("n1")
        cluster.expect_success(cluster.add_learner("n4"))
        cluster.expect_success(cluster.add_learner("n5"))
        cluster.isolate("n2", "n3")
        cluster.change(Change("n4", VOTER), Change("n5", VOTER), Change("n2", REMOVED))
        write = cluster.propose()
        cluster.run(800)
        assert cluster.node("n1").configuration.joint
        assert not write.settled  # n1, n4 and n5 are a majority of the new voters, and n1 alone is none of the old ones
        cluster.run_until(lambda: cluster.leader() != "n1")  # and none that may go on leading

        cluster.heal()
        cluster.elect()


# M4: learners


@pytest.mark.contract("M4")
def test_a_server_with_an_empty_log_catches_up_before_it_counts():
    with Scenario(spares=1) as cluster:
        cluster.elect("n1")
        cluster.expect_success(*[cluster.propose(size=100) for _ in range(50)])
        held = cluster.hold(Append, receiver="n4")

        added = cluster.add("n4")
        cluster.run(300)
        cluster.crash("n3")  # of four voters one must not be missing besides n4
        cluster.expect_success(*[cluster.propose() for _ in range(10)])
        assert cluster.configuration().voters == ("n1", "n2", "n3")
        assert cluster.configuration().learners == ("n4",)

        cluster.release(held)
        cluster.expect_success(added)
        assert cluster.configuration().voters == ("n1", "n2", "n3", "n4")
        assert len(cluster.host("n4").machine.commands) == 60


@pytest.mark.contract("M4")
def test_promotion_is_refused_with_a_reason_when_the_learner_never_catches_up():
    with Scenario(spares=1) as cluster:
        cluster.elect("n1")
        lost = cluster.drop(Append, receiver="n4")

        error = cluster.expect_error(cluster.add("n4"), NotCaughtUp)
        assert error.member == "n4"
        assert cluster.configuration().learners == ("n4",)

        cluster.release(lost)
        cluster.elect("n1")
        cluster.run(cluster.election_timeout_ms)
        cluster.expect_success(cluster.promote("n4"))
        assert "n4" in cluster.configuration().voters


@pytest.mark.contract("M4")
def test_a_learner_is_given_time_from_when_its_promotion_is_asked_for():
    with Scenario(spares=1) as cluster:
        cluster.elect("n1")
        lost = cluster.drop(Append, receiver="n4")
        cluster.expect_error(cluster.add("n4"), NotCaughtUp)
        cluster.release(lost)

        cluster.expect_success(cluster.promote("n4"))


@pytest.mark.contract("M4")
def test_a_learner_never_counts():
    with Scenario(spares=1) as cluster:
        cluster.elect("n1")
        cluster.expect_success(cluster.add_learner("n4"))
        cluster.crash("n2", "n3")

        write = cluster.propose()
        cluster.run(500)

        assert cluster.node("n4").log.last_index == cluster.node("n1").log.last_index
        assert not write.settled


# M5: leaders that are removed, and voters that do not know it yet


@pytest.mark.contract("M5")
def test_a_leader_that_is_removed_hands_over_first():
    with Scenario() as cluster:
        cluster.elect("n1")
        asked_at = cluster.now_ms
        pre_votes = cluster.traffic.sent["PreVoteRequest"]

        cluster.remove("n1")
        cluster.run_until(lambda: settled(cluster) and cluster.leader() != "n1")

        assert cluster.now_ms - asked_at < cluster.election_timeout_ms / 2
        assert cluster.traffic.sent["PreVoteRequest"] == pre_votes
        assert cluster.configuration().voters == ("n2", "n3")


@pytest.mark.contract("M5")
def test_a_removed_leader_that_cannot_hand_over_leads_until_its_removal_is_committed():
    with Scenario() as cluster:
        cluster.elect("n1")
        lost = cluster.drop(TimeoutNow)
        removed = cluster.remove("n1")
        cluster.run(cluster.election_timeout_ms // 2)
        assert cluster.leader() == "n1"
        assert cluster.configuration().joint  # committed, but the hand-over may still succeed

        cluster.expect_success(removed)

        assert len(lost.taken) > 1
        assert cluster.leader() is None
        assert cluster.node("n1").log.commit_index == cluster.node("n1").log.last_index
        cluster.expect_leader("n2", "n3")


@pytest.mark.contract("M5")
def test_a_leader_that_is_removed_does_not_count_itself():
    with Scenario() as cluster:
        cluster.elect("n1")
        cluster.isolate("n3")
        cluster.remove("n1")
        cluster.run(500)

        # n1 and n2 are a majority of the three old voters, but of the new ones, n2 and n3, only one is there.
        log = cluster.node("n1").log
        assert log.configurations.newest.joint
        assert log.commit_index < log.configurations.newest_index
        assert cluster.leader() == "n1"

        cluster.heal()
        cluster.run_until(lambda: settled(cluster) and cluster.leader() != "n1")


@pytest.mark.contract("M5", "M3")
def test_a_promoted_learner_that_has_not_heard_of_it_votes_when_asked():
    with Scenario(spares=1) as cluster:
        cluster.elect("n1")
        cluster.expect_success(cluster.add_learner("n4"))
        cluster.elect("n1")
        lost = cluster.drop(Append, receiver="n4")
        cluster.expect_success(cluster.promote("n4"))
        assert "n4" in cluster.node("n4").configuration.learners

        cluster.crash("n1")  # three of four voters are needed, and only n4 is left to be the third

        cluster.run_until(lambda: cluster.leader() in ("n2", "n3"))
        assert "n4" in cluster.node("n4").configuration.learners
        cluster.release(lost)
        cluster.expect_leader("n2", "n3")


# E6: whoever was removed disturbs nobody


@pytest.mark.contract("E6")
@pytest.mark.parametrize("seed", range(5))
def test_a_removed_server_that_does_not_know_it_deposes_nobody(seed):
    with Scenario(seed=seed) as cluster:
        cluster.elect("n1")
        cluster.isolate("n3")
        cluster.expect_success(cluster.remove("n3"))
        cluster.run(5 * cluster.election_timeout_ms)
        term = cluster.node("n1").term
        asked = cluster.traffic.sent["PreVoteRequest"]

        cluster.heal()
        cluster.run(20 * cluster.election_timeout_ms)

        assert "n3" in cluster.node("n3").configuration.voters  # for all it knows
        assert cluster.traffic.sent["PreVoteRequest"] > asked + 10
        assert cluster.leader() == "n1"
        assert cluster.node("n1").term == term


# M6: who is who


@pytest.mark.contract("M6")
@pytest.mark.parametrize("joins", [True, False], ids=["waits to be added", "starts as it was installed at first"])
def test_a_node_with_an_empty_disk_under_its_old_id_is_refused_until_it_is_added_again(joins):
    with Scenario() as cluster:
        cluster.elect("n1")
        cluster.expect_success(*[cluster.propose() for _ in range(5)])
        cluster.lose_disk("n3", joins)
        cluster.restart("n3")
        cluster.crash("n2")
        write = cluster.propose()
        cluster.run(900)
        assert not write.settled  # n3 has forgotten what it promised, and counts for nothing
        assert cluster.node("n1").dropped.get("wrong incarnation", 0) > 0 or joins
        cluster.restart("n2")
        cluster.elect("n1", without=["n3"])

        error = cluster.expect_error(cluster.add("n3"), InvalidChange)
        assert "remove it first" in str(error)
        cluster.expect_success(cluster.remove("n3"))
        cluster.expect_success(cluster.add("n3"))

        cluster.crash("n2")
        cluster.expect_success(cluster.propose())
        cluster.run_until(lambda: cluster.host("n3").machine.commands == cluster.host("n1").machine.commands)


@pytest.mark.contract("M5", "M6")
def test_who_joins_follows_a_leader_that_is_bound_anew_only_at_the_end_of_its_log():
    """What n4 receives first says that n1 is another incarnation than the one that sends it."""
    with Scenario(spares=1, max_append_entries=1) as cluster:
        cluster.elect("n2")
        cluster.expect_success(*[cluster.propose() for _ in range(5)])
        cluster.lose_disk("n1")
        cluster.restart("n1")
        cluster.expect_success(cluster.remove("n1"))
        cluster.expect_success(cluster.add("n1"))
        cluster.elect("n1")

        cluster.expect_success(cluster.add("n4"))

        assert cluster.leader() == "n1"
        assert cluster.node("n4").log.commit_index > 5


@pytest.mark.contract("M6")
def test_a_node_that_has_forgotten_its_vote_elects_nobody():
    """n3 votes for n2 and forgets it. Its second vote, in the same term, would make n1 a second leader."""
    with Scenario(seed=3) as cluster:
        cluster.elect("n1")
        cluster.expect_success(*[cluster.propose() for _ in range(5)])
        cluster.isolate("n2")
        cluster.lose_disk("n3", joins=False)
        cluster.restart("n3")
        cluster.run(3 * cluster.election_timeout_ms)

        assert cluster.leader() is None  # n1 hears nobody whom it may believe
        assert cluster.node("n1").dropped["wrong incarnation"] > 0
        cluster.heal()
        cluster.elect("n1", without=["n3"])
        cluster.expect_success(cluster.remove("n3"))
        cluster.expect_success(cluster.add("n3"))


@pytest.mark.contract("M6")
def test_the_last_voter_stays():
    with Scenario(nodes=3, witnesses=["n3"]) as cluster:
        cluster.elect("n1")
        cluster.expect_error(cluster.remove("n1", "n2"), LastVoter)
        cluster.expect_error(cluster.demote("n1", "n2"), LastVoter)


@pytest.mark.contract("M6")
def test_to_add_or_remove_again_changes_nothing():
    with Scenario(spares=1) as cluster:
        cluster.elect("n1")
        cluster.expect_success(cluster.add("n4"))
        cluster.expect_success(cluster.remove("n3"))
        last_index = cluster.node("n1").log.last_index

        cluster.expect_success(cluster.add("n4"), cluster.remove("n3"), cluster.remove("n9"))

        assert cluster.node("n1").log.last_index == last_index


# N5: configurations in snapshots


def joint_in_a_snapshot(cluster):
    """Every member has a joint configuration in its snapshot, and nothing behind it in its log; then all crash."""
    cluster.elect("n1")
    cluster.drop(TimeoutNow)  # the hand-over fails, so that the joint configuration stays for a while
    cluster.replace(["n1"], ["n4"])
    members = ("n1", "n2", "n3", "n4")

    def has_nothing_else(disk):
        return disk.snapshots and disk.snapshots[-1][0].configuration.joint and not disk.entries

    cluster.run_until(
        lambda: all(has_nothing_else(cluster.host(id).disk) for id in members),
        what="snapshots with the joint configuration",
    )
    cluster.crash(*members)
    return members


@pytest.mark.contract("N5", "M1")
def test_a_joint_configuration_found_in_a_snapshot_is_left_by_the_next_leader():
    with Scenario(spares=1, snapshot_entries=1, snapshot_tail_entries=0) as cluster:
        members = joint_in_a_snapshot(cluster)
        cluster.restart(*members)
        assert all(cluster.node(id).configuration.joint for id in members)
        assert all(cluster.node(id).log.base_index == cluster.node(id).log.last_index for id in members)

        cluster.run_until(lambda: settled(cluster))

        assert cluster.configuration().voters == ("n2", "n3", "n4")


@pytest.mark.contract("N5")
def test_the_configuration_comes_with_an_installed_snapshot_and_outlives_a_restart():
    with Scenario(spares=2, snapshot_entries=5, snapshot_tail_entries=0) as cluster:
        cluster.elect("n1")
        cluster.isolate("n3")
        cluster.expect_success(cluster.add("n4"))
        cluster.expect_success(*[cluster.propose() for _ in range(20)])
        assert cluster.node("n3").configuration.voters == ("n1", "n2", "n3")
        cluster.heal()
        cluster.elect("n1")
        cluster.run(2 * cluster.election_timeout_ms)
        assert cluster.node("n3").log.base_index > 0  # what brought n4 is not in its log
        assert cluster.node("n3").configuration.voters == ("n1", "n2", "n3", "n4")

        cluster.restart("n3")
        assert cluster.node("n3").configuration.voters == ("n1", "n2", "n3", "n4")

        cluster.isolate("n3")  # the newest one in the log goes before that of the snapshot
        cluster.expect_success(cluster.remove("n4"))
        cluster.heal()
        cluster.elect("n1")
        cluster.restart("n3")
        assert cluster.node("n3").configuration.voters == ("n1", "n2", "n3")


@pytest.mark.contract("N5", "M3")
def test_an_installed_configuration_is_in_force_at_once():
    with Scenario(spares=1, snapshot_entries=5, snapshot_tail_entries=0) as cluster:
        cluster.elect("n1")
        cluster.isolate("n3")
        cluster.expect_success(cluster.add("n4"))
        cluster.expect_success(*[cluster.propose() for _ in range(20)])
        cluster.heal()

        cluster.run_until(lambda: cluster.node("n3").log.base_index > 0)

        assert cluster.node("n3").configuration.voters == ("n1", "n2", "n3", "n4")
