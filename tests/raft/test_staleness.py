"""How stale a node is: what a read without asking anybody may miss."""

from raft.messages import Append, Heartbeat
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


def test_a_leader_that_has_applied_everything_is_not_stale():
    member = leading()

    assert member.node.staleness_ms(member.now) == 0


def test_a_leader_that_has_not_committed_in_its_term_tells_nothing():
    member = Member("a", term=2, log=(1, 1, 2))
    member.hear(Append("b", 2, 3, 2, 2, ()))
    member.now = 40
    member.hear(Heartbeat("b", 2, 1, commit=2))
    assert member.node.staleness_ms(100) is None, "entry 3 may be committed, and the leader not know it"

    member.hear(Append("b", 2, 3, 2, 3, ()))
    member.now = 140
    member.hear(Heartbeat("b", 2, 2, commit=3))
    assert member.node.staleness_ms(200) == 60


def test_nor_does_it_know_itself():
    member = Member("a", term=1, log=(1, 1))
    member.lead()
    assert member.node.staleness_ms(member.now) is None, "it starts with nothing committed, whatever was before"
