"""Raft as gevent actors: the runtime on CPython, and a whole cluster in one process.

Start reading at `cluster.py`; `node.py` shows how one member is put together.
"""

from raft.changes import LEARNER, REMOVED, VOTER, Change
from raft.config import Config
from raft.errors import (
    ChangeRefused,
    EntryTooLarge,
    InvalidChange,
    InvalidCommand,
    InvalidConfig,
    LastVoter,
    NoSpace,
    NotCaughtUp,
    NotLeader,
    OutcomeUnknown,
    Overloaded,
    ProposalRefused,
    RaftError,
    TransferFailed,
    TransferRefused,
    WitnessMajority,
)

from .cluster import LocalCluster
from .errors import (
    AlreadyRunning,
    ClusterClosed,
    CommandRefused,
    Compacted,
    InvalidGroups,
    LeaseExpired,
    NodeStopped,
    NoMoreNodes,
    NotKeyValue,
    NotReadable,
    NotRunning,
    NotWatchable,
    ResultNotKept,
    SessionExpired,
    TakesNoSnapshots,
    TooManyLeases,
    Unavailable,
    UnknownNode,
    WrongThread,
)
from .kv import KeyValue
from .kv_commands import OutOfBounds
from .leases import Lease
from .ports import StateMachine
from .ranges import Item, Page
from .results import UnsupportedResult
from .runtime import GeventActor, GeventFuture
from .session_table import SessionLimits
from .stale_read import StaleRead
from .storage.backup_file import BackupFile, DamagedBackup, FileIsThere
from .storage.founding import DirectoryInTheWay, NotImportable, import_snapshot, restore
from .storage.member_backup import MachineNeeded, NothingToBackUp, backup_directory
from .supervisor import MemberStatus
from .transactions import Batch, Outcome, Transaction
from .watches import Event, Watch

DISTRIBUTION = "quorate"  # tells this package apart from others that are called `actors` too

__all__ = [
    "DISTRIBUTION",
    "LEARNER",
    "REMOVED",
    "VOTER",
    "AlreadyRunning",
    "Watch",
    "Event",
    "Transaction",
    "Outcome",
    "Batch",
    "Page",
    "Item",
    "Lease",
    "TooManyLeases",
    "NotWatchable",
    "LeaseExpired",
    "Compacted",
    "CommandRefused",
    "BackupFile",
    "Change",
    "ChangeRefused",
    "ClusterClosed",
    "Config",
    "DamagedBackup",
    "DirectoryInTheWay",
    "EntryTooLarge",
    "FileIsThere",
    "GeventActor",
    "GeventFuture",
    "InvalidChange",
    "InvalidCommand",
    "InvalidConfig",
    "InvalidGroups",
    "KeyValue",
    "LastVoter",
    "LocalCluster",
    "MachineNeeded",
    "MemberStatus",
    "NoMoreNodes",
    "NodeStopped",
    "NotCaughtUp",
    "NotImportable",
    "NotKeyValue",
    "NotLeader",
    "NotReadable",
    "NotRunning",
    "NothingToBackUp",
    "OutOfBounds",
    "OutcomeUnknown",
    "NoSpace",
    "Overloaded",
    "ProposalRefused",
    "RaftError",
    "ResultNotKept",
    "SessionExpired",
    "SessionLimits",
    "StaleRead",
    "StateMachine",
    "TakesNoSnapshots",
    "TransferFailed",
    "TransferRefused",
    "Unavailable",
    "UnknownNode",
    "UnsupportedResult",
    "WitnessMajority",
    "WrongThread",
    "backup_directory",
    "import_snapshot",
    "restore",
]
