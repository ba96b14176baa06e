"""A ZeroMQ socket on an event loop.

The descriptor of a ZeroMQ socket does not say that something can be received: it says, once, that something may have
changed. What has is told by ZMQ_EVENTS. And any call on the socket may use up that signal, so whoever has called one
must look again before he waits.

So all sockets here are plain ones, used without blocking, and each has a watcher that looks after every signal and
after every time it let its owner work. Nothing switches greenlets for a message: the owner takes as much as it likes,
and is called again, after others have had their turn, while there is more.
"""

from __future__ import annotations

from collections.abc import Callable

import zmq

from actors.loop import GEVENT, Loop, Stop

# Plain numbers: those of pyzmq are enumerations, and take longer to use than the socket does.
NOBLOCK = int(zmq.NOBLOCK)
NOBLOCK_MORE = int(zmq.NOBLOCK | zmq.SNDMORE)  # not the last part
_EVENTS = int(zmq.EVENTS)

FEW = 2
"""After so many frames it costs less to take what may not be there than to ask after each whether there is more."""

UNBOUNDED = 0
"""How many frames may wait to be received on any socket here.

With a bound ZeroMQ (4.3.5) stops reading a connection whose frames wait, and an assertion of its own then ends the
process when the other end hangs up or sends a heartbeat (libzmq issues 3937 and 4767): a member that was frozen for a
while would die as it thaws, and whoever connects could bring that about. `inbound.Inbound` bounds what may wait.
"""


class Watcher:
    """Calls somebody as long as a socket is ready.

    Args:
        socket: the socket.
        event: for what it shall be ready, `zmq.POLLIN` or `zmq.POLLOUT`.
        on_ready: does some of what can be done, which may be nothing, and returns whether there may be more; it must
            not say no before the socket has, or `is_still_ready`. It may stop the watcher, or close the socket.
        loop: the event loop.
    """

    def __init__(
        self, socket: zmq.Socket[bytes], event: int, on_ready: Callable[[], bool], loop: Loop = GEVENT
    ) -> None:
        self._socket = socket
        self._event = int(event)
        self._on_ready = on_ready
        self._loop = loop
        self._unwatch: Stop | None = None
        self._stop_next: Stop | None = None  # of the look that is on its way
        self._is_unasked = False  # whether nobody has asked since the last signal if there is more
        self._comes_alone = False  # whether there was no more when that was last asked first

    def watch_for(self, event: int) -> None:
        """Let it be another event from now on."""
        self._event = int(event)
        self.look_again()

    @property
    def active(self) -> bool:
        """Whether it watches."""
        return self._unwatch is not None

    def start(self) -> None:
        """Begin to watch; what is ready already is noticed too."""
        if self._unwatch is None:
            # The descriptor signals by becoming readable, whatever has happened.
            self._unwatch = self._loop.watch(int(self._socket.get(zmq.FD)), self._on_signal)
            self._look_soon()

    def stop(self) -> None:
        """Watch no more; must be called before the socket is closed."""
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        if self._stop_next is not None:
            self._stop_next()
            self._stop_next = None

    def look_again(self) -> None:
        """Take note that the socket was used by somebody else than `on_ready`, which may have used up a signal."""
        if self._unwatch is not None:
            self._look_soon()

    @property
    def is_ready(self) -> bool:
        """Whether the socket is ready; to ask uses up a signal too, so it is looked again."""
        self.look_again()
        return bool(self._ready_for() & self._event)

    @property
    def is_still_ready(self) -> bool:
        """Whether its owner, who is called, should go on; if not, he is called again when there is more.

        To be told so by an exception costs as much as to ask two or three times. And where frames come one by one, the
        socket is asked only after what the first one brings was done, since somebody waits for that.
        """
        is_first, self._is_unasked = self._is_unasked, False
        if is_first and self._comes_alone:
            self.look_again()
            return False
        is_ready = bool(self._ready_for() & self._event)
        if is_first:
            self._comes_alone = not is_ready
        return is_ready

    def _look_soon(self) -> None:
        if self._stop_next is None:
            self._stop_next = self._loop.soon(self._look)

    def _look(self) -> None:
        self._stop_next = None
        if self._ready_for() & self._event:
            self._comes_alone = False
            self._use()

    def _on_signal(self) -> None:
        self._is_unasked = True
        self._use()

    def _ready_for(self) -> int:
        events = self._socket.get(_EVENTS)
        assert isinstance(events, int), events
        return events

    def _use(self) -> None:
        if self._unwatch is None:
            return
        # After a signal it is not asked first: nearly always there is something, and asking costs as much as taking it.
        more = True
        try:
            more = self._on_ready()
        except Exception as error:
            # The loop would report it too, and watch no more: one bad frame must not close a port.
            self._loop.report(error)
        if more:
            self.look_again()
