"""Backups of clusters that run, clusters made of backups, and members that begin with a snapshot."""

import shutil
import threading
from functools import partial
from pathlib import Path

import gevent
import pytest
from click.testing import CliRunner

from actors import (
    ClusterClosed,
    Config,
    FileIsThere,
    LocalCluster,
    NotCaughtUp,
    NotImportable,
    OutcomeUnknown,
    TakesNoSnapshots,
    Unavailable,
    import_snapshot,
    kv_commands,
    restore,
)
from actors.session_commands import in_session, register
from actors.storage.backup_file import opened_backup
from quorate import cli
from raft.actor import Propose
from raft.recovery import SKIPPED
from storage.errors import WrongOwner
from storage.snapshots import PIECE_BYTES
from tests.actors.clusters import T, leader_status, level, others, raft_status, wait_until

SOON_SNAPSHOTS = Config(election_timeout_ms=300, heartbeat_interval_ms=50, snapshot_entries=30, snapshot_tail_entries=2)
THREE = {"n1": "", "n2": "", "n3": ""}


def writer(cluster, acknowledged, name):
    """Writes counts under a key until it is killed, and notes the last one that was acknowledged."""
    count = 0
    while True:
        count += 1
        cluster.put(name, str(count), T)
        acknowledged[name] = count


@pytest.mark.contract("L1")
def test_what_was_acknowledged_before_a_backup_is_in_it_whatever_is_written_meanwhile(tmp_path):
    acknowledged = {}
    with LocalCluster(3, directory=tmp_path / "old", config=SOON_SNAPSHOTS) as cluster:
        writers = [gevent.spawn(writer, cluster, acknowledged, f"w{number}") for number in range(4)]
        backups = []
        for number in range(5):
            cluster.sleep(0.1)
            if number == 2:
                cluster.kill(cluster.wait_for_leader(T))
            before = dict(acknowledged)
            backups.append((cluster.backup(tmp_path / f"{number}.backup", T), before))
        after = dict(acknowledged)
        gevent.killall(writers)
    assert sum(after.values()) > 20
    for number, (written, _) in enumerate(backups):
        assert written.snapshot.configuration.members == ("n1", "n2", "n3")
        assert written.file.name == f"{number}.backup"
    for number in (2, 4):
        written, before = backups[number]
        restore(written.file, tmp_path / f"new{number}", THREE)
        with LocalCluster(directory=tmp_path / f"new{number}") as restored:
            for name, count in before.items():
                assert int(restored.get(name, T)) >= count
            restored.put("and", "on", T)
            wait_until(lambda restored=restored: level(restored))


@pytest.mark.contract("L1")
def test_a_member_that_is_cut_off_cannot_give_a_backup_of_its_own(tmp_path):
    with LocalCluster(3) as cluster:
        cluster.put("key", "old", T)
        cut_off = cluster.wait_for_leader(T)
        cluster.partition([cut_off], others(cluster, cut_off))
        cluster.put("key", "new", T)
        written = cluster.backup(tmp_path / "backup", T)
        cluster.heal()
        for member in others(cluster, cut_off):
            cluster.kill(member)
        with pytest.raises(Unavailable, match="nobody served the read within 0.3 s"):
            cluster.backup(tmp_path / "none", 0.3)
    assert not (tmp_path / "none").exists()
    restore(written.file, tmp_path / "new", {"a": ""})
    with LocalCluster(directory=tmp_path / "new") as cluster:
        assert cluster.get("key", T) == b"new"


@pytest.mark.contract("C1")
def test_a_command_that_is_sent_again_over_a_restore_is_applied_once(tmp_path):
    with LocalCluster(1) as cluster:
        session = cluster._client.call(partial(Propose, register()), T).value
        command = in_session(session, 1, 1, kv_commands.cas(b"key", None, b"first"))
        reply = cluster._client.call(partial(Propose, command), T)
        cluster.put("key", "second", T)
        written = cluster.backup(tmp_path / "backup")
        later = cluster._client.call(partial(Propose, register()), T).value
    restore(written.file, tmp_path / "new", THREE)

    with LocalCluster(directory=tmp_path / "new") as cluster:
        again = cluster._client.call(partial(Propose, command), T)
        assert (again.outcome, again.value) == (reply.outcome, reply.value)
        assert cluster.get("key", T) == b"second"
        # Sessions that the old cluster has opened since are unknown, and their ids are not given out again.
        assert cluster._client.call(partial(Propose, in_session(later, 1, 1, b"")), T).outcome == "expired"
        assert cluster._client.call(partial(Propose, register()), T).value > later


@pytest.mark.contract("M9")
def test_index_and_term_go_on_and_never_back(tmp_path):
    with LocalCluster(3, directory=tmp_path / "old") as cluster:
        cluster.put("key", "value", T)
        written = cluster.backup(tmp_path / "backup")
        for _ in range(3):
            cluster.put("key", "later", T)
            cluster.transfer(timeout=T)
        old = leader_status(cluster)
    began = restore(written.file, tmp_path / "new", THREE)
    assert (began.index, began.term) == (written.snapshot.index + SKIPPED, written.snapshot.term + SKIPPED)
    assert began.stamp_ms == written.snapshot.stamp_ms
    with LocalCluster(directory=tmp_path / "new") as cluster:
        cluster.put("key", "new", T)
        new = leader_status(cluster)
    assert new.term > began.term > old.term
    assert new.last_index > began.index > old.last_index
    assert new.configuration.cluster not in (0, old.configuration.cluster)


@pytest.mark.contract("M9")
def test_members_of_the_old_cluster_are_refused(tmp_path):
    with LocalCluster(4, directory=tmp_path / "old") as cluster:
        cluster.put("key", "old", T)
        wait_until(lambda: level(cluster))
        written = cluster.backup(tmp_path / "backup")
        cluster.put("key", "lost", T)
    restore(written.file, tmp_path / "new", THREE)
    # One comes back under the id of a member of the new cluster, one under an id that is new to it.
    shutil.rmtree(tmp_path / "new" / "n3")
    shutil.copytree(tmp_path / "old" / "n3", tmp_path / "new" / "n3")

    with LocalCluster(directory=tmp_path / "new") as cluster:
        assert cluster.wait_for_leader(T) != "n3"
        cluster.put("key", "new", T)
        shutil.copytree(tmp_path / "old" / "n4", tmp_path / "new" / "n4")
        with pytest.raises((NotCaughtUp, OutcomeUnknown)):
            cluster.add("n4", timeout=1.5)
        cluster.sleep(1.0)
        for member in ("n3", "n4"):
            assert cluster.machine(member).items() == []  # they restart, and hear from nobody how far to apply
            assert raft_status(cluster, member).last_index < SKIPPED
        assert cluster.get("key", T) == b"new"
        cluster.put("key", "newer", T)


def test_a_restored_cluster_grows_and_is_backed_up_again(tmp_path):
    with LocalCluster(1) as cluster:
        cluster.put("key", "value", T)
        cluster.backup(tmp_path / "backup")
    restore(tmp_path / "backup", tmp_path / "new", {"n1": "", "x": ""})
    with LocalCluster(directory=tmp_path / "new") as cluster:
        assert cluster.add(timeout=T) == "n2"
        cluster.add(witness=True, timeout=T)
        assert cluster.machine("n2").items() == [(b"key", b"value")]
        cluster.backup(tmp_path / "backup", T, force=True)
    restore(tmp_path / "backup", tmp_path / "newer", {"n1": ""})
    with LocalCluster(directory=tmp_path / "newer") as cluster:
        assert cluster.members == ("n1",)
        assert cluster.get("key", T) == b"value"


def test_the_loop_goes_on_while_a_large_state_is_written(tmp_path):
    with LocalCluster(3) as cluster:
        for number in range(64):
            cluster.put(f"key {number}", bytes(500_000), T)
        turns = 0

        def count():
            nonlocal turns
            turns += 1

        # A greenlet that did nothing but count would leave the thread that writes hardly a moment.
        rounds = gevent.get_hub().loop.check(ref=False)
        rounds.start(count)
        written = cluster.backup(tmp_path / "backup", T)
        rounds.close()
        pieces = written.size_bytes // PIECE_BYTES
        assert pieces > 400
        assert turns >= pieces // 8  # a value of the machine's is several pieces, which are written together


def test_a_backup_is_whole_or_not_there(tmp_path):
    class Machine:
        fails = False

        def apply(self, command):
            return None

        def snapshot(self):
            yield bytes(200_000)
            if self.fails:
                raise ValueError("no more")

        def restore(self, chunks):
            list(chunks)

    with LocalCluster(1, machine=Machine) as cluster:
        cluster.propose(b"", T)
        cluster.machine("n1").fails = True
        with pytest.raises(ValueError, match="no more"):
            cluster.backup(tmp_path / "backup")
        assert list(tmp_path.iterdir()) == []
        cluster.machine("n1").fails = False
        file = cluster.backup(tmp_path / "backup").file
        assert list(tmp_path.iterdir()) == [file]
        content = file.read_bytes()
        with pytest.raises(FileIsThere, match="backup is there already: name another file"):
            cluster.backup(file)
        cluster.machine("n1").fails = True
        with pytest.raises(ValueError, match="no more"):
            cluster.backup(file, force=True)
        assert file.read_bytes() == content
        with pytest.raises(FileNotFoundError):
            cluster.backup(tmp_path / "no" / "folder")
        assert cluster.propose(b"", T) is None
    with pytest.raises(ClusterClosed):
        cluster.backup(tmp_path / "late")
    assert list(tmp_path.iterdir()) == [file]


def test_a_machine_without_snapshots_cannot_be_backed_up(tmp_path):
    class Machine:
        def apply(self, command):
            return None

    with LocalCluster(1, machine=Machine) as cluster, pytest.raises(TakesNoSnapshots, match="Machine has no methods"):
        cluster.backup(tmp_path / "backup")


def test_a_member_begins_with_a_snapshot_and_is_sent_the_rest(tmp_path):
    events = []
    with LocalCluster(3, directory=tmp_path / "data", watch=events.append) as cluster:
        for number in range(50):
            cluster.put(str(number), "value", T)
        cluster.backup(tmp_path / "backup", T)
        cluster.put("later", "value", T)
        taken = import_snapshot(tmp_path / "backup", tmp_path / "data" / "n4", "n4")
        cluster.add("n4", timeout=T)
        wait_until(lambda: level(cluster))

        assert cluster.machine("n4").items() == cluster.machine("n1").items()
        assert raft_status(cluster, "n4").first_index > taken.index
        assert not [event for event in events if type(event).__name__ == "SnapshotInstalled"]
        cluster.kill("n1")
        cluster.kill("n2")
        cluster.restart("n1")
        cluster.put("with", "n4", T)
    with LocalCluster(directory=tmp_path / "data") as cluster:
        assert cluster.get("with", T) == b"n4"


@pytest.mark.contract("M6")
def test_a_snapshot_never_brings_back_a_member(tmp_path):
    with LocalCluster(1, directory=tmp_path / "data") as cluster:
        cluster.put("key", "value", T)
        cluster.backup(tmp_path / "backup", T)
    # As n1, alone, it would go on by itself: the same cluster twice, with two histories.
    with pytest.raises(NotImportable, match="'n1' is a member as of the snapshot"):
        import_snapshot(tmp_path / "backup", tmp_path / "copy" / "n1", "n1")
    assert not (tmp_path / "copy").exists()


@pytest.mark.contract("M9")
def test_a_member_that_began_with_a_snapshot_of_another_cluster_is_refused(tmp_path):
    for name in ("one", "other"):
        with LocalCluster(1, directory=tmp_path / name) as cluster:
            cluster.put("key", name, T)
            cluster.backup(tmp_path / f"{name}.backup", T)
    with LocalCluster(directory=tmp_path / "one") as cluster:
        import_snapshot(tmp_path / "other.backup", tmp_path / "one" / "n2", "n2")
        with pytest.raises((NotCaughtUp, OutcomeUnknown)):
            cluster.add("n2", timeout=1.5)
        assert cluster.machine("n2").items() == [(b"key", b"other")]
        assert cluster.get("key", T) == b"one"


@pytest.mark.contract("M6")
def test_a_copy_of_a_data_directory_is_not_taken_for_a_member(tmp_path):
    with LocalCluster(2, directory=tmp_path):
        pass
    shutil.copytree(tmp_path / "n1", tmp_path / ".n1.abc.part")  # what a crash in the middle of an import leaves
    with LocalCluster(directory=tmp_path) as cluster:
        assert cluster.members == ("n1", "n2")
    shutil.copytree(tmp_path / "n1", tmp_path / "n1 copy")
    with pytest.raises(WrongOwner, match="belongs to 'n1', and was opened for 'n1 copy'"):
        LocalCluster(directory=tmp_path)


def test_a_backup_is_for_the_thread_of_the_cluster(tmp_path):
    from actors import WrongThread

    raised = []
    with LocalCluster(1) as cluster:

        def elsewhere():
            try:
                cluster.backup(tmp_path / "backup")
            except WrongThread as error:
                raised.append(error)

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert raised
    assert not Path(tmp_path / "backup").exists()


def test_what_a_backup_says_of_itself(tmp_path):
    with LocalCluster(2) as cluster:
        cluster.put("key", "value", T)
        written = cluster.backup(str(tmp_path / "backup"), T)
        status = leader_status(cluster)
    with opened_backup(tmp_path / "backup") as file:
        assert (file.snapshot, file.size) == (written.snapshot, written.size_bytes)
    assert written.snapshot.configuration == status.configuration
    assert (written.snapshot.index, written.snapshot.term) == (status.applied_index, status.term)
    assert written.as_object() == {
        "file": str(tmp_path / "backup"),
        "index": status.applied_index,
        "term": status.term,
        "bytes": written.size_bytes,
        "members": ["n1", "n2"],
    }


def test_the_page_for_users_says_what_works(tmp_path, monkeypatch):
    page = (Path(__file__).parents[2] / "docs" / "backup.md").read_text(encoding="utf-8")
    program = page.split("```python\n")[1].split("```")[0]
    commands = [line for line in page.splitlines() if line.startswith(("quorate backup", "quorate restore"))]
    backup, restore, restore_for_daemons = commands
    monkeypatch.chdir(tmp_path)

    exec(compile(program, "docs/backup.md", "exec"), {})
    for command in (backup + " --force", restore):
        ran = CliRunner().invoke(cli, command.split()[1:])
        assert ran.exit_code == 0, ran.output
    with LocalCluster(directory="new") as cluster:
        assert cluster.get("greeting", T) == b"hello"

    Path("new").rename("of one process")
    ran = CliRunner().invoke(cli, restore_for_daemons.split()[1:])
    assert ran.exit_code == 0, ran.output
    assert sorted(path.name for path in Path("new").iterdir()) == ["n1", "n2", "n3"]
