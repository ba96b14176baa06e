"""Which thread is this? With monkey-patching `threading` answers by greenlet; the root of all greenlets is certain."""

from __future__ import annotations

from typing import Any

from gevent import getcurrent


def main_greenlet() -> Any:
    """Return the greenlet in which the code of this thread began: the root of all others in it, one for each thread."""
    greenlet = getcurrent()
    while greenlet.parent is not None:
        greenlet = greenlet.parent
    return greenlet
