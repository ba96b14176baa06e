"""Who leads, as seen from outside."""

import pytest

from tests.contract.port import LEADER, Capability, T


@pytest.mark.contract("S1", "E4")
def test_a_killed_leader_is_replaced_in_a_later_term_and_follows_when_it_is_back(cluster):
    first = cluster.wait_for_leader()
    term = cluster.look()[first].term

    cluster.kill(first)
    second = cluster.wait_for_leader(other_than=first)
    cluster.restart(first)
    cluster.wait_until_level()

    assert cluster.reigns[term] == first
    assert cluster.leading().term > term
    assert second != first
    cluster.wait_until(
        lambda: {one.leader for one in cluster.look().values()} == {cluster.leader()}, "all agree on who leads"
    )


@pytest.mark.contract("S1", "E5")
def test_a_leader_whom_nobody_hears_is_replaced_and_steps_down_when_it_hears_of_it(cluster):
    first = cluster.wait_for_leader()
    term = cluster.look()[first].term

    cluster.silence(first)
    cluster.wait_for_leader(other_than=first)
    cluster.heal()
    cluster.wait_until_level()

    seen = cluster.look()
    assert [one.id for one in seen.values() if one.role == LEADER] == [cluster.leader()]
    assert min(one.term for one in seen.values()) > term
    assert cluster.reigns[term] == first


@pytest.mark.contract("E3")
def test_a_member_that_hears_nobody_raises_no_term(cluster):
    alone = cluster.followers()[0]

    cluster.silence(alone)
    cluster.sleep(4 * cluster.election_timeout_s)
    lonely = cluster.look_at(alone)  # nothing where a silenced member cannot be asked
    cluster.heal()
    highest = max(one.term for one in cluster.look().values())

    assert lonely is None or lonely.term <= highest
    cluster.wait_until_level()
    assert cluster.reigns.get(cluster.look()[alone].term) != alone


@pytest.mark.contract("E3", "E5")
@pytest.mark.parametrize("both_ways", [False, True])
def test_a_leader_whom_a_majority_hears_survives_though_one_member_hears_nothing_of_it(cluster, key, needs, both_ways):
    needs(Capability.CUTS_LINKS)
    cluster.wait_until_level()
    before = cluster.leading()
    deaf = cluster.followers()[0]

    cluster.cut(before.id, deaf)
    if both_ways:
        cluster.cut(deaf, before.id)
    cluster.sleep(5 * cluster.election_timeout_s)

    assert cluster.leader() == before.id
    assert {one.term for one in cluster.look().values()} == {before.term}, "nobody has raised the term, even its own"
    cluster.heal()
    cluster.client().put(key, "goes on", T)
    cluster.wait_until_level()
    assert cluster.leading().term == before.term


@pytest.mark.contract("S4", "R1")
def test_a_member_that_missed_what_was_committed_is_not_elected(cluster, key):
    first = cluster.wait_for_leader()
    behind, other = cluster.followers()
    cluster.kill(behind)
    cluster.client().put(key, "committed", T)
    cluster.kill(first, other)

    cluster.restart(behind)  # it begins to campaign before there is anybody to vote
    cluster.wait_until(lambda: cluster.look_at(behind), f"{behind} runs")
    cluster.sleep(2 * cluster.election_timeout_s)
    cluster.restart(other)

    assert cluster.wait_for_leader() == other
    assert cluster.client().get(key, T) == b"committed"


@pytest.mark.contract("E4", "E8")
def test_members_that_all_start_at_once_elect_a_leader(cluster):
    term = cluster.leading().term
    everybody = cluster.leading().voters

    cluster.kill(*everybody)
    assert cluster.leader() is None
    cluster.restart(*everybody)

    leader = cluster.wait_for_leader()
    assert cluster.look()[leader].term > term
