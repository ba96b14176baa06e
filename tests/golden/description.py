"""What today's program finds in a data directory, or in a backup, as an object that a person can read."""

from actors.kv import KeyValue
from actors.machine import for_core
from actors.session_table import SessionLimits
from actors.storage.backup_file import opened_backup
from actors.storage.real_disk import ReadableDirectory
from raft.entries import COMMAND
from raft.membership import Configuration
from storage.recovery import recover
from storage.segment import BASE, RESET
from storage.snapshots import SnapshotFile
from storage.walk import walk

KINDS = {0: "noop", 1: "command", 2: "configuration", BASE: "base", RESET: "reset"}
PARTS = ("voters", "outgoing", "learners", "witnesses", "addresses", "incarnations", "priorities", "cluster")


def of_directory(folder):
    """Returns what a node would start from."""
    disk = ReadableDirectory(folder)
    found = recover(disk)
    identity, ballot, restored = found.identity, found.ballot, found.restored
    newest = SnapshotFile(disk, found.snapshots[-1])
    core = for_core(KeyValue(), SessionLimits())
    core.restore(newest.pieces())
    for entry in restored.entries:
        if entry.index > newest.snapshot.index and entry.kind == COMMAND:
            core.apply(entry)
    described = {
        "identity": {
            "node": identity.node,
            "incarnation": identity.incarnation,
            "is_witness": identity.is_witness,
            "first": of_configuration(Configuration.decode(identity.first)),
        },
        "ballot": {"number": ballot.number, "term": ballot.term, "vote": ballot.vote, "cluster": ballot.cluster},
        "base": list(restored.base),
        "torn_tail": found.torn_tail,
        "repairs": len(found.repairs),
        "entries": [of_entry(entry) for entry in restored.entries],
        "snapshots": [of_snapshot(SnapshotFile(disk, name)) for name in found.snapshots],
        "state": of_machine(core),
        "records": [
            f"{name} {record.offset}: {KINDS[record.kind]} {record.index} of term {record.term}"
            for name, record in walk(disk)
        ],
    }
    disk.close()
    return described


def of_backup(file):
    """Returns what is in a backup."""
    with opened_backup(file) as found:
        return of_snapshot(found)


def of_snapshot(file):
    taken = file.snapshot
    core = for_core(KeyValue(), SessionLimits())
    core.restore(file.pieces())
    return {
        "index": taken.index,
        "term": taken.term,
        "stamp_ms": taken.stamp_ms,
        "configuration": of_configuration(taken.configuration),
        "bytes": file.size,
        "state": of_machine(core),
    }


def of_configuration(configuration):
    said = {name: getattr(configuration, name) for name in PARTS}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in said.items()}


def of_entry(entry):
    return {
        "index": entry.index,
        "term": entry.term,
        "kind": KINDS[entry.kind],
        "stamp_ms": entry.stamp_ms,
        "data": entry.data.hex(),
    }


def of_machine(core):
    """Returns the contents of the store and the sessions: what was answered to which command of which client."""
    sessions = {
        str(id): {
            "used_ms": session.used_ms,
            "lowest": session.lowest,
            "replies": {
                str(sequence): [reply.outcome, reply.value.hex()] for sequence, reply in sorted(session.replies.items())
            },
        }
        for id, session in sorted(core._table._sessions.items())
    }
    return {
        "pairs": {key.decode(): value.hex() for key, value in core._machine.items()},
        "sessions": sessions,
    }
