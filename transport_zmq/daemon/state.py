"""What can be told of a daemon: whether it lives, whether it can serve, and numbers."""

from __future__ import annotations

import importlib.metadata
import os
import time
from pathlib import Path
from typing import Any

from actors.node import NodeActor
from actors.supervisor import Supervisor

from ..peers import PeerTransport
from ..statistics import Statistics
from .settings import Settings

BLOCK_BYTES = 512  # the unit of st_blocks, whatever the file system
VERSION = importlib.metadata.version("quorate")


class State:
    """Looks at a daemon.

    Args:
        settings: of the daemon.
        statistics: of its network.
        transport: to its peers.
        address: where other members reach it; empty when it does not know.
        is_witness: whether it has no state machine.

    Attributes:
        ending: why the daemon comes to its end, in a few words; empty as long as it does not.
    """

    def __init__(
        self,
        settings: Settings,
        statistics: Statistics,
        transport: PeerTransport,
        address: str,
        is_witness: bool = False,
    ) -> None:
        self.ending = ""
        self._settings = settings
        self._statistics = statistics
        self._transport = transport
        self._address = address
        self._is_witness = is_witness
        self._actor: NodeActor | None = None
        self._supervisor: Supervisor | None = None
        self._began_s = time.monotonic()

    def begin(self, actor: NodeActor, supervisor: Supervisor) -> None:
        """Take note that the node has started."""
        self._actor = actor
        self._supervisor = supervisor

    @property
    def is_alive(self) -> bool:
        """Whether the node runs; what asks here has already seen that the loop goes round."""
        return self._supervisor is not None and (self._supervisor.running or bool(self.ending))

    def why_not_ready(self) -> str:
        """Return why clients are not to be sent here, in a few words; empty when they are."""
        if self.ending:
            return self.ending
        if self._actor is None or self._supervisor is None or not self._supervisor.running:
            return "the node is down"
        member = self._supervisor.status()
        if member.refused is not None:
            return f"refused by {member.refused.by}: its id belongs to another data directory"
        status = self._actor.status()
        if not status.configuration.members:
            return "it waits to be added to a cluster"
        if status.leader is None:
            return "no leader is known"
        if self._is_witness:
            return ""  # it serves nobody but the other members
        staleness_ms = self._actor.staleness_ms()
        if staleness_ms is None or staleness_ms > 2 * self._settings.election_timeout_ms:
            return f"it has not caught up with {status.leader}"
        return ""

    @property
    def waits_to_be_added(self) -> bool:
        """Whether the node is not a member of a cluster yet."""
        return self._actor is not None and not self._actor.status().configuration.members

    def facts(self) -> dict[str, Any]:
        """Return what is known beside the status of the node, as values that JSON has."""
        refused = None if self._supervisor is None else self._supervisor.status().refused
        statistics = self._statistics
        why_not = self.why_not_ready()
        return {
            "version": VERSION,
            "uptime_s": round(time.monotonic() - self._began_s, 3),
            "ready": not why_not,
            "why_not_ready": why_not or None,
            "address": self._address or None,
            "http_peers": self._settings.http_peers,
            "election_timeout_ms": self._settings.election_timeout_ms,
            "made_as_witness": self._is_witness,
            "disk_full": self._actor is not None and self._actor.status().disk_full,
            "disk_bytes": _bytes_in(self._settings.data_dir),
            "refused_by": None if refused is None else refused.by,
            "staleness_ms": None if self._actor is None else self._actor.staleness_ms(),
            "sync": self._settings.sync.text,
            "encrypted": self._settings.key_file is not None,
            "transport": {
                "wire_version": self._transport.wire_version,
                "connected": dict(self._transport.connected),
                "frames_sent": statistics.frames_sent,
                "bytes_sent": statistics.bytes_sent,
                "messages_sent": statistics.messages_sent,
                "frames_received": statistics.frames_received,
                "bytes_received": statistics.bytes_received,
                "messages_received": statistics.messages_received,
                "connections": statistics.connections,
                "handshakes": statistics.handshakes,
                "dropped": dict(statistics.dropped),
                "refused": dict(statistics.refused),
            },
        }


def _bytes_in(directory: Path) -> int | None:
    """Return how much space the files of a directory take, None when that cannot be told."""
    try:
        return sum(entry.stat().st_blocks * BLOCK_BYTES for entry in os.scandir(directory))
    except OSError:  # it is not there yet, or a file went meanwhile
        return None
