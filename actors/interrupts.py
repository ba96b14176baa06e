"""Ctrl-C while a cluster is open: it interrupts the program, not a node.

Python raises `KeyboardInterrupt` in whichever code runs at the moment. Where many greenlets share a thread, that is
most often a node or the event loop, and not the program that wants to know of it: a node would die, and its error be
printed. While somebody holds interrupts, the turn under way ends first, and then the main greenlet gets the exception.
"""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

from gevent import get_hub, getcurrent

from .threads import main_greenlet

_holders = 0
_on_its_way: Any = None  # the call by the loop that will interrupt the main greenlet


def hold() -> bool:
    """Have Ctrl-C interrupt the main greenlet alone, until `release` has been called as often as this.

    Returns:
        Whether it does: not outside the main thread, and not when the program treats Ctrl-C in its own way already.
        Only if so, call `release`.
    """
    global _holders
    if not get_hub().main_hub:
        return False
    if _holders == 0:
        if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            return False
        signal.signal(signal.SIGINT, _handle)
    _holders += 1
    return True


def release() -> None:
    """Leave Ctrl-C to Python again, once nobody holds it any more and unless the program has taken it over."""
    global _holders
    _holders -= 1
    if _holders == 0 and signal.getsignal(signal.SIGINT) is _handle:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _handle(signal_number: int, frame: FrameType | None) -> None:
    global _on_its_way
    hub, current, main = get_hub(), getcurrent(), main_greenlet()
    waiting = _on_its_way is not None and _on_its_way.pending
    # A second Ctrl-C during one turn means that the turn does not end: a state machine that loops, say.
    if current is main or (waiting and current is not hub):
        signal.default_int_handler(signal_number, frame)
    if not waiting:
        _on_its_way = hub.loop.run_callback(main.throw, KeyboardInterrupt)
