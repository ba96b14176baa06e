"""Bytes that change, go missing or come from nowhere: damage is named, and nothing is lost in silence (contract D1)."""

import copy
import functools
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.errors import DamagedStorage, NewerFormat, NoDataDirectory, StorageError
from storage.segment import BATCH_BYTES, file_name, number_of, place, read_batch
from storage.store import Store
from tests.storage.life import IDENTITY, SEGMENT_BYTES, Life, finish_download, seen, view
from tests.storage.script import INSTALLED_MS
from transport_sim.faulty_disk import FaultyDisk

EXAMPLES = int(os.environ.get("QUORATE_ROT_EXAMPLES", "2000"))


@functools.cache
def lived(seed):
    """A life of 60 steps, and one that ends with a header that names all of it."""
    life = Life(seed, FaultyDisk())
    for _ in range(60):
        life.step()
    return life


@st.composite
def rots(draw):
    """A life, a file of it, and what becomes of the file."""
    life = lived(draw(st.integers(0, 4)))
    name = draw(st.sampled_from(life.disk.names()))
    content = bytearray(life.disk.read(name, 0, life.disk.size(name)))
    used = max(len(bytes(content).rstrip(b"\0")), 1)
    at = draw(st.integers(0, min(used + 50, len(content) - 1)))
    kind = draw(st.sampled_from(("flip", "zero", "cut", "drop", "insert")))
    size = draw(st.integers(1, 100))
    if kind == "flip":
        content[at] ^= draw(st.integers(1, 255))
    elif kind == "zero":
        content[at : at + size] = bytes(len(content[at : at + size]))
    elif kind == "cut":
        del content[at:]
    elif kind == "drop":
        del content[at : at + size]
    else:
        content[at:at] = draw(st.binary(min_size=size, max_size=size))
    return life, name, bytes(content)


def named(disk):
    """Up to where the newest intact header of the last segment says that it is durable."""
    number = max(number for number in map(number_of, disk.names()) if number is not None)
    content = disk.read(file_name(number), 0, disk.size(file_name(number)))
    headers = [
        read_batch(content[at : at + BATCH_BYTES], place(IDENTITY.incarnation, number, at))
        for at in range(len(content))
    ]
    return number, max((header[2] for header in headers if header is not None), default=0)


@pytest.mark.contract("D1", "D3")
@settings(max_examples=EXAMPLES)
@given(rots())
def test_what_rots_is_named_or_does_not_matter(rot):
    life, name, content = rot
    disk = copy.deepcopy(life.disk)
    disk.replace(name, content)
    number, synced = named(disk)
    try:
        store = Store(disk, SEGMENT_BYTES)
    except StorageError as error:
        assert name in str(error) or isinstance(error, DamagedStorage)
        return
    restored = store.restored
    found = store.recovered
    assert (restored.term, restored.vote, restored.cluster) == seen(life.acknowledged)[:3]
    if found.segments[-1].number == number:
        assert found.end[0] >= synced
    assert restored.snapshot is None or any(
        restored.snapshot == snapshot and b"".join(store.find_snapshot(snapshot).pieces()) == saved
        for stored in life.states
        for snapshot, saved in stored.snapshots
    )
    assert any(
        tuple(entry for entry in stored.uncut if entry.index > restored.base[0]) == restored.entries
        for stored in life.states
        if restored.base[0] >= (stored.uncut[0].index - 1 if stored.uncut else stored.base[0])
    )
    finish_download(store, disk, life.script)


@pytest.mark.contract("D1")
@pytest.mark.parametrize("seed", range(3))
def test_after_a_mark_every_flipped_byte_of_the_log_is_noticed(seed):
    life = Life(seed, FaultyDisk())
    for _ in range(40):
        life.step()
    operations, position = life.store.mark()
    for operation in operations:
        getattr(life.disk, operation[0])(*operation[1:])
    name = file_name(position[0])
    end = position[1] - BATCH_BYTES  # the mark itself covers what is before it
    expected = view(Store(copy.deepcopy(life.disk), SEGMENT_BYTES))
    for at in range(0, end, 7):
        disk = copy.deepcopy(life.disk)
        disk.flip(name, at, 0x10)
        with pytest.raises((DamagedStorage, NewerFormat)) as caught:
            Store(disk, SEGMENT_BYTES)
        assert caught.value.file in (name, file_name(position[0] - 1))
    assert view(Store(life.disk, SEGMENT_BYTES)) == expected


@pytest.mark.contract("D1")
@pytest.mark.parametrize("copy_at", [0, 4096])
@pytest.mark.parametrize("offset", range(0, 40, 3))
def test_one_rotten_copy_of_the_ballot_is_mended_from_the_other(copy_at, offset):
    disk = copy.deepcopy(lived(0).disk)
    expected = view(Store(copy.deepcopy(disk), SEGMENT_BYTES))
    disk.flip("ballot", copy_at + offset, 0x41)

    assert view(Store(disk, SEGMENT_BYTES)) == expected
    for other in (0, 4096):
        assert disk.read("ballot", other, 64) == disk.read("ballot", 4096 - other, 64)


def test_a_ballot_without_a_good_copy_stops_the_node():
    disk = copy.deepcopy(lived(0).disk)
    for at in (5, 4096 + 5):
        disk.flip("ballot", at, 0x41)

    with pytest.raises(DamagedStorage, match="neither of its two copies"):
        Store(disk, SEGMENT_BYTES)


def test_an_empty_directory_is_no_data_directory():
    with pytest.raises(NoDataDirectory, match="no file identity"):
        Store(FaultyDisk())


@pytest.mark.contract("D1")
@pytest.mark.parametrize("seed", range(5))
def test_the_snapshot_before_takes_the_place_of_a_damaged_one_with_its_log(seed):
    life = lived(seed)
    disk = copy.deepcopy(life.disk)
    names = sorted(name for name in disk.names() if name.endswith(".snap"))
    assert len(names) == 2
    disk.flip(names[-1], 200, 1)

    try:
        store = Store(disk, SEGMENT_BYTES)
    except DamagedStorage as damage:
        # It was installed, and the log that lies between the two was never here.
        newest, _ = life.acknowledged.snapshots[-1]
        assert newest.stamp_ms == INSTALLED_MS, damage
        return
    assert [problem.file for problem in store.recovered.passed_over] == names[-1:]
    assert (store.restored.snapshot, store.restored.term) == (
        life.acknowledged.snapshots[-2][0],
        life.acknowledged.term,
    )
    assert store.recovered.last == life.acknowledged.last
