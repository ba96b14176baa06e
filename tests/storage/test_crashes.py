"""A crash at every single operation of a long life: what was acknowledged is found, whatever is lost (D1, D3, D5)."""

import copy
import os

import pytest

from raft.entries import NOOP, Entry
from raft.ready import Write
from storage.disk import perform
from storage.segment import file_name
from storage.store import Store, create
from tests.storage.life import IDENTITY, SEGMENT_BYTES, Life, finish_download, seen, view
from transport_sim.chance import Chance
from transport_sim.faulty_disk import FaultyDisk

SEED = int(os.environ.get("QUORATE_CRASH_SEED", "0"))
STEPS = 300
CRASHES = ((0.0, False), (0.6, False), (0.6, True), (1.0, False))  # what is kept, and whether sectors tear


def go_on(disk):
    """Open what a crash has left, write something small, and open it again: nothing old may come back."""
    store = Store(disk, SEGMENT_BYTES)
    restored = store.restored
    last = restored.entries[-1].index if restored.entries else restored.base[0]
    entry = Entry(last + 1, restored.term or 1, NOOP, b"")
    operations, position = store.write([Write(1, restored.term or 1, restored.vote, (entry,))])
    perform(disk, operations)
    store.synced(position)
    again = Store(disk, SEGMENT_BYTES).restored
    assert again.entries == (*restored.entries, entry)
    assert (again.base, again.snapshot, again.cluster) == (restored.base, restored.snapshot, restored.cluster)


@pytest.mark.contract("D1", "D3", "D5", "N2", "N3")
def test_a_crash_at_every_operation_loses_nothing_that_was_acknowledged():
    disk = FaultyDisk()
    life = Life(SEED, disk)
    crashes = continued = 0

    def crash(operation):
        nonlocal crashes, continued
        for attempt, (kept, tears) in enumerate(CRASHES):
            after = copy.deepcopy(disk, {id(crash): lambda operation: None})
            after.crash(Chance(crashes * len(CRASHES) + attempt), kept, tears)
            crashes += 1
            store = Store(after, SEGMENT_BYTES)
            assert view(store) in [seen(stored) for stored in life.possible], f"crash {crashes} before {operation[:3]}"
            # Once it is opened it stays as it is, whenever the power fails next.
            after.crash(Chance(crashes), 0.0)
            assert view(Store(after, SEGMENT_BYTES)) == view(store)
            go_on(after)
            there = finish_download(Store(after, SEGMENT_BYTES), after, life.script)
            continued += there > 0

    disk.before = crash
    for _ in range(STEPS):
        life.step()

    disk.before = lambda operation: None
    assert view(Store(disk, SEGMENT_BYTES)) == seen(life.acknowledged)
    assert crashes > 1_500
    assert continued > 100


@pytest.mark.contract("D1")
def test_what_lies_behind_a_torn_batch_does_not_come_back_when_the_log_meets_it_again():
    def entry(index):
        return Entry(index, 1, NOOP, b"")

    disk = FaultyDisk()
    create(disk, IDENTITY, SEGMENT_BYTES)
    store = Store(disk, SEGMENT_BYTES)
    operations, (_, begin) = store.write([Write(1, 1, None, (entry(1),))])
    perform(disk, operations)
    for index in (2, 3, 4):
        perform(disk, store.write([Write(index, None, None, (entry(index),))], sync=False)[0])
    disk.flip(file_name(1), begin, 1)  # the disk has kept the last two batches, and half of the one before them

    store = Store(disk, SEGMENT_BYTES)
    assert store.recovered.last == 1
    # With the mark of the start this is as long as the first two of them, and its last record is the same.
    perform(disk, store.write([Write(1, None, None, (entry(2), entry(3)))])[0])

    assert Store(disk, SEGMENT_BYTES).recovered.last == 3
