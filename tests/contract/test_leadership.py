"""Leadership is handed over."""

from functools import partial

import pytest

from raft.errors import TransferFailed, TransferRefused
from tests.contract.port import T


@pytest.mark.contract("L3")
def test_leadership_moves_to_whom_it_is_handed(cluster, key):
    client = cluster.client()
    client.put(key, "before", T)

    for _ in range(2):
        cluster.wait_until_level()
        first = cluster.wait_for_leader()
        term = cluster.look()[first].term
        target = cluster.followers()[-1]
        assert cluster.transfer(target) == target
        seen = cluster.wait_until(
            lambda target=target: (seen := cluster.look()).get(target) and seen[target].leader == target and seen,
            f"{target} leads",
        )
        assert seen[target].term > term

    assert client.get(key, T) == b"before"


@pytest.mark.contract("L3", "S4")
def test_writes_go_on_while_leadership_is_handed_round(cluster, key):
    acknowledged = []
    handed = []

    def write(number, client):
        while len(handed) < 3:
            name = f"{key} {number} {len(acknowledged)}"
            client.put(name, name, T)
            acknowledged.append(name)

    def hand_round():
        while len(handed) < 3:
            wanted = len(acknowledged) + 3
            cluster.wait_until(lambda wanted=wanted: len(acknowledged) >= wanted, "writes go on")
            target = cluster.followers()[0]
            try:
                handed.append(cluster.transfer(target))
            except (TransferFailed, TransferRefused):  # it has not caught up, or leads already
                cluster.sleep(cluster.election_timeout_s / 4)

    cluster.together(hand_round, *[partial(write, number, cluster.client()) for number in range(2)])

    reader = cluster.client()
    assert len(acknowledged) > 6
    assert [name for name in acknowledged if reader.get(name, T) != name.encode()] == []


@pytest.mark.contract("L3")
def test_leadership_is_not_lost_when_it_is_handed_to_somebody_who_is_down(cluster, key):
    client = cluster.client()
    down = cluster.followers()[0]
    cluster.kill(down)

    with pytest.raises((TransferFailed, TransferRefused)):
        cluster.transfer(down)

    client.put(key, "goes on", T)
    assert cluster.wait_for_leader() != down
    assert client.get(key, T) == b"goes on"


@pytest.mark.contract("L3")
def test_leadership_is_not_handed_to_a_stranger_or_a_learner(cluster):
    learner = cluster.add(learner=True)

    with pytest.raises(TransferRefused):
        cluster.transfer(learner)

    assert cluster.wait_for_leader() != learner
