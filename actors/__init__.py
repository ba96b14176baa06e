"""Raft as gevent actors: the runtime on CPython, and a whole cluster in one process.

Start reading at `cluster.py`; `node.py` shows how one member is put together.
"""

from .cluster import LocalCluster
from .errors import (
    AlreadyRunning,
    ClusterClosed,
    NodeStopped,
    NotKeyValue,
    NotRunning,
    Unavailable,
    UnknownNode,
)
from .kv import KeyValue
from .ports import StateMachine
from .runtime import GeventActor, GeventFuture
from .supervisor import MemberStatus

DISTRIBUTION = "quorate"  # tells this package apart from others that are called `actors` too

__all__ = [
    "DISTRIBUTION",
    "AlreadyRunning",
    "ClusterClosed",
    "GeventActor",
    "GeventFuture",
    "KeyValue",
    "LocalCluster",
    "MemberStatus",
    "NodeStopped",
    "NotKeyValue",
    "NotRunning",
    "StateMachine",
    "Unavailable",
    "UnknownNode",
]
