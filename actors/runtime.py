"""The gevent runtime: pykka actors whose loop is a greenlet.

pykka leaves three things to a runtime: the future, the inbox and the start of the loop. Here they stand on gevent's own
primitives, so users need no monkey-patching. All of it lives in one thread: the one whose hub runs it.

A *turn* of an actor takes everything that has arrived, message by message, and then calls `on_drained` once. Whatever
can be done once for many messages, a disk write or a send, is done there: draining the inbox is batching.
"""

from __future__ import annotations

import queue
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self, TypeVar

import gevent
from gevent import get_hub, getcurrent
from gevent.event import Event
from loguru import logger
from pykka import Actor, ActorDeadError, ActorRegistry, Future, Timeout
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from .references import BareRef

T = TypeVar("T")
ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]

MAX_TURN_MESSAGES = 4096  # most messages of one turn, so that a flooded actor lets the others run
MAX_TURN_S = 0.02  # and the time after which it takes no more of them


class GeventFuture(Future[T]):
    """A value that is there now or later; whoever waits for it lets other greenlets run."""

    # How a future begins: there may be one for each of very many calls, so this is not written into each of them.
    _is_set = False
    _value: Any = None
    _error: BaseException | None = None
    _ready: Event | None = None  # made for whoever is the first to wait
    _when_done: Callable[[BaseException | None], object] | None = None
    _get_hook: Any = None  # pykka's, and so is what `Future.__init__` makes; only a hook needs that

    def __init__(self) -> None:
        """Begin without a value."""

    def get(self, *, timeout: float | None = None) -> Any:
        """Wait for the value.

        Args:
            timeout: seconds to wait at most; for ever when None.

        Raises:
            pykka.Timeout: when there is no value yet after `timeout` seconds.
            Exception: the one that was set instead of a value.
        """
        if self._get_hook is not None:
            return super().get(timeout=timeout)
        if not self._is_set:
            if self._ready is None:
                self._ready = Event()
            if not self._ready.wait(timeout):
                raise Timeout(f"{timeout} seconds")
        if self._error is not None:
            raise self._error
        return self._value

    def set(self, value: Any = None) -> None:
        """Set the value and wake everybody who waits.

        Raises:
            queue.Full: when the future is set already.
        """
        self._settle(value, None)

    def set_exception(self, exc_info: ExcInfo | None = None) -> None:
        """Set an exception, which `get` will raise.

        Args:
            exc_info: as `sys.exc_info()` returns it; the exception being handled when None.

        Raises:
            queue.Full: when the future is set already.
        """
        error_type, error, traceback = sys.exc_info() if exc_info is None else exc_info
        if error is None:
            assert error_type is not None, "there is no exception to set"
            error = error_type()
        self._settle(None, error.with_traceback(traceback))

    def answer(self, error: Exception | None, value: Any) -> None:
        """Set what a request was replied: the error if there is one, else the value.

        Raises:
            queue.Full: when the future is set already.
        """
        self._settle(value, None if error is None else error.with_traceback(None))

    def set_get_hook(self, func: Any) -> None:
        """Let `func(timeout)` make the value when `get` is first called.

        Raises:
            queue.Full: when the future is set already.
        """
        self._check_open()
        super().__init__()
        super().set_get_hook(func)

    def when_done(self, action: Callable[[BaseException | None], object]) -> None:
        """Call `action` once there is a value, with None or the exception in its place; at once if that is now.

        It is called where the value is set, so it must neither wait nor raise. There can be one.
        """
        if self._is_set:
            action(self._error)
        else:
            self._when_done = action

    def _check_open(self) -> None:
        if self._is_set or self._get_hook is not None:
            raise queue.Full

    def _settle(self, value: Any, error: BaseException | None) -> None:
        self._check_open()
        self._value = value
        self._error = error
        self._is_set = True
        if self._ready is not None:
            self._ready.set()
        if self._when_done is not None:
            self._when_done(error)


class GeventInbox:
    """What an actor has been sent and has not handled yet, oldest first: envelopes of pykka's, and bare messages."""

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        self._waiting: Any = None  # the greenlet that waits for a message

    def put(self, item: Any, /) -> None:
        """Add an envelope or a bare message at the end; never blocks."""
        self._items.append(item)
        self._wake()

    def put_all(self, messages: Iterable[Any]) -> None:
        """Add messages that nobody waits for an answer to, bare, at the end; never blocks."""
        self._items.extend(messages)
        self._wake()

    def get(self) -> Any:
        """Remove and return what is oldest; waits if there is nothing."""
        while not self._items:
            self.wait()
        return self._items.popleft()

    def empty(self) -> bool:
        """Whether there is no message."""
        return not self._items

    def wait(self) -> None:
        """Let the other greenlets run, at least once and until there is a message."""
        if self._items:
            gevent.sleep(0)
            return
        # What an event of gevent does for any number of greenlets, for the one that there is: this is done every turn.
        self._waiting = getcurrent()
        try:
            get_hub().switch()
        finally:
            self._waiting = None

    def __len__(self) -> int:
        return len(self._items)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            get_hub().loop.run_callback(waiting.switch)


class GeventActor(Actor):
    """A pykka actor whose loop is a greenlet.

    An exception that leaves a hook, or the handling of a message that was told, is fatal: the actor stops, `on_failure`
    is called with it, and what is still in the inbox is answered with `pykka.ActorDeadError`. The exception of a
    message that was asked goes to the asker, and the actor carries on.
    """

    actor_inbox: GeventInbox
    _greenlet: gevent.Greenlet[[], None] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Make the actor; `start` or `spawn` starts it."""
        super().__init__(*args, **kwargs)
        self._actor_ref = BareRef(self)

    @classmethod
    def spawn(cls, *args: Any, **kwargs: Any) -> Self:
        """Start an actor like `start`, but return the actor itself, for whoever supervises it."""
        actor = cls(*args, **kwargs)
        ActorRegistry.register(actor.actor_ref)
        actor._start_actor_loop()
        return actor

    def tell_all(self, messages: Iterable[Any]) -> None:
        """Send messages of one's own, none of pykka's, without waiting for any response, as `tell` does with one.

        Raises:
            pykka.ActorDeadError: when the actor has stopped; none of them was sent.
        """
        if self.actor_stopped.is_set():
            raise ActorDeadError(f"{self.actor_ref} not found")
        self.actor_inbox.put_all(messages)

    def on_drained(self) -> None:
        """Act on all that this turn's messages have brought; called once per turn, after the last of them."""

    def on_undelivered(self, message: Any) -> None:
        """Take back a message that was told and will never be handled, because the actor has stopped."""

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Act on the exception that has stopped the actor. This default logs it in one line."""
        logger.error("{} has failed: {}", self, describe(exception_value))

    def crash(self) -> None:
        """Stop at once, as a power cut would: nothing more is handled, and neither `on_stop` nor `on_failure` called.

        May be called from any greenlet, more than once; called from the actor's own, it does not return.
        """
        self._actor_loop_teardown()
        if self._greenlet is not None:
            self._greenlet.kill(block=False)

    def join(self, timeout: float) -> None:
        """Wait until the loop of a stopped actor has ended, `timeout` seconds at most."""
        if self._greenlet is not None:
            self._greenlet.join(timeout)

    @staticmethod
    def _create_actor_inbox() -> GeventInbox:
        return GeventInbox()

    @staticmethod
    def _create_future() -> Future[Any]:
        return GeventFuture()

    def _start_actor_loop(self) -> None:
        self._greenlet = gevent.spawn(self._actor_loop)

    def _actor_loop(self) -> None:
        try:
            self._actor_loop_setup()
            while not self.actor_stopped.is_set():
                self.actor_inbox.wait()
                self._turn()
        except BaseException:
            # An interrupt meets whichever greenlet runs: the actor is lost, and gevent tells the main greenlet.
            if not self.actor_stopped.is_set():
                self._handle_failure(*sys.exc_info())
            raise
        finally:
            self._actor_loop_teardown()

    def _turn(self) -> None:
        stop = None
        inbox = self.actor_inbox
        try:
            until_s = time.monotonic() + MAX_TURN_S
            for taken in range(min(len(inbox), MAX_TURN_MESSAGES)):
                if taken and time.monotonic() > until_s:
                    break  # what is left is the next turn's
                item = inbox.get()
                if type(item) is not Envelope:
                    self.on_receive(item)
                elif isinstance(item.message, _ActorStop):
                    stop = item
                    break
                else:
                    self._take(item)
            self.on_drained()  # before stopping too: what came first is carried out
        except Exception:
            self._handle_failure(*sys.exc_info())
        if stop is not None:
            if not self.actor_stopped.is_set():
                self._stop()
            if stop.reply_to is not None:
                stop.reply_to.set(None)

    def _take(self, envelope: Envelope[Any]) -> None:
        try:
            response = self._handle_receive(envelope.message)
        except Exception:
            if envelope.reply_to is None:
                raise
            envelope.reply_to.set_exception()
        else:
            if envelope.reply_to is not None:
                envelope.reply_to.set(response)

    def _handle_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # pykka would print a traceback here and skip `on_failure` for some of the hooks.
        ActorRegistry.unregister(self.actor_ref)
        self.actor_stopped.set()
        try:
            self.on_failure(exception_type, exception_value, traceback)
        except Exception as error:
            logger.error("{} has failed while it handled a failure: {}", self, describe(error))

    def _actor_loop_teardown(self) -> None:
        ActorRegistry.unregister(self.actor_ref)
        self.actor_stopped.set()
        while not self.actor_inbox.empty():
            item = self.actor_inbox.get()
            if type(item) is not Envelope:
                self.on_undelivered(item)
            elif item.reply_to is None:
                self.on_undelivered(item.message)
            elif isinstance(item.message, _ActorStop):
                item.reply_to.set(None)
            else:
                error = ActorDeadError(f"{self.actor_ref} stopped before handling the message")
                item.reply_to.set_exception((ActorDeadError, error, None))


def describe(error: BaseException | None) -> str:
    """Return an exception in one line: its kind, its text and where it was raised."""
    text = f"{type(error).__name__}: {error}"
    traceback = None if error is None else error.__traceback__
    if traceback is None:
        return text
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    code = traceback.tb_frame.f_code
    return f"{text} ({code.co_filename}:{traceback.tb_lineno} in {code.co_name})"
