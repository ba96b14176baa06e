"""Members come and go while the cluster serves."""

import pytest

from raft.changes import REMOVED, Change
from raft.errors import LastVoter
from tests.contract.port import LEADER, Capability, T


@pytest.mark.contract("M1", "M4")
def test_a_learner_becomes_a_voter_and_takes_the_place_of_an_old_one(cluster, key):
    client = cluster.client()
    client.put(key, "before", T)
    old = cluster.followers()[0]

    new = cluster.add(learner=True)
    seen = cluster.leading()
    assert new in seen.learners
    assert new not in seen.voters

    cluster.promote(new)
    cluster.remove(old)
    cluster.wait_until_level()

    seen = cluster.leading()
    assert not seen.joint
    assert set(seen.learners) == set()
    assert new in seen.voters
    assert old not in seen.voters
    assert len(seen.voters) == 3
    assert cluster.client().get_stale(key, T, node=new).value == b"before"
    # It counts: with one of the two others down there is a majority only with it.
    cluster.kill(next(id for id in cluster.followers() if id != new))
    cluster.client().put(key, "after", T)


@pytest.mark.contract("M5")
def test_a_leader_that_is_removed_leaves_the_others_to_another_one(cluster, key):
    client = cluster.client()
    client.put(key, "before", T)
    first = cluster.wait_for_leader()

    cluster.remove(first)
    second = cluster.wait_for_leader(other_than=first)

    seen = cluster.wait_until(lambda: (reign := cluster.reign()) and not reign.joint and reign, "the change is over")
    assert first not in seen.voters
    assert len(seen.voters) == 2
    assert second in seen.voters
    client = cluster.client()
    client.put(key, "after", T)
    assert client.get(key, T) == b"after"


@pytest.mark.contract("E6")
def test_a_removed_member_that_never_heard_of_it_deposes_nobody(cluster, key, needs):
    needs(Capability.KEEPS_REMOVED)
    removed = cluster.followers()[0]
    cluster.kill(removed)
    cluster.remove(removed)
    cluster.restart(removed)

    client = cluster.client()
    until_s = cluster.now_s() + 5 * cluster.election_timeout_s
    writes = 0
    while cluster.now_s() < until_s:
        client.put(key, str(writes), T)
        writes += 1
        seen = cluster.look()
        highest = max(one.term for one in seen.values() if one.id != removed)
        assert removed not in seen or seen[removed].term <= highest
        assert removed not in seen or seen[removed].role != LEADER
        cluster.sleep(cluster.election_timeout_s / 10)

    assert client.get(key, T) == str(writes - 1).encode()
    assert removed not in cluster.reigns.values() or cluster.leader() != removed


@pytest.mark.contract("M6")
def test_nobody_is_removed_when_no_voter_would_be_left(cluster, key):
    before = cluster.leading().voters

    with pytest.raises(LastVoter):
        cluster.change(*[Change(id, REMOVED) for id in before])

    assert cluster.leading().voters == before
    cluster.client().put(key, "goes on", T)


@pytest.mark.contract("M6")
def test_a_member_that_lost_its_disk_is_taken_for_a_stranger(cluster, key):
    client = cluster.client()
    client.put(key, "before", T)
    cluster.wait_until_level()
    forgot = cluster.followers()[0]
    other = cluster.followers()[1]
    cluster.kill(forgot)
    cluster.lose_disk(forgot)
    cluster.restart(forgot)

    # It votes for nobody and acknowledges nothing: without the other one there is no majority.
    cluster.kill(other)
    cluster.sleep(4 * cluster.election_timeout_s)
    assert cluster.leader() is None

    cluster.restart(other)
    assert cluster.wait_for_leader() != forgot
    assert client.get(key, T) == b"before"
    cluster.remove(forgot)
