"""What the log was promised room for can be written on a full disk, however it comes (contract D2)."""

import errno

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raft.entries import COMMAND, NOOP, Entry
from raft.membership import Configuration
from raft.ready import Write
from raft.snapshot import Snapshot
from storage.disk import perform
from storage.identity import Identity
from storage.log import segment_bytes_for
from storage.store import BALLAST, Store, create
from transport_sim.faulty_disk import FaultyDisk

pytestmark = pytest.mark.contract("D2")
SEGMENT_BYTES = 4_000


class Member:
    """A store whose disk can be filled."""

    def __init__(self, segment_bytes=SEGMENT_BYTES):
        self.disk = FaultyDisk()
        self.segment_bytes = segment_bytes
        create(self.disk, Identity("a", 7, False), segment_bytes)
        self.number = 0
        self.last = 0
        self.open()
        self.reserve()

    def open(self):
        self.store = Store(self.disk, self.segment_bytes)

    def reserve(self):
        wanted = self.store.reserve()
        perform(self.disk, wanted)
        self.store.reserved(wanted)

    def fill(self):
        self.disk.capacity = sum(self.disk.size(name) for name in self.disk.names())

    def mark(self):
        operations, position = self.store.mark()
        perform(self.disk, operations)
        self.store.synced(position)

    def append(self, *payloads, kind=COMMAND, **write):
        entries = [Entry(self.last + 1 + i, 1, kind, payload) for i, payload in enumerate(payloads)]
        self.number += 1
        operations, position = self.store.write([Write(self.number, entries=tuple(entries), **dict(BALLOT, **write))])
        perform(self.disk, operations)
        self.store.synced(position)
        self.last += len(payloads)
        return sum(entry.size_bytes for entry in entries)


BALLOT = {"term": None, "vote": None}
sizes = st.integers(0, 60) | st.integers(0, 600)
batches = st.lists(sizes, min_size=1, max_size=8)


def put(member, batch):
    """Append what there is room for, of entries of these sizes."""
    left = member.store.room_bytes
    fitting = []
    for size in batch:
        if 32 + size <= left:
            left -= 32 + size
            fitting.append(b"x" * size)
    if fitting:
        member.append(*fitting)


@given(before=st.lists(batches, max_size=12), after=st.lists(batches, min_size=30, max_size=60), refills=st.booleans())
@settings(deadline=None)
def test_all_that_was_promised_room_for_can_be_written(before, after, refills):
    member = Member()
    for batch in before:
        put(member, batch)
        if refills and member.store.is_short:
            member.reserve()
    member.fill()
    assert not refills or member.store.room_bytes > SEGMENT_BYTES // 4
    promised = member.store.limit_bytes
    for batch in after:
        put(member, batch)
        assert member.store.limit_bytes >= promised, "nothing that was promised is taken back"
        promised = member.store.limit_bytes
    # And what nobody asks room for: a new term, its no-op, a mark.
    member.append(b"", kind=NOOP, term=9, vote="b")
    member.mark()
    member.open()
    assert member.store.restored.entries[-1].index == member.last
    assert member.store.restored.term == 9


def test_the_smallest_entries_one_by_one_fill_all_of_it_and_there_is_a_reserve_for_no_ops():
    member = Member()
    member.fill()
    promised = member.store.limit_bytes
    while member.store.limit_bytes - member.store.room_bytes + 32 <= promised:
        member.append(b"")
    for _ in range(10):
        member.append(b"", kind=NOOP)
    assert promised > SEGMENT_BYTES // 3


@pytest.mark.contract("R6")
@pytest.mark.parametrize("size", [0, 1_000, 100_000])
def test_the_largest_entry_finds_room_whatever_was_used_since_the_node_was_told(size):
    member = Member(segment_bytes_for(size))
    assert member.store.room_bytes >= 2 * (size + 32)
    member.fill()
    member.append(b"x" * size)
    member.append(b"x" * size)


def test_marks_behind_all_entries_leave_room_for_them():
    member = Member(16_000)
    while not member.store.is_short:
        member.append(b"x" * 100)
    member.fill()
    promised = member.store.limit_bytes
    while member.store.limit_bytes - member.store.room_bytes + 32 <= promised:
        member.append(b"")
        if member.store.wants_mark:  # whoever writes one entry now and then is idle behind each
            member.mark()
    for _ in range(10):
        member.append(b"", kind=NOOP)


def test_a_full_disk_is_told_by_what_cannot_be_reserved_and_recovers():
    member = Member()
    member.append(*[b"x" * 100] * 25)
    assert not member.store.is_short
    member.append(*[b"x" * 100] * 10)
    assert member.store.is_short, "the spare segment is in use"
    member.fill()
    room = member.store.room_bytes
    with pytest.raises(OSError, match="space") as caught:
        perform(member.disk, member.store.reserve())
    assert caught.value.errno == errno.ENOSPC
    assert member.store.room_bytes == room
    member.disk.capacity = None
    member.reserve()
    assert member.store.room_bytes > room
    assert not member.store.is_short


def test_a_spare_that_is_used_while_something_else_is_reserved_is_not_there_any_more():
    member = Member()
    member.store.ballast_is_gone()
    wanted = member.store.reserve()
    perform(member.disk, wanted)
    member.append(*[b"x" * 100] * 25)
    member.append(*[b"x" * 100] * 10)
    member.store.reserved(wanted)
    assert member.store.is_short
    member.reserve()
    member.append(*[b"x" * 100] * 25)


def test_the_reserve_outlives_a_restart():
    member = Member()
    room = member.store.room_bytes
    member.fill()
    member.open()
    assert (member.store.is_short, member.store.room_bytes) == (False, room)


def test_a_snapshot_as_large_as_the_last_one_fits_into_the_ballast():
    member = Member()
    for index in (10, 20):
        while member.last < index:
            member.append(b"x" * 30)
        if index == 20:
            member.fill()
            assert not member.store.is_short
            member.disk.delete(BALLAST)
            member.store.ballast_is_gone()
            assert member.store.is_short
        snapshot = Snapshot(index, 1, 0, Configuration(("a",)))
        perform(member.disk, member.store.begin_snapshot(snapshot))
        perform(member.disk, member.store.add_to_snapshot(b"s" * 300_000))
        perform(member.disk, member.store.finish_snapshot())
        assert member.store.is_short
        if index == 10:
            member.reserve()
