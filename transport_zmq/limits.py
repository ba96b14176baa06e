"""How large things on the wire may be."""

from __future__ import annotations

from dataclasses import dataclass

from raft.config import Config

OVERHEAD_BYTES = 64 * 1024  # header, and what msgpack puts around the largest payload, with much to spare
FULL_BYTES = 1024 * 1024  # a frame that has grown so large is sent, and the next one begun
FULL_ITEMS = 4096  # the same for messages and entries
MIN_ITEMS = 65_536
BATCH_ITEMS = 256  # so many requests or answers leave at once: who gets them begins while the rest is still being made


@dataclass(frozen=True)
class Limits:
    """The bounds of one node. All members should have the same `Config`, and then agree in these.

    Attributes:
        frame_bytes: the largest frame that is sent or taken.
        frame_items: how many messages and entries a frame may bring.
        queue_bytes: how much may wait to be sent on one lane to one peer; one frame always may.
        connections: how many others may have open to the port; a member has two.
    """

    frame_bytes: int
    frame_items: int
    queue_bytes: int
    connections: int = 1024

    @classmethod
    def of(cls, config: Config) -> Limits:
        """Return the limits that leave room for whatever a node with these settings sends."""
        largest = max(config.max_entry_bytes, config.max_append_bytes, config.snapshot_chunk_bytes)
        return cls(
            frame_bytes=FULL_BYTES + largest + OVERHEAD_BYTES,
            frame_items=max(MIN_ITEMS, FULL_ITEMS + 1 + config.max_append_entries),
            queue_bytes=2 * config.window_bytes,
        )


@dataclass(frozen=True)
class ClientLimits:
    """What the port for clients takes before it says no. Each bound protects the memory of the node.

    Attributes:
        frame_bytes: the largest frame that is taken; a larger one is refused.
        requests: how many requests of one client may be under way.
        request_bytes: how many bytes the requests of one client that are under way may have; one request always may.
        all_requests, all_request_bytes: the same for all clients together, without exception.
        answer_bytes: when so many bytes of answers wait for one client to read them, it is told errors instead of
            results, and of those at most as many bytes again.
        watches: how many requests of one client may wait until there is something to tell; they count as requests too.
        all_watches: the same for all clients together. Each looks at every change, so this bounds time as well.
        clients: how many clients may have requests under way, or answers waiting.
        connections: how many clients may be connected.
    """

    frame_bytes: int
    requests: int = 4096
    request_bytes: int = 8 * 1024 * 1024
    all_requests: int = 65_536
    all_request_bytes: int = 64 * 1024 * 1024
    answer_bytes: int = 8 * 1024 * 1024
    watches: int = 128
    all_watches: int = 1024
    clients: int = 4096
    connections: int = 4096

    @classmethod
    def of(cls, config: Config) -> ClientLimits:
        """Return the limits that leave room for every command that a node with these settings takes."""
        return cls(frame_bytes=FULL_BYTES + config.max_entry_bytes + OVERHEAD_BYTES)
