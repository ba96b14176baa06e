"""Witnesses: they vote and acknowledge without payloads, and are sent no more than is good (contract M8)."""

import random

import pytest

from raft.changes import REMOVED, VOTER, Change
from raft.entries import COMMAND, CONFIGURATION, NOOP, Entry
from raft.errors import ProposalRefused, WrongKind
from raft.membership import Configuration
from raft.messages import Append, AppendAccepted, AppendRejected, SnapshotChunk, VoteReply, VoteRequest
from raft.node import Node
from raft.ready import Restored
from raft.snapshot import Snapshot
from raft.status import DEGRADED, NORMAL
from raft.witness import WitnessMachine, WitnessMode
from tests.raft.cluster import Cluster
from tests.raft.member import ELECTION_TIMEOUT_MS, Member, entries, leading, only

BEAT_MS = 100
ABW = {"witnesses": ("w",)}


def normal_leader(voters="abw", witnesses="w", **arguments):
    """A leader that hears all its voters, so that it is in normal mode."""
    member = leading(voters, parts={"witnesses": tuple(witnesses)}, **arguments)
    others = [voter for voter in voters if voter != "a"]
    member.echo(others)
    member.wait(BEAT_MS)
    member.echo(others)
    assert not member.node.role.witness_mode.degraded
    member.sent.clear()
    return member


def sent_to(receiver, member):
    """The indexes of the entries that somebody was sent."""
    appends = [message for to, message in member.sent if to == receiver and isinstance(message, Append)]
    return [entry.index for append in appends for entry in append.entries]


def pass_time(member, ms, echoing):
    for _ in range(ms // BEAT_MS):
        member.echo(echoing)
        member.wait(BEAT_MS)


# What a witness is sent


@pytest.mark.contract("M8")
def test_a_witness_is_sent_no_payloads():
    member = normal_leader()
    member.propose(b"secret")
    member.hear(AppendAccepted("b", 2, 3))

    [to_witness] = [m for to, m in member.sent if to == "w" and isinstance(m, Append) and m.entries]
    [to_full] = [m for to, m in member.sent if to == "b" and isinstance(m, Append) and m.entries]

    assert [(entry.index, entry.term, entry.kind, entry.data) for entry in to_witness.entries] == [(3, 2, COMMAND, b"")]
    assert to_full.entries[0].data == b"secret"


@pytest.mark.contract("M8")
def test_of_an_entry_a_witness_is_sent_everything_but_the_command():
    configuration = Configuration(("a",)).encode()

    assert Entry(3, 2, COMMAND, b"x", 9).without_payload() == Entry(3, 2, COMMAND, b"", 9)
    assert Entry(3, 2, NOOP, b"", 9).without_payload() == Entry(3, 2, NOOP, b"", 9)
    assert Entry(3, 2, CONFIGURATION, configuration).without_payload() == Entry(3, 2, CONFIGURATION, configuration)


@pytest.mark.contract("M8")
def test_in_normal_mode_a_witness_is_sent_only_what_full_voters_have_committed():
    member = normal_leader()

    member.propose(b"x")
    assert (sent_to("b", member), sent_to("w", member)) == ([3], [])
    member.hear(AppendAccepted("b", 2, 3))

    assert member.node.log.commit_index == 3
    assert sent_to("w", member) == [3]


@pytest.mark.contract("M8")
def test_in_normal_mode_a_majority_without_witnesses_is_what_counts():
    # Of four voters one is a witness: a majority without it are three.
    member = normal_leader("abcw")

    member.propose(b"x")
    member.hear(AppendAccepted("b", 2, 3))
    assert (member.node.log.commit_index, sent_to("w", member)) == (2, [])
    member.hear(AppendAccepted("c", 2, 3))

    assert (member.node.log.commit_index, sent_to("w", member)) == (3, [3])


# The modes


@pytest.mark.contract("M8")
def test_a_leader_is_in_degraded_mode_until_the_full_voters_that_it_needs_have_echoed_since_the_election():
    member = Member("a", "abw", term=1, log=(1,), parts=ABW)
    member.lead()
    assert member.node.role.witness_mode.degraded

    member.hear(AppendRejected("w", 2, 1, 0, 0))
    assert sent_to("w", member)[-1] == 2, "it is sent the whole log"
    member.acknowledge("b")
    member.echo("w")
    assert member.node.role.witness_mode.degraded
    member.echo("b")

    assert not member.node.role.witness_mode.degraded


@pytest.mark.contract("M8")
def test_a_leader_that_does_not_hear_a_full_voter_it_needs_sends_the_witness_everything_and_counts_it():
    member = normal_leader()
    member.propose(b"x")
    pass_time(member, ELECTION_TIMEOUT_MS, echoing="w")
    assert (sent_to("w", member), member.node.role.witness_mode.degraded) == ([], False)

    pass_time(member, 2 * BEAT_MS, echoing="w")
    assert (sent_to("w", member), member.node.role.witness_mode.degraded) == ([3], True)
    member.hear(AppendAccepted("w", 2, 3))

    assert member.node.log.commit_index == 3


@pytest.mark.contract("M8")
def test_a_leader_that_does_not_hear_a_full_voter_it_can_do_without_stays_in_normal_mode():
    member = normal_leader("abcdw")

    pass_time(member, 3 * ELECTION_TIMEOUT_MS, echoing="bcw")

    assert not member.node.role.witness_mode.degraded


@pytest.mark.contract("M8")
def test_a_leader_goes_back_to_normal_mode_when_the_full_voters_can_commit_alone():
    # Arrange: x is committed with the help of the witness.
    member = normal_leader()
    member.propose(b"x")
    pass_time(member, ELECTION_TIMEOUT_MS + 2 * BEAT_MS, echoing="w")
    member.hear(AppendAccepted("w", 2, 3))

    # Act, assert: b is back, and lacks x.
    member.echo("b")
    member.wait(BEAT_MS)
    member.echo("bw")
    assert member.node.role.witness_mode.degraded, "the witness holds what b does not"
    member.hear(AppendAccepted("b", 2, 3))
    assert not member.node.role.witness_mode.degraded
    member.sent.clear()
    member.propose(b"y")
    assert (sent_to("b", member), sent_to("w", member)) == ([4], [])


@pytest.mark.contract("M8", "M3")
def test_in_a_joint_configuration_each_half_needs_its_full_voters():
    # From abw to acw: b is heard, and c is not.
    member = normal_leader(learners="c")
    member.echo("bcw")
    member.acknowledge("bcw")
    member.change(Change("b", REMOVED), Change("c", VOTER))
    assert member.node.configuration.joint

    pass_time(member, ELECTION_TIMEOUT_MS + 2 * BEAT_MS, echoing="bw")

    assert member.node.role.witness_mode.degraded


@pytest.mark.contract("M8")
def test_even_in_degraded_mode_a_witness_is_never_ahead_of_every_full_voters_disk():
    # A leader that crashed then would come back with less than the witness holds, and never be elected again.
    member = normal_leader()
    pass_time(member, ELECTION_TIMEOUT_MS + 2 * BEAT_MS, echoing="w")
    assert member.node.role.witness_mode.degraded
    member.stalled = True
    member.sent.clear()

    member.propose(b"x")
    assert sent_to("w", member) == []

    member.complete()
    assert sent_to("w", member) == [member.node.log.last_index]


@pytest.mark.contract("M8")
def test_the_status_of_a_leader_shows_the_mode():
    member = normal_leader()
    assert member.node.status().witness_mode == NORMAL

    member.propose(b"x")
    pass_time(member, ELECTION_TIMEOUT_MS + 2 * BEAT_MS, echoing="w")

    assert member.node.status().witness_mode == DEGRADED


@pytest.mark.contract("M8", "S8")
def test_whatever_the_mode_a_witness_alone_commits_nothing():
    member = normal_leader()
    member.stalled = True
    member.propose(b"x")
    pass_time(member, ELECTION_TIMEOUT_MS - 2 * BEAT_MS, echoing="w")
    member.hear(AppendAccepted("w", 2, 3))

    assert member.node.log.commit_index == 2, "the leader's own disk is not done"


@pytest.mark.contract("M8", "R8")
def test_a_witness_that_has_all_that_it_is_sent_is_healthy():
    member = normal_leader("abcw")
    member.propose(b"x")
    member.hear(AppendAccepted("b", 2, 3))

    pass_time(member, 3 * ELECTION_TIMEOUT_MS, echoing="bcw")

    stuck = {status.id: status.stuck for status in member.node.status().followers}
    assert stuck == {"b": False, "c": True, "w": False}


# The witness itself


def witness(**arguments):
    return Member("w", configuration=Configuration(("a", "b", "w"), witnesses=("w",)), **arguments)


@pytest.mark.contract("M8")
def test_a_witness_never_campaigns():
    member = witness(term=2, log=(1, 2))

    assert member.node.deadline is None
    assert member.wait(10 * ELECTION_TIMEOUT_MS) == []
    assert member.role == "follower"


@pytest.mark.contract("M8")
@pytest.mark.parametrize(("last", "granted"), [((3, 2), True), ((4, 2), True), ((2, 2), False), ((9, 1), False)])
def test_a_witness_votes_by_its_log_like_any_voter(last, granted):
    member = witness(term=2, log=(1, 2, 2))

    assert member.hear(VoteRequest("a", 3, *last)) == [("a", VoteReply("w", 3, granted))]


@pytest.mark.contract("M8")
def test_a_witness_acknowledges_only_what_is_durable():
    member = witness(term=2, log=(1,), stalled=True)

    assert member.hear(Append("a", 2, 1, 1, 0, (entries(2, first=2)[0].without_payload(),))) == []

    assert member.complete() == [("a", AppendAccepted("w", 2, 2))]


@pytest.mark.contract("M8", "N2")
def test_a_witness_that_needs_what_was_cut_off_is_sent_where_the_snapshot_goes_and_nothing_of_it():
    member = Member("a", "abw", term=1, log=(1,), parts=ABW, snapshot_tail_entries=0)
    member.lead()
    member.acknowledge("b")
    snapshot = member.node.snapshots.describe()
    member.node.snapshots.saved(snapshot)
    member.effects()

    member.hear(AppendRejected("w", 2, 1, 0, 0))

    assert member.node.snapshots.requests == []
    assert only(SnapshotChunk, member.sent) == [SnapshotChunk("a", 2, snapshot, 0, 0, b"", True)]


@pytest.mark.contract("M8", "N3")
def test_a_witness_takes_up_the_place_of_a_snapshot_and_its_configuration():
    there = Snapshot(9, 2, 55, Configuration(("a", "c", "w"), witnesses=("w",)))
    member = witness(term=2, log=(1,))
    member.hear(SnapshotChunk("a", 2, there, 0, 0, b"", True))
    member.node.snapshots.restored(there)
    sent = member.effects()

    assert sent == [("a", AppendAccepted("w", 2, 9))]
    assert (member.node.log.base_index, member.node.log.base_term, member.node.log.last_index) == (9, 2, 9)
    assert member.node.log.configurations.newest == there.configuration


def test_the_machine_of_a_witness_takes_everything_and_has_nothing():
    machine = WitnessMachine()

    assert machine.apply(entries(1)[0]) is None
    assert machine.restore([b"anything"]) is None
    assert list(machine.snapshot()) == []


# Whole clusters


def two_full_voters_and_a_witness(**arguments):
    cluster = Cluster("abw", parts=ABW, **arguments)
    cluster.elect("a")
    cluster.commit("a", b"x")
    cluster.run(500)
    assert not cluster.nodes["a"].role.witness_mode.degraded
    return cluster


def deliver_only_to_and_from_the_witness(cluster):
    """The witness is quick, and the other full voter is not."""
    for _ in range(10):
        for link in (("a", "w"), ("w", "a")):
            while cluster.links.get(link):
                cluster.deliver(*link)


@pytest.mark.contract("M8")
@pytest.mark.parametrize("modes", [True, False], ids=["as built", "always sent everything"])
def test_a_witness_that_is_quicker_than_the_other_full_voter_does_not_keep_it_from_being_elected(modes, monkeypatch):
    # Without the modes y is committed by the leader and the witness; b, healthy and a moment behind, can then not win
    # the witness's vote, and with the leader gone nobody ever leads again.
    if not modes:
        monkeypatch.setattr(WitnessMode, "limit", lambda mode: mode._leader.node.log.last_index)
    cluster = two_full_voters_and_a_witness()
    cluster.propose("a", b"y")
    deliver_only_to_and_from_the_witness(cluster)
    acknowledged = cluster.commands("a")

    cluster.crash("a")
    cluster.links.clear()
    cluster.run(20 * ELECTION_TIMEOUT_MS)

    if modes:
        assert (acknowledged, cluster.leader) == ([b"x"], "b")
        cluster.commit("b", b"z")
        assert cluster.commands("b") == [b"x", b"z"]
    else:
        assert (acknowledged, cluster.leader) == ([b"x", b"y"], None)


@pytest.mark.contract("M8", "S4")
@pytest.mark.parametrize("lost", ["leader", "other", "w"])
def test_in_normal_mode_any_one_of_two_full_voters_and_a_witness_may_be_lost_for_good(lost):
    for seed in range(25):
        # Arrange: commands are on their way; messages travel and disks complete in any order.
        chance = random.Random(seed)
        cluster = two_full_voters_and_a_witness(seed=seed)
        proposed = 0
        while proposed < 30 or cluster.nodes["a"].role.witness_mode.degraded:
            proposed += 1
            cluster.propose("a", b"%d" % proposed)
            for _ in range(chance.randrange(6)):
                links = cluster.under_way()
                if links:
                    cluster.deliver(*chance.choice(links))
        acknowledged = cluster.commands("a")

        # Act
        gone = {"leader": "a", "other": "b"}.get(lost, lost)
        cluster.crash(gone)
        cluster.run_until_leader()
        cluster.run(4 * ELECTION_TIMEOUT_MS)

        # Assert
        leader = cluster.leader
        assert leader in "ab"
        cluster.commit(leader, b"after")
        assert cluster.commands(leader)[: len(acknowledged)] == acknowledged
        assert cluster.commands(leader)[-1] == b"after"


@pytest.mark.contract("M8")
def test_in_degraded_mode_a_crash_of_the_one_full_node_means_waiting_for_it():
    cluster = two_full_voters_and_a_witness()
    cluster.partition("aw", "b")
    cluster.run(2 * ELECTION_TIMEOUT_MS)
    cluster.propose("a", b"y")
    cluster.run(500)
    assert cluster.commands("a") == [b"x", b"y"]

    cluster.crash("a")
    cluster.heal()
    cluster.run(20 * ELECTION_TIMEOUT_MS)
    assert cluster.leader is None
    cluster.start("a")
    cluster.run_until_leader()
    cluster.run(500)

    assert cluster.leader == "a"
    assert cluster.commands("b") == [b"x", b"y"]


@pytest.mark.contract("M8")
def test_a_witness_never_stores_a_payload_and_applies_only_what_it_has():
    cluster = two_full_voters_and_a_witness()
    cluster.partition("aw", "b")
    for number in range(10):
        cluster.propose("a", b"%d" % number)
        cluster.run(300)
    cluster.heal()
    cluster.run(3 * ELECTION_TIMEOUT_MS)

    assert {entry.data for entry in cluster.disks["w"].entries} == {b""}
    assert len(cluster.disks["w"].entries) == len(cluster.disks["a"].entries)
    assert set(cluster.commands("w")) == {b""}


@pytest.mark.contract("M8")
def test_a_witness_joins_and_makes_two_voters_safe_against_the_loss_of_one():
    cluster = Cluster("ab")
    cluster.elect("a")
    cluster.join("w", witnesses="w")
    cluster.run(200)
    cluster.change("a", Change("w", VOTER, witness=True))
    cluster.run(2 * ELECTION_TIMEOUT_MS)
    assert cluster.nodes["w"].configuration.voters == ("a", "b", "w")
    assert cluster.nodes["w"].configuration.witnesses == ("w",)
    cluster.crash("a")

    cluster.run_until_leader()

    assert cluster.leader == "b"
    assert cluster.nodes["w"].deadline is None


@pytest.mark.contract("M8")
@pytest.mark.parametrize("is_witness", [True, False])
def test_a_storage_serves_only_the_kind_of_member_that_it_was_made_for(is_witness):
    # The log of a witness equals everybody's by index and term, and holds no commands: as a full voter it would lead
    # with empty ones.
    as_witness, as_full = Configuration(tuple("abw"), witnesses=("w",)), Configuration(tuple("abw"))
    fits, does_not = (as_witness, as_full) if is_witness else (as_full, as_witness)
    restored = Restored(1, None, (), incarnation=7, is_witness=is_witness)

    assert Node("w", fits, restored=restored).role.name == "follower"
    with pytest.raises(WrongKind, match="empty storage"):
        Node("w", does_not, restored=restored)


@pytest.mark.contract("M8")
def test_a_former_witness_that_is_added_as_a_full_voter_stops():
    node = Node("w", None, restored=Restored(1, None, (), incarnation=7, is_witness=True))
    configuration = Configuration(tuple("ab"), learners=("w",))

    with pytest.raises(WrongKind) as error:
        node.step(Append("a", 2, 0, 0, 0, (Entry(1, 2, CONFIGURATION, configuration.encode()),)), 0)

    assert (error.value.member, error.value.as_witness) == ("w", False)


def test_nothing_of_all_that_makes_a_leader_of_a_witness():
    cluster = two_full_voters_and_a_witness()
    with pytest.raises(ProposalRefused):
        cluster.propose("w", b"y")
    for id in "ab":
        cluster.crash(id)

    cluster.run(20 * ELECTION_TIMEOUT_MS)

    assert (cluster.role("w"), cluster.nodes["w"].term) == ("follower", 1)
