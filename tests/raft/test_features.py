"""The feature level, raised when every member's program supports more, on one node and on whole clusters (M10)."""

import pytest

from raft.changes import LEARNER, REMOVED, VOTER, Change
from raft.config import Config
from raft.entries import CONFIGURATION, Entry
from raft.errors import InvalidConfig, MemberTooOld, NotCaughtUp, ProgramTooOld
from raft.features import BASE_LEVEL, FEATURE_LEVEL, HIGHEST_LEVEL
from raft.membership import Configuration
from raft.messages import Append, AppendAccepted, Heartbeat, HeartbeatEcho, SnapshotChunk
from raft.node import Node
from raft.observer import FeatureLevelRaised
from raft.ready import Restored
from raft.recovery import found_new_cluster_and_lose_what_others_held, found_new_cluster_with_a_backup
from raft.snapshot import Snapshot
from tests.raft.cluster import Cluster
from tests.raft.keeper import Keeper
from tests.raft.member import ELECTION_TIMEOUT_MS, Member, ProgramToCome, config_of, entries, leading, only, signed

pytestmark = pytest.mark.contract("M10")


def at_level(level, voters="abc", **parts):
    return Configuration(tuple(voters), feature_level=level, **parts)


def brings(index, term, configuration):
    return Entry(index, term, CONFIGURATION, configuration.encode())


def levels_in_log(node):
    """The level that each configuration entry brings, by index."""
    log = node.log
    found = {}
    for index in range(log.base_index + 1, log.last_index + 1):
        if log.entry(index).kind == CONFIGURATION:
            found[index] = Configuration.decode(log.entry(index).data).feature_level
    return found


def levels(cluster):
    """The level in force at each member that runs."""
    return {id: node.features.level for id, node in cluster.nodes.items()}


def three(*programs, **arguments):
    """Three members whose programs support these levels, led by the first for a while."""
    cluster = Cluster("abc", programs=dict(zip("abc", programs, strict=True)), **arguments)
    cluster.elect("a")
    cluster.run(ELECTION_TIMEOUT_MS)
    return cluster


# What is configured


def test_a_level_out_of_bounds_is_refused():
    for level in (0, -1, HIGHEST_LEVEL + 1, None, True, 2.0, "2"):
        with pytest.raises(InvalidConfig, match="feature_level"):
            Configuration(("a",), feature_level=level)
    assert Configuration(("a",), feature_level=HIGHEST_LEVEL).feature_level == HIGHEST_LEVEL


def test_nobody_can_claim_what_the_program_does_not_support():
    with pytest.raises(InvalidConfig, match=f"an integer from 1 to {FEATURE_LEVEL}"):
        Config(feature_level=FEATURE_LEVEL + 1)

    assert ProgramToCome().feature_level == 9
    assert ProgramToCome(feature_level=3).feature_level == 3


# One leader, and what it is told


def upgraded_leader(voters="abc", **arguments):
    return leading(voters, program=3, **arguments)


@pytest.mark.parametrize("told", [{"b": 3, "c": 3}, {"b": 2, "c": 3}, {"b": 9, "c": 2}, {"b": 9, "c": 9}])
def test_the_level_rises_to_the_lowest_that_all_support(told):
    member = upgraded_leader()

    for follower, level in told.items():
        assert levels_in_log(member.node) == {}
        member.echo(follower, level=level)

    wanted = min(3, *told.values())
    assert levels_in_log(member.node) == {3: wanted}
    assert member.node.configuration == at_level(wanted)


@pytest.mark.parametrize("follower", "bc")
def test_one_member_that_does_not_tell_holds_the_level_down(follower):
    member = upgraded_leader()

    for _ in range(5):
        member.echo("bc".replace(follower, ""), level=3)
        member.wait(100)

    assert levels_in_log(member.node) == {}
    assert member.node.status().upgrade_waits_for == (follower,)


def test_who_tells_no_level_supports_the_base_level():
    member = upgraded_leader()
    member.echo("b", level=3)

    member.hear(HeartbeatEcho("c", 2, member.node.role.round, 0))

    assert levels_in_log(member.node) == {}
    assert [follower.feature_level for follower in member.node.status().followers] == [3, BASE_LEVEL]


def test_learners_and_witnesses_count_too():
    for parts in ({"learners": "d"}, {"voters": "abcd", "parts": {"witnesses": ("d",)}}):
        member = upgraded_leader(**parts)
        member.echo("bc", level=2)
        assert levels_in_log(member.node) == {}

        member.echo("d", level=2)

        assert list(levels_in_log(member.node).values()) == [2]


def test_a_leader_of_an_older_program_raises_nothing():
    member = leading("abc", program=1)

    member.echo("bc", level=3)

    assert levels_in_log(member.node) == {}
    assert member.node.status().upgrade_waits_for == ()


def test_a_single_member_needs_nobody_else():
    member = Member("a", "a", program=2)

    member.campaign()

    assert (member.node.features.level, levels_in_log(member.node)) == (2, {2: 2})


def test_the_level_is_in_force_once_it_is_committed_and_on_the_own_disk():
    member = upgraded_leader(stalled=False)
    member.stalled = True
    member.echo("bc", level=2)
    assert member.node.configuration.feature_level == 2
    assert member.node.features.level == member.node.status().feature_level == 1

    member.acknowledge("bc")
    assert member.node.log.commit_index == 3
    assert member.node.features.level == 1, "its own disk does not have it"
    member.complete()

    assert member.node.features.level == member.node.status().feature_level == 2
    raised = [event for event in member.events if isinstance(event, FeatureLevelRaised)]
    assert [repr(event) for event in raised] == ["FeatureLevelRaised('a', 2)"]


def test_it_is_raised_once_and_again_when_all_support_still_more():
    member = upgraded_leader()
    for level in (2, 2, 3, 3, 9):
        member.echo("bc", level=level)
        member.acknowledge("bc")
        member.wait(100)

    assert levels_in_log(member.node) == {3: 2, 4: 3}


def test_it_never_goes_down():
    member = upgraded_leader()
    member.echo("bc", level=3)
    member.acknowledge("bc")
    member.wait(100)

    member.echo("bc", level=1)
    member.wait(100)
    member.echo("bc", level=2)

    assert levels_in_log(member.node) == {3: 3}


def test_what_is_told_last_counts():
    # b was started again with an older program, and an echo of its life before comes late.
    member = upgraded_leader()
    first_round = member.node.role.round
    member.wait(100)
    member.echo("b", level=1)

    member.echo("b", level=3, round=first_round)
    member.echo("c", level=3)

    assert levels_in_log(member.node) == {}


def test_a_member_that_goes_back_to_an_older_program_holds_the_level_down():
    member = upgraded_leader()
    member.echo("b", level=3)
    member.wait(100)
    member.echo("b", level=1)

    member.echo("c", level=3)

    assert levels_in_log(member.node) == {}


def test_who_is_silent_does_not_count():
    # It may be starting with an older program just now.
    member = upgraded_leader("abcde")
    member.echo("b", level=3)
    for _ in range(15):
        member.wait(100)
        member.echo("cd", level=1)
    member.wait(100)
    member.echo("cde", level=3)
    assert levels_in_log(member.node) == {}
    assert member.node.status().upgrade_waits_for == ("b",)

    member.echo("b", level=3)

    assert list(levels_in_log(member.node).values()) == [3]


@pytest.mark.contract("M6", "M10")
def test_what_another_incarnation_told_does_not_count():
    # b was replaced by a machine with an older program, and an echo of the old machine comes late.
    cluster = three(3, 1, 3, bound=True)
    cluster.cut_link("b", "a")
    cluster.run(150)
    leader = cluster.nodes["a"]
    of_old_machine = HeartbeatEcho("b", leader.term, leader.role.round, 0, 0, 3)

    cluster.tell("a", signed(of_old_machine, incarnation=99, cluster=leader.identity.cluster))

    assert set(levels_in_log(leader).values()) == {1}
    assert leader.dropped["wrong incarnation"] == 1


def test_nothing_is_raised_before_the_leader_has_committed_in_its_term():
    member = Member("a", "abc", term=1, log=(1,), program=3)
    member.lead()

    member.echo("bc", level=3)
    assert levels_in_log(member.node) == {}
    member.acknowledge("b")

    assert levels_in_log(member.node) == {3: 3}


def test_nothing_is_raised_while_members_change_or_leadership_moves():
    member = upgraded_leader()
    member.change(Change("d", VOTER))
    member.echo("bcd", level=3)
    member.acknowledge("bc")
    assert set(levels_in_log(member.node).values()) == {1}, "d catches up"

    member.acknowledge("bcd")
    member.acknowledge("bcd")
    assert member.node.configuration.voters == tuple("abcd")
    assert list(levels_in_log(member.node).values()) == [1, 1, 3], "and then it is raised"

    member = upgraded_leader()
    member.transfer("b")
    member.echo("bc", level=3)
    assert levels_in_log(member.node) == {}


def test_a_quiescent_leader_wakes_to_raise_it():
    member = upgraded_leader(quiescent_timeouts=2)
    for _ in range(5):
        member.wait(100)
        member.echo("bc", level=1)
    assert member.node.role._pause_ms

    member.time_out()
    member.echo("bc", level=3)

    assert levels_in_log(member.node) == {3: 3}
    assert not member.node.role._pause_ms


def test_an_idle_cluster_of_one_level_sends_nothing_more_than_before():
    member = upgraded_leader()
    member.echo("bc", level=3)
    member.acknowledge("bc")
    member.wait(100)
    member.echo("bc", level=3)
    sent = len(member.sent)

    for _ in range(10):
        member.wait(100)
        member.echo("bc", level=3)

    assert {type(message) for _, message in member.sent[sent:]} == {Heartbeat}


# One node whose program is too old


def old_follower(**arguments):
    member = Keeper("a", term=2, log=(1, 1), program=2, **arguments)
    member.hear(Heartbeat("b", 2, 1))
    return member


@pytest.mark.parametrize("extra", [0, 1])
def test_a_node_stops_before_it_stores_what_its_program_does_not_support(extra):
    member = old_follower(stalled=True)
    sent = (*entries(2, first=3), brings(4, 2, at_level(3)), *entries(2, first=5)[:extra])

    with pytest.raises(ProgramTooOld) as error:
        member.hear(Append("b", 2, 2, 1, 0, sent))

    assert (error.value.level, error.value.supported) == (3, 2)
    assert "level 3" in str(error.value) and "up to 2" in str(error.value) and "newer program" in str(error.value)
    assert member.writes == []
    assert only(AppendAccepted, member.sent) == []


def test_a_node_takes_what_its_program_supports():
    member = old_follower()

    sent = member.hear(Append("b", 2, 2, 1, 3, (brings(3, 2, at_level(2)),)))

    assert [message.match_index for message in only(AppendAccepted, sent)] == [3]
    assert member.node.features.level == 2


def test_a_node_stops_before_it_stores_a_snapshot_that_its_program_does_not_support():
    member = old_follower(by_hand=True)
    snapshot = Snapshot(9, 2, 0, at_level(3))

    with pytest.raises(ProgramTooOld):
        member.hear(SnapshotChunk("b", 2, snapshot, 0, 0, b"state", True))

    assert member.node.snapshots.chunks == []
    assert member.node.snapshots.installing is None


def test_a_node_starts_with_no_storage_that_its_program_does_not_support():
    log = (Entry(1, 1, 1, b""), brings(2, 1, at_level(3)))
    snapshot = Snapshot(9, 2, 0, at_level(3))
    for restored in (Restored(1, None, log), Restored(2, None, (), (9, 2), snapshot)):
        with pytest.raises(ProgramTooOld, match="level 3"):
            Node("a", at_level(1), config_of(2), restored)
        assert Node("a", at_level(1), config_of(3), restored).configuration.feature_level == 3
    with pytest.raises(ProgramTooOld):
        Node("a", at_level(3), config_of(2))


def test_a_node_starts_with_nothing_that_a_later_program_writes_in_another_way():
    log = (Entry(1, 1, CONFIGURATION, b"8:level 77" + b"whatever"),)

    with pytest.raises(ProgramTooOld, match="level 77"):
        Node("a", at_level(1), config_of(2), Restored(1, None, log))


def test_a_snapshot_holds_the_level_as_of_its_last_entry():
    member = old_follower(by_hand=True)
    member.hear(Append("b", 2, 2, 1, 3, (brings(3, 2, at_level(2)),)))

    assert member.save().configuration == at_level(2)


def test_a_snapshot_brings_the_level_with_it():
    member = old_follower()
    snapshot = Snapshot(9, 2, 0, at_level(2))
    member.stored[snapshot] = b"state"

    member.hear(SnapshotChunk("b", 2, snapshot, 0, 0, b"state", True))
    member.hear(Heartbeat("b", 2, 2))
    assert (member.node.features.level, member.node.configuration.feature_level) == (2, 2)

    again = Keeper("a", restored=Restored(2, None, (), (9, 2), snapshot), program=2)
    assert again.node.features.level == 2, "it is known to be committed"


def test_a_truncated_level_was_never_in_force():
    member = old_follower()
    member.hear(Append("b", 2, 2, 1, 2, (brings(3, 2, at_level(2)),)))
    assert (member.node.configuration.feature_level, member.node.features.level) == (2, 1)

    member.hear(Append("c", 3, 2, 1, 3, entries(3, first=3)))

    assert (member.node.configuration.feature_level, member.node.features.level) == (1, 1)


@pytest.mark.contract("M9")
def test_a_survivor_keeps_the_level_and_is_not_founded_anew_by_an_older_program():
    before = Restored(3, None, (brings(1, 3, at_level(2)),))

    write = found_new_cluster_and_lose_what_others_held("a", at_level(1), before, 77, 2)

    assert Configuration.decode(write.entries[0].data).feature_level == 2
    with pytest.raises(ProgramTooOld):
        found_new_cluster_and_lose_what_others_held("a", at_level(1), before, 77)


@pytest.mark.contract("M9")
def test_a_cluster_made_of_a_backup_keeps_the_level_and_is_not_founded_by_an_older_program():
    backup = Snapshot(9, 2, 0, at_level(2))

    assert found_new_cluster_with_a_backup(backup, {"x": 5}, {}, 77, 2).configuration.feature_level == 2
    with pytest.raises(ProgramTooOld, match="level 2, and this program supports levels up to 1"):
        found_new_cluster_with_a_backup(backup, {"x": 5}, {}, 77)


# Whole clusters


def test_the_members_are_upgraded_one_by_one_and_the_level_rises_at_the_end():
    cluster = three(1, 1, 1)
    for id in "abc":
        assert levels(cluster) == dict.fromkeys("abc", 1)
        cluster.upgrade(id, 2)
        cluster.run_until_leader()
        cluster.commit(cluster.leader, id.encode())
        if id != "c":
            cluster.run(3 * ELECTION_TIMEOUT_MS)

    took = cluster.run(10 * ELECTION_TIMEOUT_MS, until=lambda: levels(cluster) == dict.fromkeys("abc", 2))

    assert took < 3 * ELECTION_TIMEOUT_MS
    assert cluster.commands(cluster.leader)[-3:] == [b"a", b"b", b"c"]


def test_a_member_that_is_down_holds_the_level_down_until_it_is_removed():
    cluster = three(1, 1, 1)
    cluster.crash("c")
    for id in "ab":
        cluster.upgrade(id, 2)
        cluster.run_until_leader()
        cluster.run(3 * ELECTION_TIMEOUT_MS)
    leader = cluster.leader
    assert levels(cluster) == {"a": 1, "b": 1}
    assert cluster.nodes[leader].status().upgrade_waits_for == ("c",)

    cluster.change(leader, Change("c", REMOVED))
    cluster.run(2 * ELECTION_TIMEOUT_MS)

    assert levels(cluster) == {"a": 2, "b": 2}
    assert cluster.nodes[leader].status().upgrade_waits_for == ()


def about_to_rise():
    """A cluster whose leader has just appended a higher level, and nobody else has the entry."""
    cluster = Cluster("abc", programs=dict.fromkeys("abc", 2))
    cluster.now += 2 * ELECTION_TIMEOUT_MS
    cluster.tick("a")
    while cluster.nodes["a"].configuration.feature_level == 1:
        cluster.deliver(*cluster.under_way()[0])
    return cluster


def leader_crashes_after(steps):
    """The same, and the leader crashes when so many messages have been delivered."""
    cluster = about_to_rise()
    for _ in range(steps):
        if cluster.under_way():
            cluster.deliver(*cluster.under_way()[0])
    cluster.crash("a")
    cluster.links.clear()
    cluster.run_until_leader()
    return cluster


@pytest.mark.parametrize("steps", range(12))
def test_whenever_the_leader_crashes_the_level_is_raised_by_a_successor_or_its_own(steps):
    cluster = leader_crashes_after(steps)
    cluster.run(2 * ELECTION_TIMEOUT_MS)
    in_force = set(levels(cluster).values())
    cluster.start("a")
    cluster.run(3 * ELECTION_TIMEOUT_MS)

    assert in_force in ({1}, {2}), "a is down: only if its entry had come to others"
    assert levels(cluster) == dict.fromkeys("abc", 2)
    assert list(levels_in_log(cluster.nodes["b"]).values()) == [2]


def test_those_crashes_meet_a_level_that_is_lost_and_one_that_is_kept():
    found = set()
    for steps in range(12):
        cluster = leader_crashes_after(steps)
        found.add(cluster.nodes[cluster.leader].configuration.feature_level)

    assert found == {1, 2}


def test_an_older_program_that_comes_back_stops_and_the_others_go_on():
    cluster = three(2, 2, 2)
    assert levels(cluster) == dict.fromkeys("abc", 2)

    with pytest.raises(ProgramTooOld):
        cluster.upgrade("c", 1)
    cluster.commit("a", b"on")

    assert cluster.upgrade("c", 3).configuration.feature_level == 2


def test_an_older_program_that_missed_the_level_stops_when_it_hears_of_it():
    # c told that it supports level 2, and is replaced by an older program before it got the entry.
    cluster = about_to_rise()
    cluster.links.clear()
    before = list(cluster.disks["c"].entries)

    cluster.upgrade("c", 1)
    cluster.run(2 * ELECTION_TIMEOUT_MS)

    assert (cluster.stopped["c"].level, cluster.stopped["c"].supported) == (2, 1)
    assert cluster.disks["c"].entries == before
    assert levels(cluster) == {"a": 2, "b": 2}
    cluster.upgrade("c", 2)
    cluster.run(2 * ELECTION_TIMEOUT_MS)
    assert levels(cluster) == dict.fromkeys("abc", 2)


# Members that join


def joined_by(program, part=VOTER, **arguments):
    cluster = three(2, 2, 2, **arguments)
    cluster.programs["d"] = program
    cluster.join("d")
    incarnation = cluster.disks["d"].incarnation
    ticket = cluster.change("a", Change("d", part, incarnation=incarnation))
    return cluster, ticket


@pytest.mark.parametrize("bound", [False, True])
def test_a_member_of_an_older_program_is_not_made_a_voter(bound):
    cluster, ticket = joined_by(1, bound=bound)

    cluster.run(ELECTION_TIMEOUT_MS)

    assert cluster.answered("a", ticket) == [MemberTooOld]
    assert cluster.stopped["d"].supported == 1
    assert cluster.disks["d"].entries == []
    assert cluster.nodes["a"].configuration.learners == ("d",)
    (error,) = [answer.error for answer in cluster.answers["a"] if answer.ticket == ticket]
    assert (error.member, error.level, error.supported) == ("d", 2, 1)


def test_it_is_made_one_after_its_program_was_upgraded():
    cluster, _ = joined_by(1)
    cluster.run(ELECTION_TIMEOUT_MS)
    cluster.upgrade("d", 2)

    # The leader has heard of no other program yet: what the old one said must not count.
    ticket = cluster.change("a", Change("d", VOTER))
    cluster.run(2 * ELECTION_TIMEOUT_MS)

    assert cluster.answered("a", ticket) == [cluster.nodes["a"].log.configurations.newest_index]
    assert cluster.nodes["d"].features.level == 2


def test_who_stops_without_having_told_its_level_does_not_catch_up():
    cluster, ticket = joined_by(1)
    cluster.links = {
        link: [message for message in messages if not isinstance(message, Heartbeat)]
        for link, messages in cluster.links.items()
    }

    cluster.run(ELECTION_TIMEOUT_MS, until=lambda: "d" in cluster.stopped)
    assert cluster.answered("a", ticket) == []
    cluster.run(12 * ELECTION_TIMEOUT_MS)

    assert cluster.answered("a", ticket) == [NotCaughtUp]


def test_nobody_is_made_a_voter_before_it_has_told_its_level():
    member = upgraded_leader()
    member.echo("bc", level=2)
    member.acknowledge("bc")
    ticket = member.change(Change("d", VOTER))
    member.acknowledge("bcd")
    member.acknowledge("bcd")
    assert member.node.configuration.voters == tuple("abc")

    member.echo("d", level=2)
    member.acknowledge("bcd")

    assert member.answered(ticket) == [member.node.log.last_index]
    assert member.node.configuration == at_level(2, "abcd")


def test_a_joining_member_of_a_newer_program_takes_part():
    cluster, ticket = joined_by(5)

    cluster.run(2 * ELECTION_TIMEOUT_MS)

    assert len(cluster.answered("a", ticket)) == 1
    assert levels(cluster) == dict.fromkeys("abcd", 2)


def test_a_learner_holds_the_level_down():
    cluster, _ = joined_by(2, LEARNER)
    for id in "abc":
        cluster.upgrade(id, 3)
        cluster.run_until_leader()
        cluster.run(2 * ELECTION_TIMEOUT_MS)
    assert set(levels(cluster).values()) == {2}
    assert cluster.nodes[cluster.leader].status().upgrade_waits_for == ("d",)

    cluster.upgrade("d", 3)
    cluster.run(2 * ELECTION_TIMEOUT_MS)

    assert set(levels(cluster).values()) == {3}


@pytest.mark.contract("M1", "M10")
def test_a_joint_configuration_carries_the_level_through():
    cluster = three(2, 2, 2)
    for id in "de":
        cluster.programs[id] = 2
    cluster.join(*"de")

    cluster.change("a", Change("b", REMOVED), Change("c", REMOVED), Change("d", VOTER), Change("e", VOTER))
    cluster.run(3 * ELECTION_TIMEOUT_MS)

    node = cluster.nodes["d"]
    assert node.configuration == at_level(2, "ade")
    assert set(levels_in_log(node).values()) == {2}
    assert any(node.log.configurations.at(index).joint for index in levels_in_log(node))


@pytest.mark.contract("M6", "M10")
def test_binding_a_member_keeps_the_level():
    configuration = at_level(2)
    member = Member("a", configuration=configuration, incarnation=11, program=2)
    member.lead()

    member.hear(signed(HeartbeatEcho("b", member.node.term, 1, 0, 0, 2), incarnation=12))

    assert member.node.configuration.incarnations["b"] == 12
    assert set(levels_in_log(member.node).values()) == {2}
