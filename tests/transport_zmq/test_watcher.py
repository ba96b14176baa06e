"""What calls the owner of a socket, on a real loop with real sockets."""

import gevent
import pytest
import zmq

from actors.loop import GEVENT
from transport_zmq.watcher import FEW, NOBLOCK, Watcher

WAIT_S = 0.05


class Owner:
    """Takes what comes, as a port does, and has something done with each frame a moment later."""

    def __init__(self, socket):
        self.seen = []
        self.done = 0
        self._socket = socket
        self.watcher = Watcher(socket, zmq.POLLIN, self._take)
        self._ask = self.watcher._ready_for
        self.watcher._ready_for = self._ready_for
        self.watcher.start()

    def _take(self):
        for taken in range(100):
            try:
                self.seen.append(self._socket.recv(NOBLOCK))
            except zmq.Again:
                return False
            GEVENT.soon(self._do)
            if taken < FEW and not self.watcher.is_still_ready:
                return False
        return True

    def _do(self):
        self.done += 1
        self.seen.append("done")

    def _ready_for(self):
        self.seen.append("asked")
        return self._ask()


@pytest.fixture
def ends():
    context = zmq.Context()
    ends = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    ends[1].bind("inproc://frames")
    ends[0].connect("inproc://frames")
    yield ends
    context.destroy(linger=0)


@pytest.fixture
def sender(ends):
    return ends[0]


@pytest.fixture
def owner(ends):
    owner = Owner(ends[1])
    gevent.sleep(WAIT_S)  # it looks once without a signal
    yield owner
    owner.watcher.stop()


def send(sender, owner, *frames):
    """Send frames, and return what has happened until all is done."""
    del owner.seen[:]
    for frame in frames:
        sender.send(frame)
    gevent.sleep(WAIT_S)
    return owner.seen


def test_where_frames_come_one_by_one_what_one_brings_is_done_before_the_socket_is_asked(sender, owner):
    send(sender, owner, b"the first one, after which it asks")
    for _ in range(3):
        assert send(sender, owner, b"alone") == [b"alone", "done", "asked"]


def test_frames_behind_one_that_was_thought_to_be_alone_are_taken_too(sender, owner):
    send(sender, owner, b"alone")
    frames = [b"%d" % number for number in range(10)]

    seen = send(sender, owner, *frames)

    assert [frame for frame in seen if isinstance(frame, bytes)] == frames
    assert seen[:3] == [b"0", "done", "asked"], "it was thought to be alone"
    assert owner.done == 11


def test_where_frames_come_together_they_are_taken_together(sender, owner):
    send(sender, owner, b"alone")
    send(sender, owner, b"together", b"with another")

    for _ in range(3):
        assert send(sender, owner, b"0", b"1", b"2")[:5] == [b"0", "asked", b"1", "asked", b"2"]
