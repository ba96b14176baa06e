"""`quorate backup`, `quorate restore` and `quorate snapshot import`, on members up and down and on bad input."""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from actors import Config, LocalCluster
from actors.storage.backup_file import opened_backup, write_backup
from quorate import cli
from raft.snapshot import Snapshot
from storage.segment import HEADER_BYTES
from tests.actors.clusters import T, level, wait_until

ROOT = Path(__file__).resolve().parents[2]
STORE = ("--machine", "actors:KeyValue")
OFTEN = Config(election_timeout_ms=300, heartbeat_interval_ms=50, snapshot_entries=20, snapshot_tail_entries=2)


def run(*arguments):
    """Runs the command, and lets nothing pass that a user would see as a traceback."""
    ran = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    return ran


def refused(ran, code, text):
    assert ran.exit_code == code, ran.output
    assert text in ran.stderr
    assert ran.stdout == ""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The directories of a cluster that was stopped, and a backup of it."""
    folder = tmp_path_factory.mktemp("made")
    with LocalCluster(3, witnesses=1, directory=folder / "data", config=OFTEN) as cluster:
        for number in range(50):
            cluster.put(str(number), "value", T)
        wait_until(lambda: level(cluster))
        cluster.backup(folder / "cluster.backup", T)
    return folder


def restored(file, folder):
    """Returns what a cluster finds that was made of a backup."""
    ran = run("restore", file, folder, "--members", "n1", "--json")
    assert ran.exit_code == 0, ran.stderr
    with LocalCluster(directory=folder) as cluster:
        cluster.wait_for_leader(T)
        return dict(cluster.machine("n1").items()), json.loads(ran.stdout)


def test_a_member_that_is_down_is_backed_up_and_becomes_a_cluster(made, tmp_path):
    file = tmp_path / "backup"
    ran = run("backup", made / "data" / "n1", file, *STORE, "--json")
    told = json.loads(ran.stdout)

    assert (ran.exit_code, told["file"], told["members"]) == (0, str(file), ["n1", "n2", "n3"])
    assert told["index"] > 50
    found, said = restored(file, tmp_path / "new")
    assert found == {str(number).encode(): b"value" for number in range(50)}
    assert said["directories"] == [str(tmp_path / "new" / "n1")]
    assert said["index"] > told["index"]
    assert said["cluster"] > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "new"]


def test_people_are_told_what_was_made(made, tmp_path):
    assert "backup: entry " in run("backup", made / "data" / "n1", tmp_path / "backup", *STORE).stderr
    ran = run("restore", tmp_path / "backup", tmp_path / "new", "--members", "n1=host:1, n2")
    assert f"{tmp_path / 'new' / 'n1'}, {tmp_path / 'new' / 'n2'}: cluster " in ran.stderr
    ran = run("snapshot", "import", made / "cluster.backup", tmp_path / "n7")
    assert "'n7' begins behind entry " in ran.stderr
    assert run("wal", "verify", tmp_path / "n7").exit_code == 0


# Counts in the store; says each number once the store has acknowledged it.
COUNTER = """
import os, sys
from actors import Config, LocalCluster
often = Config(election_timeout_ms=300, heartbeat_interval_ms=50, snapshot_entries=40, snapshot_tail_entries=2)
with LocalCluster(1, directory=sys.argv[1], config=often) as cluster:
    value = 0
    while True:
        value += 1
        cluster.put("count", str(value) + " " * 2000)
        os.write(1, b"%d\\n" % value)
"""


def test_a_member_that_runs_is_backed_up_and_not_disturbed(tmp_path):
    command = [sys.executable, "-c", COUNTER, str(tmp_path / "data")]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    os.set_blocking(process.stdout.fileno(), False)
    said = 0
    counts = []
    try:
        for number in range(6):
            said = counted_on(process, said, 10)
            ran = run("backup", tmp_path / "data" / "n1", tmp_path / f"{number}.backup", *STORE)
            assert ran.exit_code == 0, ran.stderr
            counts.append((said, number))
        counted_on(process, said, 10)
    finally:
        process.kill()
        process.communicate()
    for acknowledged, number in (counts[0], counts[-1]):
        found, _ = restored(tmp_path / f"{number}.backup", tmp_path / f"new{number}")
        assert int(found[b"count"]) >= acknowledged


def counted_on(process, known, more):
    """Waits until the process has counted on, and returns the last number that it has said."""
    said = known
    deadline = time.monotonic() + T
    while said < known + more:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline, f"it does not go on behind {said}"
        words = (process.stdout.read() or b"").split()
        said = int(words[-1]) if words else said
        time.sleep(0.01)
    return said


def test_without_the_machine_nothing_is_left_out_in_silence(tmp_path):
    with LocalCluster(1, directory=tmp_path / "data") as cluster:
        cluster.put("key", "value", T)
    file = tmp_path / "backup"
    member = tmp_path / "data" / "n1"

    refused(run("backup", member, file), 2, "its newest snapshot covers 0: name the state machine")
    for machine in ("nothing", "no.module:Machine", "actors:Nothing", "actors:DISTRIBUTION", ":x"):
        ran = run("backup", member, file, "--machine", machine)
        assert (ran.exit_code, "Traceback" in ran.output) == (2, False)
        assert machine in ran.output.replace("\n", "")
    refused(run("backup", member, file, "--machine", "actors:Config"), 2, "a class with a method apply(command)")
    machine = f"{BadMachine.__module__}:BadMachine"
    refused(run("backup", member, file, "--machine", machine), 2, "the state machine has failed: ZeroDivisionError")
    assert not file.exists()


class BadMachine:
    def apply(self, command):
        return 1 // 0

    def snapshot(self):
        return ()

    def restore(self, chunks):
        pass


def test_a_member_whose_log_ends_with_its_snapshot_needs_no_machine(made, tmp_path):
    imported = tmp_path / "n9"
    assert run("snapshot", "import", made / "cluster.backup", imported).exit_code == 0
    assert run("backup", imported, tmp_path / "backup").exit_code == 0
    with opened_backup(tmp_path / "backup") as copy, opened_backup(made / "cluster.backup") as original:
        assert copy.snapshot == original.snapshot
        assert list(copy.pieces()) == list(original.pieces())


def test_a_witness_has_nothing_to_back_up(made, tmp_path):
    refused(run("backup", made / "data" / "n3", tmp_path / "backup", *STORE), 2, "'n3' is a witness and stores no")


def test_a_member_of_nothing_has_nothing_to_back_up(tmp_path):
    from actors.storage.directory import DirectoryStorage

    storage = DirectoryStorage(tmp_path / "n5", "n5")
    storage.load()
    storage.release()
    refused(run("backup", tmp_path / "n5", tmp_path / "backup", *STORE), 2, "'n5' has not stored anything yet")


@pytest.mark.contract("M6", "M9")
def test_the_view_of_one_member_founds_a_cluster_and_joins_none(made, tmp_path):
    run("backup", made / "data" / "n1", tmp_path / "backup", *STORE)
    ran = run("snapshot", "import", tmp_path / "backup", tmp_path / "n9")
    refused(ran, 2, "it is not known which cluster has agreed on this state")
    refused(run("snapshot", "import", made / "cluster.backup", tmp_path / "n1"), 2, "'n1' is a member as of the snap")
    refused(run("snapshot", "import", made / "cluster.backup", tmp_path / "x", "--node", "n2"), 2, "'n2' is a member")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup"]


def test_nothing_is_overwritten(made, tmp_path):
    file = tmp_path / "file"
    file.write_text("mine")
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine").write_text("mine")
    member, backup = made / "data" / "n1", made / "cluster.backup"

    refused(run("backup", member, file, *STORE), 2, f"{file} is there already: name another file, or allow")
    refused(run("snapshot", "export", member, file), 2, f"{file} is there already")
    for place in (taken, file, member):
        refused(run("restore", backup, place, "--members", "n1"), 2, f"{place} is there, and not an empty directory")
        refused(run("snapshot", "import", backup, place, "--node", "n9"), 2, f"{place} is there, and not an empty")
    assert file.read_text() == (taken / "mine").read_text() == "mine"
    assert run("backup", member, file, *STORE, "--force").exit_code == 0
    assert run("snapshot", "export", member, file, "--force", "--json").exit_code == 0
    (taken / "mine").unlink()
    assert run("restore", file, taken, "--members", "n1").exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "taken"]


def test_what_is_no_ordinary_file_is_never_replaced(made, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "link").symlink_to(pipe)
    for place in (pipe, tmp_path / "link"):
        for command in (
            ("backup", made / "data" / "n1", place, *STORE),
            ("snapshot", "export", made / "data" / "n1", place),
        ):
            refused(run(*command, "--force"), 2, f"{place} is no ordinary file, and is never replaced")
    assert pipe.is_fifo()
    assert (tmp_path / "link").is_symlink()


def test_what_is_not_there_or_no_backup_is_named(made, tmp_path):
    nothing, text = tmp_path / "nothing", tmp_path / "text"
    text.write_text("this is no backup, but a text that is long enough for one")
    for command in (
        ("restore", "{}", tmp_path / "new", "--members", "n1"),
        ("snapshot", "import", "{}", tmp_path / "n9"),
    ):
        for file, code, problem in (
            (nothing, 2, f"{nothing}: No such file or directory"),
            (tmp_path, 2, f"{tmp_path}' is a directory"),
            (text, 1, f"{text} is damaged at offset 0, or no backup"),
            (made / "data" / "n1" / "ballot", 1, "is damaged at offset 0, or no backup"),
        ):
            refused(run(*(file if word == "{}" else word for word in command)), code, problem)
    refused(run("backup", nothing, tmp_path / "backup", *STORE), 2, f"{nothing}: No such file or directory")
    refused(run("backup", tmp_path, tmp_path / "backup", *STORE), 2, "there is no file identity: this is no data")
    refused(run("backup", text, tmp_path / "backup", *STORE), 2, f"{text}: Not a directory")
    refused(run("backup", made / "data" / "n1", nothing / "b", *STORE), 2, f"{nothing}: No such file or directory")
    for members in ("", "n1,", "n1,n1", "a/b", "=x", ",".join(f"n{number}" for number in range(65)), "n1=" + "x" * 256):
        ran = run("restore", made / "cluster.backup", tmp_path / "new", "--members", members)
        assert (ran.exit_code, ran.stdout) == (2, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["text"]


class ConfigurationToCome:
    """Of a program of a later level, which writes behind that level what this one cannot read."""

    cluster = 1

    def encode(self):
        return b"8:level 77" + b"whatever"


@pytest.mark.contract("M10")
def test_what_only_a_later_program_can_read_is_told(made, tmp_path):
    file, member = tmp_path / "backup", tmp_path / "n1"
    write_backup(file, Snapshot(10**9, 10**9, 0, ConfigurationToCome()), [b"state"])
    shutil.copytree(made / "data" / "n1", member)
    shutil.copy(file, member / f"{10**9:020d}-{10**9:020d}.snap")

    problem = "the cluster is at feature level 77, and this program supports levels up to"
    for source, *command in (
        (file, "restore", file, tmp_path / "new", "--members", "n1"),
        (file, "snapshot", "import", file, tmp_path / "n9"),
        (member, "backup", member, tmp_path / "other", *STORE),
        (member, "snapshot", "export", member, tmp_path / "other"),
        (member, "snapshot", "ls", member),
        (member, "snapshot", "verify", member),
        (member, "wal", "verify", member, "--json"),
    ):
        refused(run(*command), 2, f"{source}: {problem}")


def test_every_flipped_byte_is_exit_code_1_or_a_newer_version(tmp_path):
    content = (ROOT / "tests" / "golden" / "version_1" / "cluster.backup").read_bytes()
    file = tmp_path / "backup"
    for at in range(0, len(content), 3):  # tests/golden flips the others
        rotten = bytearray(content)
        rotten[at] ^= 0x40
        file.write_bytes(rotten)
        for command in (
            ("restore", file, tmp_path / "new", "--members", "n1"),
            ("snapshot", "import", file, tmp_path / "n9"),
        ):
            ran = run(*command)
            assert ran.exit_code == (2 if 8 <= at < 12 else 1), (at, ran.stderr)
            assert str(file) in ran.stderr
    for size in range(0, len(content), 97):
        file.write_bytes(content[:size])
        refused(run("restore", file, tmp_path / "new", "--members", "n1"), 1, "no backup")
    assert list(tmp_path.iterdir()) == [file]


def test_a_damaged_member_gives_no_backup(made, tmp_path):
    member = tmp_path / "n1"
    shutil.copytree(made / "data" / "n1", member)
    segment = sorted(member.glob("*.wal"))[0]
    content = bytearray(segment.read_bytes())
    content[HEADER_BYTES + 50] ^= 1
    segment.write_bytes(content)
    refused(run("backup", member, tmp_path / "backup", *STORE), 1, f"{member}: {segment.name} is damaged at offset")
    assert not (tmp_path / "backup").exists()


def test_a_disk_that_takes_no_more_is_told_and_leaves_nothing(made, tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    member, backup = made / "data" / "n1", made / "cluster.backup"
    commands = (
        ("backup", member, tmp_path / "backup", *STORE),
        ("snapshot", "export", member, tmp_path / "backup"),
        ("restore", backup, tmp_path / "backup", "--members", "n1"),
        ("snapshot", "import", backup, tmp_path / "backup"),
    )
    for command in commands:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
        try:
            ran = run(*command)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        refused(ran, 2, f"{tmp_path / 'backup'}: File too large")
        assert list(tmp_path.iterdir()) == []


@pytest.fixture
def forbidden(made):
    """Lets the test be somebody to whom things are forbidden, as nothing is to root; yields a folder of such things."""
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(made / "cluster.backup", folder / "backup")
        shutil.copy(made / "cluster.backup", folder / "secret")
        shutil.copytree(made / "data" / "n1", folder / "n1")
        (folder / "secret").chmod(0)
        (folder / "n1").chmod(0)
        (folder / "backup").chmod(0o644)
        folder.chmod(0o555)
        if user == 0:
            os.seteuid(65534)
        yield folder
        os.seteuid(user)
        folder.chmod(0o755)
        (folder / "n1").chmod(0o700)


def test_who_may_not_read_or_write_is_told(forbidden):
    backup, secret, member = (forbidden / name for name in ("backup", "secret", "n1"))
    for command, place in (
        (("backup", member, forbidden / "new", *STORE), member),
        (("restore", secret, forbidden / "new", "--members", "n1"), secret),
        (("restore", backup, forbidden / "new", "--members", "n1"), forbidden),
        (("restore", backup, member / "new", "--members", "n1"), member / "new"),
        (("snapshot", "import", secret, forbidden / "n9"), secret),
        (("snapshot", "import", backup, forbidden / "n9"), forbidden),
        (("snapshot", "export", member, forbidden / "new"), member),
    ):
        refused(run(*command), 2, f"{place}: Permission denied")
    assert sorted(path.name for path in forbidden.iterdir()) == ["backup", "n1", "secret"]
