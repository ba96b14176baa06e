"""Data directories that begin with a snapshot: whenever the power fails, they are complete or none."""

import copy
import os

import pytest

from actors.storage import founding
from actors.storage.backup_file import write_backup
from actors.storage.places import InDirectory
from actors.storage.real_disk import ReadableDirectory, WritableDirectory
from raft.errors import InvalidConfig
from raft.membership import Configuration
from raft.recovery import SKIPPED, found_new_cluster_with_a_backup
from raft.snapshot import Snapshot
from storage.errors import NoDataDirectory
from storage.identity import Identity
from storage.recovery import recover
from storage.store import Store, create_from
from transport_sim.chance import Chance
from transport_sim.faulty_disk import FaultyDisk

SNAPSHOT = Snapshot(40, 3, 9000, Configuration(("a", "b"), incarnations={"a": 5}, cluster=77))
CONTENT = [b"first", bytes(100_000), b"last"]
IDENTITY = Identity("c", 99, False)


def check(disk):
    """Checks that a directory is what it shall be."""
    restored = recover(disk).restored
    assert (restored.term, restored.vote, restored.cluster) == (3, None, 77)
    assert (restored.base, restored.entries, restored.snapshot) == ((40, 3), (), SNAPSHOT)
    store = Store(disk, 2000)
    assert b"".join(store.find_snapshot(SNAPSHOT).pieces()) == b"".join(CONTENT)


@pytest.mark.contract("D3", "D5")
def test_a_crash_at_every_operation_leaves_all_or_no_data_directory():
    disk = FaultyDisk()
    found = []

    def crash(operation):
        for attempt, kept in enumerate((0.0, 0.6, 1.0)):
            after = copy.deepcopy(disk, {id(crash): lambda operation: None})
            after.crash(Chance(3 * len(found) + attempt), kept)
            try:
                check(after)
                found.append(True)
            except NoDataDirectory:
                found.append(False)

    disk.before = crash
    create_from(disk, IDENTITY, SNAPSHOT, CONTENT, 2000)
    disk.before = lambda operation: None
    disk.crash(Chance(1), 0.0)
    check(disk)
    assert len(found) > 40
    assert True in found[-3:]  # the name may be there before the directory is synced, but then all is
    assert True not in found[:-6]


@pytest.mark.contract("D3", "D5", "M9")
def test_a_restore_that_is_killed_at_any_operation_leaves_all_members_or_none(tmp_path):
    file = tmp_path / "backup"
    write_backup(file, SNAPSHOT, CONTENT)
    complete = []
    for number in range(200):
        target = tmp_path / f"new {number}" / "cluster"
        child = os.fork()
        if child == 0:
            die_at(number)
            founding.restore(file, target, {"n1": "", "n2": ""})
            os._exit(0)
        _, status = os.waitpid(child, 0)
        complete.append(target.exists())
        assert InDirectory(target.parent).existing() == []  # what is left beside it is nobody's directory
        if target.exists():
            members = InDirectory(target).existing()
            assert [member.id for member in members] == ["n1", "n2"]
            for member in members:
                disk = ReadableDirectory(target / member.id)
                assert recover(disk).restored.snapshot.configuration == member.first
                disk.close()
        if status == 0:
            break
        if number % 10 == 0 and not target.exists():  # what was left does not stand in the way of another attempt
            founding.restore(file, target, {"n1": "", "n2": ""})
    assert status == 0
    assert len(complete) > 30
    assert complete[-1]
    assert True not in complete[:-2]


def die_at(number):
    """Lets the process die before the operation of this number, as by kill -9."""
    left = [number]

    def dying(name):
        method = getattr(WritableDirectory, name)

        def call(*arguments):
            if left[0] == 0:
                os._exit(9)
            left[0] -= 1
            return method(*arguments)

        return call

    for name in ("create", "write", "sync", "rename", "sync_directory"):
        setattr(WritableDirectory, name, dying(name))


@pytest.mark.contract("M9")
def test_a_new_cluster_leaves_a_gap_and_knows_none_of_the_old_members():
    new = found_new_cluster_with_a_backup(SNAPSHOT, {"b": 1, "a": 2}, {"a": "host:1"}, 78)

    assert (new.index, new.term, new.stamp_ms) == (40 + SKIPPED, 3 + SKIPPED, 9000)
    assert new.configuration == Configuration(
        ("a", "b"), addresses={"a": "host:1"}, incarnations={"a": 2, "b": 1}, cluster=78
    )


@pytest.mark.contract("M9")
@pytest.mark.parametrize("cluster", [0, 77, 2**64, "78", None])
def test_a_new_cluster_needs_an_id_of_its_own(cluster):
    with pytest.raises(InvalidConfig, match="cluster"):
        found_new_cluster_with_a_backup(SNAPSHOT, {"a": 2}, {}, cluster)


@pytest.mark.parametrize("members", [{}, {"": ""}, {"a/b": ""}, {"..": ""}, {".a": ""}, {"a" * 65: ""}, {"a\0": ""}])
def test_members_are_named_so_that_directories_can_be(members, tmp_path):
    file = tmp_path / "backup"
    write_backup(file, SNAPSHOT, CONTENT)
    with pytest.raises(InvalidConfig):
        founding.restore(file, tmp_path / "new", members)
    assert list(tmp_path.iterdir()) == [file]
