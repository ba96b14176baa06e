"""A node that ends in good order leaves a log that says itself how far it is durable (contract D1)."""

import gevent
import pytest

from actors.storage.directory import DirectoryStorage
from actors.storage.policy import ALWAYS, SyncPolicy
from raft.actor import Persisted
from raft.entries import COMMAND, Entry
from raft.ready import Write
from storage.errors import DamagedStorage


class Mailbox:
    def __init__(self):
        self.received = []

    def tell(self, message):
        self.received.append(message)


def written(directory, policy, settle):
    """A directory in which the last of three entries, written just before the end, has rotted."""
    storage = DirectoryStorage(directory, "n1", policy=policy, segment_bytes=20_000)
    storage.load()
    mailbox = Mailbox()
    storage.open(mailbox)
    entries = tuple(Entry(index, 1, COMMAND, b"here it is" * 5, 0) for index in range(1, 4))
    storage.write(Write(1, 1, None, entries))
    while not any(isinstance(message, Persisted) for message in mailbox.received):
        gevent.sleep(0.001)
    storage.close()
    if settle:
        storage.settle()
    storage.release()
    segment = max(directory.glob("*.wal"))
    data = bytearray(segment.read_bytes())
    data[data.rindex(b"here it is")] ^= 1
    segment.write_bytes(data)
    return DirectoryStorage(directory, "n1", policy=policy, segment_bytes=20_000)


@pytest.mark.contract("D1")
@pytest.mark.parametrize("policy", [ALWAYS, SyncPolicy.parse("interval(60000)")], ids=lambda policy: policy.text)
def test_rot_in_what_was_settled_is_never_taken_for_a_torn_write(tmp_path, policy):
    settled = written(tmp_path / "settled", policy, True)
    with pytest.raises(DamagedStorage):
        settled.load()
    settled.release()

    # Without, nobody can tell: the limit that the contract states.
    torn = written(tmp_path / "torn", policy, False)
    assert len(torn.load().entries) < 3
    torn.release()


def test_a_directory_that_was_never_loaded_can_be_settled(tmp_path):
    storage = DirectoryStorage(tmp_path / "data", "n1")

    storage.settle()

    storage.release()
    assert not (tmp_path / "data").exists()
