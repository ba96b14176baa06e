"""One other member, as its peer sees it: where it is, and the two lanes to it."""

from __future__ import annotations

from collections.abc import Callable

from loguru import logger

from raft.messages import Message, SnapshotChunk

from .address import Address
from .allow_list import PEER
from .connection import Connection, Route
from .errors import InvalidAddress
from .framing import Framer
from .lane import Lane
from .limits import Limits
from .network import Network
from .statistics import NO_PEER, TOO_LARGE_TO_SEND


class Peer:
    """The way to one other member.

    Where it is, is told by the configuration, and by the member itself with every frame if it likes; what it says
    itself is tried first, being newer. To be led to somebody else does no harm: a frame names its receiver, and with
    CURVE nobody else has the key.

    Args:
        name: its id.
        network: of this node.
        limits: of this node.

    Attributes:
        name: see above.
        said: where it says that it is, empty as long as it does not.
    """

    def __init__(self, name: str, network: Network, limits: Limits) -> None:
        self.name = name
        self._network = network
        self._limits = limits
        self._configured = self.said = ""
        self._lane = Lane(network.resolve, self._server_keys, self._connect)
        self._snapshot_lane = Lane(network.resolve, self._server_keys, self._connect)

    @property
    def connected(self) -> bool:
        """Whether it can be sent anything."""
        return self._lane.connected

    def configure(self, address: str) -> None:
        """Take note of where the configuration says it is; empty if it does not."""
        if address != self._configured:
            self._configured = address
            self._lead()

    def hear(self, address: str) -> None:
        """Take note of where the peer itself says it is; empty if it does not."""
        if address and address != self.said:
            self.said = address
            self._lead()

    def send(self, framer: Framer, messages: list[Message]) -> None:
        """Send messages, in as few frames as can be; pieces of snapshots on a lane of their own."""
        chunks: list[Message] = [message for message in messages if type(message) is SnapshotChunk]
        if chunks:
            messages = [message for message in messages if type(message) is not SnapshotChunk]
            self._send(self._snapshot_lane, framer, chunks)
        self._send(self._lane, framer, messages)

    def reconsider(self) -> None:
        """Look again whether the connections are right: keys have changed."""
        self._lane.reconsider()
        self._snapshot_lane.reconsider()

    def close(self) -> None:
        """Close the connections."""
        self._lane.close()
        self._snapshot_lane.close()

    def _server_keys(self) -> list[str | None]:
        security = self._network.security
        return [None] if security is None else [*security.allow_list.keys_of(self.name, PEER)]

    def _connect(self, route: Route, on_change: Callable[[], None]) -> Connection:
        return Connection(self._network, route, self._limits.queue_bytes, on_change)

    def _send(self, lane: Lane, framer: Framer, messages: list[Message]) -> None:
        statistics = self._network.statistics
        for frame in framer.frames(self.name, messages):
            if len(frame) > self._limits.frame_bytes:
                statistics.dropped[TOO_LARGE_TO_SEND] += 1
                logger.error(
                    "{} bytes for {} are not sent: no frame may be larger than {}; raise max_entry_bytes everywhere",
                    len(frame),
                    self.name,
                    self._limits.frame_bytes,
                )
            elif not lane.send(frame):
                statistics.dropped[NO_PEER] += 1
        statistics.messages_sent += len(messages)

    def _lead(self) -> None:
        addresses = []
        for text in dict.fromkeys((self.said, self._configured)):
            try:
                addresses += [Address.parse(text)] if text else []
            except InvalidAddress as error:
                logger.error("{} cannot be reached there: {}", self.name, error)
        self._lane.lead_to(addresses)
        self._snapshot_lane.lead_to(addresses)
