"""How stale a node is: what a read without asking anybody may miss."""

from raft.messages import Append, Heartbeat
from tests.raft.cluster import Cluster
from tests.raft.member import Member, leading


def test_a_node_that_never_heard_from_a_leader_does_not_know_how_stale_it_is():
    assert Member("a").node.staleness_ms(5) is None


def test_a_follower_is_as_stale_as_the_last_heartbeat_that_told_of_nothing_new():
    member = Member("a", term=2, log=(1, 2, 2))
    member.hear(Append("b", 2, 3, 2, 2, ()))
    member.now = 40
    member.hear(Heartbeat("b", 2, 1, commit=2))
    assert member.node.staleness_ms(100) == 60

    member.now = 140
    member.hear(Heartbeat("b", 2, 2, commit=3))
    assert member.node.staleness_ms(200) == 160, "entry 3 is committed, and not applied here"
    member.now = 240
    member.hear(Append("b", 2, 3, 2, 3, ()))
    member.hear(Heartbeat("b", 2, 3, commit=3))

    assert member.node.staleness_ms(300) == 60


def test_what_a_heartbeat_told_counts_from_then_on_once_it_is_applied():
    member = Member("a", term=2, log=(1, 2, 2))
    member.now = 40
    member.hear(Heartbeat("b", 2, 1, commit=3))
    assert member.node.staleness_ms(50) is None
    member.now = 140
    member.hear(Heartbeat("b", 2, 2, commit=4))
    assert member.node.staleness_ms(150) is None

    member.hear(Append("b", 2, 3, 2, 3, ()))
    assert member.node.staleness_ms(150) == 110, "under load there is always more; what the first one told is here"

    member.now = 240
    member.hear(Heartbeat("b", 2, 3, commit=3))
    assert member.node.staleness_ms(250) == 10


def test_a_leader_that_has_applied_everything_is_not_stale():
    member = leading()

    assert member.node.staleness_ms(member.now) == 0


def test_a_leader_that_has_committed_nothing_yet_may_miss_what_its_predecessors_have():
    cluster = Cluster()
    cluster.elect("a")
    cluster.commit("a", b"x")
    cluster.run(300)
    cluster.propose("a", b"y")
    for receiver in "bc":  # all disks hold y, a has acknowledged it, and nobody hears of that
        cluster.deliver_all("a", receiver)
    for sender in "bc":
        cluster.deliver_all(sender, "a")
    assert cluster.commands("a") == [b"x", b"y"]
    cluster.crash("a")
    cluster.links.clear()
    cluster.now += 5000
    cluster.disks["b"].instant = False  # so that the first entry of the new term is not committed at once
    cluster.tick("b")
    for _ in range(3):
        cluster.complete("b")
        for sender, receiver in (("b", "c"), ("c", "b")):
            cluster.deliver_all(sender, receiver, but=Append)

    assert cluster.role("b") == "leader"
    assert cluster.commands("b") == cluster.commands("c") == [b"x"]
    assert cluster.nodes["b"].staleness_ms(cluster.now) >= 5000
    assert cluster.nodes["c"].staleness_ms(cluster.now) >= 5000


def test_a_new_leader_does_not_know_how_stale_it_is():
    member = Member("a", term=1, log=(1, 1))
    member.lead()
    assert member.node.staleness_ms(member.now) is None, "it starts with nothing committed, whatever was before"


def test_a_leader_that_was_deposed_knows_how_stale_it_is_though_nobody_asked_while_it_led():
    cluster = Cluster()
    cluster.elect("a")
    cluster.commit("a", b"x")
    cluster.run(300)
    heard = cluster.now
    cluster.partition("a", "bc")
    cluster.run(5000)

    assert cluster.role("a") != "leader"
    assert 4000 <= cluster.nodes["a"].staleness_ms(cluster.now) <= cluster.now - heard + 300
