"""What each sync policy promises when processes are killed and machines lose power (contract D6), and no more."""

import pytest

from actors.kv import KeyValue
from actors.storage.policy import NEVER, InvalidPolicy, SyncPolicy
from raft.actor import Persisted
from raft.entries import COMMAND, Entry
from raft.messages import AppendRejected, PreVoteRequest
from raft.observer import AcknowledgedLost
from raft.ready import Write
from transport_sim import Simulation
from transport_sim.chance import Chance
from transport_sim.disk import DiskSpeed, SimDisk
from transport_sim.faults import KINDS
from transport_sim.scenario import Scenario
from transport_sim.scheduler import Scheduler
from transport_sim.setting import FORGETTING, INTERVALS, _draw_policy
from transport_sim.shadow import CommittedLost, InvariantError
from transport_sim.traces.replaying import Recipe

pytestmark = pytest.mark.contract("D6")

LONG = "interval(10000)"  # nothing is synced by itself while a script lasts
IDS = ("n1", "n2", "n3")


def watched(cluster):
    """The losses that nodes report from now on, as (leader, follower, acknowledged, kept, replace)."""
    seen = []
    spotter = cluster._cluster.world.spotter
    observe = spotter.observe

    def note(host, event):
        if isinstance(event, AcknowledgedLost):
            seen.append((event.node, event.follower, event.acknowledged, event.kept, event.replace))
        observe(host, event)

    spotter.observe = note
    return seen


def settled(cluster, count=5):
    """A cluster led by n1, in which everybody has some more commands."""
    cluster.elect("n1")
    for _ in range(count):
        cluster.expect_success(cluster.propose())
    last = cluster.node("n1").log.last_index
    cluster.run_until(lambda: all(cluster.node(id).log.durable_index == last for id in IDS))
    return last


# Interval: processes


def test_at_intervals_a_process_that_is_killed_loses_nothing():
    with Scenario(sync=LONG) as cluster:
        last = settled(cluster)
        cluster.kill(*IDS)
        assert [cluster.host(id).disk.end[1] for id in IDS] == [last] * 3
        cluster.restart(*IDS)
        cluster.elect()


# Interval: power


def test_at_intervals_one_power_loss_may_lose_an_acknowledged_write_of_the_last_interval():
    # Fewer than a quorum: the member that lost it and the one that never had it elect each other.
    with (
        pytest.raises(CommittedLost, match="D6: n3 leads term 2 without the committed entry 9"),
        Scenario(sync=LONG, seed=3) as cluster,
    ):
        settled(cluster)
        cluster.isolate("n3")
        cluster.expect_success(cluster.propose())
        cluster.crash("n2")
        cluster.heal()
        cluster.isolate("n1")
        cluster.restart("n2")
        cluster.run_until(lambda: cluster.leader() not in (None, "n1"))


@pytest.mark.contract("S4", "S8")
@pytest.mark.parametrize("sync", ["always", LONG])
def test_a_write_that_is_lost_without_any_power_loss_is_no_matter_of_policy(sync):
    with pytest.raises(InvariantError, match="S4: n3 leads term 3 without") as broken, Scenario(sync=sync) as cluster:
        settled(cluster)
        cluster.isolate("n3")
        cluster.expect_success(cluster.propose())
        cluster.heal()
        cluster.isolate("n1")
        cluster.drop(PreVoteRequest, sender="n2")
        cluster.node("n2").log.is_up_to_date = lambda last_index, last_term: True  # it would elect anybody
        cluster.run_until(lambda: cluster.leader() not in (None, "n1"))
    assert not isinstance(broken.value, CommittedLost)


def test_what_is_older_than_an_interval_outlasts_the_power_loss_of_all():
    with Scenario(sync="interval(100)") as cluster:
        last = settled(cluster)
        cluster.run(150)
        cluster.crash(*IDS)
        assert [cluster.host(id).disk.end[1] for id in IDS] == [last] * 3
        cluster.restart(*IDS)
        cluster.elect()


def test_a_write_that_a_quorum_has_synced_outlasts_the_power_loss_of_the_others():
    with Scenario(nodes=5, sync=LONG) as cluster:
        cluster.elect("n1")
        cluster.expect_success(*[cluster.propose() for _ in range(5)])
        last = cluster.node("n1").log.last_index
        cluster.run_until(lambda: all(cluster.node(f"n{i}").log.durable_index == last for i in range(1, 6)))
        for id in ("n1", "n2", "n3"):
            cluster.host(id).disk._unsynced = 0
        cluster.crash("n1", "n2", "n3", "n4", "n5")
        assert [cluster.host(f"n{i}").disk.end[1] for i in range(1, 6)][:3] == [last] * 3
        assert cluster.host("n4").disk.end[1] < last
        cluster.restart("n1", "n2", "n3", "n4", "n5")
        cluster.elect()


@pytest.mark.contract("S6")
def test_terms_and_votes_outlast_every_power_loss():
    with Scenario(sync=LONG) as cluster:
        settled(cluster)
        for _ in range(5):
            before = {id: (cluster.host(id).disk.term, cluster.host(id).disk.vote) for id in IDS}
            cluster.crash("n2")
            assert (cluster.host("n2").disk.term, cluster.host("n2").disk.vote) == before["n2"]
            cluster.restart("n2")
            cluster.run_until(lambda: cluster.leader() is not None)
            cluster.transfer()
            cluster.run(400)
        assert cluster.node("n2").term > 1


@pytest.mark.contract("R2")
def test_at_intervals_who_has_lost_its_tail_is_caught_up_and_counts_on():
    with Scenario(sync=LONG) as cluster:
        seen = watched(cluster)
        last = settled(cluster)
        cluster.crash("n2")
        kept = cluster.host("n2").disk.end[1]
        assert kept < last
        cluster.restart("n2")
        cluster.run_until(lambda: cluster.host("n2").disk.end[1] == last, 2000, "the return of what n2 has lost")
        assert seen == [("n1", "n2", last, kept, False)]
        assert cluster.leader() == "n1"
        cluster.isolate("n3")
        cluster.expect_success(cluster.propose())  # n2 is needed for it
        assert cluster.node("n1").leading.progress["n2"].match_index == last + 1


def test_a_late_refusal_is_never_taken_for_a_loss():
    with Scenario(max_append_entries=1) as cluster:
        seen = watched(cluster)
        settled(cluster)
        held = cluster.hold(AppendRejected, sender="n2")
        cluster.isolate("n2")
        cluster.expect_success(*[cluster.propose() for _ in range(3)])
        cluster.heal()
        cluster.run_until(lambda: held.taken, what="a refusal")
        settled(cluster)
        cluster.run(500)
        cluster.release(held)
        cluster.run(500)
        assert seen == []


# Always, on a disk that lies


@pytest.mark.contract("M6")
def test_where_nothing_may_be_lost_who_has_lost_something_counts_no_more_until_it_is_added_again():
    with Scenario(sync=LONG, may_lose_acknowledged=0) as cluster:
        seen = watched(cluster)
        last = settled(cluster)
        cluster.crash("n2")
        kept = cluster.host("n2").disk.end[1]
        cluster.restart("n2")
        cluster.run_until(lambda: seen, 2000, "the report of the loss")
        assert seen == [("n1", "n2", last, kept, True)]
        cluster.expect_success(cluster.propose())
        incarnation = cluster.host("n2").disk.incarnation
        assert cluster.configuration().incarnations["n2"] != incarnation

        cluster.isolate("n3")
        outcome = cluster.propose()
        cluster.run_until(lambda: cluster.leader() is None, what="the end of a reign that only n2 supports")
        cluster.run(3000)
        assert cluster.leader() is None, "the vote of n2 counts as little"
        assert not outcome.succeeded
        cluster.heal()
        cluster.run_until(lambda: cluster.leader() in ("n1", "n3"))
        cluster.expect_success(cluster.propose())

        cluster.expect_success(cluster.remove("n2"))
        cluster.lose_disk("n2")
        cluster.expect_success(cluster.add("n2"))
        assert cluster.configuration().incarnations["n2"] == cluster.host("n2").disk.incarnation


# Never


@pytest.mark.contract("M6")
def test_without_syncs_who_starts_again_is_somebody_else_and_is_refused_until_added_again():
    with Scenario(sync="never") as cluster:
        settled(cluster)
        before = cluster.host("n2").disk.incarnation
        cluster.kill("n2")
        cluster.restart("n2")
        assert cluster.host("n2").disk.incarnation != before
        assert cluster.host("n2").disk.end == (0, 0)
        cluster.expect_success(cluster.propose())
        cluster.run(2000)
        assert cluster.host("n2").disk.end == (0, 0), "it is no member that anybody knows"
        cluster.expect_success(cluster.remove("n2"))
        cluster.expect_success(cluster.add("n2"))
        cluster.run_until(lambda: cluster.host("n2").disk.end[1] == cluster.node("n1").log.last_index)


# Random runs


def test_most_runs_sync_always_and_the_others_draw_from_what_is_theirs_alone():
    drawn = [_draw_policy(Chance(seed).fork("setting").fork("policy")) for seed in range(2000)]

    assert sum(policy is NEVER for policy in drawn) == pytest.approx(2000 * FORGETTING, rel=0.3)
    assert sum(bool(policy.interval_ms) for policy in drawn) == pytest.approx(2000 * INTERVALS, rel=0.2)


@pytest.mark.parametrize(("seed", "kind"), [(0, "interval"), (1, "always"), (2, "never")])
def test_a_run_is_the_same_whether_its_policy_is_drawn_or_given(seed, kind):
    lines = []
    drawn = Simulation(seed, seconds=2, trace=lines.append).run()
    sync = lines[0]["sync"]
    given = Simulation(seed, seconds=2, sync=sync).run()
    assert sync.startswith(kind)
    assert given.digest == drawn.digest
    assert Recipe(seed, 5, KINDS, 2, sync=sync).simulation().run().digest == drawn.digest
    assert eval(given.replay, {"Simulation": Simulation}).digest == drawn.digest


def test_machines_of_users_meet_other_policies_only_when_they_are_asked_for():
    lines = []
    Simulation(0, 3, seconds=1, machine=KeyValue, trace=lines.append).run().check()
    assert lines[0]["sync"] == "always"
    Simulation(0, 3, seconds=1, machine=KeyValue, trace=lines.append, sync="interval(7)").run().check()
    assert "interval(7)" in [line.get("sync") for line in lines]
    with pytest.raises(InvalidPolicy):
        Simulation(0, sync="sometimes")


def run(seed, sync, power_loss=None, **options):
    options = {"nodes": 3, "faults": ("crash", "partition", "drop", "worst-moment"), "climate": "hostile", **options}
    simulation = Simulation(seed, seconds=4, sync=sync, **options)
    for host in simulation.hosts:
        if power_loss is not None:
            host.disk.power_loss = power_loss
    return simulation.run().check()


def test_at_intervals_random_crashes_of_processes_break_no_promise():
    for seed in range(20):
        result = run(seed, "interval(1000)", power_loss=0.0)
        assert result.faults["power-loss"] == 0
        assert result.lost is None


def test_at_intervals_random_power_losses_take_no_more_than_they_may():
    losses = lost = 0
    for seed in range(30):
        result = run(seed, "interval(1000)", power_loss=1.0)
        losses += result.faults["power-loss"]
        lost += result.lost is not None

    assert losses > 20
    assert 0 < lost < 15


def test_without_syncs_random_crashes_lose_machines_and_nothing_that_was_committed():
    lost = 0
    for seed in range(20):
        result = run(seed, "never")
        assert result.lost is None
        lost += result.faults["lost-disk"]

    assert lost > 10


# The disk


class Disk:
    """A disk, with all that it says and is asked for."""

    def __init__(self, sync, seed=1):
        self.scheduler = Scheduler()
        self.told, self.cut = [], []
        speed = DiskSpeed(least_us=100, usual_us=100, hasty=0.0)
        policy = SyncPolicy.parse(sync)
        self.disk = SimDisk(
            self.scheduler,
            Chance(seed),
            speed,
            self.told.append,
            lambda write: None,
            policy=policy,
            cut=self.cut.append,
        )
        self.disk.takes_all = True
        self.disk.space.begin()
        self.told.clear()
        self._number = 0

    def write(self, *indexes, term=None, entry_term=1):
        self._number += 1
        entries = tuple(Entry(index, entry_term, COMMAND, b"") for index in indexes)
        self.disk.write(Write(self._number, term, None, entries))
        self.run(1)
        assert self.told.pop() == Persisted(self._number) or True

    def run(self, milliseconds):
        self.scheduler.run_until(self.scheduler.now_us + milliseconds * 1000)

    def left(self, loses_power=True):
        self.disk.crash(loses_power)
        return [entry.index for entry in self.disk.entries]


def test_power_loss_takes_what_was_written_in_the_last_interval():
    disk = Disk("interval(50)")
    disk.write(1)
    disk.run(60)
    disk.write(2)
    disk.write(3)

    assert disk.left() == [1]
    assert disk.cut == [1]


def test_what_waits_is_synced_an_interval_after_the_first_of_it():
    disk = Disk("interval(50)")
    disk.write(1)
    disk.run(40)
    disk.write(2)
    disk.run(10)

    assert disk.left() == [1, 2]


def test_a_process_that_crashes_leaves_all_that_was_reported():
    disk = Disk("interval(50)")
    disk.write(1)

    assert disk.left(loses_power=False) == [1]
    assert disk.left() == [], "power may fail later, all the same"


@pytest.mark.parametrize(
    ("entry", "left"),
    [({"term": 3}, [1, 2]), ({"indexes": (2,), "entry_term": 2}, [1, 2])],
    ids=["ballot", "truncation"],
)
def test_ballots_and_truncations_are_synced_with_all_before_them(entry, left):
    disk = Disk("interval(50)")
    disk.write(1)
    disk.write(2)
    disk.write(*entry.pop("indexes", ()), **entry)

    assert disk.left() == left
    assert disk.cut == []


def test_who_takes_what_was_synced_is_found_out():
    with (
        pytest.raises(InvariantError, match=r"D6: power loss takes entry \d of n2, which was synced"),
        Scenario(sync=LONG) as cluster,
    ):
        cluster.elect("n1")
        cluster.expect_success(cluster.propose())
        cluster.crash("n1")
        cluster.expect_leader("n2", "n3")
        cluster.host("n2").disk._unsynced = len(cluster.host("n2").disk.entries)
        cluster.crash("n2")
