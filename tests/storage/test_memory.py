"""How much memory a start takes: that of the entries that the node must hold, and little beside."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from actors.storage.real_disk import RealDisk
from raft.entries import COMMAND, Entry
from raft.membership import Configuration
from raft.ready import Write
from raft.snapshot import Snapshot
from storage.disk import perform
from storage.identity import Identity
from storage.log import SEGMENT_BYTES
from storage.segment import file_name
from storage.store import Store, create

ROOT = Path(__file__).resolve().parents[2]
MIB = 1 << 20
ENTRY_BYTES = 4096
BATCH = 256  # entries

# Says by how much the memory of a process has grown at most when it opens a directory, and what it has found there.
OPEN = """
import json, sys
from pathlib import Path
from actors.storage.real_disk import RealDisk
from storage.store import Store

def most():
    (line,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024

disk = RealDisk(Path(sys.argv[1]))
before = most()
store = Store(disk)
grown = most() - before
restored = store.restored
held = sum(len(entry.data) for entry in restored.entries)
print(json.dumps([grown, held, restored.snapshot.index if restored.snapshot else 0, store.recovered.torn_tail]))
"""

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the most memory held")


@pytest.fixture
def disk(tmp_path):
    disk = RealDisk(tmp_path / "data")
    create(disk, Identity("n1", 7, False))
    yield disk
    disk.close()


def write(disk, mebibytes, snapshot_mebibytes=None):
    """Write so much, and a small snapshot of all so far whenever so much was written."""
    store = Store(disk)
    perform(disk, store.write([Write(1, 1, None, ())])[0])
    count = mebibytes * MIB // ENTRY_BYTES
    every = snapshot_mebibytes * MIB // ENTRY_BYTES if snapshot_mebibytes else count + 1
    for first in range(1, count, BATCH):
        entries = tuple(Entry(index, 1, COMMAND, bytes(ENTRY_BYTES)) for index in range(first, first + BATCH))
        last = entries[-1].index
        base = (0, 0)
        if last % every == 0:
            base = (last - BATCH, 1)
            perform(disk, store.begin_snapshot(Snapshot(base[0], 1, 0, Configuration(("n1",)))))
            perform(disk, store.add_to_snapshot(b"state") + store.finish_snapshot())
        perform(disk, store.write([Write(2, None, None, entries, base)], sync=False)[0])
    return store


def opened(disk, directory):
    disk.close()
    ran = subprocess.run(
        [sys.executable, "-c", OPEN, str(directory)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return json.loads(ran.stdout)


@pytest.mark.contract("N1", "D1")
@pytest.mark.parametrize(("snapshots", "must_hold"), [(None, 288 * MIB), (32, 2 * MIB)], ids=["kept", "snapshots"])
def test_a_start_takes_the_memory_of_what_must_be_held(snapshots, must_hold, disk, tmp_path):
    write(disk, 288, snapshots)

    grown, held, snapshot, _ = opened(disk, tmp_path / "data")

    assert held <= must_hold
    assert (snapshot > 0) == (snapshots is not None)
    # Of what lies before the snapshot the log still has what the one before it needs: a segment, here.
    assert grown < 1.1 * held + (8 * MIB if snapshots is None else SEGMENT_BYTES)


@pytest.mark.contract("D1")
def test_a_torn_tail_is_looked_at_through_a_window(disk, tmp_path):
    write(disk, 1)
    name = file_name(1)
    assert disk.size(name) == SEGMENT_BYTES == 64 * MIB
    perform(disk, [("write", name, SEGMENT_BYTES - 5 * MIB, b"torn" * MIB), ("sync", name)])

    grown, held, _, (file, offset, size) = opened(disk, tmp_path / "data")

    assert (held, file) == (MIB, name)
    assert offset + size == SEGMENT_BYTES - MIB
    assert size > 55 * MIB
    assert grown < 8 * MIB
