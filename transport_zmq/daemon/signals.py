"""Signals: the first that asks for the end begins it in good order, the second ends the process at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType

from gevent import get_hub

ENDING = (signal.SIGTERM, signal.SIGINT)
INSTRUCTION = b"quorate: ended at once, on a second signal; nothing that was acknowledged is lost\n"


def listen(on_end: Callable[[str], object], on_reload: Callable[[], object]) -> None:
    """Take signals from now on.

    They are Python's own handlers, not the loop's: so the second one works also where the loop is held up.

    Args:
        on_end: called in the loop with the name of the first signal that asks for the end.
        on_reload: called in the loop for each SIGHUP.
    """
    loop = get_hub().loop
    asked: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:
        if asked:
            os.write(2, INSTRUCTION)
            os._exit(128 + number)
        asked.append(number)
        loop.run_callback_threadsafe(on_end, signal.Signals(number).name)

    def reload(number: int, frame: FrameType | None) -> None:
        loop.run_callback_threadsafe(on_reload)

    for number in ENDING:
        signal.signal(number, end)
    signal.signal(signal.SIGHUP, reload)


def ignore() -> None:
    """Take no more notice of them: everything is done, and only the exit is left."""
    for number in (*ENDING, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
