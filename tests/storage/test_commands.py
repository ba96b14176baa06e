"""`quorate wal` and `quorate snapshot`, on data directories good and bad."""

import json

import pytest
from click.testing import CliRunner

from actors.commands import snapshot, wal
from actors.storage.reading import read_steadily
from actors.storage.real_disk import RealDisk
from storage.errors import DamagedStorage
from storage.segment import BATCH_BYTES
from storage.snapshots import SnapshotFile
from storage.store import Store
from tests.storage.life import SEGMENT_BYTES, Life


@pytest.fixture
def lived(tmp_path):
    """A data directory with snapshots and several segments, and the life that has made it."""
    folder = tmp_path / "data"
    disk = RealDisk(folder)
    life = Life(3, disk)
    for _ in range(80):
        life.step()
    disk.close()
    return folder, life


def verify(folder):
    ran = CliRunner().invoke(wal.command, ["verify", str(folder), "--json"])
    return ran.exit_code, json.loads(ran.stdout)


def test_a_good_directory(lived):
    folder, life = lived
    code, found = verify(folder)

    assert code == 0
    assert (found["ok"], found["torn_tail"], found["damage"]) == (True, None, None)
    assert found["last_index"] == life.acknowledged.last
    assert found["records"] > 30
    assert "yes" in CliRunner().invoke(wal.command, ["verify", str(folder)]).stdout


def test_a_torn_tail_is_ok(lived):
    folder, life = lived
    number, offset = life.store._log.position
    segment = sorted(folder.glob("*.wal"))[-1]
    content = bytearray(segment.read_bytes())
    content[offset : offset + 5] = b"\x01\x02\x03\x04\x05"
    segment.write_bytes(content)
    code, found = verify(folder)

    assert (code, found["ok"], found["damage"]) == (0, True, None)
    assert found["torn_tail"] == {"file": segment.name, "offset": offset, "bytes": 5}


def test_damage_is_named_with_its_offset(lived):
    folder, _ = lived
    segment = sorted(folder.glob("*.wal"))[0]
    content = bytearray(segment.read_bytes())
    content[200] ^= 4
    segment.write_bytes(content)
    code, found = verify(folder)

    assert (code, found["ok"]) == (1, False)
    assert found["damage"]["file"] == segment.name
    assert 64 <= found["damage"]["offset"] <= 200
    for name in ("inspect", "dump"):
        arguments = [name, str(folder), *(["--json"] if name == "dump" else [])]
        ran = CliRunner().invoke(wal.command, arguments)
        assert ran.exit_code == 1
        assert f"{segment.name} is damaged at offset" in ran.stderr


def test_a_damaged_snapshot_is_damage_though_an_older_one_would_do(lived):
    folder, _ = lived
    newest = sorted(folder.glob("*.snap"))[-1]
    content = bytearray(newest.read_bytes())
    content[-20] ^= 1
    newest.write_bytes(content)

    code, found = verify(folder)
    assert (code, found["damage"]["file"]) == (1, newest.name)
    ran = CliRunner().invoke(snapshot.command, ["verify", str(folder)])
    assert (ran.exit_code, "1 of 2 snapshots" in ran.stderr) == (1, True)
    ran = CliRunner().invoke(snapshot.command, ["export", str(folder), str(folder / "copy")])
    assert ran.exit_code == 1
    assert not (folder / "copy").exists()


@pytest.mark.parametrize("command", [["verify"], ["inspect"], ["dump", "--json"]])
@pytest.mark.parametrize("exists", [True, False])
def test_what_is_no_data_directory_is_exit_code_2(command, exists, tmp_path):
    folder = tmp_path / "nothing"
    if exists:
        folder.mkdir()
    ran = CliRunner().invoke(wal.command, [command[0], str(folder), *command[1:]])

    assert ran.exit_code == 2
    assert "nothing" in ran.stderr
    assert ran.stdout == ""
    assert not (folder / "lock").exists()


EVERY = [
    (wal, "verify"),
    (wal, "inspect"),
    (wal, "dump", "--json"),
    (snapshot, "ls"),
    (snapshot, "verify"),
    (snapshot, "export", "{}.copy"),
]


@pytest.mark.parametrize("command", EVERY)
def test_a_damaged_identity_is_damage_for_every_command(command, lived):
    folder, _ = lived
    (folder / "identity").write_bytes(b"")
    module, name, *more = command
    ran = CliRunner().invoke(module.command, [name, str(folder), *(word.format(folder) for word in more)])

    assert (ran.exit_code, type(ran.exception)) == (1, SystemExit)
    assert "it does not begin as one of ours" in ran.output


@pytest.mark.parametrize("command", EVERY)
def test_who_names_the_directory_of_a_cluster_is_told_of_those_in_it(command, lived):
    folder, _ = lived
    module, name, *more = command
    ran = CliRunner().invoke(module.command, [name, str(folder.parent), *(word.format(folder) for word in more)])

    assert (ran.exit_code, ran.stdout) == (2, "")
    assert f"{folder.parent} is no data directory of a node, but holds some: name one of them, as in {folder}" in (
        ran.stderr
    )


@pytest.mark.parametrize("missing", ["all", "one"])
@pytest.mark.parametrize("command", [["inspect"], ["dump", "--json"]])
def test_a_segment_that_is_missing_is_damage(missing, command, lived):
    folder, _ = lived
    *earlier, last = sorted(folder.glob("*.wal"))
    if missing == "all":
        for segment in (*earlier, last):
            segment.unlink()
    else:
        last.rename(folder / f"{int(last.stem) + 1:016d}.wal")
    ran = CliRunner().invoke(wal.command, [command[0], str(folder), *command[1:]])

    assert ran.exit_code == 1
    assert "is missing" in ran.stderr


def test_people_are_told_whether_the_node_starts(lived):
    folder, _ = lived
    oldest = sorted(folder.glob("*.snap"))[0]
    oldest.write_bytes(oldest.read_bytes()[:-1] + b"?")
    assert "The node starts without it" in CliRunner().invoke(wal.command, ["verify", str(folder)]).stdout
    (folder / "ballot").unlink()
    told = " ".join(CliRunner().invoke(wal.command, ["verify", str(folder)]).stdout.split())
    assert "the file is missing. The node must not start from it: remove the member" in told


def test_what_a_running_member_is_in_the_middle_of_is_read_again(lived):
    folder, _ = lived
    reads = []

    def read(disk):
        reads.append(disk)
        if len(reads) < 3:
            raise (DamagedStorage("x.wal", 1, "half of it is there"), FileNotFoundError())[len(reads) - 1]
        return "found"

    disk, found = read_steadily(folder, read)
    disk.close()
    assert (found, len(reads)) == ("found", 3)

    def fail(disk):
        raise DamagedStorage("x.wal", 1, "it stays so")

    with pytest.raises(DamagedStorage, match="stays so"):
        read_steadily(folder, fail)


def test_a_file_that_somebody_else_has_put_there_is_no_snapshot(lived):
    folder, life = lived
    oldest = sorted(folder.glob("*.snap"))[0]
    (folder / "copy.snap").write_bytes(oldest.read_bytes())
    (folder / "notes.snap").write_text("mine")

    assert verify(folder)[0] == 0
    ran = CliRunner().invoke(snapshot.command, ["export", str(folder), str(folder.parent / "x"), "--json"])
    assert (ran.exit_code, json.loads(ran.stdout)["index"]) == (0, life.acknowledged.snapshots[-1][0].index)
    disk = RealDisk(folder)
    try:
        assert Store(disk, SEGMENT_BYTES).restored.snapshot == life.acknowledged.snapshots[-1][0]
    finally:
        disk.close()


def test_a_directory_without_snapshots_is_said_to_have_none(tmp_path):
    disk = RealDisk(tmp_path / "n1")
    Life(3, disk)
    disk.close()
    for name in ("ls", "verify"):
        ran = CliRunner().invoke(snapshot.command, [name, str(tmp_path / "n1")])
        assert (ran.exit_code, ran.stdout) == (0, "")
        assert ran.stderr == f"{tmp_path / 'n1'} holds no snapshot yet\n"


def test_every_record_is_shown_and_dumped(lived):
    folder, life = lived
    lines = CliRunner().invoke(wal.command, ["inspect", str(folder)]).stdout.split("\n")
    lines = [line for line in lines if line]
    dumped = [
        json.loads(line)
        for line in CliRunner().invoke(wal.command, ["dump", str(folder), "--json"]).stdout.splitlines()
    ]

    assert lines[0].split() == ["segment", "offset", "kind", "index", "term", "size", "crc"]
    assert len(lines) - 1 == len(dumped) == verify(folder)[1]["records"]
    assert dumped[0]["offset"] >= 64 + BATCH_BYTES
    last = [record for record in dumped if record["kind"] == "command"][-1]
    assert last["index"] == life.acknowledged.last


def test_snapshots_are_listed_and_exported(lived):
    folder, life = lived
    ran = CliRunner().invoke(snapshot.command, ["ls", str(folder), "--json"])
    rows = [json.loads(line) for line in ran.stdout.splitlines()]
    newest, content = life.acknowledged.snapshots[-1]

    assert ran.exit_code == 0
    assert [row["index"] for row in rows] == [taken.index for taken, _ in life.acknowledged.snapshots]
    assert rows[-1]["bytes"] == len(content)
    assert all(row["members"] == list(newest.configuration.members) for row in rows)
    shown = [line.split() for line in CliRunner().invoke(snapshot.command, ["ls", str(folder)]).stdout.splitlines()]
    assert [line[0] for line in shown] == ["file", *(row["file"] for row in rows)]

    copy = folder.parent / "copy"
    copy.mkdir()
    assert CliRunner().invoke(snapshot.command, ["export", str(folder), str(copy / "x.snap")]).exit_code == 0
    disk = RealDisk(copy)
    try:
        file = SnapshotFile(disk, "x.snap")
        assert (file.snapshot, b"".join(file.pieces())) == (newest, content)
    finally:
        disk.close()
