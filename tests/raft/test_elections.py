"""The promises about elections, on whole clusters."""

from itertools import combinations, product
from statistics import median

import pytest

from raft.errors import NotLeader
from raft.messages import Append, AppendAccepted, HeartbeatEcho, PreVoteReply, PreVoteRequest, VoteReply, VoteRequest
from tests.raft.cluster import Cluster, Disk
from tests.raft.member import ELECTION_TIMEOUT_MS, entries


def sent_by(cluster, id, kind):
    return [message for sender, _, message in cluster.sent if sender == id and isinstance(message, kind)]


def log_position(message):
    return (message.last_term, message.last_index)


# E1


@pytest.mark.contract("E1")
@pytest.mark.parametrize("completed", [False, True])
@pytest.mark.parametrize("survivors", [0, 1])
def test_a_voter_that_crashes_anywhere_never_votes_for_a_second_candidate(completed, survivors):
    # P1
    cluster = Cluster(disks={id: Disk(term=2, log=(1, 2)) for id in "abc"})
    cluster.disks["a"].instant = False
    cluster.tell("a", VoteRequest("b", 3, 2, 2))
    assert sent_by(cluster, "a", VoteReply) == []
    if completed:
        cluster.complete("a")
    promised = sent_by(cluster, "a", VoteReply) == [VoteReply("a", 3, True)]

    cluster.restart("a", survivors)
    cluster.disks["a"].instant = True
    cluster.sent.clear()
    cluster.tell("a", VoteRequest("c", 3, 2, 2))

    assert promised == completed
    durable = completed or survivors == 1
    assert sent_by(cluster, "a", VoteReply) == [VoteReply("a", 3, not durable)]


@pytest.mark.contract("E1")
@pytest.mark.parametrize("completed", [(), (2,), (3,), (2, 3)])
@pytest.mark.parametrize("survivors", [0, 1, 2])
def test_a_candidate_that_crashes_anywhere_never_campaigns_again_in_a_term_with_a_shorter_log(completed, survivors):
    # Arrange: write 1 brings entry 3, write 2 entry 4, write 3 the candidate's term and vote. The disk is slow, but it
    # does not stand still: write 1 is done when the node's time runs out (contract D4).
    cluster = Cluster(disks={id: Disk(term=2, log=(1, 2)) for id in "abc"})
    cluster.disks["a"].instant = False
    for index in (3, 4):
        cluster.tell("a", Append("c", 2, index - 1, 2, 0, entries(2, first=index)))
    cluster.now += 3 * ELECTION_TIMEOUT_MS
    cluster.complete("a", 1)
    cluster.tick("a")
    cluster.tell("a", PreVoteReply("b", 2, cluster.nodes["a"].role.campaign, True))
    assert cluster.role("a") == "candidate"

    # Act: some writes are reported, some more take effect unreported, then the power is cut and the node campaigns.
    for number in completed:
        cluster.complete("a", number)
    first = sent_by(cluster, "a", VoteRequest)
    cluster.restart("a", survivors)
    cluster.disks["a"].instant = True
    cluster.now += 3 * ELECTION_TIMEOUT_MS
    cluster.tick("a")
    cluster.tell("a", PreVoteReply("b", 2, cluster.nodes["a"].role.campaign, True))

    # Assert
    assert bool(first) == (completed == (2, 3)), "the requests wait for both writes"
    again = sent_by(cluster, "a", VoteRequest)[len(first) :]
    assert again != []
    for request in first:
        assert all(other.term > request.term or log_position(other) >= log_position(request) for other in again)


@pytest.mark.contract("E1")
def test_a_vote_is_never_cleared_within_its_term():
    # P1. Stepping down, waiting, asking again: the vote of term 3 stays.
    cluster = Cluster(disks={id: Disk(term=2, log=(1, 2)) for id in "abc"})
    cluster.elect("a")
    cluster.partition()

    for _ in range(20):
        cluster.run(500)
        node = cluster.nodes["a"]
        assert (node.term, node.vote) == (3, "a")
        assert (cluster.disks["a"].term, cluster.disks["a"].vote) == (3, "a")

    cluster.restart("a")
    cluster.tell("a", VoteRequest("b", 3, 9, 3))
    assert cluster.nodes["a"].vote == "a"


# E2


@pytest.mark.contract("E2")
def test_votes_that_were_late_repeated_or_of_another_term_never_elect():
    # P2. A reply of a first campaign arrives, several times, after it and in the middle of a second one.
    def campaign():
        cluster.links.clear()
        cluster.now += 2 * ELECTION_TIMEOUT_MS
        cluster.tick("a")
        for voter in "cde":
            cluster.deliver("a", voter)
            cluster.deliver(voter, "a")
        assert cluster.role("a") == "candidate"
        for voter in "bcde":
            cluster.links[("a", voter)].clear()

    # Arrange
    cluster = Cluster("abcde")
    campaign()
    cluster.tell("b", VoteRequest("a", 1, 0, 0))
    assert cluster.lose("b", "a") == VoteReply("b", 1, True)

    # Act
    cluster.now += 2 * ELECTION_TIMEOUT_MS
    cluster.tick("a")
    for id in "bcd":
        cluster.tell("a", VoteReply(id, 1, True))
    after_it = cluster.role("a")
    campaign()
    for id in "bbbcd":
        cluster.tell("a", VoteReply(id, 1, True))

    # Assert
    assert after_it == "pre-candidate"
    assert (cluster.role("a"), cluster.nodes["a"].term) == ("candidate", 2)


@pytest.mark.contract("E2")
def test_a_candidate_whose_reply_was_lost_asks_the_same_voter_again_and_wins():
    cluster = Cluster("ab")
    cluster.now = 2 * ELECTION_TIMEOUT_MS
    cluster.tick("a")
    cluster.deliver("a", "b")
    cluster.deliver("b", "a")
    cluster.deliver("a", "b", keep=True)
    cluster.lose("b", "a")
    assert cluster.role("a") == "candidate"

    cluster.settle()

    assert cluster.role("a") == "leader"


# E3


@pytest.mark.contract("E3")
@pytest.mark.parametrize("how", ["partitioned", "restarted", "partitioned and restarted"])
def test_a_member_that_returns_raises_nobodys_term(how):
    # P4
    cluster = Cluster()
    cluster.elect("a")
    cluster.commit("a", b"x")
    if "partitioned" in how:
        cluster.partition("ab", "c")
        cluster.run(20 * ELECTION_TIMEOUT_MS)
        assert cluster.role("c") == "pre-candidate"
        assert cluster.disks["c"].term == 1
    if "restarted" in how:
        cluster.restart("c")

    cluster.heal()
    cluster.propose("a", b"y")
    cluster.run(10 * ELECTION_TIMEOUT_MS)

    assert cluster.leader == "a"
    assert {node.term for node in cluster.nodes.values()} == {1}
    assert cluster.commands("c")[-1] == b"y"


@pytest.mark.contract("E3")
def test_asking_for_pre_votes_for_ever_writes_nothing():
    cluster = Cluster()
    cluster.elect("a")
    cluster.partition("ab", "c")
    cluster.disks["c"].instant = False

    cluster.run(30 * ELECTION_TIMEOUT_MS)

    assert len(sent_by(cluster, "c", PreVoteRequest)) > 20
    assert cluster.disks["c"].writes == []
    assert cluster.nodes["c"].term == 1


# E4

# What a member may hold: (term, terms of its log). The longer logs are of lower terms.
HISTORIES = [(3, (1, 1, 2, 2)), (5, (1, 1, 2)), (7, (1, 1)), (9, (1,)), (9, (1, 4))]


@pytest.mark.contract("E4")
@pytest.mark.parametrize("histories", list(product(HISTORIES, repeat=3)), ids=lambda h: " ".join(str(t) for t, _ in h))
def test_every_mix_of_lower_term_and_longer_log_elects_a_leader(histories):
    # P3
    for down in (None, *"abc"):
        disks = {id: Disk(term, None, log) for id, (term, log) in zip("abc", histories, strict=True)}
        cluster = Cluster(disks=disks, seed=5)
        if down is not None:
            cluster.crash(down)
        cluster.partition()
        cluster.run(5 * ELECTION_TIMEOUT_MS)

        cluster.heal()
        cluster.run_until_leader(timeouts=20)

        leader = cluster.nodes[cluster.leader].log
        assert leader.last_index > 1


@pytest.mark.contract("E4")
def test_a_member_behind_in_term_and_ahead_in_log_is_electable():
    # P3. Only b has the longest log, and a's term is higher: c alone could follow either.
    cluster = Cluster(disks={"a": Disk(9, None, (1,)), "b": Disk(3, None, (1, 2, 2)), "c": Disk(3, None, (1, 2))})
    cluster.crash("c")

    cluster.run_until_leader(timeouts=20)

    assert cluster.leader == "b"
    assert cluster.term > 9


# E5

RING = ("ab", "bc", "cd", "de", "ea")
BRIDGE = ("ab", "ac", "bc", "cd", "ce", "de")
STAR = ("ca", "cb", "cd", "ce")
CHAIN = ("ab", "bc", "cd", "de")


def stays_in_office(cluster, leader):
    term = cluster.term
    for _ in range(20):
        cluster.run(ELECTION_TIMEOUT_MS)
        assert cluster.role(leader) == "leader"
        assert cluster.term == term, "terms grow"


@pytest.mark.contract("E5")
@pytest.mark.parametrize(
    ("pairs", "leader"),
    [*((RING, id) for id in "abcde"), *((BRIDGE, id) for id in "abcde"), (STAR, "c"), *((CHAIN, id) for id in "bcd")],
    ids=lambda value: "-".join(value),
)
def test_a_leader_linked_both_ways_with_a_majority_stays_in_office(pairs, leader):
    # P5
    cluster = Cluster("abcde")
    cluster.elect(leader)

    cluster.link_only(*pairs)

    stays_in_office(cluster, leader)
    cluster.propose(leader, b"x")
    cluster.run(ELECTION_TIMEOUT_MS)
    assert cluster.nodes[leader].status().commit_index == cluster.nodes[leader].log.last_index


@pytest.mark.contract("E5")
@pytest.mark.parametrize("deaf", list(combinations("bcde", 2)), ids="".join)
@pytest.mark.parametrize("direction", ["from the leader", "to the leader", "from all to them", "from them to all"])
def test_a_leader_survives_links_that_work_one_way_only(deaf, direction):
    # P5
    cluster = Cluster("abcde")
    cluster.elect("a")

    for id in deaf:
        for other in cluster.ids:
            if direction == "from the leader":
                cluster.cut_link("a", id)
            elif direction == "to the leader":
                cluster.cut_link(id, "a")
            elif other != id:
                cluster.cut_link(*((other, id) if direction == "from all to them" else (id, other)))

    stays_in_office(cluster, "a")


@pytest.mark.contract("E5")
@pytest.mark.parametrize("kind", ["cut off", "hears nobody", "nobody hears it", "linked with too few"])
def test_a_leader_without_the_echoes_of_a_majority_steps_down_within_two_election_timeouts(kind):
    cluster = Cluster("abcde")
    cluster.elect("a")
    cluster.run(ELECTION_TIMEOUT_MS)
    assert cluster.leader == "a"

    others = "bcde" if kind != "linked with too few" else "bcd"
    for other in others:
        if kind != "nobody hears it":
            cluster.cut_link(other, "a")
        if kind != "hears nobody":
            cluster.cut_link("a", other)

    took = cluster.run(5 * ELECTION_TIMEOUT_MS, until=lambda: cluster.role("a") != "leader")
    assert took <= 2 * ELECTION_TIMEOUT_MS
    if kind != "hears nobody":
        cluster.run_until_leader()
        assert cluster.leader != "a"


@pytest.mark.contract("E5")
@pytest.mark.parametrize("pairs", [RING, BRIDGE, STAR, CHAIN], ids="-".join)
def test_a_leader_appears_where_some_voter_is_linked_with_a_majority_and_terms_stop_growing(pairs):
    # P5
    for seed in range(6):
        cluster = Cluster("abcde", seed=seed)
        cluster.link_only(*pairs)
        cluster.run_until_leader()

        # An election may still be under way somewhere; after that nothing moves any more.
        cluster.run(20 * ELECTION_TIMEOUT_MS)
        term = cluster.term
        cluster.run(20 * ELECTION_TIMEOUT_MS)
        assert cluster.leader is not None
        assert cluster.term == term, f"seed {seed}: terms grow"


@pytest.mark.contract("E5")
def test_a_leader_that_loses_its_majority_gives_way_to_one_that_has_one():
    cluster = Cluster("abcde")
    cluster.elect("a")

    cluster.partition("ab", "cde")
    cluster.run(4 * ELECTION_TIMEOUT_MS)

    assert cluster.leader in "cde"
    assert cluster.role("a") != "leader"
    cluster.heal()
    cluster.run(4 * ELECTION_TIMEOUT_MS)
    assert cluster.leader in "cde"
    assert {node.term for node in cluster.nodes.values()} == {2}


# E6


@pytest.mark.contract("E6")
def test_a_returning_voter_with_a_higher_durable_term_deposes_the_leader_once():
    # P3, P4
    for seed in range(10):
        cluster = Cluster("abc", seed=seed)
        cluster.elect("a")
        cluster.commit("a", b"x")
        cluster.crash("c")
        cluster.disks["c"].term, cluster.disks["c"].vote = 7, "c"

        cluster.start("c")
        cluster.run_until_leader()
        cluster.run(10 * ELECTION_TIMEOUT_MS)
        elected = [term for term in cluster.invariants.leaders if term > 1]
        cluster.run(20 * ELECTION_TIMEOUT_MS)

        assert [term for term in cluster.invariants.leaders if term > 1] == elected
        assert len(elected) == 1, f"seed {seed}: leaders of {elected}"
        assert elected[0] > 7
        assert {node.role.leader for node in cluster.nodes.values()} == {cluster.leader}


@pytest.mark.contract("E6")
@pytest.mark.parametrize("lag", ["same term", "older term", "shorter log", "empty log"])
def test_a_returning_voter_without_a_higher_term_deposes_nobody(lag):
    # P4
    cluster = Cluster("abc", disks={id: Disk(term=3, log=(1, 2)) for id in "abc"})
    cluster.crash("c")
    cluster.elect("a")
    if lag == "same term":
        cluster.disks["c"].term = 4
    elif lag == "shorter log":
        cluster.commit("a", *[b"x"] * 20)
    elif lag == "empty log":
        cluster.disks["c"].entries = []
        cluster.invariants.disks.clear()

    cluster.start("c")

    stays_in_office(cluster, "a")
    assert cluster.log("c") == cluster.log("a")


# E7


@pytest.mark.contract("E7")
def test_a_candidate_that_is_refused_over_and_over_does_not_keep_others_from_being_elected():
    # P6. c has the shortest log and campaigns at once, again and again, with terms of its own making.
    cluster = Cluster(disks={"a": Disk(2, None, (1, 2)), "b": Disk(2, None, (1, 2)), "c": Disk(2, None, (1,))})
    cluster.partition("ab")

    took = 0
    while cluster.leader is None and took < 3 * ELECTION_TIMEOUT_MS:
        took += cluster.run(100)
        for id in "ab":
            cluster.tell(id, VoteRequest("c", cluster.term + 1, 1, 1))

    assert took < 2.5 * ELECTION_TIMEOUT_MS, "refused requests held the election timers back"


@pytest.mark.contract("E7")
def test_a_node_that_starts_draws_a_fresh_timeout_each_time():
    cluster = Cluster()
    waits = []
    for _ in range(50):
        node = cluster.restart("a")
        waits.append(node.deadline - cluster.now)

    assert len(set(waits)) > 40
    assert all(ELECTION_TIMEOUT_MS <= wait < 2 * ELECTION_TIMEOUT_MS for wait in waits)


@pytest.mark.contract("E7")
def test_who_has_lost_many_leaders_waits_no_longer_for_the_next_one():
    # Who draws least leads next. If the others kept what they drew, only long timeouts would be left.
    cluster = Cluster(checked=False)
    took = []
    for _ in range(300):
        cluster.run_until_leader()
        cluster.run(500)
        lost = cluster.leader
        cluster.crash(lost)
        took.append(cluster.run(4 * ELECTION_TIMEOUT_MS, until=lambda: cluster.leader is not None))
        cluster.start(lost)

    assert median(took) < 1.35 * ELECTION_TIMEOUT_MS, "the median of the shorter one of two draws is 1.29"


# E8


@pytest.mark.contract("E8")
def test_nodes_restarted_together_elect_a_leader_within_ten_timeouts():
    # P6
    took = []
    for seed in range(1000):
        cluster = Cluster("abcde", seed=seed, checked=False)
        took.append(cluster.run_until_leader(timeouts=40))

    assert median(took) <= 10 * ELECTION_TIMEOUT_MS
    assert sum(ms <= 10 * ELECTION_TIMEOUT_MS for ms in took) >= 990


@pytest.mark.contract("E8")
def test_the_same_seed_gives_the_same_run():
    def run():
        cluster = Cluster("abcde", seed=11)
        cluster.run_until_leader()
        cluster.propose(cluster.leader, b"x")
        cluster.run(5000)
        return [(sender, receiver, repr(message)) for sender, receiver, message in cluster.sent]

    assert run() == run()


# E9


@pytest.mark.contract("E9")
def test_a_clock_that_jumps_back_changes_nothing():
    # P7
    cluster = Cluster()
    cluster.elect("a")
    cluster.run(ELECTION_TIMEOUT_MS)
    term = cluster.term
    now = cluster.now

    for node in cluster.nodes.values():
        node.tick(0)
        node.tick(now - 10**6)
    for id in cluster.ids:
        cluster.collect(id)
    stays_in_office(cluster, "a")

    assert cluster.term == term


@pytest.mark.contract("E9")
def test_a_suspended_leader_steps_down_as_soon_as_it_learns_the_time():
    cluster = Cluster()
    cluster.elect("a")
    cluster.run(ELECTION_TIMEOUT_MS)

    cluster.now += 3 * ELECTION_TIMEOUT_MS
    cluster.tick("a")

    assert cluster.role("a") == "follower"
    with pytest.raises(NotLeader):
        cluster.propose("a", b"x")


# E11


@pytest.mark.contract("E11")
def test_a_leader_stays_in_office_while_every_followers_disk_stalls():
    cluster = Cluster()
    cluster.elect("a")
    for id in "bc":
        cluster.disks[id].instant = False
    cluster.propose("a", b"x")

    stays_in_office(cluster, "a")

    assert cluster.nodes["a"].status().commit_index == 1
    acknowledged = [message.match_index for id in "bc" for message in sent_by(cluster, id, AppendAccepted)]
    assert max(acknowledged) == 1, "an entry was acknowledged before it was durable"
    assert len(sent_by(cluster, "b", HeartbeatEcho)) > 100

    for id in "bc":
        cluster.disks[id].instant = True
        cluster.complete(id)
    cluster.run(ELECTION_TIMEOUT_MS)
    assert cluster.commands("c") == [b"x"]


# One voter


@pytest.mark.contract("R10", "S7")
def test_a_cluster_of_one_elects_itself_and_commits_by_itself():
    # P20
    cluster = Cluster("a")
    cluster.run_until_leader(timeouts=2)
    cluster.disks["a"].instant = False

    cluster.propose("a", b"x")
    assert cluster.commands("a") == []
    cluster.crash("a")
    cluster.start("a")
    cluster.disks["a"].instant = True
    cluster.run_until_leader(timeouts=2)
    assert cluster.commands("a") == [], "what was never durable is lost, and was never applied"

    cluster.commit("a", b"y")
    cluster.restart("a")
    cluster.run_until_leader(timeouts=2)
    assert cluster.commands("a") == [b"y"]


def test_a_cluster_of_one_with_a_learner_does_not_wait_for_it():
    cluster = Cluster("a", learners="l")
    cluster.partition()
    cluster.run_until_leader(timeouts=2)
    cluster.propose("a", b"x")
    assert cluster.commands("a") == [b"x"]

    cluster.heal()
    cluster.run(ELECTION_TIMEOUT_MS)
    assert cluster.commands("l") == [b"x"]
