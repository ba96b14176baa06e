"""Leases, transactions and watches of a local cluster: real actors in real time."""

import time

import gevent
import pytest

from actors import (
    ClusterClosed,
    CommandRefused,
    Compacted,
    LeaseExpired,
    LocalCluster,
    NotKeyValue,
    NotWatchable,
    OutOfBounds,
    TooManyLeases,
    kv_history,
    kv_leases,
)
from actors.cluster import LOCAL_CONFIG
from raft.errors import InvalidConfig


@pytest.fixture
def cluster():
    with LocalCluster(3, seed=7) as cluster:
        cluster.wait_for_leader(20)
        yield cluster


def until(cluster, condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        cluster.sleep(0.01)


@pytest.mark.contract("C1")
def test_keys_vanish_with_their_lease_everywhere_and_without_any_command(cluster):
    begun = time.monotonic()
    lease = cluster.grant(0.4, 20)
    cluster.put("k", "1", 20, lease=lease)
    cluster.put("other", "1", 20)

    machines = [cluster.machine(id) for id in cluster.members]
    until(cluster, lambda: all([key for key, _ in machine.items()] == [b"other"] for machine in machines))
    assert time.monotonic() - begun > 0.4
    assert len({machine.revision for machine in machines}) == 1
    with pytest.raises(LeaseExpired, match="there is no lease 1"):
        lease.keep_alive(20)
    with pytest.raises(LeaseExpired):
        cluster.put("k", "2", 20, lease=lease)
    assert not lease.revoke(20)
    assert cluster.get("k", 20) is None


def test_nothing_is_proposed_before_a_lease_is_due_and_once_when_it_is(cluster):
    lease = cluster.grant(1.0, 20)
    indexes = set()

    def last_index():
        statuses = [status.raft for status in cluster.status()]
        return max(status.last_index for status in statuses)

    begin = last_index()
    until(cluster, lambda: (indexes.add(last_index()), not len(cluster.machine(0)._leases))[1])
    cluster.sleep(0.3)
    indexes.add(last_index())
    assert indexes <= {begin, begin + 1}, "one stamp"
    assert lease.ttl == 1.0


def test_a_lease_that_is_kept_alive_survives_and_ends_when_it_is_revoked(cluster):
    lease = cluster.grant(0.6, 20)
    cluster.put("k", "1", 20, lease=lease)
    for _ in range(6):
        cluster.sleep(0.2)
        lease.keep_alive(20)

    assert cluster.get("k", 20) == b"1"
    assert lease.revoke(20)
    assert cluster.get("k", 20) is None


def test_a_new_leader_sees_to_it_that_time_goes_on(cluster):
    lease = cluster.grant(0.8, 20)
    cluster.put("k", "1", 20, lease=lease)
    watch = cluster.watch("k")

    cluster.kill(cluster.leader())
    assert watch.next(20).value is None
    left = [cluster.machine(status.id) for status in cluster.status() if status.running]
    until(cluster, lambda: [machine.items() for machine in left] == [[], []])


def test_leases_outlive_snapshots_and_restarts(tmp_path):
    with LocalCluster(3, seed=7, directory=tmp_path) as cluster:
        lease = cluster.grant(1.2, 20)
        cluster.put("k", "1", 20, lease=lease)
    with LocalCluster(3, seed=8, directory=tmp_path) as cluster:
        with cluster.watch("k", timeout=20) as watch:
            assert cluster.get("k", 20) == b"1"
            assert watch.next(20).value is None
        with pytest.raises(LeaseExpired):
            cluster.keep_alive(lease.id, 20)


def test_a_watch_goes_on_when_its_node_is_killed_cut_off_or_led_by_another(cluster):
    events = []
    watch = cluster.watch(prefix="")
    greenlet = gevent.spawn(lambda: events.extend(watch))
    cluster.put("0", "", 20)
    first = cluster.leader()
    cluster.kill(first)
    cluster.put("1", "", 20)
    cluster.restart(first)
    cut_off = cluster.wait_for_leader(20)
    cluster.partition([cut_off])
    cluster.put("2", "", 20)
    cluster.heal()
    cluster.transfer(timeout=20)
    cluster.put("3", "", 20)

    until(cluster, lambda: watch.revision >= 6)
    watch.close()
    greenlet.join(5)
    assert [(event.revision, event.key) for event in events] == [(2, b"0"), (3, b"1"), (4, b"2"), (5, b"3")]


def test_a_member_that_was_sent_a_snapshot_serves_watches_from_before_it():
    config = LOCAL_CONFIG.replaced(snapshot_entries=20, snapshot_tail_entries=0)
    installed = []
    with LocalCluster(1, config=config, watch=lambda event: installed.append(type(event).__name__)) as cluster:
        begin = cluster.txn().put("k", "0").commit(20).revision
        for number in range(1, 60):
            with cluster.batch(20) as batch:
                for _ in range(10):
                    batch.put("k", str(number))
        added = cluster.add(timeout=20)
        until(cluster, lambda: cluster.machine(added).revision == begin + 590)

        assert "SnapshotInstalled" in installed
        told = cluster.machine(added).watcher(kv_history.changes(b"k", False, begin))()
        assert [change[0] for change in told.value[1]] == list(range(begin, begin + 591))


def test_a_transaction_is_all_or_nothing(cluster):
    taken = cluster.txn().if_absent("lock").put("lock", "me").commit(20)
    assert (taken.succeeded, taken.results) == (True, [taken.revision])

    refused = (
        cluster.txn().if_absent("lock").put("lock", "you").put("x", "1").otherwise().get("lock").get("x").commit(20)
    )
    assert not refused.succeeded
    assert refused.results[0].value == b"me"
    assert refused.results[0].revision == taken.revision
    assert refused.results[1] is None

    moved = cluster.txn().if_revision("lock", taken.revision).if_value("lock", "me").if_present("lock")
    assert moved.delete("lock").put("x", "2").commit(20).results == [True, taken.revision + 2]
    with pytest.raises(OutOfBounds):
        cluster.txn().put("", "1").commit(20)
    cluster.put("large", bytes(1024 * 1024), 20)
    with pytest.raises(CommandRefused, match="at most 2097152 are allowed"):
        cluster.txn().get("large").get("large").get("large").commit(20)


def test_a_batch_is_sent_at_its_end_unless_it_raises(cluster):
    with cluster.batch(20) as batch:
        batch.put("a", "1")
        batch.put("b", "2")
        batch.delete("none")
        assert cluster.get("a", 20) is None
    assert batch.outcome.results == [2, 3, False]
    assert [item.value for item in cluster.range("a", "z", timeout=20).items] == [b"1", b"2"]

    with pytest.raises(ZeroDivisionError), cluster.batch() as batch:
        batch.delete("a")
        raise ZeroDivisionError
    with cluster.batch() as empty:
        pass
    assert (batch.outcome, empty.outcome) == (None, None)
    assert cluster.get("a", 20) == b"1"


def test_pages(cluster):
    with cluster.batch(20) as batch:
        for number in range(5):
            batch.put(f"job/{number}", str(number))
        batch.put("k", "")

    page = cluster.prefix("job/", limit=3, timeout=20)
    assert [item.key for item in page.items] == [b"job/0", b"job/1", b"job/2"]
    rest = cluster.range(page.next_key, "job0", timeout=20, consistency="lease")
    assert [item.key for item in rest.items] == [b"job/3", b"job/4"]
    assert rest.next_key is None
    assert page.revision == rest.revision == batch.outcome.revision
    for wrong in ({"limit": 0}, {"limit": 1001}, {"limit": "1"}):
        with pytest.raises(OutOfBounds):
            cluster.prefix("job/", **wrong)
    with pytest.raises(InvalidConfig):
        cluster.range(consistency="stale")


def test_errors_say_what_to_do(cluster, monkeypatch):
    for ttl in (0.05, -1, float("nan"), "1", True):
        with pytest.raises(OutOfBounds):
            cluster.grant(ttl)
    monkeypatch.setattr(kv_leases, "MAX_LEASES", 1)
    cluster.grant(10, 20)
    with pytest.raises(TooManyLeases, match="there are 1 leases, which is the limit; revoke some"):
        cluster.grant(10, 20)
    with pytest.raises(Compacted, match=r"the first one is 2; read what there is now"):
        raise Compacted(1, 2)
    watch = cluster.watch("k", from_revision=5)
    cluster.close()
    with pytest.raises(ClusterClosed):
        watch.next()
    watch.close()


class Plain:
    def apply(self, command):
        return len(command)


def test_another_machine_has_none_of_it():
    with LocalCluster(1, machine=Plain) as cluster:
        with pytest.raises(NotWatchable, match="Plain has no method watcher"):
            cluster.waiter()
        for call in (cluster.watch, cluster.prefix, lambda key: cluster.txn().get(key).commit()):
            with pytest.raises(NotKeyValue):
                call("k")


class Ticking:
    """Counts how often its time was up, every 100 ms of log time, and tells who waits for more than some count."""

    def __init__(self):
        self.count = 0

    def apply(self, command):
        return self.count

    def pass_time(self, now_ms):
        self.count = now_ms // 100

    def due_ms(self):
        return 100 * (self.count + 1)

    def watcher(self, more_than):
        return lambda: self.count if self.count > more_than else None


def test_any_machine_may_have_time_and_be_waited_for():
    with LocalCluster(1, machine=Ticking) as cluster:
        waiter = cluster.waiter()
        count = 0
        for _ in range(3):
            told = waiter.ask(count, 20)
            assert told > count
            count = told
        waiter.close()


class HalfTimed(Plain):
    def pass_time(self, now_ms):
        pass


def test_half_a_method_is_refused():
    with pytest.raises(InvalidConfig, match="due_ms"):
        LocalCluster(1, machine=HalfTimed)
