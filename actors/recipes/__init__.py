"""What programs build on a coordination service: locks, elections, semaphores, counters, barriers.

Each stands on the public calls of the key-value store, so it works with `LocalCluster` and with `transport_zmq.Client`.
Whoever waits watches; nobody polls. Start reading at `line.py`; what each promises is told in `docs/recipes.md`.
"""

from .barrier import Barrier
from .counter import Counter
from .election import Election, Leader
from .errors import AlreadyHeld, NotANumber, NotHeld, PlaceLost
from .lock import Lock, Semaphore

__all__ = [
    "AlreadyHeld",
    "Barrier",
    "Counter",
    "Election",
    "Leader",
    "Lock",
    "NotANumber",
    "NotHeld",
    "PlaceLost",
    "Semaphore",
]
