import gevent
import pytest

from actors.runtime import GeventActor
from actors.storage.memory import MemoryStorage
from raft.actor import ChunkRead, DownloadChecked, Persisted, SnapshotSaved
from raft.entries import COMMAND, Entry
from raft.membership import Configuration
from raft.messages import SnapshotChunk
from raft.ready import Write
from raft.snapshot import ChunkRequest, Download, Snapshot
from storage.fingerprint import EMPTY, extended


class Mailbox(GeventActor):
    def __init__(self):
        super().__init__()
        self.received = []

    @property
    def persisted(self):
        return [message.number for message in self.received if isinstance(message, Persisted)]

    @property
    def saved(self):
        return [message.snapshot.index for message in self.received if isinstance(message, SnapshotSaved)]

    @property
    def read(self):
        return [(message.data, message.last) for message in self.received if isinstance(message, ChunkRead)]

    @property
    def checked(self):
        return [(message.snapshot, message.fits) for message in self.received if isinstance(message, DownloadChecked)]

    def on_receive(self, message):
        self.received.append(message)


@pytest.fixture
def mailbox():
    actor = Mailbox.spawn()
    yield actor
    actor.crash()


def entry(index, term):
    return Entry(index, term, COMMAND, b"command %d" % index)


def stored(storage):
    restored = storage.load()
    return restored.term, restored.vote, [(held.index, held.term) for held in restored.entries]


def snapshot(index, term=1):
    return Snapshot(index, term, 0, Configuration(("n1", "n2")))


def chunk(snapshot, offset, data, last=False, whole=None):
    """A piece of a content; it is all of it unless told otherwise."""
    return SnapshotChunk("n2", 3, snapshot, extended(EMPTY, whole or data), offset, data, last)


def ask(snapshot, offset, limit):
    return ChunkRequest("n2", 3, snapshot, offset, limit)


@pytest.fixture
def storage(mailbox):
    """Open, and holding entries 1 to 5 of term 1."""
    storage = MemoryStorage()
    storage.open(mailbox.actor_ref)
    storage.write(Write(1, 1, None, tuple(entry(index, 1) for index in range(1, 6))))
    settle()
    return storage


def log(storage):
    restored = storage.load()
    return restored.base, [held.index for held in restored.entries]


def settle():
    for _ in range(5):
        gevent.sleep(0)


def test_a_new_storage_is_empty():
    assert stored(MemoryStorage()) == (0, None, [])


def test_a_write_is_durable_and_reported_when_the_loop_comes_round(mailbox):
    storage = MemoryStorage()
    storage.open(mailbox.actor_ref)

    storage.write(Write(1, 3, "n2", (entry(1, 3), entry(2, 3))))
    storage.write(Write(2, None, None, (entry(3, 3),)))

    assert stored(storage) == (0, None, [])
    settle()
    assert stored(storage) == (3, "n2", [(1, 3), (2, 3), (3, 3)])
    assert mailbox.persisted == [1, 2]


def test_entries_replace_all_that_is_stored_behind_them(mailbox):
    storage = MemoryStorage()
    storage.open(mailbox.actor_ref)
    storage.write(Write(1, 1, None, (entry(1, 1), entry(2, 1), entry(3, 1))))

    storage.write(Write(2, 2, "n1", (entry(2, 2),)))

    settle()
    assert stored(storage) == (2, "n1", [(1, 1), (2, 2)])


def test_a_crash_loses_the_writes_under_way_and_nothing_else(mailbox):
    storage = MemoryStorage()
    storage.open(mailbox.actor_ref)
    storage.write(Write(1, 1, None, (entry(1, 1),)))
    settle()
    storage.write(Write(2, 2, None, (entry(2, 2),)))

    storage.close()
    storage.close()
    settle()

    assert stored(storage) == (1, None, [(1, 1)])
    assert mailbox.persisted == [1]


def test_it_serves_the_next_actor_of_its_node(mailbox):
    storage = MemoryStorage()
    storage.open(mailbox.actor_ref)
    storage.close()
    successor = Mailbox.spawn()
    storage.open(successor.actor_ref)

    storage.write(Write(1, 1, None, ()))

    settle()
    assert (mailbox.persisted, successor.persisted) == ([], [1])
    successor.crash()


# The beginning of the log is cut off


def test_the_log_is_cut_off_where_a_write_says(storage):
    storage.write(Write(2, None, None, (entry(6, 1),), base=(3, 1)))
    settle()
    assert log(storage) == ((3, 1), [4, 5, 6])

    storage.write(Write(3, None, None, (entry(5, 1),), base=(3, 1)))
    settle()
    assert log(storage) == ((3, 1), [4, 5])

    storage.write(Write(4, None, None, (), base=(5, 1)))
    settle()
    assert log(storage) == ((5, 1), [])


@pytest.mark.parametrize("base", [(3, 2), (9, 1)], ids=["another entry there", "nothing there"])
def test_a_log_that_does_not_hold_the_entry_where_it_is_cut_goes_altogether(storage, base):
    storage.write(Write(2, None, None, (), base=base))

    settle()

    assert log(storage) == (base, [])


# Snapshots


def test_a_snapshot_is_saved_and_reported_when_the_loop_comes_round(storage, mailbox):
    storage.save_snapshot(snapshot(3), (piece for piece in (b"abc", b"de")))
    assert (storage.load().snapshot, mailbox.saved) == (None, [])

    settle()

    assert (storage.load().snapshot, mailbox.saved) == (snapshot(3), [3])
    assert b"".join(storage.read_snapshot(snapshot(3))) == b"abcde"
    assert log(storage) == ((0, 0), [1, 2, 3, 4, 5])


def test_the_last_two_snapshots_are_kept(storage):
    for index in (1, 2, 3):
        storage.save_snapshot(snapshot(index), [b"%d" % index])
    settle()

    assert storage.load().snapshot == snapshot(3)
    assert [list(storage.read_snapshot(snapshot(index))) for index in (1, 2, 3)] == [[], [b"2"], [b"3"]]


def test_a_crash_loses_the_snapshot_being_saved(storage, mailbox):
    storage.save_snapshot(snapshot(3), [b"abc"])

    storage.close()
    settle()

    assert (storage.load().snapshot, mailbox.saved) == (None, [])


def test_a_snapshot_whose_content_raises_is_not_saved(storage, mailbox):
    with pytest.raises(ZeroDivisionError):
        storage.save_snapshot(snapshot(3), (b"%d" % (1 // number) for number in (1, 0)))

    settle()
    assert (storage.load().snapshot, mailbox.saved) == (None, [])


def test_pieces_are_read_when_the_loop_comes_round(storage, mailbox):
    storage.save_snapshot(snapshot(3), [b"abcde"])
    settle()

    storage.read_chunk(ask(snapshot(3), 0, 3))
    storage.read_chunk(ask(snapshot(3), 3, 3))
    storage.read_chunk(ask(snapshot(3), 0, 5))
    storage.read_chunk(ask(snapshot(2), 0, 3))
    assert mailbox.read == []

    settle()
    assert mailbox.read == [(b"abc", False), (b"de", True), (b"abcde", True), (None, False)]


def test_an_empty_snapshot_is_read_as_one_piece(storage, mailbox):
    storage.save_snapshot(snapshot(3), ())
    storage.read_chunk(ask(snapshot(3), 0, 3))

    settle()

    assert mailbox.read == [(b"", True)]


def test_a_write_installs_what_was_received_in_place_of_the_log(storage):
    storage.receive_chunk(chunk(snapshot(7, 2), 0, b"of another"))
    storage.receive_chunk(chunk(snapshot(9, 2), 0, b"abc", whole=b"abcde"))
    storage.receive_chunk(chunk(snapshot(9, 2), 3, b"de", last=True, whole=b"abcde"))
    assert storage.load().snapshot is None

    storage.write(Write(2, 2, None, (), base=(0, 0), install=snapshot(9, 2)))
    settle()

    assert log(storage) == ((9, 2), [])
    assert storage.load().snapshot == snapshot(9, 2)
    assert b"".join(storage.read_snapshot(snapshot(9, 2))) == b"abcde"


def test_an_older_snapshot_saved_later_does_not_hide_the_installed_one(storage, mailbox):
    storage.receive_chunk(chunk(snapshot(9, 2), 0, b"abc", last=True))
    storage.write(Write(2, 2, None, (), install=snapshot(9, 2)))
    storage.save_snapshot(snapshot(4), [b"older"])

    settle()

    assert (storage.load().snapshot, mailbox.saved) == (snapshot(9, 2), [4])


@pytest.mark.contract("N2")
def test_what_was_received_of_a_snapshot_outlives_the_node(storage):
    storage.receive_chunk(chunk(snapshot(9, 2), 0, b"abc", whole=b"abcde"))
    storage.close()

    assert storage.load().download == Download(snapshot(9, 2), extended(EMPTY, b"abcde"), 3)

    storage.receive_chunk(chunk(snapshot(9, 2), 3, b"de", last=True, whole=b"abcde"))
    storage.write(Write(2, 2, None, (), install=snapshot(9, 2)))
    settle()
    assert b"".join(storage.read_snapshot(snapshot(9, 2))) == b"abcde"
    assert storage.load().download is None


@pytest.mark.contract("N2")
def test_what_is_not_what_was_sent_is_dropped(storage, mailbox):
    storage.receive_chunk(chunk(snapshot(9, 2), 0, b"abc", whole=b"abcde"))
    storage.receive_chunk(chunk(snapshot(9, 2), 3, b"ed", last=True, whole=b"abcde"))
    settle()
    storage.receive_chunk(chunk(snapshot(9, 2), 0, b"abcde", last=True))
    settle()

    assert mailbox.checked == [(snapshot(9, 2), False), (snapshot(9, 2), True)]


@pytest.mark.contract("N2")
def test_a_newer_snapshot_of_its_own_makes_a_download_superfluous(storage):
    storage.receive_chunk(chunk(snapshot(9, 2), 0, b"abc", whole=b"abcde"))
    storage.save_snapshot(snapshot(9, 2), [b"its own"])
    settle()

    assert storage.load().download is None


def test_the_same_bytes_have_the_same_fingerprint_wherever_they_come_from(storage, mailbox):
    storage.save_snapshot(snapshot(3), [b"ab", b"", b"cde"])
    storage.read_chunk(ask(snapshot(3), 0, 2))
    settle()

    assert [read.fingerprint for read in mailbox.received if isinstance(read, ChunkRead)] == [extended(EMPTY, b"abcde")]


@pytest.mark.contract("M6")
def test_each_storage_draws_an_incarnation_of_its_own_and_keeps_it(storage):
    drawn = [MemoryStorage().load().incarnation for _ in range(100)]

    assert len(set(drawn)) == 100
    assert all(0 < incarnation < 2**64 for incarnation in drawn)
    assert max(drawn) > 2**56
    assert storage.load().incarnation == storage.load().incarnation == storage.incarnation
