"""Settings of the interpreter that suit a process which does nothing but serve one member."""

from __future__ import annotations

import gc
import sys

SWITCH_S = 0.0005  # how long the thread of the disk waits at most until the loop lets it begin, and report
YOUNG_OBJECTS = 50_000  # a turn makes thousands of objects and nearly all end with it, without a collection
OLD_COLLECTIONS = 50


def settle() -> None:
    """Let threads take turns soon, and look for cyclic garbage rarely; called once all modules are loaded.

    What the log and the state machine hold is not garbage, and to look through it again and again costs more than all
    else that a busy member does.
    """
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, OLD_COLLECTIONS, OLD_COLLECTIONS)
