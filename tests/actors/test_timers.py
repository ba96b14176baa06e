import time

import gevent
import pytest

from actors.runtime import GeventActor
from actors.timers import ClusterClock, GeventTimer, MonotonicClock
from raft.actor import Tick

CLOCK = MonotonicClock()


class Alarmed(GeventActor):
    def __init__(self):
        super().__init__()
        self.rung_ms = []

    def on_receive(self, message):
        assert isinstance(message, Tick)
        self.rung_ms.append(CLOCK.now_ms())


@pytest.fixture
def actor():
    alarmed = Alarmed.spawn()
    yield alarmed
    alarmed.crash()


def wait_for_alarm(actor):
    with gevent.Timeout(30):
        while not actor.rung_ms:
            gevent.sleep(0.001)


def test_the_clock_gives_whole_milliseconds_and_never_goes_back():
    times = [CLOCK.now_ms() for _ in range(1000)]

    assert all(type(now) is int for now in times)
    assert times == sorted(times)


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="only Linux has a clock of boot time")
def test_the_clock_counts_suspended_time():
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
    now = CLOCK.now_ms()
    after = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    assert before <= now <= after


def test_the_alarm_comes_once_and_not_early(actor):
    deadline = CLOCK.now_ms() + 30
    GeventTimer(actor.actor_ref, CLOCK).set(deadline)

    wait_for_alarm(actor)
    gevent.sleep(0.05)

    assert len(actor.rung_ms) == 1
    assert actor.rung_ms[0] >= deadline


def test_an_alarm_set_late_in_a_turn_does_not_come_early(actor):
    time.sleep(0.1)  # the loop's own notion of now falls behind
    deadline = CLOCK.now_ms() + 50
    GeventTimer(actor.actor_ref, CLOCK).set(deadline)

    wait_for_alarm(actor)

    assert actor.rung_ms[0] >= deadline


def test_a_deadline_that_has_passed_rings_at_once(actor):
    GeventTimer(actor.actor_ref, CLOCK).set(CLOCK.now_ms() - 1000)

    wait_for_alarm(actor)


def test_a_new_alarm_replaces_the_old_one(actor):
    timer = GeventTimer(actor.actor_ref, CLOCK)
    timer.set(CLOCK.now_ms() + 10)
    deadline = CLOCK.now_ms() + 60
    timer.set(deadline)

    wait_for_alarm(actor)

    assert actor.rung_ms[0] >= deadline


def test_a_cancelled_alarm_never_rings(actor):
    timer = GeventTimer(actor.actor_ref, CLOCK)
    timer.cancel()
    timer.set(CLOCK.now_ms() + 10)
    timer.cancel()
    timer.cancel()

    gevent.sleep(0.05)

    assert actor.rung_ms == []


# The time of a cluster


class Source:
    def __init__(self):
        self.ms = 5000

    def now_ms(self):
        return self.ms


def test_the_clock_of_a_cluster_goes_like_its_source_in_short_steps():
    source = Source()
    clock = ClusterClock(25, source)
    started = clock.now_ms()

    for step in (0, 1, 25, 10):
        source.ms += step
        clock.now_ms()

    assert clock.now_ms() - started == 36
    clock.close()
    clock.close()


def test_a_standstill_takes_no_more_than_the_longest_step():
    source = Source()
    clock = ClusterClock(25, source)
    started = clock.now_ms()

    source.ms += 3_600_000

    assert (clock.now_ms() - started, clock.now_ms() - started) == (25, 25)
    clock.close()


def test_the_loops_own_waiting_counts_whole_and_is_not_disturbed():
    readings = []

    class Counting(MonotonicClock):
        def now_ms(self):
            readings.append(1)
            return super().now_ms()

    clock = ClusterClock(20, Counting())
    began, began_truly = clock.now_ms(), CLOCK.now_ms()
    gevent.sleep(0.5)
    took, took_truly = clock.now_ms() - began, CLOCK.now_ms() - began_truly
    clock.close()

    assert took >= 490
    assert took <= took_truly
    assert len(readings) < 20, "nothing wakes the loop to read a clock"
