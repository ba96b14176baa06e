"""A command that is asked for again takes effect once, whatever happens in between."""

from functools import partial

import pytest

from actors.errors import SessionExpired
from raft.errors import OutcomeUnknown
from tests.contract.port import FORGETFUL_S, SNAPSHOT_ENTRIES, TAIL_ENTRIES, T


def count(key):
    """The command that counts a key up by one, and answers with what it came to."""
    return b"+" + key.encode()


@pytest.mark.contract("C1")
def test_a_command_that_is_sent_twice_is_applied_once(cluster, key):
    session = cluster.open_session()

    answers = [cluster.apply_in_session(session, 1, count(key)).value for _ in range(3)]
    answers.append(cluster.apply_in_session(session, 2, count(key)).value)

    assert answers == [b"1", b"1", b"1", b"2"]
    assert cluster.client().get(key, T) == b"2"


@pytest.mark.contract("C1")
def test_a_retry_after_the_leader_was_killed_is_answered_as_before(cluster, key):
    session = cluster.open_session()
    first = cluster.wait_for_leader()
    assert cluster.apply_in_session(session, 1, count(key)).value == b"1"

    cluster.kill(first)
    again = cluster.apply_in_session(session, 1, count(key)).value

    assert again == b"1"
    assert cluster.client().get(key, T) == b"1"


@pytest.mark.contract("C1", "N4")
def test_a_retry_after_snapshots_and_the_restart_of_all_members_is_answered_as_before(cluster, key):
    session = cluster.open_session()
    assert cluster.apply_in_session(session, 1, count(key)).value == b"1"
    asked_at = cluster.leading().last_index
    client = cluster.client()
    for number in range(2 * (SNAPSHOT_ENTRIES + TAIL_ENTRIES)):
        client.put(f"{key} {number}", "fills the log", T)
    cluster.wait_until_level()
    cluster.wait_until(
        lambda: all(one.first_index > asked_at for one in cluster.look().values()), "the command was cut off everywhere"
    )

    everybody = cluster.leading().voters
    cluster.kill(*everybody)
    cluster.restart(*everybody)
    again = cluster.apply_in_session(session, 1, count(key)).value

    assert again == b"1"
    assert cluster.client().get(key, T) == b"1"


@pytest.mark.contract("C1", "C2")
def test_clients_that_count_while_the_leader_is_killed_count_each_time_once(cluster, key):
    counted, unknown, killed = [], [], []

    def count_up(client):
        after = 0
        while after < 5:
            try:
                counted.append(int(client.propose(count(key), T).value))
            except OutcomeUnknown as error:
                unknown.append(error)
            after += bool(killed)

    def kill():
        cluster.wait_until(lambda: len(counted) > 8, "some have counted")
        leader = cluster.wait_for_leader()
        cluster.kill(leader)
        killed.append(leader)

    cluster.together(kill, *[partial(count_up, cluster.client()) for _ in range(4)])

    total = int(cluster.client().get(key, T))
    assert len(set(counted)) == len(counted), "two were told the same count"
    assert len(counted) <= total <= len(counted) + len(unknown)
    assert max(counted) <= total


@pytest.mark.contract("C1")
def test_a_command_of_a_session_that_nobody_knows_is_refused(cluster, key):
    unknown = cluster.open_session() + 1_000_000

    with pytest.raises(SessionExpired):
        cluster.apply_in_session(unknown, 1, count(key))

    assert cluster.client().get(key, T) is None


@pytest.mark.contract("C1")
def test_a_command_of_a_session_that_has_expired_is_refused(forgetful_cluster, key):
    cluster = forgetful_cluster
    session = cluster.open_session()
    assert cluster.apply_in_session(session, 1, count(key)).value == b"1"

    cluster.sleep(4 * FORGETFUL_S)
    cluster.client().put(f"{key} meanwhile", "log time goes on with the log", T)

    with pytest.raises(SessionExpired):
        cluster.apply_in_session(session, 1, count(key))
    assert cluster.client().get(key, T) == b"1"
