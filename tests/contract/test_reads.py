"""What reads may tell, and what not."""

import pytest

from actors.errors import Unavailable
from actors.kv_commands import get
from tests.contract.port import Capability, T


@pytest.mark.contract("L1")
def test_a_read_at_any_member_sees_the_last_write_that_was_acknowledged(cluster, key):
    writer, reader = cluster.client(), cluster.client()
    voters = cluster.leading().voters

    for number in range(5):
        for node in voters:
            value = f"{number} {node}".encode()
            writer.put(key, value, T)
            assert reader.read(get(key.encode()), T, node=node).value == value


@pytest.mark.contract("L1")
def test_a_leader_that_was_replaced_unknowingly_serves_no_stale_read(cluster, key):
    reader, writer = cluster.client(), cluster.client()
    writer.put(key, "old", T)
    first = cluster.wait_for_leader()
    assert reader.read(get(key.encode()), T, node=first).value == b"old"
    answers = []

    cluster.silence(first)
    cluster.wait_for_leader(other_than=first)
    writer.put(key, "new", T)

    def read():
        answers.append(reader.read(get(key.encode()), T, node=first).value)

    def heal():
        cluster.sleep(cluster.election_timeout_s / 10)  # so that it is asked before it can hear of the new leader
        cluster.heal()

    cluster.together(read, heal)
    assert answers == [b"new"]


@pytest.mark.contract("L1")
def test_a_leader_that_nobody_hears_serves_no_read_while_another_one_leads(cluster, key, needs):
    needs(Capability.ASKS_SILENCED)
    client = cluster.client()
    client.put(key, "old", T)
    first = cluster.wait_for_leader()

    cluster.silence(first)
    answers = []
    for _ in range(5):
        try:
            answers.append(client.read(get(key.encode()), cluster.election_timeout_s / 5, node=first).value)
        except Unavailable:
            answers.append(None)

    assert set(answers) == {None}, "nobody has confirmed that it leads"


@pytest.mark.contract("L1")
def test_without_a_majority_there_are_no_reads_but_stale_ones_which_tell_their_age(cluster, key):
    leader = cluster.wait_for_leader()
    client = cluster.client()
    client.put(key, "value", T)
    cluster.silence(*cluster.followers())
    silent_s = cluster.now_s()

    with pytest.raises(Unavailable):  # it leads when it is asked, and knows of nothing yet
        client.read(get(key.encode()), 4 * cluster.election_timeout_s, node=leader)
    asked_s = cluster.now_s()
    stale = client.get_stale(key, T, node=leader)

    assert stale.value == b"value"
    # It led for up to two election timeouts without a majority, and thought it had all that was committed.
    least_s = asked_s - silent_s - 3 * cluster.election_timeout_s
    assert stale.staleness_s is not None
    assert stale.staleness_s >= least_s > 0


@pytest.mark.contract("L1")
def test_a_stale_read_at_a_member_that_has_caught_up_is_young(cluster, key):
    client = cluster.client()
    client.put(key, "value", T)
    cluster.wait_until_level()

    for node in cluster.leading().voters:
        young = cluster.wait_until(
            lambda node=node: (
                (stale := client.get_stale(key, T, node=node)).staleness_s is not None
                and stale.staleness_s < cluster.election_timeout_s
                and stale
            ),
            f"a young answer of {node}",
        )
        assert young.value == b"value"
