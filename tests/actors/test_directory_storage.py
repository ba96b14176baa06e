"""The storage in a directory, by itself: what it reports, and when the disk fails."""

import errno
import os

import gevent
import pytest

from actors import LocalCluster, OutcomeUnknown
from actors.storage import upkeep
from actors.storage.directory import DirectoryStorage
from actors.storage.policy import ALWAYS, NEVER
from raft.actor import DownloadChecked, Persisted, RoomLeft, StorageBroke
from raft.entries import COMMAND, Entry
from raft.membership import Configuration
from raft.messages import SnapshotChunk
from raft.ready import Write
from raft.snapshot import Snapshot
from storage.errors import WrongOwner
from storage.fingerprint import EMPTY, extended
from storage.snapshots import PIECE_BYTES


class Mailbox:
    def __init__(self):
        self.received = []
        self.room = []

    def tell(self, message):
        (self.room if isinstance(message, RoomLeft) else self.received).append(message)

    @property
    def checked(self):
        return [message.fits for message in self.received if isinstance(message, DownloadChecked)]

    @property
    def persisted(self):
        return [message.number for message in self.received if isinstance(message, Persisted)]


@pytest.fixture
def storage(tmp_path):
    storage = DirectoryStorage(tmp_path / "data", "n1", segment_bytes=20_000)
    storage.load()
    mailbox = Mailbox()
    storage.open(mailbox)
    yield storage, mailbox
    storage.release()


def append(number, first, count=3):
    entries = tuple(Entry(index, 1, COMMAND, b"x" * 50, 0) for index in range(first, first + count))
    return Write(number, 1 if number == 1 else None, None, entries)


def until(condition, seconds=5.0):
    for _ in range(int(seconds / 0.01)):
        if condition():
            return
        gevent.sleep(0.01)
    raise AssertionError("it has not come about in time")


@pytest.mark.contract("M6")
@pytest.mark.parametrize("policy", [ALWAYS, NEVER], ids=lambda policy: policy.text)
def test_nothing_of_another_nodes_directory_is_touched(storage, policy):
    storage, mailbox = storage
    storage.write(append(1, 1))
    until(lambda: mailbox.persisted == [1])
    storage.release()
    before = {file.name: file.read_bytes() for file in storage.directory.iterdir()}
    other = DirectoryStorage(storage.directory, "n2", policy=policy)

    with pytest.raises(WrongOwner):
        other.load()
    other.release()
    assert {file.name: file.read_bytes() for file in storage.directory.iterdir()} == before


@pytest.mark.contract("R9")
def test_writes_are_reported_once_each_and_in_their_order(storage):
    storage, mailbox = storage
    for number in range(1, 51):
        storage.write(append(number, 3 * number - 2))
        if number % 7 == 0:
            gevent.sleep(0)
    assert mailbox.persisted == []
    until(lambda: len(mailbox.persisted) == 50)

    assert mailbox.persisted == list(range(1, 51))
    storage.close()
    assert [entry.index for entry in storage.load().entries] == list(range(1, 151))


def test_writes_that_wait_share_a_sync(storage, monkeypatch):
    storage, mailbox = storage
    storage.write(append(1, 1))
    until(lambda: mailbox.persisted == [1])
    syncs = []
    sync = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda file: syncs.append(file) or sync(file))
    for number in range(2, 42):
        storage.write(append(number, 3 * number - 2))
    until(lambda: len(mailbox.persisted) == 41)

    assert len(syncs) == 2  # the first one begins at once, and all that come meanwhile share the next


@pytest.mark.contract("D1")
def test_an_idle_node_says_how_far_its_log_is_durable(storage, monkeypatch):
    monkeypatch.setattr(upkeep, "IDLE_S", 0.05)
    storage, mailbox = storage
    storage.write(append(1, 1))
    until(lambda: mailbox.persisted == [1])
    assert storage.store.wants_mark
    end = storage.store._log.position
    until(lambda: not storage.store.wants_mark)

    until(lambda: storage.store._log.synced > end)
    marked = storage.store._log.position
    gevent.sleep(0.2)
    assert storage.store._log.position == marked, "once is enough"


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
def test_after_a_failure_nothing_is_written_or_reported_any_more(storage, error, monkeypatch):
    storage, mailbox = storage
    storage.write(append(1, 1))
    until(lambda: mailbox.persisted == [1])
    failed = []

    def fail(file):
        failed.append(file)
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "fdatasync", fail)
    storage.write(append(2, 4))
    gevent.sleep(0)
    storage.write(append(3, 7))
    gevent.sleep(0)
    until(lambda: len(mailbox.received) > 1)
    gevent.sleep(0.05)

    (broke,) = mailbox.received[1:]
    assert isinstance(broke, StorageBroke)
    assert os.strerror(error) in broke.reason
    assert len(failed) == 1, "what has failed is never tried again"


def test_a_node_whose_disk_fails_stops_and_says_why(tmp_path, monkeypatch, logged):
    with LocalCluster(1, directory=tmp_path) as cluster:
        cluster.put("key", "value")

        def fail(file):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        monkeypatch.setattr(os, "fdatasync", fail)
        with pytest.raises(OutcomeUnknown):
            cluster.put("key", "other")
        until(lambda: not cluster.status()[0].running)
        assert "the disk failed: Input/output error" in str(cluster.status()[0].failure)
        monkeypatch.undo()
        cluster.restart(0)
        assert cluster.get("key") in (b"value", b"other")


NINE = Snapshot(9, 1, 0, Configuration(("n1", "n2")))
CONTENT = bytes(range(256)) * 1000


def chunk(offset, end, content=CONTENT, snapshot=NINE):
    last = end == len(CONTENT)
    return SnapshotChunk("n2", 1, snapshot, extended(EMPTY, CONTENT), offset, content[offset:end], last)


@pytest.mark.contract("N2")
def test_what_was_received_of_a_snapshot_is_found_again(storage):
    storage, mailbox = storage
    storage.receive_chunk(chunk(0, 1000))
    storage.receive_chunk(chunk(1000, 200_000))
    storage.release()

    download = storage.load().download
    assert (download.snapshot, download.fingerprint) == (NINE, extended(EMPTY, CONTENT))
    assert download.size_bytes == 3 * PIECE_BYTES
    storage.open(mailbox)
    storage.receive_chunk(chunk(download.size_bytes, len(CONTENT)))
    until(lambda: mailbox.checked == [True])
    storage.write(Write(1, 1, None, (), install=NINE))
    until(lambda: mailbox.persisted == [1])
    assert b"".join(storage.read_snapshot(NINE)) == CONTENT


@pytest.mark.contract("N2")
def test_what_is_damaged_of_it_is_received_again(storage):
    storage, mailbox = storage
    storage.receive_chunk(chunk(0, 200_000))
    storage.release()
    (part,) = storage.directory.glob("*.part")
    content = bytearray(part.read_bytes())
    content[2 * PIECE_BYTES] ^= 1
    part.write_bytes(content)

    assert storage.load().download.size_bytes == PIECE_BYTES


@pytest.mark.contract("N2")
def test_what_cannot_be_gone_on_with_is_deleted_at_the_start(storage):
    storage, mailbox = storage
    storage.save_snapshot(NINE, [b"its own"])
    until(lambda: mailbox.received)
    storage.receive_chunk(chunk(0, 100_000, snapshot=Snapshot(20, 1, 0, NINE.configuration)))
    storage.release()
    (part,) = storage.directory.glob("*.part")
    for name in ("saved.part", part.name.replace("20-", "08-"), part.name.replace("20-", "30-"), "x.part"):
        (storage.directory / name).write_bytes(part.read_bytes())
    newer = bytearray(part.read_bytes())
    newer[8] = 2
    (storage.directory / part.name.replace("20-", "40-")).write_bytes(newer)

    assert storage.load().download.snapshot.index == 20
    assert list(storage.directory.glob("*.part")) == [part]


@pytest.mark.contract("N2")
def test_what_is_not_what_was_sent_is_dropped(storage):
    storage, mailbox = storage
    storage.receive_chunk(chunk(0, 100_000, content=CONTENT[::-1]))
    storage.receive_chunk(chunk(100_000, len(CONTENT)))
    until(lambda: mailbox.checked == [False])

    assert list(storage.directory.glob("*.part")) == []
    assert storage.load().download is None


@pytest.mark.contract("D1")
def test_a_torn_tail_that_was_dropped_is_logged_with_its_place(storage, logged):
    storage, mailbox = storage
    storage.write(append(1, 1))
    until(lambda: mailbox.persisted == [1])
    _, end = storage.store._log.position
    storage.release()
    (segment,) = storage.directory.glob("*.wal")
    content = bytearray(segment.read_bytes())
    content[end : end + 1500] = b"torn " * 300
    segment.write_bytes(content)

    storage.load()

    assert logged == [
        "WARNING node n1: dropped what a crash left unfinished at the end of the log: "
        f"1,500 bytes at offset {end:,} of {segment}\n"
    ]
    logged.clear()
    storage.release()
    storage.load()
    assert logged == [], "it is dropped once"


@pytest.mark.contract("D1")
def test_a_damaged_snapshot_that_is_passed_over_is_logged_with_its_place(storage, logged):
    storage, mailbox = storage
    storage.write(append(1, 1, count=9))
    for index in (4, 9):
        storage.save_snapshot(Snapshot(index, 1, 0, NINE.configuration), [b"state"])
        until(lambda: mailbox.received[-1:] and getattr(mailbox.received[-1], "snapshot", None))
        mailbox.received.clear()
    storage.release()
    newest = sorted(storage.directory.glob("*.snap"))[-1]
    newest.write_bytes(newest.read_bytes()[:-1] + b"?")

    assert storage.load().snapshot.index == 4
    (line,) = logged
    assert line.startswith(f"ERROR node n1: {newest} is damaged at offset ")
    assert line.endswith("an older snapshot, or the log, takes its place\n")
