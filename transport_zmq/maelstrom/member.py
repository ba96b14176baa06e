"""What a member in Maelstrom's hands consists of: one node, its storage, and what deals with messages."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any

from actors.kv import KeyValue
from actors.node import NodeActor
from actors.session_table import SessionLimits
from actors.storage.directory import DirectoryStorage
from actors.storage.memory import MemoryStorage
from actors.timers import MonotonicClock
from raft.membership import Configuration

from ..daemon.logs import EventLog
from ..daemon.settings import Settings
from ..limits import Limits
from .desk import Desk
from .envelope import Envelope
from .transport import FRAME, MaelstromTransport

SEED_BITS = 30
STOP_S = 1.0


class MaelstromMember:
    """A member that runs.

    Args:
        settings: those of its daemon.
        members: the ids of all, this one among them.
        durable: whether what it stores is kept in its data directory.
        send: takes a receiver and a body, to be sent through Maelstrom.
        on_down: called when the node has gone down by itself, with what took it down.

    Raises:
        InvalidConfig: there are more members than a cluster may have.
        DirectoryInUse, StorageError, OSError: the directory cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        members: Sequence[str],
        durable: bool,
        send: Callable[[str, dict[str, Any]], None],
        on_down: Callable[[BaseException | None], None],
    ) -> None:
        self._transport = MaelstromTransport(settings.name, Limits.of(settings.config), send)
        founders = Configuration(tuple(sorted(members)))
        self._storage: DirectoryStorage | None = None
        if durable:
            self._storage = DirectoryStorage(settings.data_dir, settings.name, first=founders, may_wait=True)
        machine = KeyValue()
        try:
            self._actor = NodeActor.spawn(
                settings.name,
                founders,
                settings.config,
                secrets.randbits(SEED_BITS),
                clock=MonotonicClock(),
                storage=self._storage or MemoryStorage(),
                transport=self._transport,
                machine=machine,
                limits=SessionLimits(),
                observer=EventLog(settings.log_level),
                on_down=on_down,
            )
        except BaseException:
            self._release()
            raise
        self._desk = Desk(self._actor, machine, send)

    def receive(self, envelope: Envelope) -> None:
        """Take a message that is for this member."""
        if envelope.type == FRAME:
            self._transport.receive(envelope.source, envelope.body)
        else:
            self._desk.take(envelope)

    def close(self) -> None:
        """End the node in good order, with all that was stored made durable."""
        self._desk.close()
        self._actor.actor_ref.stop()
        self._actor.join(STOP_S)
        self._release()

    def _release(self) -> None:
        if self._storage is not None:
            try:
                self._storage.settle()
            finally:
                self._storage.release()
