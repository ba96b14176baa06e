"""A disk that is quicker than the hand-over to the thread: writes are done at once, and only then."""

import errno
import os
import random
import time

import gevent
import pytest

from actors.storage.directory import DirectoryStorage
from actors.storage.pace import MOST_QUICK_WRITES, QUICK_S, QUICK_WRITES, STALL_S, Pace
from actors.storage.space import SMALL_BYTES
from raft.actor import Persisted, StorageBroke
from raft.entries import COMMAND, Entry
from raft.ready import Write
from tests.actors.test_directory_storage import until


class Member:
    """A storage, and what a node would know of it."""

    def __init__(self, folder, monkeypatch, may_wait=True):
        self.takes_s = 0.0  # how long a sync takes
        self.error = None  # with which one fails
        self.at_once = []  # of each write, whether it was done at once
        self.durable = set()
        self.broke = []
        self._number = self.last = 0
        sync = os.fdatasync

        def fdatasync(file):
            time.sleep(self.takes_s)
            if self.error is not None:
                raise OSError(self.error, os.strerror(self.error))
            sync(file)

        monkeypatch.setattr(os, "fdatasync", fdatasync)
        # The machine that runs this may be slow; what is slow here is what says so.
        monkeypatch.setattr("actors.storage.pace.QUICK_S", 0.1)
        monkeypatch.setattr("actors.storage.pace.STALL_S", 0.2)
        self.storage = DirectoryStorage(folder, "n1", may_wait=may_wait)
        self.storage.load()
        self.storage.open(self)

    def tell(self, message):
        if isinstance(message, Persisted):
            self.durable.add(message.number)
        elif isinstance(message, StorageBroke):
            self.broke.append(message.reason)

    def write(self, size=50):
        self._number += 1
        self.last += 1
        term = 1 if self._number == 1 else None
        entry = Entry(self.last, 1, COMMAND, b"x" * size, 0)
        done = self.storage.write(Write(self._number, term, None, (entry,)))
        self.at_once.append(done)
        if done:
            assert self.durable == set(range(1, self._number)), "all before it must be durable, and reported"
            self.durable.add(self._number)

    def settle(self):
        until(lambda: self.durable == set(range(1, self._number + 1)))

    def warm_up(self):
        while not (self.at_once and self.at_once[-1]):
            self.write()
            self.settle()

    def found(self):
        """The index of the last entry that a node would find if the power failed now."""
        return DirectoryStorage.load(self.storage).entries[-1].index


@pytest.fixture
def member(tmp_path, monkeypatch):
    member = Member(tmp_path / "data", monkeypatch)
    yield member
    member.storage.release()


def test_a_disk_is_quick_after_some_quick_writes_in_a_row_and_until_a_slow_one():
    pace = Pace()
    assert not pace.is_quick
    for slow in range(2):
        for _ in range(QUICK_WRITES):
            assert not pace.is_quick
            pace.took(QUICK_S)
        assert pace.is_quick
        pace.took(QUICK_S * 1.01 + slow / 1000)
        assert not pace.is_quick


def quick_writes_wanted(pace):
    for number in range(MOST_QUICK_WRITES + 1):
        if pace.is_quick:
            return number
        pace.took(0.0)
    raise AssertionError("it is never quick")


def test_a_disk_that_stalls_every_now_and_then_is_soon_not_waited_for_and_forgiven_after_long():
    pace = Pace()
    wanted = []
    for _ in range(14):
        pace.took(STALL_S)
        wanted.append(quick_writes_wanted(pace))
    assert wanted == [min(QUICK_WRITES * 2 ** (number + 1), MOST_QUICK_WRITES) for number in range(14)]

    for _ in range(16 * MOST_QUICK_WRITES):
        pace.took(0.0)
        assert pace.is_quick
    pace.took(QUICK_S * 2)
    assert quick_writes_wanted(pace) < MOST_QUICK_WRITES


def test_a_stall_every_hundred_writes_meets_the_loop_twice():
    pace = Pace()
    met = 0
    for number in range(20_000):
        stalls = number % 100 == 99
        met += stalls and pace.is_quick
        pace.took(STALL_S if stalls else 0.0)
    assert met == 2


def test_a_quick_disk_is_soon_written_at_once(member):
    member.warm_up()

    assert len(member.at_once) == QUICK_WRITES + 1
    for _ in range(10):
        member.write()
    assert all(member.at_once[-10:])
    assert member.found() == member.last


def test_only_small_writes_are_done_at_once(member):
    member.warm_up()

    member.write(SMALL_BYTES + 1)
    assert not member.at_once[-1]
    member.settle()
    member.write()
    assert member.at_once[-1]
    assert member.found() == member.last


def test_where_the_loop_serves_other_members_too_nobody_waits(tmp_path, monkeypatch):
    member = Member(tmp_path / "data", monkeypatch, may_wait=False)
    for _ in range(2 * QUICK_WRITES):
        member.write()
        member.settle()
    assert not any(member.at_once)
    member.storage.release()


def test_a_slow_disk_never_holds_up_the_loop(member):
    member.takes_s = 0.11
    for _ in range(3):
        began_s = time.monotonic()
        member.write()
        assert time.monotonic() - began_s < 0.1
        member.settle()
    assert not any(member.at_once)


def test_one_slow_write_and_the_thread_writes_again(member):
    member.warm_up()
    member.takes_s = 0.11
    member.write()
    assert member.at_once[-1], "nobody could know"
    member.takes_s = 0.0

    for _ in range(QUICK_WRITES):
        member.write()
        assert not member.at_once[-1]
        member.settle()
    member.write()
    assert member.at_once[-1]


@pytest.mark.parametrize("seed", range(5))
def test_the_thread_and_the_loop_never_write_out_of_order(member, seed):
    chance = random.Random(seed)
    member.warm_up()
    for _ in range(300):
        if chance.random() < 0.03:
            member.takes_s = chance.choice((0.0, 0.0, 0.101))
            # As if the disk had become quick at any moment, whatever is under way.
            member.storage._pace = Pace()
            member.storage._pace._quick_writes = chance.choice((0, QUICK_WRITES))
        member.write()
        if chance.random() < 0.4:
            gevent.sleep(chance.choice((0, 0, 0.001)))
    member.takes_s = 0.0
    member.settle()

    assert 5 < sum(member.at_once) < 300
    assert member.found() == member.last


def test_a_write_that_waits_for_its_batch_is_not_overtaken(member):
    member.write()
    member.write()
    time.sleep(0.1)
    # The loop may hear of the first one before it begins the batch of the second.
    member.storage._worker._report()
    assert member.durable == {1}
    assert member.storage._worker.is_idle
    member.storage._pace._quick_writes = QUICK_WRITES

    member.write()
    member.settle()

    assert not any(member.at_once)
    assert member.found() == 3


def test_the_next_batch_is_on_its_way_to_the_disk_before_the_node_acts_on_what_is_durable(tmp_path, monkeypatch):
    happened = []
    member = Member(tmp_path / "data", monkeypatch, may_wait=False)
    flush, tidy = member.storage._flush, member.storage._tidy
    monkeypatch.setattr(member.storage, "_flush", lambda: (happened.append("flush"), flush()))
    monkeypatch.setattr(member.storage, "_tidy", lambda: (happened.append("tidy"), tidy()))

    def tell(message):
        if isinstance(message, Persisted):
            member.durable.add(message.number)
            if member.durable == {1}:
                # As a mailbox does, which has its actor take a turn soon.
                gevent.get_hub().loop.run_callback(happened.append, "turn")

    member.tell = tell
    member.takes_s = 0.02
    for _ in range(3):
        member.write()  # one for the thread, one that is ready for it, one that waits
        gevent.sleep(0.001)
    del happened[:]
    member.settle()
    gevent.sleep(0)

    assert happened[:3] == ["flush", "turn", "tidy"]
    member.storage.release()


@pytest.mark.contract("D2")
def test_after_a_failure_nothing_more_is_tried(member):
    member.warm_up()
    member.storage.store._log.has_spare = False  # so that there is something to reserve
    member.write()
    member.error = errno.EIO
    member.write()
    gevent.sleep(0.05)

    assert member.at_once[-2:] == [True, False]
    assert member.broke == ["the disk failed: Input/output error"]


@pytest.mark.contract("D2")
def test_a_write_at_once_that_fails_is_the_last(member):
    member.warm_up()
    member.error = errno.EIO

    member.write()
    member.write()
    gevent.sleep(0.05)

    assert member.at_once[-2:] == [False, False]
    assert member.broke[0] == "the disk failed: Input/output error"
    assert len(member.durable) == len(member.at_once) - 2
