"""Raft as gevent actors: the runtime on CPython, and a whole cluster in one process.

Start reading at `cluster.py`; `node.py` shows how one member is put together.
"""

from raft.config import Config
from raft.errors import (
    EntryTooLarge,
    InvalidCommand,
    InvalidConfig,
    NotLeader,
    OutcomeUnknown,
    Overloaded,
    ProposalRefused,
    RaftError,
)

from .cluster import LocalCluster
from .errors import (
    AlreadyRunning,
    ClusterClosed,
    InvalidGroups,
    NodeStopped,
    NotKeyValue,
    NotRunning,
    Unavailable,
    UnknownNode,
    WrongThread,
)
from .kv import KeyValue
from .kv_commands import OutOfBounds
from .ports import StateMachine
from .runtime import GeventActor, GeventFuture
from .supervisor import MemberStatus

DISTRIBUTION = "quorate"  # tells this package apart from others that are called `actors` too

__all__ = [
    "DISTRIBUTION",
    "AlreadyRunning",
    "ClusterClosed",
    "Config",
    "EntryTooLarge",
    "GeventActor",
    "GeventFuture",
    "InvalidCommand",
    "InvalidConfig",
    "InvalidGroups",
    "KeyValue",
    "LocalCluster",
    "MemberStatus",
    "NodeStopped",
    "NotKeyValue",
    "NotLeader",
    "NotRunning",
    "OutOfBounds",
    "OutcomeUnknown",
    "Overloaded",
    "ProposalRefused",
    "RaftError",
    "StateMachine",
    "Unavailable",
    "UnknownNode",
    "WrongThread",
]
