"""What a transport has done, in numbers, and what it says of that in the log."""

from __future__ import annotations

import time
from collections import Counter

from loguru import logger

LOG_EVERY_S = 10.0  # a flood of bad frames must not become a flood of lines

# Why a frame was not sent.
UNCONNECTED = "not connected"
QUEUE_FULL = "queue full"
NO_PEER = "no such peer"
TOO_LARGE_TO_SEND = "too large to send"
NODE_DOWN = "node down"  # what came in while there is no node

# Why an answer was not sent.
CLIENT_GONE = "client gone"
SLOW_CLIENT = "client does not read"
TOO_LATE = "too late"  # the client does not wait for it any more


class Statistics:
    """Counts since the transport was made.

    Attributes:
        frames_sent, bytes_sent: what was handed to ZeroMQ.
        frames_received, bytes_received: what was taken.
        messages_sent, messages_received: the messages in them.
        connections, handshakes: how many connections were accepted, and how many of these became good for frames. The
            rest were refused, or never said what they wanted; ZeroMQ does not give the reason of each.
        dropped: frames that were let go, by reason; the core sends again what matters.
        refused: frames and connections that were refused, by reason (contract C4).
    """

    def __init__(self) -> None:
        self.frames_sent = 0
        self.bytes_sent = 0
        self.frames_received = 0
        self.bytes_received = 0
        self.messages_sent = 0
        self.messages_received = 0
        self.connections = 0
        self.handshakes = 0
        self.dropped: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self._logged: dict[str, tuple[float, int]] = {}  # by reason: when, and how many there were then

    def count_received(self, size_bytes: int, messages: int) -> None:
        """Count a frame that was taken, and the messages in it."""
        self.frames_received += 1
        self.bytes_received += size_bytes
        self.messages_received += messages

    def refuse(self, reason: str, detail: str, source: str) -> None:
        """Count something refused, and log it unless that was done for this reason a moment ago.

        Args:
            reason: one of those of `refusal`.
            detail: more about it, or empty.
            source: whom it came from, as far as known.
        """
        self.refused[reason] += 1
        count = self.refused[reason]
        now = time.monotonic()
        last, count_then = self._logged.get(reason, (-LOG_EVERY_S, 0))
        if now - last < LOG_EVERY_S:
            return
        self._logged[reason] = (now, count)
        more = f"; {count - count_then} of this kind since the last line" if count_then else ""
        logger.warning("refused what {} sent: {}{}{}", source, reason, f" ({detail})" if detail else "", more)
