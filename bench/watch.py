"""Looks at a cluster again and again while it works, and draws the curve of what it holds."""

from __future__ import annotations

import time

import gevent

from actors import LocalCluster

from . import probe
from .curve import Point

# Logs grow and are cut in a rhythm of their own, and the load has one too: a look at each point alone could meet every
# time the same moment of it. Looks by the clock, several to a turn of the nodes, meet all of them.
LOOK_EVERY_S = 0.005


class Watch:
    """Watches a cluster of `probe.CountingKeyValue`, in a greenlet of its own, from `start` to `stop`.

    Attributes:
        points: of the curve, in order.
    """

    def __init__(self, cluster: LocalCluster) -> None:
        self.points: list[Point] = []
        self._cluster = cluster
        self._started_s = time.monotonic()
        self._looking: gevent.Greenlet[[], None] | None = None
        self._forget()

    def start(self) -> None:
        """Begin to look, and to count the seconds."""
        self._started_s = time.monotonic()
        self._looking = gevent.spawn(self._look_for_ever)

    def stop(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.kill()

    def add_point(self, commands: int) -> None:
        """End a stretch of the curve.

        Args:
            commands: how many have been answered.

        Raises:
            NodeStopped: when a node is down.
        """
        self._look()
        self.points.append(
            Point(
                commands,
                time.monotonic() - self._started_s,
                self._log_sum,
                self._log_max,
                self._log_bytes,
                self._stored_sum,
                self._stored_max,
                self._rss_bytes,
                sum(probe.snapshots(self._cluster)),
            )
        )
        self._forget()

    def _forget(self) -> None:
        self._log_sum = self._log_max = self._log_bytes = self._stored_sum = self._stored_max = self._rss_bytes = 0

    def _look_for_ever(self) -> None:
        while True:
            gevent.sleep(LOOK_EVERY_S)
            self._look()

    def _look(self) -> None:
        lengths = probe.lengths(self._cluster)
        stored = probe.stored_lengths(self._cluster)
        if sum(lengths) > self._log_sum:
            self._log_sum = sum(lengths)
            self._log_bytes = probe.size_bytes(self._cluster)
        self._log_max = max(self._log_max, *lengths)
        self._stored_sum = max(self._stored_sum, sum(stored))
        self._stored_max = max(self._stored_max, *stored)
        self._rss_bytes = max(self._rss_bytes, probe.rss_bytes())
