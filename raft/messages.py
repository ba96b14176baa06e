"""What nodes say to each other: one small class per message, never changed once made.

Every class lists its fields in `FIELDS`, in the order of the constructor's arguments; every codec uses that order.
`handler` names the method of a role that receives the message. `problem()` tells what makes a message malformed, so
that a node can drop it before it changes anything. `binds_term` is false for those that neither raise a term nor are
refused for theirs: pre-votes (contract E3) and refusals of a whole member (M6). `from_anyone` is true for those that a
member must believe although it has not heard of the sender yet: its configuration may be older than the sender's
(thesis section 4.2.2). `from_leader` is true for those that only an elected leader sends.

A field that is added later comes last, and its default is what a program means that does not know it, so that codecs
can read what older programs send.

Beside their fields all messages carry who speaks: `incarnation` and `cluster`, 0 while there is none. The node sets
them when it sends.
"""

from .election_messages import (
    HigherTerm,
    PreVoteReply,
    PreVoteRequest,
    TimeoutNow,
    VoteReply,
    VoteRequest,
    WrongIncarnation,
)
from .log_messages import Append, AppendAccepted, AppendRejected, NoRoom, SnapshotChunk, SnapshotReceived
from .message import LIMIT, Message
from .round_messages import Heartbeat, HeartbeatEcho, ReadReply, ReadRequest

MESSAGES = (
    PreVoteRequest,
    PreVoteReply,
    VoteRequest,
    VoteReply,
    Append,
    AppendAccepted,
    AppendRejected,
    Heartbeat,
    HeartbeatEcho,
    SnapshotChunk,
    SnapshotReceived,
    HigherTerm,
    ReadRequest,
    ReadReply,
    TimeoutNow,
    WrongIncarnation,
    NoRoom,
)

__all__ = [
    "LIMIT",
    "MESSAGES",
    "Message",
    "Append",
    "AppendAccepted",
    "AppendRejected",
    "Heartbeat",
    "HeartbeatEcho",
    "HigherTerm",
    "NoRoom",
    "PreVoteReply",
    "PreVoteRequest",
    "ReadReply",
    "ReadRequest",
    "SnapshotChunk",
    "SnapshotReceived",
    "TimeoutNow",
    "VoteReply",
    "VoteRequest",
    "WrongIncarnation",
]
