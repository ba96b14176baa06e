"""The life of a member in Maelstrom's hands: it is told who it is, serves, and ends with its stdin.

Maelstrom owns the network, so there are no ports. Everything is a line on stdin or stdout; what is logged goes to
stderr.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import gevent
from gevent.event import Event
from loguru import logger

from actors.runtime import describe
from raft.membership import MAX_ID_LENGTH, MAX_MEMBERS
from storage.errors import StorageError

from ..daemon import signals
from ..daemon.errors import FAILED, STOPPED, UNUSABLE_DIRECTORY
from ..daemon.service import CannotStart, cannot_start
from ..daemon.settings import Given
from ..limits import Limits
from .envelope import MALFORMED_REQUEST, TEMPORARILY_UNAVAILABLE, Envelope, Failure, NoEnvelope, decode
from .lines import Lines
from .member import MaelstromMember
from .settings import is_durable, settled_for

INIT = "init"
TOPOLOGY = "topology"
UNNAMED = "unnamed"  # until Maelstrom says who this is
WAITING_BYTES = 64 * 1024 * 1024
GROWTH = 2  # of a frame in base64, with what JSON puts around it; or of a value whose letters JSON escapes


class MaelstromService:
    """Runs one member.

    Args:
        given: what the options are set to.

    Raises:
        SettingsError: they cannot be.
    """

    def __init__(self, given: Mapping[str, Given]) -> None:
        self._given = given
        self.settings = settled_for(given, UNNAMED)  # so that whoever gave wrong ones hears of it at once
        self._member: MaelstromMember | None = None
        self._id = ""
        self._over = Event()
        self._failure: BaseException | None = None
        self._lines: Lines

    def run(self) -> int:
        """Serve until stdin ends or a signal asks for the end; return the exit code.

        Raises:
            CannotStart: the data directory cannot be used.
        """
        outgoing = os.dup(1)
        os.dup2(2, 1)  # whatever is printed by mistake must not look like a message
        longest_bytes = GROWTH * Limits.of(self.settings.config).frame_bytes
        self._lines = Lines(0, outgoing, longest_bytes, WAITING_BYTES)
        signals.listen(lambda name: self._over.set(), lambda: None)
        reader = gevent.spawn(self._read)
        self._over.wait()
        reader.kill()
        try:
            if self._member is not None:
                self._member.close()
        except OSError as error:
            self._failure = self._failure or error
        self._lines.close(self.settings.stop_timeout_ms / 1000)
        signals.ignore()
        if self._failure is None:
            return STOPPED
        if isinstance(self._failure, CannotStart):
            raise self._failure
        logger.error("the node has failed and the process ends: {}", describe(self._failure))
        return UNUSABLE_DIRECTORY if isinstance(self._failure, StorageError) else FAILED

    def _read(self) -> None:
        try:
            for line in self._lines.read():
                try:
                    envelope = decode(line)
                except NoEnvelope as error:
                    logger.warning("a line of stdin is dropped: {}", error)
                    continue
                self._take(envelope)
        except Exception as error:
            self._end(error)
        else:
            self._end(None)

    def _end(self, failure: BaseException | None) -> None:
        self._failure = self._failure or failure
        self._over.set()

    def _take(self, envelope: Envelope) -> None:
        if envelope.type == INIT:
            self._reply(envelope, self._begun(envelope.body))
        elif envelope.type == TOPOLOGY:
            self._reply(envelope, {"type": "topology_ok"})  # everybody speaks to everybody
        elif self._member is not None:
            self._member.receive(envelope)
        elif "msg_id" in envelope.body:
            self._reply(envelope, Failure(TEMPORARILY_UNAVAILABLE, "there was no init yet").body)

    def _begun(self, body: dict[str, Any]) -> dict[str, Any]:
        """Start the member that an init names; return the answer."""
        id, ids = body.get("node_id"), body.get("node_ids")
        if not (isinstance(id, str) and isinstance(ids, list) and id in ids and _are_ids(ids)):
            needed = f"node_ids, 1 to {MAX_MEMBERS} strings of at most {MAX_ID_LENGTH} characters"
            return Failure(MALFORMED_REQUEST, f"init needs {needed}, and node_id, one of them").body
        if self._member is not None:
            return Failure(MALFORMED_REQUEST, f"this is {self._id} already; start another process").body
        settings = settled_for(self._given, id)
        logger.configure(extra={"node": id})
        self._id = id
        try:
            self._member = MaelstromMember(settings, ids, is_durable(self._given), self._send, self._end)
        except Exception as error:
            reason = cannot_start(error, settings.data_dir)
            if reason is None:
                raise
            raise reason from error
        return {"type": "init_ok"}

    def _reply(self, envelope: Envelope, body: dict[str, Any]) -> None:
        answer = {**body, "in_reply_to": envelope.body.get("msg_id")}
        self._lines.write(Envelope(self._id or envelope.destination, envelope.source, answer).encode())

    def _send(self, receiver: str, body: dict[str, Any]) -> None:
        self._lines.write(Envelope(self._id, receiver, body).encode())


def _are_ids(values: list[object]) -> bool:
    return len(values) <= MAX_MEMBERS and all(isinstance(id, str) and 1 <= len(id) <= MAX_ID_LENGTH for id in values)
