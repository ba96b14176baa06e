"""The storage in a directory, by itself: what it reports, and when the disk fails."""

import errno
import os

import gevent
import pytest

from actors import LocalCluster, OutcomeUnknown
from actors.storage import directory
from actors.storage.directory import DirectoryStorage
from actors.storage.policy import ALWAYS, NEVER
from raft.actor import Persisted, RoomLeft, StorageBroke
from raft.entries import COMMAND, Entry
from raft.ready import Write
from storage.errors import WrongOwner


class Mailbox:
    def __init__(self):
        self.received = []
        self.room = []

    def tell(self, message):
        (self.room if isinstance(message, RoomLeft) else self.received).append(message)

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

    assert len(syncs) == 1


@pytest.mark.contract("D1")
def test_an_idle_node_says_how_far_its_log_is_durable(storage, monkeypatch):
    monkeypatch.setattr(directory, "IDLE_S", 0.05)
    storage, mailbox = storage
    storage.write(append(1, 1))
    until(lambda: mailbox.persisted == [1])
    assert not storage.store.is_marked
    end = storage.store._log.position
    until(lambda: storage.store.is_marked)

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
