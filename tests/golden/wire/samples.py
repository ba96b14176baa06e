"""One message of every class, no field as by default: what wire version 1 makes of them is fixed."""

from raft.entries import COMMAND, CONFIGURATION, NOOP, Entry
from raft.membership import Configuration
from raft.messages import (
    Append,
    AppendAccepted,
    AppendRejected,
    Heartbeat,
    HeartbeatEcho,
    HigherTerm,
    NoRoom,
    PreVoteReply,
    PreVoteRequest,
    ReadReply,
    ReadRequest,
    SnapshotChunk,
    SnapshotReceived,
    TimeoutNow,
    VoteReply,
    VoteRequest,
    WrongIncarnation,
)
from raft.snapshot import Snapshot

CLUSTER = 0xC1C2C3C4C5C6C7C8
INCARNATION = 0xA1A2A3A4A5A6A7A8

CONFIGURATION_OF_ALL = Configuration(
    ("n1", "n2", "n3"),
    learners=("n4",),
    witnesses=("n3",),
    addresses={"n1": "n1.example:7000", "n4": "[2001:db8::4]:7000"},
    incarnations={"n1": INCARNATION},
    priorities={"n2": 7},
    cluster=CLUSTER,
)
ENTRIES = (
    Entry(41, 5, NOOP, b"", 1000),
    Entry(42, 6, COMMAND, b"\x00a command\xff", 2000),
    Entry(43, 7, CONFIGURATION, CONFIGURATION_OF_ALL.encode(), (1 << 62) - 1),
)

MESSAGES = (
    PreVoteRequest("n1", 8, 123_456_789, 43, 7),
    PreVoteReply("n1", 0, 123_456_789, True),
    VoteRequest("n1", 8, 43, 7, True),
    VoteReply("n1", 8, True),
    Append("n1", 8, 40, 5, 39, ENTRIES),
    AppendAccepted("n1", 8, 43, 98),
    AppendRejected("n1", 8, 40, 37, 4, 98),
    Heartbeat("n1", 8, 99, 39, 500),
    HeartbeatEcho("n1", 8, 99, 38, 750, 2),
    SnapshotChunk("n1", 8, Snapshot(40, 5, 900, CONFIGURATION_OF_ALL), 0xF1F2F3F4F5F6F7F8, 65_536, b"a piece", True),
    SnapshotReceived("n1", 8, 40, 65_536, 65_543),
    HigherTerm("n1", 8),
    ReadRequest("n1", 8, 987_654_321, 12),
    ReadReply("n1", 8, 987_654_321, 12, 43),
    TimeoutNow("n1", 8, 43),
    WrongIncarnation("n1", 8, INCARNATION),
    NoRoom("n1", 8, 43),
)
for _message in MESSAGES:
    _message.incarnation = INCARNATION
    _message.cluster = CLUSTER
