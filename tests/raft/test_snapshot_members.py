"""Snapshots and membership: which configuration a snapshot has, which one is in force after it, who is sent one."""

import pytest

from raft.changes import LEARNER, REMOVED, Change
from raft.entries import CONFIGURATION, Entry
from raft.membership import Configuration
from raft.messages import Append, AppendAccepted, AppendRejected, Heartbeat, PreVoteRequest, SnapshotChunk, VoteRequest
from raft.ready import Restored
from raft.snapshot import Snapshot
from tests.raft.keeper import Keeper
from tests.raft.member import entries, only, shown


def configuration(voters, outgoing="", learners=""):
    return Configuration(tuple(voters), tuple(outgoing), tuple(learners))


def brings(index, term, *parts):
    return Entry(index, term, CONFIGURATION, configuration(*parts).encode())


def snapshot(*parts, index=9, term=2):
    return Snapshot(index, term, 0, configuration(*parts))


def follower(**arguments):
    """A follower of b in term 2."""
    member = Keeper("a", term=2, log=(1, 1, 1), **arguments)
    member.hear(Heartbeat("b", 2, 1))
    return member


# What it is of (contract N4)


@pytest.mark.contract("N4")
@pytest.mark.parametrize(("applied", "voters"), [(1, "abc"), (2, "abd"), (3, "abd"), (4, "abde"), (5, "abde")])
def test_a_snapshot_holds_the_configuration_as_of_its_last_entry(applied, voters):
    member = follower(by_hand=True)
    log = (brings(2, 2, "abd"), *entries(2, first=3), brings(4, 2, "abde"), *entries(2, first=5))
    member.hear(Append("b", 2, 1, 1, applied, log))

    taken = member.node.snapshots.describe()

    assert (taken.index, taken.configuration) == (applied, configuration(voters))
    assert shown(member.node) == "abde//", "that is the one in force"


@pytest.mark.contract("N4")
@pytest.mark.parametrize("applied", range(1, 5))
def test_the_configuration_as_of_an_entry_is_known_also_when_the_log_was_cut_off(applied):
    member = follower(by_hand=True, snapshot_tail_entries=0)
    log = (brings(2, 2, "abd"), *entries(2, first=3), brings(4, 2, "abde"), *entries(2, first=5))
    member.hear(Append("b", 2, 1, 1, applied, log))

    member.save()
    member.hear(Append("b", 2, 5, 2, 5, ()))

    assert member.node.snapshots.describe().configuration == configuration("abde")
    assert len(member.node.log.configurations.all) == {1: 3, 2: 2, 3: 2, 4: 1}[applied], "those before are forgotten"
    assert shown(member.node) == "abde//"


@pytest.mark.contract("N4")
def test_a_member_that_joins_makes_no_snapshot_without_members():
    # The first configuration of a cluster is in nobody's log: who joins hears of members only with the first change.
    member = Keeper("d", configuration=None, snapshot_entries=1, by_hand=True)
    member.hear(Append("b", 1, 0, 0, 2, (*entries(1, 1), brings(3, 1, "abc", "", "d"))))
    assert shown(member.node) == "abc//d"
    assert member.node.log.applied_index == 2

    if member.node.snapshots.is_due:
        assert member.node.snapshots.describe().configuration.voters != ()

    member.hear(Append("b", 1, 3, 1, 3, ()))
    assert member.node.snapshots.is_due
    assert member.node.snapshots.describe().configuration == configuration("abc", "", "d")


# Which one is in force (contract N5)


@pytest.mark.contract("N5")
def test_an_installed_snapshot_brings_its_configuration_at_once():
    member = follower()

    member.hear(SnapshotChunk("b", 2, snapshot("abde"), 5, 0, b"abc", True))

    assert shown(member.node) == "abde//"


@pytest.mark.contract("N5")
def test_a_newer_configuration_behind_a_snapshot_that_is_here_already_stays_in_force():
    member = follower()
    member.hear(Append("b", 2, 3, 1, 3, (*entries(2, first=4), brings(5, 2, "abd"))))

    member.hear(SnapshotChunk("b", 2, snapshot("abc", index=4), 5, 0, b"abc", True))

    assert shown(member.node) == "abd//"


@pytest.mark.contract("N5")
@pytest.mark.parametrize(
    ("log", "base", "expected"),
    [
        pytest.param((), (9, 2), "abde//", id="only the snapshot"),
        pytest.param(entries(2, first=10), (9, 2), "abde//", id="commands behind it"),
        pytest.param((*entries(2, first=10), brings(11, 2, "ab")), (9, 2), "ab//", id="a newer one behind it"),
        pytest.param((brings(8, 2, "ae"), *entries(2, first=9)), (7, 2), "abde//", id="an older one before it"),
        pytest.param((*entries(1, 1, first=8), brings(10, 1, "ae")), (7, 1), "abde//", id="another log"),
    ],
)
def test_after_a_restart_the_newest_configuration_in_the_log_counts_or_else_the_snapshots(log, base, expected):
    member = Keeper("a", restored=Restored(2, None, tuple(log), base, snapshot("abde")))

    assert shown(member.node) == expected


@pytest.mark.contract("M1", "N5")
def test_a_joint_configuration_found_in_a_snapshot_is_left_by_the_next_leader():
    member = Keeper("a", restored=Restored(2, None, (), (9, 2), snapshot("ade", "abc")))
    assert shown(member.node) == "ade/abc/"

    member.lead()
    member.acknowledge("d")
    assert shown(member.node) == "ade/abc/"
    member.acknowledge("b")

    assert shown(member.node) == "ade//"


@pytest.mark.contract("N5", "M4")
@pytest.mark.parametrize("parts", [("bc", "", "a"), ("bc",)], ids=["a learner now", "removed"])
def test_a_member_that_learns_from_a_snapshot_that_it_votes_no_more_stops_campaigning(parts):
    # Arrange: its time runs out while the snapshot is being installed.
    member = follower(by_hand=True)
    member.hear(SnapshotChunk("b", 2, snapshot(*parts), 5, 0, b"abc", True))
    member.time_out()
    assert member.role == "pre-candidate"

    # Act
    member.restore()
    member.effects()
    member.sent.clear()
    for _ in range(5):
        if member.node.deadline is not None:
            member.time_out()

    # Assert
    assert only(PreVoteRequest, member.sent) + only(VoteRequest, member.sent) == []
    assert member.role == "follower"


@pytest.mark.contract("N5")
def test_a_member_that_learns_from_a_snapshot_that_it_votes_waits_for_its_leader_like_any_voter():
    member = Keeper("d", configuration=None)
    member.hear(Heartbeat("b", 2, 1))
    assert member.node.deadline is None

    member.hear(SnapshotChunk("b", 2, snapshot("abcd"), 5, 0, b"abc", True))

    assert member.node.deadline is not None
    member.time_out()
    assert {to for to, message in member.sent if isinstance(message, PreVoteRequest)} == {"a", "b", "c"}


# Who is sent one (contract N2)


def leader_that_sends_a_snapshot_to_a_learner():
    member = Keeper("a", by_hand=True, learners="l", term=1, log=(1, 1, 1), snapshot_tail_entries=0)
    member.lead()
    member.acknowledge("bc")
    member.save()
    member.effects()
    member.hear(AppendRejected("l", 2, 3, 0, 0))
    [request] = member.requests
    assert request.receiver == "l"
    return member, request


@pytest.mark.contract("N2", "M6")
def test_a_member_that_is_removed_while_it_is_sent_a_snapshot_is_no_harm():
    member, request = leader_that_sends_a_snapshot_to_a_learner()
    member.change(Change("l", REMOVED))
    member.acknowledge("bc")
    member.propose(b"x")
    member.acknowledge("bc")
    member.save()

    member.node.snapshots.chunk_read(request, 0, None, False)

    assert member.effects() == []
    assert member.role == "leader"


@pytest.mark.contract("N2", "M6")
def test_a_member_that_is_removed_and_added_again_is_sent_a_snapshot_from_its_beginning():
    member, request = leader_that_sends_a_snapshot_to_a_learner()
    member.change(Change("l", REMOVED))
    member.acknowledge("bc")
    member.change(Change("l", LEARNER))
    member.acknowledge("bc")
    member.requests.clear()

    member.node.snapshots.chunk_read(request, 0, None, False)
    member.hear(AppendRejected("l", 2, 6, 0, 0))

    [again] = member.requests
    assert (again.receiver, again.offset) == ("l", 0)
    member.hear(AppendAccepted("l", 2, again.snapshot.index))
    assert member.node.role.match_of("l") == again.snapshot.index
