"""The language of scripted runs: it does what it says, exactly, and tells the story when something is otherwise."""

import pytest
from pykka import ActorRegistry

from raft.errors import NotLeader
from raft.messages import Append, Heartbeat, PreVoteRequest
from transport_sim.scenario import Scenario
from transport_sim.shadow import InvariantError
from transport_sim.stage import ScenarioError


def story(seed):
    with Scenario(seed=seed, spares=1) as cluster:
        cluster.elect("n1")
        cluster.expect_success(cluster.add("n4"), cluster.propose())
        cluster.stall_disk("n2", 500)
        cluster.crash("n1")
        cluster.elect()
    return cluster.digest(), cluster.story


def test_a_run_is_a_function_of_its_script():
    assert story(1) == story(1)
    assert story(1) != story(2)


def test_nothing_happens_that_the_script_does_not_say():
    with Scenario() as cluster:
        leader = cluster.elect()
        cluster.run(60_000)

        assert cluster.leader() == leader
        assert cluster.elections == 1
        assert cluster.acknowledged == []


def test_what_is_held_arrives_when_it_is_released_and_what_is_dropped_never():
    with Scenario() as cluster:
        cluster.elect("n1")
        lost = cluster.drop(Append, receiver="n2", matches=lambda append: bool(append.entries))
        held = cluster.hold(Append, sender="n1", receiver="n3")
        write = cluster.propose()
        cluster.run(50)
        assert not write.settled
        assert [receiver for _, receiver, _ in lost.taken + held.taken] == ["n2", "n3"]
        arrived = cluster.delivered

        cluster.release(lost)
        cluster.run(5)
        assert not write.settled

        cluster.release(held)
        cluster.run(20)
        assert write.succeeded
        assert cluster.delivered > arrived


def test_links_are_cut_one_way_and_mended():
    with Scenario() as cluster:
        cluster.elect("n1")
        cluster.cut(("n1", "n2"))
        beats = cluster.node("n2").role.heard_ms
        cluster.run(500)
        assert cluster.node("n2").role.heard_ms == beats

        cluster.heal()
        cluster.run(500)
        assert cluster.node("n2").role.heard_ms > beats


def test_a_step_is_one_event_or_one_message():
    with Scenario() as cluster:
        cluster.elect("n1")
        arrived = cluster.delivered
        cluster.run_deliveries(7)
        assert cluster.delivered == arrived + 7

        now_ms = cluster.now_ms
        cluster.run_events(1)
        assert cluster.now_ms < now_ms + 200


def test_messages_are_counted_by_type():
    with Scenario() as cluster:
        cluster.elect("n1")
        assert cluster.traffic.sent[PreVoteRequest.__name__] == 2
        beats = cluster.traffic.sent[Heartbeat.__name__]
        cluster.run(1000)
        assert cluster.traffic.sent[Heartbeat.__name__] == beats + 2 * 10


def test_whoever_is_lost_for_good_stays_away():
    with Scenario() as cluster:
        cluster.elect("n1")
        cluster.lose("n3")
    assert not cluster.runs("n3")


def test_an_expectation_that_is_not_met_tells_the_story():
    with pytest.raises(ScenarioError) as caught, Scenario() as cluster:
        cluster.elect("n1")
        cluster.expect_success(cluster.propose("n2"))
    assert "command 1 at n2: NotLeader('this node is not the leader; propose to n1')" in str(caught.value)
    assert "n1 is leader of term" in str(caught.value)


def test_an_error_of_another_kind_than_expected_is_noticed():
    with pytest.raises(ScenarioError, match="and not ZeroDivisionError"), Scenario() as cluster:
        cluster.elect("n1")
        cluster.expect_error(cluster.propose("n2"), ZeroDivisionError)


def test_an_expected_error_is_returned():
    with Scenario() as cluster:
        cluster.elect("n1")
        assert cluster.expect_error(cluster.propose("n2"), NotLeader).leader == "n1"


def test_to_ask_where_no_node_runs_is_a_mistake_of_the_script():
    with pytest.raises(ScenarioError, match="no node runs there"), Scenario() as cluster:
        cluster.elect("n1")
        cluster.crash("n2")
        cluster.propose("n2")


def test_at_the_end_all_that_was_acknowledged_must_be_there():
    with pytest.raises(InvariantError, match="S5: acknowledged b'never proposed'") as caught, Scenario() as cluster:
        cluster.elect("n1")
        cluster.acknowledged.append((b"never proposed", 1))
    assert "n1 is leader of term" in caught.value.__notes__[0]


def test_at_the_end_the_cluster_must_live():
    with pytest.raises(InvariantError, match="E4: no leader within 20 election timeouts"), Scenario() as cluster:
        cluster.elect("n1")
        cluster.lose("n2", "n3")


def test_a_quorum_that_lost_its_disks_is_noticed():
    """Two of three have forgotten what was acknowledged, and elect a leader that never had it."""
    with pytest.raises(InvariantError), Scenario() as cluster:
        cluster.elect("n1")
        cluster.expect_success(cluster.propose())
        for id in ("n2", "n3"):
            cluster.lose_disk(id, joins=False)
        cluster.crash("n1")
        cluster.restart("n2", "n3")
        cluster.elect()
        cluster.expect_success(cluster.propose())


def test_nothing_is_left_behind():
    before = len(ActorRegistry.get_all())
    with Scenario() as cluster:
        cluster.elect()
    assert len(ActorRegistry.get_all()) == before
