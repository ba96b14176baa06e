from hypothesis import given
from hypothesis import strategies as st

from raft.actor import Persisted
from raft.entries import COMMAND, Entry
from raft.ready import Write
from transport_sim.chance import Chance
from transport_sim.disk import DiskSpeed, SimDisk
from transport_sim.scheduler import Scheduler


def entry(index, term=1):
    return Entry(index, term, COMMAND, b"%d" % index)


def make(speed=None, seed=1):
    scheduler = Scheduler()
    reported, durable = [], []

    def tell(message):
        assert isinstance(message, Persisted)
        reported.append(message.number)

    disk = SimDisk(scheduler, Chance(seed), speed or DiskSpeed(), tell, lambda write: durable.append(write.number))
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
