"""Entries that are synced at intervals: what a process and what a machine may lose when it crashes (contract D6)."""

import copy

import pytest

from storage.disk import perform
from storage.store import Store
from tests.storage.life import SEGMENT_BYTES, Life, seen, view
from transport_sim.chance import Chance
from transport_sim.faulty_disk import FaultyDisk

pytestmark = pytest.mark.contract("D6")

STEPS = 150
KEPT = (0.0, 0.6)


class LazyLife(Life):
    """The life of a storage whose entries are synced now and then.

    Attributes:
        synced: the last entry that no power loss may take.
    """

    def __init__(self, seed, disk):
        super().__init__(seed, disk)
        self.synced = 0
        self.weakly_synced = 0

    def step(self):
        before = self.script.stored
        write, note_synced, synced = self.store.write, self.store.synced, []

        def write_lazily(writes):
            stored = before
            self.weakly_synced = self.synced
            for one in writes:
                if one.term is not None or one.cluster:
                    self.synced = stored.last
                truncates = bool(one.entries) and one.entries[0].index <= stored.last
                if truncates or one.install is not None or one.base[0] > stored.base[0]:
                    synced.append(one)
                if truncates:
                    self.weakly_synced = min(self.weakly_synced, one.entries[0].index - 1)
                stored = stored.after(one)
            return write(writes, False)

        self.store.write = write_lazily
        self.store.synced = lambda position: None  # only `sync` says so, see `actors.storage.directory`
        super().step()
        self.store.write, self.store.synced = write, note_synced
        if synced:
            self.synced = self.acknowledged.last
        self.synced = self.weakly_synced = min(self.synced, self.acknowledged.last)

    def sync(self):
        """An interval is over."""
        operations, position = self.store.sync()
        perform(self.disk, operations)
        self.store.synced(position)
        self.synced = self.weakly_synced = self.acknowledged.last


def is_left_of(found, stored, synced):
    """Whether a power loss may leave this of what was stored: all of it, or without the last entries not synced."""
    *rest, entries = found
    *all_rest, all_entries = seen(stored)
    least = [entry for entry in all_entries if entry.index <= synced]
    return rest == all_rest and entries == all_entries[: len(entries)] and len(entries) >= len(least)


def opened(disk):
    return view(Store(disk, SEGMENT_BYTES))


@pytest.mark.parametrize("seed", range(3))
def test_power_loss_between_two_steps_takes_entries_that_were_not_synced_and_nothing_else(seed):
    disk = FaultyDisk()
    life = LazyLife(seed, disk)
    taken = 0
    for number in range(STEPS):
        life.step()
        if number % 7 == 6:
            life.sync()
        for attempt, kept in enumerate(KEPT):
            after = copy.deepcopy(disk)
            after.crash(Chance(number * len(KEPT) + attempt), kept)
            found = opened(after)
            assert is_left_of(found, life.acknowledged, life.synced), f"after step {number}, {kept} kept"
            taken += found != seen(life.acknowledged)
            after.crash(Chance(number), 0.0)
            assert opened(after) == found, "once it is opened it stays as it is"
    assert taken > 30


@pytest.mark.parametrize("seed", range(2))
def test_power_loss_in_the_middle_of_a_step_takes_no_more(seed):
    disk = FaultyDisk()
    life = LazyLife(seed, disk)
    crashes = 0

    def crash(operation):
        nonlocal crashes
        for attempt, kept in enumerate(KEPT):
            after = copy.deepcopy(disk, {id(crash): lambda operation: None})
            after.crash(Chance(crashes * len(KEPT) + attempt), kept)
            found = opened(after)
            assert any(is_left_of(found, stored, life.weakly_synced) for stored in life.possible), operation[:3]
        crashes += 1

    disk.before = crash
    for number in range(STEPS):
        life.step()
        if number % 7 == 6:
            life.sync()
    assert crashes > 300


def test_a_process_that_is_killed_between_two_steps_loses_nothing():
    disk = FaultyDisk()
    life = LazyLife(5, disk)
    for _ in range(STEPS):
        life.step()
        assert opened(copy.deepcopy(disk)) == seen(life.acknowledged)
