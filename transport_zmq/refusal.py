"""Why something that came in over the wire is refused (contract C4)."""

from __future__ import annotations

TOO_LARGE = "too large"
NOT_OURS = "not a frame of ours"
FLOOD = "more than can be taken"
PARTS = "a message of several parts"
VERSION = "another wire version"
FRAME_KIND = "unknown kind of frame"
TRUNCATED = "cut off"
CLUSTER = "another cluster"
RECEIVER = "meant for another member"
SENDER = "sender is not who its key says"
REVOKED = "key is not allowed any more"
MALFORMED = "malformed"
MESSAGE_KIND = "unknown kind of message"
TOO_MANY = "too many messages or entries"
TOO_MANY_REQUESTS = "too many requests under way"
TOO_MANY_CLIENTS = "too many clients"
NOT_ADMIN = "key has not the role admin"

# Connections are refused too, before they can bring a frame.
UNKNOWN_KEY = "unknown key"
ROLE = "key has not the role"
MECHANISM = "another mechanism"
HANDSHAKE = "handshake failed"
TOO_MANY_CONNECTIONS = "too many connections"

REASONS = (
    TOO_LARGE,
    NOT_OURS,
    FLOOD,
    PARTS,
    VERSION,
    FRAME_KIND,
    TRUNCATED,
    CLUSTER,
    RECEIVER,
    SENDER,
    REVOKED,
    MALFORMED,
    MESSAGE_KIND,
    TOO_MANY,
    TOO_MANY_REQUESTS,
    TOO_MANY_CLIENTS,
    NOT_ADMIN,
    UNKNOWN_KEY,
    ROLE,
    MECHANISM,
    HANDSHAKE,
    TOO_MANY_CONNECTIONS,
)


class Refusal(Exception):
    """A frame is not taken.

    Attributes:
        reason: one of `REASONS`.
        detail: more about this very frame, for the log; never any of its content.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
