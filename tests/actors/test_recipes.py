"""Locks, semaphores, elections, counters and barriers, on real clusters in one process whose leaders are killed."""

import time

import gevent
import pytest

from actors import Compacted, LocalCluster, OutOfBounds, Unavailable
from actors.recipes import (
    AlreadyHeld,
    Barrier,
    Counter,
    Election,
    Leader,
    Lock,
    NotANumber,
    NotHeld,
    PlaceLost,
    Semaphore,
)
from actors.recipes import barrier as barrier_module
from actors.recipes.view import View
from actors.watches import Watch
from raft.errors import InvalidConfig, OutcomeUnknown
from tests.actors.clusters import T, others, wait_until

TTL = 0.6


@pytest.fixture(autouse=True)
def ready(cluster):
    cluster.put("first", "1", T)


def begin(function, *arguments):
    """Begins something beside the test; gives its start a moment."""
    greenlet = gevent.spawn(function, *arguments)
    gevent.sleep(0)
    return greenlet


def die(held):
    """Lets a holder end as its process would: its lease is kept alive no more, and not revoked."""
    held._line.keeper._greenlet.kill()


def places(cluster, name):
    return [item.key for item in cluster.prefix(name + "/").items]


def in_line(cluster, name, count):
    wait_until(lambda: len(places(cluster, name)) == count)


# Locks


def test_a_lock_is_held_by_one_after_the_other_in_order_and_with_greater_tokens(cluster):
    held = []

    def use(number):
        with Lock(cluster, "l") as lock:
            held.append((number, lock.token))
            gevent.sleep(0.01)
            assert held[-1] == (number, lock.token), "nobody came in between"

    with Lock(cluster, "l"):
        using = []
        for number in range(5):
            using.append(begin(use, number))
            in_line(cluster, "l", number + 2)
    gevent.joinall(using, T, raise_error=True)

    assert [number for number, _ in held] == [0, 1, 2, 3, 4]
    assert [token for _, token in held] == sorted({token for _, token in held})
    assert places(cluster, "l") == []


def test_when_a_lock_is_free_only_the_next_one_is_woken(cluster, monkeypatch):
    locks = [Lock(cluster, "l") for _ in range(4)]
    locks[0].acquire()
    waiting = []
    for number, lock in enumerate(locks[1:], 2):
        waiting.append(begin(lock.acquire))
        in_line(cluster, "l", number)
    reads = []
    prefix = cluster.prefix
    monkeypatch.setattr(cluster, "prefix", lambda *a, **s: reads.append(a) or prefix(*a, **s))

    locks[0].release()
    assert waiting[0].get(timeout=T)
    gevent.sleep(0.1)
    assert len(reads) == 1
    for lock, wait in zip(locks[1:], waiting, strict=True):
        assert wait.get(timeout=T)
        lock.release()


def test_who_gives_up_waiting_leaves_the_line(cluster):
    first, second, third = (Lock(cluster, "l", owner=f"{number}") for number in range(3))
    assert first.acquire()
    waiting = begin(second.acquire, 0.3)
    in_line(cluster, "l", 2)
    last = begin(third.acquire)
    in_line(cluster, "l", 3)

    assert waiting.get(timeout=T) is False
    in_line(cluster, "l", 2)
    assert not last.ready()
    assert not second.held
    with pytest.raises(NotHeld):
        second.release()
    first.release()
    assert last.get(timeout=T)
    assert cluster.prefix("l/").items[0].value == b"2"
    third.release()
    assert second.acquire(T)
    second.release()


def test_a_holder_that_dies_is_followed_by_one_with_a_greater_token(cluster):
    dead, heir = Lock(cluster, "l", ttl=TTL), Lock(cluster, "l", ttl=TTL)
    dead.acquire()
    waiting = begin(heir.acquire)
    in_line(cluster, "l", 2)
    token = dead.token
    gevent.sleep(2 * TTL)
    assert dead.held, "it is kept alive"
    assert not waiting.ready()

    die(dead)
    assert waiting.get(timeout=T)
    assert heir.token > token
    assert dead.lost
    assert not dead.held
    with pytest.raises(PlaceLost, match="b'l' may have been lost"):
        dead.check()
    assert not dead.txn().put("guarded", "stale").commit().succeeded
    assert heir.txn().put("guarded", "fresh").commit().succeeded
    assert cluster.get("guarded") == b"fresh"
    dead.release()
    assert heir.held
    heir.release()


def test_a_holder_that_hears_nothing_of_the_cluster_knows_in_time_that_it_may_have_lost(cluster):
    lock = Lock(cluster, "l", ttl=TTL)
    lock.acquire()
    down = others(cluster, cluster.wait_for_leader(T))
    for node in down:
        cluster.kill(node)

    started = time.monotonic()
    assert lock.wait_lost(T)
    assert time.monotonic() - started < TTL + 5
    assert lock.lost
    for node in down:
        cluster.restart(node)
    cluster.put("k", "1", T)
    with pytest.raises(PlaceLost):
        lock.check()
    lock.release()
    assert lock.acquire(T)
    lock.release()


def test_a_block_in_which_a_lock_is_lost_says_so_at_its_end(cluster):
    with pytest.raises(PlaceLost), Lock(cluster, "l", ttl=0.1):
        time.sleep(0.3)  # gevent does not run
    with pytest.raises(ZeroDivisionError), Lock(cluster, "l", ttl=0.1) as lock:
        time.sleep(0.3)
        assert lock.lost
        raise ZeroDivisionError
    with Lock(cluster, "l") as lock:
        assert not lock.wait_lost(0.01)
        lock.check()


def test_nobody_is_inside_with_another_while_leaders_are_killed(cluster):
    tokens = []

    def work():
        lock = Lock(cluster, "l", ttl=5)
        for _ in range(6):
            with lock:
                tokens.append(lock.token)
                found = int(cluster.get("sum", T) or 0)
                gevent.sleep(0.005)
                cluster.put("sum", str(found + 1), T)

    working = [gevent.spawn(work) for _ in range(4)]
    for _ in range(2):
        before = len(tokens)
        wait_until(lambda before=before: len(tokens) >= before + 3)
        killed = cluster.wait_for_leader(T)
        cluster.kill(killed)
        cluster.wait_for_leader(T)
        cluster.restart(killed)
    gevent.joinall(working, 2 * T, raise_error=True)

    assert cluster.get("sum") == b"24"
    assert tokens == sorted(set(tokens))
    assert len(tokens) == 24


def test_who_has_waited_so_long_that_its_lease_has_expired_gets_in_line_again(cluster):
    first, second = Lock(cluster, "l"), Lock(cluster, "l", ttl=TTL)
    first.acquire()
    waiting = begin(second.acquire)
    in_line(cluster, "l", 2)
    die(second)
    in_line(cluster, "l", 1)

    first.release()
    assert waiting.get(timeout=T)
    assert second.held
    second.release()


def test_a_place_that_is_uncertain_or_was_deleted_is_not_taken_for_a_turn(cluster):
    first, second, third = Lock(cluster, "l"), Lock(cluster, "l"), Lock(cluster, "l")
    first.acquire()
    waiting = [begin(second.acquire)]
    in_line(cluster, "l", 2)
    waiting.append(begin(third.acquire))
    in_line(cluster, "l", 3)
    second._line.keeper._lost.set()  # as when the cluster was not reached for long
    cluster.delete(third._line.key)

    first.release()
    for lock, wait in zip((second, third), waiting, strict=True):
        assert wait.get(timeout=T)
        assert lock.held
        assert lock._line.key in places(cluster, "l")
        lock.release()


def test_a_history_that_is_not_kept_is_read_anew(cluster, monkeypatch):
    first, second = Lock(cluster, "l"), Lock(cluster, "l")
    seen = []

    def observe():
        for leader in Election(cluster, "l").observe():
            seen.append(leader and leader.token)

    first.acquire()
    real, kept = Watch.next, [False] * 3  # of the first three

    def next_kept(watch, timeout=None):
        if kept and not kept.pop():
            raise Compacted(1, 2)
        return real(watch, timeout)

    monkeypatch.setattr(Watch, "next", next_kept)
    observing = begin(observe)
    waiting = begin(second.acquire)
    wait_until(lambda: not kept and len(places(cluster, "l")) == 2)
    first_token = first.token
    first.release()
    assert waiting.get(timeout=T)
    wait_until(lambda: seen == [first_token, second.token])
    second.release()
    wait_until(lambda: seen[-1] is None)
    observing.kill()


def test_a_lock_that_is_released_just_before_it_is_watched_is_not_missed(cluster, monkeypatch):
    first, second = Lock(cluster, "l"), Lock(cluster, "l")
    first.acquire()
    real = cluster.watch

    def watch(*arguments, **settings):
        first.release()
        return real(*arguments, **settings)

    monkeypatch.setattr(cluster, "watch", watch)
    assert second.acquire(T)
    second.release()


def test_a_lock_is_no_lock_twice(cluster):
    lock = Lock(cluster, "l")
    for use in (lock.release, lock.check, lock.wait_lost, lock.txn, lambda: lock.token):
        with pytest.raises(NotHeld):
            use()
    with lock:
        with pytest.raises(AlreadyHeld):
            lock.acquire()
        assert lock.held
    with pytest.raises(OutOfBounds):
        Lock(cluster, "l", ttl=0).acquire()
    with pytest.raises(InvalidConfig):
        lock.acquire(-1)
    with pytest.raises(OutOfBounds):
        Lock(cluster, "l" * 1020).acquire()
    with lock:
        pass
    assert places(cluster, "l") == []
    assert "Lock(b'l')" in repr(lock)


def test_a_lock_of_a_cluster_without_a_leader(cluster):
    lock = Lock(cluster, "l")
    down = others(cluster, cluster.wait_for_leader(T))
    for node in down:
        cluster.kill(node)
    wait_until(lambda: cluster.leader() is None)

    with pytest.raises((Unavailable, OutcomeUnknown)):  # who led may not know yet that it does not
        lock.acquire(0.2)
    waiting = begin(lock.acquire)
    gevent.sleep(0.1)
    for node in down:
        cluster.restart(node)
    assert waiting.get(timeout=T)
    lock.release()


# Semaphores


def test_a_semaphore_is_held_by_some_and_no_more(cluster):
    inside = []
    most = []

    def use():
        with Semaphore(cluster, "s", 3):
            inside.append(1)
            most.append(len(inside))
            gevent.sleep(0.02)
            inside.pop()

    gevent.joinall([gevent.spawn(use) for _ in range(10)], T, raise_error=True)
    assert max(most) == 3
    assert places(cluster, "s") == []
    with pytest.raises(InvalidConfig, match="permits"):
        Semaphore(cluster, "s", 0)


def test_a_permit_of_one_that_has_died_is_given_to_the_next(cluster):
    first, second, third = (Semaphore(cluster, "s", 2, ttl=TTL) for _ in range(3))
    assert first.acquire()
    assert second.acquire()
    assert not third.acquire(0.1)
    waiting = begin(third.acquire)
    die(second)
    assert waiting.get(timeout=T)
    assert third.token > second.token
    assert first.held
    for held in (first, second, third):
        held.release()


# Elections


def test_leaders_of_an_election_are_seen_one_after_the_other(cluster):
    candidates = {name: Election(cluster, "e", ttl=ttl) for name, ttl in (("a", 10), ("b", TTL), ("c", 10))}
    seen = []

    def watch():
        for leader in Election(cluster, "e").observe():
            seen.append(leader)

    watching = begin(watch)
    wait_until(lambda: seen == [None])
    assert candidates["a"].campaign("a")
    campaigns = [begin(candidates["b"].campaign, "b")]
    in_line(cluster, "e", 2)
    campaigns.append(begin(candidates["c"].campaign, "c"))
    in_line(cluster, "e", 3)
    tokens = [candidates["a"].token]
    gevent.sleep(0.1)
    assert seen == [None, Leader(b"a", tokens[0])]
    assert candidates["b"].leader(T) == Leader(b"a", tokens[0])

    candidates["a"].resign()
    assert campaigns[0].get(timeout=T)
    tokens.append(candidates["b"].token)
    cluster.kill(cluster.wait_for_leader(T))
    die(candidates["b"])
    assert campaigns[1].get(timeout=T)
    tokens.append(candidates["c"].token)
    assert candidates["b"].lost
    assert not candidates["b"].leads
    assert candidates["c"].leads
    assert candidates["c"].txn().put("k", "c").commit(T).succeeded
    candidates["c"].resign()
    candidates["b"].resign()

    wait_until(lambda: seen[-1] is None and len(seen) == 5)
    watching.kill()
    assert seen == [None, Leader(b"a", tokens[0]), Leader(b"b", tokens[1]), Leader(b"c", tokens[2]), None]
    assert tokens == sorted(set(tokens))
    assert candidates["a"].leader() is None
    for use in (candidates["a"].resign, candidates["a"].check, candidates["a"].wait_lost, candidates["a"].txn):
        with pytest.raises(NotHeld):
            use()


# Counters


@pytest.mark.contract("C1")
def test_each_addition_counts_once_also_while_leaders_are_killed(cluster):
    counted = []

    def count():
        counter = Counter(cluster, "n")
        for _ in range(20):
            counted.append(counter.add(timeout=T))

    counting = [gevent.spawn(count) for _ in range(4)]
    wait_until(lambda: len(counted) > 20)
    cluster.kill(cluster.wait_for_leader(T))
    gevent.joinall(counting, T, raise_error=True)

    assert sorted(counted) == list(range(1, 81))
    counter = Counter(cluster, "n")
    assert counter.value() == 80
    assert counter.add(-81) == -1
    assert Counter(cluster, "none").value() == 0
    cluster.put("n", "many")
    for use in (counter.add, counter.value):
        with pytest.raises(NotANumber, match="b'n' holds b'many'"):
            use()
    with pytest.raises(InvalidConfig, match="amount"):
        counter.add(0.5)


# Barriers


def test_nobody_passes_a_barrier_before_all_have_come_or_leaves_before_all_are_through(cluster):
    happened = []

    def party(number):
        barrier = Barrier(cluster, "b", 3)
        for turn in range(4):
            gevent.sleep(0.01 * number)
            happened.append(("comes", turn))
            assert barrier.enter(T)
            happened.append(("enters", turn))
            assert barrier.leave(T)
            happened.append(("leaves", turn))

    gevent.joinall([gevent.spawn(party, number) for number in range(3)], T, raise_error=True)
    for turn in range(4):
        last_comes = max(index for index, one in enumerate(happened) if one == ("comes", turn))
        enters = [index for index, one in enumerate(happened) if one == ("enters", turn)]
        leaves = [index for index, one in enumerate(happened) if one == ("leaves", turn)]
        assert last_comes < min(enters)
        assert max(enters) < min(leaves)
    assert places(cluster, "b") == []


def test_who_leaves_slowly_does_not_wait_for_one_that_has_entered_again(cluster, monkeypatch):
    first, second = Barrier(cluster, "b", 2), Barrier(cluster, "b", 2)
    entering = begin(first.enter)
    assert second.enter(T)
    assert entering.get(timeout=T)
    again = gevent.spawn(lambda: first.leave() and first.enter())
    gevent.sleep(0.1)

    class SlowView(View):
        def __init__(self, *arguments):
            monkeypatch.setattr(barrier_module, "View", View)
            in_line(cluster, "b", 1)  # the other one has seen that all had left, and has entered again
            super().__init__(*arguments)

    monkeypatch.setattr(barrier_module, "View", SlowView)
    assert second.leave(5)
    assert second.enter(T)
    assert again.get(timeout=T)
    leaving = begin(first.leave)
    assert second.leave(T)
    assert leaving.get(timeout=T)


def test_a_party_that_does_not_come_or_dies(cluster):
    first, second = Barrier(cluster, "b", 2, ttl=TTL), Barrier(cluster, "b", 2, ttl=TTL)
    assert not first.enter(0.1)
    in_line(cluster, "b", 0)
    with pytest.raises(NotHeld):
        first.leave()
    entering = begin(first.enter)
    assert second.enter(T)
    assert entering.get(timeout=T)
    with pytest.raises(AlreadyHeld):
        second.enter()
    second._keeper._greenlet.kill()
    assert first.leave(T), "the other one is gone when its lease has expired"
    second.leave()
    with pytest.raises(InvalidConfig, match="parties"):
        Barrier(cluster, "b", 0)


def test_recipes_need_the_key_value_store(cluster):
    class Machine:
        def apply(self, command):
            return None

    with LocalCluster(1, machine=Machine) as other, pytest.raises(Exception, match="not the key-value store"):
        Lock(other, "l").acquire(T)


def test_what_an_entry_that_went_wrong_has_left_behind_is_no_other_party(cluster):
    barrier = Barrier(cluster, "b", 2)
    cluster.put(barrier._key, b"")

    assert barrier.enter(0.5) is False
