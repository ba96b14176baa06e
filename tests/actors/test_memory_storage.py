import gevent
import pytest

from actors.runtime import GeventActor
from actors.storage.memory import MemoryStorage
from raft.actor import Persisted
from raft.entries import COMMAND, Entry
from raft.ready import Write


class Mailbox(GeventActor):
    def __init__(self):
        super().__init__()
        self.persisted = []

    def on_receive(self, message):
        assert isinstance(message, Persisted)
        self.persisted.append(message.number)


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
