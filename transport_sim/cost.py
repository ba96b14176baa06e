"""What the checks of a run cost. Nothing is measured, and nothing slowed down, unless a meter is installed."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cluster import Cluster

WHOLE = "the whole run"
REST = "core, actors, network, disks and workload"

_CHECKER = {
    "turn_ended": "turns: what is looked at each time",
    "_check_term": "turns: terms and votes",
    "_check_base": "turns: snapshots",
    "_follow_log": "turns: logs, entry by entry",
    "_check_election": "turns: elections",
    "_check_leader_is_heard": "turns: whether leaders are heard",
    "_check_leader_takes_part": "turns: whether leaders take part",
    "_check_commit": "turns: commits",
    "_check_applied": "turns: applications",
    "_check_pending": "turns: recounts of pending bytes",
    "started": "starts",
    "delivered": "messages that arrive",
    "sent": "messages that leave",
}
_SPOTTER = ("observe", "received", "answered", "started", "crashed", "asked_to_read")
_RECORDER = ("record", "started", "turn_ended", "written", "asked")


class Meter:
    """Measures how long parts of a run take, each without the parts that it calls.

    It goes by the wall clock, which is the cheapest to read: on a busy machine the shares hold, the seconds do not.

    Attributes:
        seconds: by part; `WHOLE` is the sum of all, and `REST` what no check took.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inner = 0.0  # what was measured within the part under way

    def install(self, cluster: Cluster) -> None:
        """Measure the checks of a cluster; before anybody else has taken hold of its methods."""
        checker = cluster.checker
        for method, part in _CHECKER.items():
            self._measure(checker, method, part)
        for method in ("changed", "check_committed", "lost", "cut", "elected", "committed_in"):
            self._measure(checker._durability, method, "durability: disks")
        self._measure(checker._sessions, "read", "sessions")
        for method in _SPOTTER:
            self._measure(cluster.world.spotter, method, "situations")
        for owner, method in ((cluster, "record"), (cluster.world, "record"), (cluster.world, "turn_ended")):
            self._measure(owner, method, "digest")

    def install_recorder(self, recorder: object) -> None:
        """Measure whoever writes the trace."""
        for method in _RECORDER:
            self._measure(recorder, method, "recorder")

    def run(self, action: Callable[[], None]) -> None:
        """Measure a whole run, and nothing before and after it; may be called once."""
        self.seconds.clear()
        self._inner = 0.0
        begin = time.perf_counter()
        try:
            action()
        finally:
            whole = time.perf_counter() - begin
            # A copy, since what is called after the run goes on being measured.
            self.seconds = {**self.seconds, WHOLE: whole, REST: whole - self._inner}

    def _measure(self, owner: object, method: str, part: str) -> None:
        setattr(owner, method, self._measured(getattr(owner, method), part))

    def _measured(self, call: Callable[..., Any], part: str) -> Callable[..., Any]:
        clock = time.perf_counter
        seconds = self.seconds

        def measured(*args: Any, **fields: Any) -> Any:
            outer, self._inner = self._inner, 0.0
            begin = clock()
            try:
                return call(*args, **fields)
            finally:
                spent = clock() - begin
                seconds[part] += spent - self._inner
                self._inner = outer + spent

        return measured
