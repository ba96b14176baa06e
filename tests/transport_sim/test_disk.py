import pytest
from hypothesis import given
from hypothesis import strategies as st

from raft.actor import Persisted, RoomLeft
from raft.entries import COMMAND, NOOP, Entry
from raft.membership import Configuration
from raft.ready import Write
from raft.snapshot import Snapshot
from transport_sim.chance import Chance
from transport_sim.disk import DamagedStorage, DiskSpeed, SimDisk, torn
from transport_sim.scheduler import Scheduler
from transport_sim.shadow import InvariantError


def entry(index, term=1):
    return Entry(index, term, COMMAND, b"%d" % index)


def make(speed=None, seed=1):
    scheduler = Scheduler()
    reported, durable = [], []

    def tell(message):
        if not isinstance(message, RoomLeft):
            assert isinstance(message, Persisted)
            reported.append(message.number)

    disk = SimDisk(scheduler, Chance(seed), speed or DiskSpeed(), tell, lambda write: durable.append(write.number))
    disk.space.begin()
    return scheduler, disk, reported, durable


def test_a_write_becomes_durable_later_and_is_reported_then():
    scheduler, disk, reported, _ = make()
    disk.write(Write(1, 3, "n2", (entry(1),)))
    assert disk.load().term == 0
    assert reported == []
    scheduler.run_until(1_000_000)
    restored = disk.load()
    assert (restored.term, restored.vote, restored.entries) == (3, "n2", (entry(1),))
    assert reported == [1]


def test_entries_replace_everything_from_the_first_of_them_on():
    scheduler, disk, _, _ = make(DiskSpeed(hasty=0.0))
    disk.write(Write(1, 1, None, (entry(1), entry(2), entry(3))))
    disk.write(Write(2, None, None, (entry(2, term=2),)))
    scheduler.run_until(1_000_000)
    assert disk.load().entries == (entry(1), entry(2, term=2))
    assert disk.load().term == 1


def test_hasty_writes_are_reported_early_but_become_durable_in_order():
    scheduler, disk, reported, durable = make(DiskSpeed(hasty=0.5))
    for number in range(1, 101):
        disk.write(Write(number, None, None, (entry(number),)))
    scheduler.run_until(10_000_000)
    assert sorted(reported) == list(range(1, 101))
    assert reported != durable
    assert durable == list(range(1, 101))


def test_a_stalled_disk_finishes_nothing_for_a_while():
    scheduler, disk, reported, _ = make(DiskSpeed(hasty=0.0))
    disk.stall(500_000)
    disk.write(Write(1, 1, None, ()))
    scheduler.run_until(499_999)
    assert reported == []
    scheduler.run_until(600_000)
    assert reported == [1]


@given(st.integers(0, 10_000), st.integers(0, 20_000))
def test_a_crash_keeps_a_prefix_and_all_that_was_durable(seed, crash_us):
    scheduler, disk, reported, durable = make(DiskSpeed(hasty=0.3), seed)
    for number in range(1, 31):
        disk.write(Write(number, None, None, (entry(number),)))
    scheduler.run_until(crash_us)
    before = len(disk.entries)
    lost = disk.crash()
    assert len(disk.entries) == 30 - lost >= before
    assert list(disk.load().entries) == [entry(number) for number in range(1, 31 - lost)]
    told = len(reported)
    scheduler.run_until(10_000_000)
    assert len(reported) == told, "a disk reports nothing of before the crash"
    assert len(durable) == 30 - lost


class Node:
    """Whoever has the disk: notes what it is told."""

    def __init__(self, seed=1, reserve_bytes=1 << 26, **speed):
        self.scheduler = Scheduler()
        self.told = []
        self.room = []
        self.disk = SimDisk(
            self.scheduler, Chance(seed), DiskSpeed(**speed), self._tell, lambda write: None, False, reserve_bytes
        )
        self.disk.space.begin()

    def _tell(self, message):
        if isinstance(message, RoomLeft):
            self.room.append((message.limit_bytes, message.is_full))
        else:
            self.told.append(message)

    def write(self, number, *entries, term=None):
        self.disk.write(Write(number, term, None, entries))

    def run(self):
        self.scheduler.run_until(self.scheduler.now_us + 10_000_000)
        told, self.told[:] = list(self.told), []
        return [(type(message).__name__, getattr(message, "number", None)) for message in told]


@pytest.mark.contract("D2")
def test_after_a_write_has_failed_nothing_is_reported_as_durable():
    node = Node(hasty=0.0)
    node.write(1, entry(1))
    assert node.run() == [("Persisted", 1)]

    node.disk.fails = True
    node.write(2, entry(2))
    node.write(3, entry(3))
    node.disk.save_snapshot(Snapshot(1, 1, 0, Configuration(("n1",))), [b"state"])

    assert node.run() == [("StorageBroke", None)]
    assert node.disk.has_failed
    assert node.disk.entries == [entry(1)]
    assert node.disk.snapshots == []


@pytest.mark.contract("D2")
def test_space_is_promised_before_it_is_used_and_no_more_when_the_disk_is_full():
    node = Node(reserve_bytes=200, hasty=0.0)
    assert node.room == [(200, False)]
    for index in range(1, 5):
        node.write(index, entry(index))
        node.run()
    assert node.room == [(200, False), (332, False)]

    node.disk.space.fill()
    limit_bytes, is_full = node.room[-1]
    assert is_full
    number = 4
    while 33 * (number + 1) <= limit_bytes:
        number += 1
        node.write(number, Entry(number, 1, COMMAND, b"x"))
    assert node.run() == [("Persisted", done) for done in range(5, number + 1)]
    node.disk.make_space()
    written = sum(kept.size_bytes for kept in node.disk.entries)
    assert node.room[-1] == (written + 200, False)


@pytest.mark.contract("D2")
def test_a_command_that_no_space_was_promised_for_is_found_out():
    node = Node(reserve_bytes=200, hasty=0.0)
    node.write(1, *[entry(index) for index in range(1, 7)])
    with pytest.raises(InvariantError, match="D2: command 7 makes 231 bytes, and 200 were promised"):
        node.write(2, entry(7))


@pytest.mark.contract("D2")
def test_what_exceeds_even_the_reserve_waits_for_space_and_is_lost_in_a_crash():
    node = Node(reserve_bytes=200, hasty=0.0)
    node.disk.space.fill()
    noops = [Entry(index, index, NOOP, b"") for index in range(1, 50)]
    node.write(1, *noops, term=1)
    node.write(2, term=2)
    assert node.run() == []

    node.disk.make_space()
    assert node.run() == [("Persisted", 1), ("Persisted", 2)]

    node.disk.space.fill()
    node.write(3, *noops, term=3)
    node.disk.crash()
    assert node.disk.term == 2


@given(st.integers(0, 10_000), st.integers(0, 30_000))
def test_of_a_torn_write_a_first_part_is_kept_and_no_more(seed, crash_us):
    node = Node(seed, hasty=0.0)
    node.disk.tearing = 1.0
    batches = [tuple(entry(1 + 4 * number + i) for i in range(4)) for number in range(20)]
    for number, batch in enumerate(batches, 1):
        node.write(number, *batch)
    node.scheduler.run_until(crash_us)
    done = len(node.told)
    node.disk.crash()
    kept = node.disk.entries
    assert len(kept) >= 4 * done
    assert kept == [one for batch in batches for one in batch][: len(kept)]


def test_tears_leave_the_ballot_and_fewer_entries_than_all():
    write = Write(1, 3, "n2", (entry(1, 3), entry(2, 3)))
    part = torn(write, 0.5)
    assert (part.term, part.vote, part.entries) == (3, "n2", (entry(1, 3),))
    assert torn(write, 0.0).entries == ()
    assert torn(Write(1, None, None, (entry(1), entry(2))), 0.4) is None
    assert len(torn(write, 0.999).entries) == 1


def test_torn_writes_do_happen():
    torn_ones = 0
    for seed in range(50):
        node = Node(seed, hasty=0.0)
        node.disk.tearing = 1.0
        for number in range(1, 6):
            node.write(number, *[entry(4 * number - 3 + i) for i in range(4)])
        node.disk.crash()
        torn_ones += len(node.disk.entries) % 4 != 0
    assert torn_ones > 20


def test_who_stops_in_good_order_loses_nothing():
    node = Node()
    node.write(1, entry(1))
    node.write(2, entry(2))
    node.disk.finish()
    assert node.disk.crash() == 0
    assert node.disk.entries == [entry(1), entry(2)]


def test_nobody_starts_from_what_has_rotted_and_a_new_disk_is_another():
    node = Node()
    node.write(1, entry(1), term=1)
    node.run()
    incarnation = node.disk.incarnation
    node.disk.rot(0.5)
    with pytest.raises(DamagedStorage):
        node.disk.load()
    assert node.disk.entries != [entry(1)]
    node.disk.format()
    assert node.disk.load().entries == ()
    assert node.disk.incarnation != incarnation
