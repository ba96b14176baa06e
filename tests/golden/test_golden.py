"""What was written once is read for ever, and what is written today is what was written then.

A test that fails here says that a format has changed. Then raise its version, keep the golden files of the old one, and
make those of the new one beside them: python -m tests.golden.make tests/golden/version_2
"""

import json
import shutil
import struct
from binascii import crc32
from pathlib import Path

import pytest
from click.testing import CliRunner

from actors import DamagedBackup, LocalCluster, backup_directory, import_snapshot, restore
from actors.storage.backup_file import opened_backup
from actors.storage.directory import DirectoryStorage
from actors.storage.real_disk import RealDisk
from quorate import cli
from storage import ballot, identity, segment, snapshots
from storage.errors import NewerFormat
from storage.store import Store
from tests.golden.description import of_backup, of_directory
from tests.golden.make import SEGMENT_BYTES, checksum_of_a_large_one, history, make

HERE = Path(__file__).parent
VERSIONS = sorted(HERE.glob("version_*"))
TODAY = HERE / f"version_{max(module.VERSION for module in (ballot, identity, segment, snapshots))}"
SEGMENT = segment.file_name(2)
SNAPSHOT = "00000000000000000026-00000000000000000005.snap"


def described(file):
    return json.loads(file.read_text(encoding="utf-8"))


def files(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


@pytest.fixture(params=VERSIONS, ids=lambda folder: folder.name)
def golden(request, tmp_path):
    """A copy of the golden files of a version; the files themselves stay as they are."""
    before = files(request.param)
    folder = tmp_path / "golden"
    shutil.copytree(request.param, folder)
    yield folder
    assert files(request.param) == before


def test_a_golden_directory_is_read_as_it_is_described(golden):
    before = files(golden)

    assert json.loads(json.dumps(of_directory(golden / "member"))) == described(golden / "member.json")
    assert files(golden) == before


@pytest.mark.contract("C1")
def test_a_golden_backup_is_read_as_it_is_described(golden):
    expected = described(golden / "cluster.backup.json")
    expected.pop("checksum_of_a_large_one")

    assert json.loads(json.dumps(of_backup(golden / "cluster.backup"))) == expected


def test_what_is_written_today_is_what_was_written_then(tmp_path):
    make(tmp_path / "today")

    written, golden = files(tmp_path / "today"), files(TODAY)
    assert sorted(written) == sorted(golden)
    for name, content in golden.items():
        assert written[name] == content, f"{name} is not what it was: raise the version of its format in storage/"


def test_pieces_of_a_large_backup_are_written_as_they_were(tmp_path):
    assert checksum_of_a_large_one(tmp_path) == described(TODAY / "cluster.backup.json")["checksum_of_a_large_one"]


def test_the_golden_files_have_everything_that_a_format_knows(golden):
    """By hand, so that the descriptions are not believed blindly."""
    found = described(golden / "member.json")
    kinds = {record.split(": ")[1].split()[0] for record in found["records"]}
    numbers = [int(record.split(": ")[1].split()[1]) for record in found["records"] if "command" in record]
    expected = history()

    assert kinds == {"noop", "command", "configuration", "base", "reset"}
    assert any(later < earlier for earlier, later in zip(numbers, numbers[1:], strict=False)), "nothing was truncated"
    assert len({record.split()[0] for record in found["records"]}) >= 3, "no segment was full"
    assert [entry["index"] for entry in found["entries"]] == list(range(25, 39))
    for entry in found["entries"]:
        agreed = expected[entry["index"] - 1]
        assert (entry["term"], entry["data"]) == (agreed.term, agreed.data.hex())
    assert (found["ballot"]["term"], found["ballot"]["vote"]) == (6, "ü")
    assert [taken["index"] for taken in found["snapshots"]] == [20, 26]
    assert found["snapshots"][1]["state"]["sessions"]["3"]["replies"]["4"] == ["applied", "010032"]
    assert found["state"]["pairs"]["a"] == b"2".hex()
    assert "b" not in found["state"]["pairs"]


def test_a_member_goes_on_with_a_golden_directory(golden):
    storage = DirectoryStorage(golden / "member", "n2", segment_bytes=SEGMENT_BYTES)
    restored = storage.load()
    storage.release()

    assert (restored.term, restored.vote, restored.entries[-1].index) == (6, "ü", 38)
    again = DirectoryStorage(golden / "member", "n2", segment_bytes=SEGMENT_BYTES).load()
    assert again.entries == restored.entries


@pytest.mark.contract("M9", "C1")
def test_a_golden_backup_becomes_a_cluster(golden, tmp_path):
    restore(golden / "cluster.backup", tmp_path / "new", {"n1": ""})
    with LocalCluster(directory=tmp_path / "new") as cluster:
        assert cluster.get("a", 30) == b"2"
        assert cluster.get("key ü", 30) == b"\x00\xff" * 20
        assert cluster.get("large", 30) == bytes([36]) * 190


# A newer program has written it


def resealed(content, at, end, version):
    """Returns a file with another version in front of the part from `at` to `end`, which has its checksum first."""
    sealed = bytearray(content)
    sealed[8:12] = struct.pack("<I", version)
    sealed[at : at + 4] = struct.pack("<I", crc32(bytes(sealed[at + 4 : end]), version))
    return bytes(sealed)


def newer(kind, content):
    if kind == "identity":
        return resealed(content, 12, len(content), identity.VERSION + 1)
    if kind == "segment":
        return resealed(content, 12, segment.HEADER_BYTES, segment.VERSION + 1)
    if kind == "snapshot":
        size = struct.unpack("<I", content[12:16])[0]
        return resealed(content, 16, 16 + size, snapshots.VERSION + 1)
    size = struct.unpack("<H", content[12:14])[0]
    copy = resealed(content[: 14 + size], 14, 14 + size, ballot.VERSION + 1)
    return b"".join(copy + bytes(ballot.SECTOR_BYTES - len(copy)) for _ in range(2))


KINDS = {"identity": "identity", "ballot": "ballot", "segment": SEGMENT, "snapshot": SNAPSHOT}
KNOWN = {
    "identity": identity.VERSION, "ballot": ballot.VERSION, "segment": segment.VERSION, "snapshot": snapshots.VERSION,
}  # fmt: skip


def refusal(kind):
    known = KNOWN[kind]
    return f"{KINDS[kind]} has format version {known + 1}, and this program reads versions up to {known}: start a newer"


READ_BY = {
    "identity": (
        "wal verify",
        "wal inspect",
        "wal dump",
        "snapshot ls",
        "snapshot verify",
        "snapshot export",
        "backup",
    ),
    "ballot": ("wal verify", "backup"),
    "segment": ("wal verify", "wal inspect", "wal dump", "backup"),
    "snapshot": (
        "wal verify",
        "snapshot ls",
        "snapshot verify",
        "snapshot export",
        "backup",
        "snapshot import",
        "restore",
    ),
}
OPTIONS = {
    "wal verify": ("{directory}",),
    "wal inspect": ("{directory}",),
    "wal dump": ("{directory}", "--json"),
    "snapshot ls": ("{directory}",),
    "snapshot verify": ("{directory}",),
    "snapshot export": ("{directory}", "{new}"),
    "backup": ("{directory}", "{new}", "--machine", "actors:KeyValue"),
    "snapshot import": ("{file}", "{new}"),
    "restore": ("{file}", "{new}", "--members", "n1"),
}


@pytest.fixture(params=KINDS)
def from_the_future(request, tmp_path):
    """A golden directory one file of which a newer program has written: (kind, directory, file)."""
    folder = tmp_path / "data" / "n2"
    shutil.copytree(TODAY / "member", folder)
    file = folder / KINDS[request.param]
    file.write_bytes(newer(request.param, file.read_bytes()))
    return request.param, folder, file


def test_a_newer_format_is_refused_by_the_library(from_the_future, tmp_path):
    kind, folder, file = from_the_future
    before = files(folder)

    def by_the_store():
        disk = RealDisk(folder)
        try:
            Store(disk, SEGMENT_BYTES)
        finally:
            disk.close()

    attempts = [
        by_the_store,
        lambda: LocalCluster(directory=folder.parent),
        lambda: backup_directory(folder, tmp_path / "backup"),
    ]
    if kind == "snapshot":
        attempts.append(lambda: restore(file, tmp_path / "new", {"n1": ""}))
        attempts.append(lambda: import_snapshot(file, tmp_path / "n9", "n9"))
    for attempt in attempts:
        with pytest.raises(NewerFormat) as refused:
            attempt()
        told = refused.value
        assert (told.file, told.version, told.known) == (file.name, KNOWN[kind] + 1, KNOWN[kind])
        assert str(told).startswith(refusal(kind))
    before["lock"] = b""
    assert files(folder) == before


def test_a_newer_format_is_refused_by_every_command(from_the_future, tmp_path):
    kind, folder, file = from_the_future
    for command in READ_BY[kind]:
        places = {"directory": folder, "file": file, "new": tmp_path / "n9"}
        options = [option.format(**places) for option in OPTIONS[command]]
        ran = CliRunner().invoke(cli, [*command.split(), *options])
        assert ran.exit_code == 2, (command, ran.output, ran.exception)
        assert refusal(kind) in ran.stderr
        assert not (tmp_path / "n9").exists()


def test_one_copy_of_the_ballot_that_only_looks_newer_has_rotted(tmp_path):
    folder = tmp_path / "member"
    shutil.copytree(TODAY / "member", folder)
    content = bytearray((folder / "ballot").read_bytes())
    content[8] += 1
    (folder / "ballot").write_bytes(content)
    disk = RealDisk(folder)
    try:
        assert Store(disk, SEGMENT_BYTES).restored.term == 6
        assert disk.read("ballot", 0, 4096) == disk.read("ballot", 4096, 4096)
    finally:
        disk.close()


def test_every_flipped_byte_of_a_backup_is_noticed(tmp_path):
    content = (TODAY / "cluster.backup").read_bytes()
    file = tmp_path / "backup"
    for at in range(len(content)):
        rotten = bytearray(content)
        rotten[at] ^= 0x10
        file.write_bytes(rotten)
        # A version cannot be told from a later one.
        kind = NewerFormat if 8 <= at < 12 else DamagedBackup
        with pytest.raises(kind), opened_backup(file) as opened:
            list(opened.pieces())
