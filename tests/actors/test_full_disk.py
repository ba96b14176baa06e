"""A node whose file system is full: it lets others lead, loses nothing, and catches up when there is space (D2)."""

import errno
import json
import os
import subprocess
import sys

import pytest

from actors.storage import space
from actors.storage.directory import DirectoryStorage
from raft.actor import DownloadChecked, Persisted, RoomLeft, SnapshotSaved
from raft.entries import COMMAND, Entry
from raft.membership import Configuration
from raft.messages import SnapshotChunk
from raft.ready import Write
from raft.snapshot import Snapshot
from storage.fingerprint import EMPTY, extended
from storage.log import SPARE
from storage.store import BALLAST
from tests.actors.test_directory_storage import until

pytestmark = pytest.mark.contract("D2")
REQUIRED = "QUORATE_REQUIRE_NAMESPACES"
IN_A_NAMESPACE = ("unshare", "--map-root-user", "--mount")


@pytest.fixture
def namespace():
    """How a command gets file systems of its own."""
    try:
        subprocess.run([*IN_A_NAMESPACE, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        if os.environ.get(REQUIRED):
            raise
        pytest.skip(f"no mount namespace can be made here: {error}")
    return IN_A_NAMESPACE


def test_a_cluster_goes_on_while_the_disk_of_its_leader_is_full(namespace, tmp_path):
    command = [*namespace, sys.executable, "-m", "tests.actors.full_disk", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)

    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["lost"] == []
    assert report["handed_over_after"] < report["written"] < 200
    assert report["stuck"]["full"] == report["stuck"]["no_room"] == ["n1"]
    assert report["stuck"]["leader"] != "n1"
    assert report["stuck"]["behind"] > 0
    assert report["restarted"]["full"] == ["n1"]


class Small:
    """The storage of a node; `is_full` lets its file system refuse to give more space."""

    def __init__(self, folder, monkeypatch):
        self.is_full = False
        self.most_bytes = 1 << 30  # for larger files there is no space
        self.received = []
        allocate, write = os.posix_fallocate, os.pwrite

        def fallocate(file, offset, size):
            self._demand(size)
            return allocate(file, offset, size)

        def pwrite(file, data, offset):
            if offset + len(data) > os.fstat(file).st_size:
                self._demand()
            return write(file, data, offset)

        monkeypatch.setattr(os, "posix_fallocate", fallocate)
        monkeypatch.setattr(os, "pwrite", pwrite)
        monkeypatch.setattr(space, "RETRY_S", 0.02)
        monkeypatch.setattr("actors.storage.directory.RETRY_S", 0.02)
        self.storage = DirectoryStorage(folder, "n1", segment_bytes=20_000)
        self.number = self.last = 0

    def _demand(self, size=0):
        if self.is_full or size > self.most_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def start(self):
        restored = self.storage.load()
        self.storage.open(self)
        return restored

    def tell(self, message):
        self.received.append(message)

    @property
    def room(self):
        told = [message for message in self.received if isinstance(message, RoomLeft)]
        return told[-1].limit_bytes, told[-1].is_full

    def write(self, count=1, size=400):
        entries = tuple(Entry(self.last + 1 + i, 1, COMMAND, b"x" * size) for i in range(count))
        self.number += 1
        self.last += count
        self.hand_on(Write(self.number, 1 if self.number == 1 else None, None, entries))
        until(lambda: Persisted in map(type, self.received) and self.persisted == self.number)

    def hand_on(self, write):
        if self.storage.write(write):
            self.received.append(Persisted(write.number))

    @property
    def persisted(self):
        return max([message.number for message in self.received if isinstance(message, Persisted)], default=0)


@pytest.fixture
def small(tmp_path, monkeypatch):
    small = Small(tmp_path / "data", monkeypatch)
    small.start()
    yield small
    small.is_full = False
    small.storage.release()


def test_a_node_is_told_what_it_may_take_before_anything_else_and_again_before_it_comes_to_the_end(small):
    assert isinstance(small.received[0], RoomLeft)
    limit_bytes, is_full = small.room
    assert 5_000 < limit_bytes < 10_000
    assert not is_full
    for _ in range(100):
        small.write()
        limit_bytes, is_full = small.room
        assert 432 * small.number <= limit_bytes
    assert not is_full
    told = [message for message in small.received if isinstance(message, RoomLeft)]
    assert len(told) < 30, "not with each write"


def test_it_is_told_when_the_disk_is_full_and_when_there_is_space(small):
    small.is_full = True
    while not small.room[1]:
        small.write()
    limit_bytes, _ = small.room
    while 432 * (small.number + 1) <= limit_bytes:
        small.write()
    small.is_full = False
    until(lambda: not small.room[1])
    assert small.room[0] > limit_bytes


def test_a_node_starts_with_a_full_disk(small):
    small.is_full = True
    while not small.room[1]:
        small.write()
    small.storage.close()
    small.received.clear()

    restored = small.start()

    assert restored.entries[-1].index == small.last
    assert small.room[1]


def test_a_snapshot_waits_for_space_while_everything_else_goes_on(small):
    small.write()
    small.is_full = True
    snapshot = Snapshot(1, 1, 0, Configuration(("n1",)))
    small.storage.save_snapshot(snapshot, [b"s" * 200_000])
    until(lambda: not (small.storage.directory / BALLAST).exists())
    small.write()
    small.write()
    assert SnapshotSaved not in map(type, small.received)

    small.is_full = False
    until(lambda: SnapshotSaved in map(type, small.received))
    until(lambda: (small.storage.directory / BALLAST).exists() and not small.room[1])
    assert b"".join(small.storage.read_snapshot(snapshot)) == b"s" * 200_000


SENT = Snapshot(50, 3, 0, Configuration(("n1",)))


def chunks(content, size):
    """The content of a leader's snapshot in pieces."""
    fingerprint = extended(EMPTY, content)
    for at in range(0, len(content), size):
        data = content[at : at + size]
        yield SnapshotChunk("n2", 3, SENT, fingerprint, at, data, at + size >= len(content))


def checked(small):
    return [message.fits for message in small.received if isinstance(message, DownloadChecked)]


@pytest.mark.contract("N2")
@pytest.mark.parametrize("sent", [2, 3, 4])
def test_a_vote_does_not_wait_for_the_space_of_a_download_which_begins_anew(small, sent):
    content = b"s" * 400_000
    small.write()
    small.is_full = True
    for chunk in list(chunks(content, 100_000))[:sent]:
        small.storage.receive_chunk(chunk)
    until(lambda: checked(small))
    small.number += 1
    small.hand_on(Write(small.number, 4, "n3", ()))
    until(lambda: small.persisted == small.number)
    assert not any(checked(small))
    assert not list(small.storage.directory.glob("*.part"))
    small.storage.receive_chunk(list(chunks(content, 100_000))[-1])  # the node does not know yet

    small.is_full = False
    for chunk in chunks(content, 100_000):
        small.storage.receive_chunk(chunk)
    until(lambda: checked(small)[-1])
    small.number += 1
    small.hand_on(Write(small.number, None, None, (), install=SENT))
    until(lambda: small.persisted == small.number)
    assert b"".join(small.storage.read_snapshot(SENT)) == content
    restored = small.storage.load()
    assert (restored.term, restored.vote, restored.snapshot) == (4, "n3", SENT)


def test_what_was_received_needs_no_more_space_to_be_installed(small):
    small.write()
    for chunk in chunks(b"s" * 4000, 3000):
        small.storage.receive_chunk(chunk)
    until(lambda: checked(small) == [True])
    small.is_full = True
    small.number += 1
    small.hand_on(Write(small.number, None, None, (), install=SENT))
    until(lambda: small.persisted == small.number)


def test_a_part_of_the_reserve_is_room_too(small):
    small.write()
    before = small.room
    small.storage.save_snapshot(Snapshot(1, 1, 0, Configuration(("n1",))), [b"s" * 200_000])
    small.most_bytes = 100_000
    while not small.room[1]:
        small.write()
    assert (small.storage.directory / SPARE).exists()
    assert small.room[0] - 432 * small.number >= before[0] - 432, "all of the next segment"


def test_what_exceeds_the_reserve_waits_until_there_is_space_or_the_node_stops(small):
    small.is_full = True
    while not small.room[1]:
        small.write()
    small.number += 1
    far = tuple(Entry(small.last + 1 + i, 1, COMMAND, b"y" * 5_000) for i in range(8))
    small.hand_on(Write(small.number, None, None, far))
    with pytest.raises(AssertionError, match="in time"):
        until(lambda: small.persisted == small.number, seconds=0.3)
    small.is_full = False
    until(lambda: small.persisted == small.number)

    small.is_full = True
    small.hand_on(Write(small.number + 1, None, None, tuple(Entry(e.index + 8, 1, 1, e.data) for e in far)))
    small.storage.close()
    small.is_full = False
    assert small.start().entries[-1].index in (far[-1].index, far[-1].index + 8)
