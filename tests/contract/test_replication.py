"""What was acknowledged is there, and stays; what was not is never said to be."""

from functools import partial

import pytest

from actors.errors import Unavailable
from raft.errors import OutcomeUnknown
from tests.contract.port import SNAPSHOT_ENTRIES, TAIL_ENTRIES, T

MANY = 3 * (SNAPSHOT_ENTRIES + TAIL_ENTRIES)


def write_many(cluster, key, count=MANY, writers=6):
    """Writes keys, and returns what each must hold."""
    names = [f"{key} {number}" for number in range(count)]

    def write(client, share):
        for name in share:
            client.put(name, f"value of {name}", T)

    cluster.together(*[partial(write, cluster.client(), names[start::writers]) for start in range(writers)])
    return {name: f"value of {name}".encode() for name in names}


def held(cluster, node, names):
    """What one member's own state machine holds."""
    client = cluster.client()
    return {name: client.get_stale(name, T, node=node).value for name in names}


@pytest.mark.contract("S5", "R5")
def test_every_member_comes_to_hold_what_was_acknowledged(cluster, key):
    written = write_many(cluster, key, 20)
    cluster.wait_until_level()

    voters = cluster.leading().voters

    assert len(voters) == 3
    for id in voters:
        assert held(cluster, id, written) == written


@pytest.mark.contract("S4", "S8")
def test_a_new_leader_has_all_that_the_killed_one_acknowledged(cluster, key):
    first = cluster.wait_for_leader()
    acknowledged = []
    killed = []

    def write(number, client):
        count = after = 0
        while after < 5:
            name = f"{key} {number} {count}"
            client.put(name, name, T)
            acknowledged.append(name)
            count += 1
            after += bool(killed)

    def kill():
        cluster.wait_until(lambda: len(acknowledged) > 10, "some writes are acknowledged")
        cluster.kill(first)
        killed.append(first)

    clients = [cluster.client() for _ in range(3)]
    cluster.together(kill, *[partial(write, number, client) for number, client in enumerate(clients)])
    second = cluster.wait_for_leader(other_than=first)

    reader = cluster.client()
    assert [name for name in acknowledged if reader.get(name, T) != name.encode()] == []
    assert second != first


@pytest.mark.contract("C2", "S8")
def test_a_minority_acknowledges_nothing_and_what_was_refused_never_happens(cluster, key):
    client = cluster.client()
    clients = {f"{key} {number}": cluster.client() for number in range(4)}
    for name, one in clients.items():
        one.put(name, "before", T)  # each has a session from now on
    followers = cluster.followers()
    cluster.kill(*followers)
    told = {}

    def put_in_the_minority(name, one):
        with pytest.raises((Unavailable, OutcomeUnknown)) as failure:
            one.put(name, "in the minority", 4 * cluster.election_timeout_s)
        told[name] = failure.value

    cluster.together(*[partial(put_in_the_minority, name, one) for name, one in clients.items()])
    with pytest.raises((Unavailable, OutcomeUnknown)):  # the leader has noticed by now
        client.put(f"{key} late", "in the minority", cluster.election_timeout_s)

    # Of two who are up, the one that holds more leads: what entered a log in the minority is committed after all.
    cluster.restart(followers[1])
    client.put(f"{key} after", "healed", T)
    for name in clients:
        expected = {b"before"} if isinstance(told[name], Unavailable) else {b"before", b"in the minority"}
        assert client.get(name, T) in expected, told[name]
    assert client.get(f"{key} after", T) == b"healed"


@pytest.mark.contract("R4", "R5")
def test_a_member_that_was_down_catches_up_from_the_log(cluster, key):
    down = cluster.followers()[0]
    cluster.wait_until_level()
    cluster.kill(down)
    written = write_many(cluster, key, TAIL_ENTRIES // 2)  # fewer than any leader cuts off

    cluster.restart(down)
    cluster.wait_until_level()

    assert held(cluster, down, written) == written


@pytest.mark.contract("N1", "N6", "S6")
def test_a_member_that_missed_what_was_cut_off_catches_up_by_a_snapshot(cluster, key):
    down = cluster.followers()[0]
    cluster.wait_until_level()
    last_index = cluster.look()[down].last_index
    cluster.kill(down)
    written = write_many(cluster, key)
    cluster.wait_until(
        lambda: all(one.first_index > last_index + 1 for one in cluster.look().values()), "what it needs is in no log"
    )

    cluster.restart(down)
    cluster.wait_until_level()

    assert cluster.look()[down].first_index > last_index + 1
    assert held(cluster, down, written) == written


@pytest.mark.contract("N1")
def test_logs_stay_short_under_endless_writes(cluster, key):
    write_many(cluster, key)
    cluster.wait_until_level()

    def lengths():
        return [one.last_index - one.first_index + 1 for one in cluster.look().values()]

    cluster.wait_until(lambda: max(lengths()) <= 2 * (SNAPSHOT_ENTRIES + TAIL_ENTRIES), "all logs were cut off")


@pytest.mark.contract("S4", "S6")
def test_nothing_is_lost_when_all_members_are_killed_at_once(cluster, key):
    written = write_many(cluster, key)
    everybody = cluster.leading().voters

    cluster.kill(*everybody)
    cluster.restart(*everybody)

    client = cluster.client()
    assert {name: client.get(name, T) for name in written} == written
    client.put(key, "goes on", T)
    cluster.wait_until_level()


@pytest.mark.contract("L3", "S4")
def test_a_leader_that_is_stopped_in_peace_hands_over_and_loses_nothing(cluster, key):
    first = cluster.wait_for_leader()
    term = cluster.look()[first].term
    client = cluster.client()
    client.put(key, "before", T)

    cluster.stop(first)
    second = cluster.wait_for_leader(other_than=first)

    assert cluster.look()[second].term > term
    assert client.get(key, T) == b"before"
    cluster.restart(first)
    cluster.wait_until_level()
    assert held(cluster, first, [key]) == {key: b"before"}
