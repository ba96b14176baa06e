"""What a crash may leave of what was under way; how what a storage finds differs from it; whether it can go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

from raft.entries import NOOP, Entry
from raft.ready import Write
from raft.snapshot import Snapshot
from storage.disk import perform
from storage.errors import StorageError
from storage.recovery import Recovered, recover
from storage.snapshots import SnapshotFile, file_name
from storage.store import Store

from .chance import Chance
from .disk_worker import Job
from .faulty_disk import FaultyDisk
from .shadow import InvariantError

if TYPE_CHECKING:
    from .disk import SimDisk

_Found = TypeVar("_Found")

Outcome = tuple[list[Write], "tuple[Snapshot, bytes] | None"]
"""Writes that took effect, the last of them perhaps in part, and a snapshot that became the newest, or None."""


def outcomes(job: Job) -> Iterator[Outcome]:
    """Yield what a crash may leave of a job: some of its first writes, or its snapshot."""
    yield [], None
    taken: list[Write] = []
    for write in job.writes:
        for part in _parts(write):
            yield [*taken, part], None
        taken.append(write)
    if job.saved is not None:
        yield [], job.saved


def _parts(write: Write) -> Iterator[Write]:
    """Yield what a crash may leave of a write: its ballot, that and its entries, or all."""
    if write.term is not None or write.cluster:
        yield Write(write.number, write.term, write.vote, (), cluster=write.cluster)
    if write.install is not None:
        yield Write(write.number, write.term, write.vote, write.entries, write.base, cluster=write.cluster)
    yield write


def started(owner: str, start: Callable[..., _Found], *arguments: object) -> _Found:
    """Return what a crash has left: start is `recover` or `Store`, and must be able to read it.

    Raises:
        InvariantError: it is not.
    """
    try:
        return start(*arguments)
    except StorageError as error:
        raise InvariantError("D1", f"{owner} cannot start after a crash: {error}") from error


def difference(found: Recovered, files: FaultyDisk, model: SimDisk) -> str | None:
    """Return how what a storage finds differs from what a model of it holds, or None.

    Args:
        found: what was recovered.
        files: where it was.
        model: holds what must be found.
    """
    restored = found.restored
    newest = model.snapshots[-1] if model.snapshots else None
    values = (
        ("term", restored.term, model.term),
        ("vote", restored.vote, model.vote),
        ("cluster", restored.cluster, model.cluster),
        ("beginning of the log", restored.base, model.base),
        ("end of the log", len(restored.entries), len(model.entries)),
        ("newest snapshot", restored.snapshot, None if newest is None else newest[0]),
    )
    for name, real, wanted in values:
        if real != wanted:
            return f"another {name}: {real!r}, not {wanted!r}"
    for entry, wanted_entry in zip(restored.entries, model.entries, strict=True):
        if entry != wanted_entry:
            return f"another entry: {entry!r}, not {wanted_entry!r}"
    for snapshot, _ in model.snapshots:
        if file_name(snapshot.index, snapshot.term) not in found.snapshots:
            return f"no snapshot of entry {snapshot.index}"
    if newest is not None:
        snapshot, content = newest
        if b"".join(SnapshotFile(files, file_name(snapshot.index, snapshot.term)).pieces()) != content:
            return f"another content of the snapshot of entry {snapshot.index}"
    return None


def goes_on(opened: Store, files: FaultyDisk, chance: Chance, segment_bytes: int) -> str | None:
    """Write an entry to a storage, let the power fail, and look: nothing old may come back, and nothing be lost.

    Args:
        opened: the storage, opened after a crash.
        files: where it is; they are used up.
        chance: decides how much of what is not synced is kept.
        segment_bytes: how large segments are.

    Returns:
        What is wrong, or None.
    """
    before = opened.restored
    term = before.term or 1
    last = before.entries[-1].index if before.entries else before.base[0]
    entry = Entry(last + 1, term, NOOP, bytes(chance.pick((0, segment_bytes))))  # the larger begins a segment
    operations, position = opened.write([Write(1, term, before.vote, (entry,))])
    perform(files, operations)
    opened.synced(position)
    files.crash(chance, chance.pick((0.0, 1.0)))
    try:
        after = recover(files).restored
    except StorageError as error:
        return f"cannot start again: {error}"
    if (after.term, after.vote, after.cluster, after.base) != (term, before.vote, before.cluster, before.base):
        return f"then has term {after.term}, vote {after.vote}, a log behind {after.base}"
    if after.entries != (*before.entries, entry):
        return f"then has {len(after.entries)} entries instead of {len(before.entries) + 1}"
    return None
