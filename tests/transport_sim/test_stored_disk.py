"""The real storage on a simulated disk: what it must find after every crash is known, and a bug of it is seen."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raft.actor import Persisted, RoomLeft, StorageBroke
from raft.entries import COMMAND, NOOP, Entry
from raft.membership import Configuration
from raft.messages import SnapshotChunk
from raft.ready import Write
from raft.snapshot import ChunkRequest, Snapshot
from storage import recovery, snapshots, store
from storage.disk import RENAME, SYNC
from storage.fingerprint import EMPTY, extended
from storage.log import Log
from storage.segment import number_of
from transport_sim import Simulation, stored_disk
from transport_sim.chance import Chance
from transport_sim.disk import DamagedStorage, DiskSpeed
from transport_sim.scenario import Scenario
from transport_sim.scheduler import Scheduler
from transport_sim.shadow import InvariantError
from transport_sim.stored_disk import IDLE_US, MOST_BATCHES, SEGMENT_BYTES, StoredDisk

CONFIGURATION = Configuration(("n1",))


def entry(index, term=1, size=10):
    return Entry(index, term, COMMAND, b"%d" % index + b"." * size)


def small(index):
    return entry(index, size=0)


class Node:
    """Whoever has the disk: notes what it is told, and which writes took effect."""

    def __init__(self, seed=1, **speed):
        self.scheduler = Scheduler()
        self.told = []
        self.durable = []
        speed = DiskSpeed(**{"hasty": 0.0, **speed})
        self.room = []
        self.disk = StoredDisk("n1", self.scheduler, Chance(seed), speed, self._tell, self.durable.append)
        self.start()

    def _tell(self, message):
        (self.room if isinstance(message, RoomLeft) else self.told).append(message)

    def start(self):
        restored = self.disk.load()
        self.disk.space.begin()
        return restored

    def write(self, number, *entries, term=None, **more):
        self.disk.write(Write(number, term, None, entries, **more))

    def run(self, microseconds=10_000_000):
        self.scheduler.run_until(self.scheduler.now_us + microseconds)
        told, self.told[:] = list(self.told), []
        return told

    def numbers(self):
        return [message.number for message in self.run() if isinstance(message, Persisted)]

    def restart(self):
        self.disk.crash()
        return self.start()

    def save(self, index, content=b"state"):
        snapshot = Snapshot(index, 1, index, CONFIGURATION)
        self.disk.save_snapshot(snapshot, [content[:3], content[3:]])
        self.run()
        return snapshot


def grown(seed=1):
    """A node with a log of several segments and two snapshots, for which the log was cut."""
    node = Node(seed)
    node.write(1, entry(1), term=1)
    for index in range(2, 41):
        node.write(index, entry(index, size=300))
        node.run(20_000)
    node.save(10)
    node.write(41, base=(10, 1))
    node.save(20)
    node.write(42, entry(41), base=(20, 1))
    assert node.run()[-1].number == 42
    return node


def test_a_write_becomes_durable_later_and_is_reported_then():
    node = Node()
    node.disk.write(Write(1, 3, "n2", (entry(1, 3),)))
    assert node.disk.entries == node.told == []
    assert node.numbers() == [1]
    restored = node.restart()
    assert (restored.term, restored.vote, restored.entries) == (3, "n2", (entry(1, 3),))


def test_what_is_written_meanwhile_becomes_one_batch():
    node = Node()
    for number in range(1, 21):
        node.write(number, entry(number), term=1 if number == 1 else None)
        assert len(node.disk._worker.jobs) <= MOST_BATCHES
    node.run(3_000)
    assert node.numbers()[-1] == 20
    assert node.disk.opened.write([])[0] == []
    assert node.restart().entries == tuple(entry(index) for index in range(1, 21))


def test_an_idle_disk_says_how_far_it_is_durable():
    node = Node()
    node.write(1, entry(1), term=1)
    node.run(IDLE_US // 2)
    assert node.disk.opened.wants_mark
    node.run(IDLE_US)
    assert not node.disk.opened.wants_mark


@pytest.mark.contract("D3", "D5")
@given(st.integers(0, 10_000), st.integers(0, 30_000))
def test_a_crash_at_any_time_keeps_what_was_reported_and_a_first_part_of_the_rest(seed, crash_us):
    node = Node(seed)
    node.disk.tearing = 0.7
    for number in range(1, 21):
        pair = small(2 * number - 1), small(2 * number)
        node.write(number, *pair, term=number if number % 3 == 1 else None)
    node.scheduler.run_until(crash_us)
    reported = max((message.number for message in node.told), default=0)

    lost = node.disk.crash()

    restored = node.disk.load()
    assert list(restored.entries) == [small(index) for index in range(1, len(restored.entries) + 1)]
    assert reported <= len(restored.entries) // 2 <= 20 - lost <= len(restored.entries) // 2 + 1
    node.told.clear()
    node.run()
    assert node.told == [], "a disk reports nothing of before the crash"


def test_who_stops_in_good_order_loses_nothing():
    node = Node()
    for number in range(1, 10):
        node.write(number, entry(number), term=1 if number == 1 else None)
    node.disk.finish()
    assert node.disk.crash() == 0
    assert len(node.disk.load().entries) == 9


def test_a_stalled_disk_begins_nothing_for_a_while():
    node = Node()
    node.disk.stall(500_000)
    node.write(1, term=1)
    assert node.run(499_999) == []
    assert node.numbers() == [1]


def test_something_happens_in_the_middle_of_what_it_waits_for():
    node = Node()
    seen = []
    node.disk.interrupt(RENAME, 0.5, lambda: seen.append([job.saved is not None for job in node.disk._worker.jobs]))
    node.write(1, entry(1), term=1)
    node.run()
    assert seen == []
    node.save(1)
    assert seen == [[True]]


@pytest.mark.contract("D2")
def test_after_a_failure_nothing_is_reported_as_durable():
    node = Node()
    node.write(1, entry(1), term=1)
    assert node.numbers() == [1]
    node.disk.fails = True
    node.write(2, entry(2, size=300))
    node.write(3, entry(3))
    node.disk.save_snapshot(Snapshot(1, 1, 1, CONFIGURATION), [b"state"])

    assert [type(message) for message in node.run()] == [StorageBroke]
    node.disk.finish()
    assert node.told == []
    assert node.disk.has_failed
    assert node.disk.entries == [entry(1)]
    restored = node.restart()
    assert restored.entries in ((entry(1),), (entry(1), entry(2, size=300)))
    assert not node.disk.has_failed


@pytest.mark.contract("D2")
@pytest.mark.parametrize("seed", range(4))
def test_a_full_disk_takes_what_was_promised_and_goes_on_when_there_is_space(seed):
    node = Node(seed)
    node.write(1, entry(1), term=1)
    node.run()
    node.disk.space.fill()
    number, taken = 1, entry(1).size_bytes
    while taken + entry(100, size=100).size_bytes <= node.room[-1].limit_bytes:
        number += 1
        taken += entry(number, size=100).size_bytes
        node.write(number, entry(number, size=100))
        assert node.numbers() == [number]
    assert node.room[-1].is_full

    # What nobody asks room for has some, too, and a snapshot as large as the last one.
    node.write(number + 1, Entry(number + 1, 2, NOOP, b""), term=2)
    assert node.numbers() == [number + 1]
    node.save(2)
    assert node.disk.snapshots[-1][0].index == 2
    assert node.restart().entries[-1].index == number + 1

    node.disk.make_space()
    node.run()
    assert not node.room[-1].is_full
    node.write(1, entry(number + 2, 2, size=100))
    assert node.numbers() == [1]


@pytest.mark.contract("D2")
def test_a_command_that_no_space_was_promised_for_is_found_out():
    node = Node()
    with pytest.raises(InvariantError, match="D2: command 1 makes"):
        node.write(1, entry(1, size=max(SEGMENT_BYTES)))


def test_snapshots_are_saved_read_received_and_installed():
    node = grown()
    newest = node.disk.snapshots[-1][0]
    assert b"".join(node.disk.read_snapshot(newest)) == b"state"
    node.disk.read_chunk(ChunkRequest("n2", 1, newest, 3, 100))
    (read,) = node.run()
    assert (read.data, read.last) == (b"te", True)
    other = Snapshot(90, 2, 7, CONFIGURATION)
    fingerprint = extended(EMPTY, b"x" * 100)
    for offset in (0, 50):
        node.disk.receive_chunk(SnapshotChunk("n2", 2, other, fingerprint, offset, b"x" * 50, offset == 50))
    (checked,) = node.run()
    assert (checked.snapshot, checked.fits) == (other, True)
    node.write(43, term=2, install=other)
    assert node.numbers() == [43]
    restored = node.restart()
    assert (restored.base, restored.snapshot, restored.entries) == ((90, 2), other, ())
    assert b"".join(node.disk.read_snapshot(other)) == b"x" * 100
    node.disk.read_chunk(ChunkRequest("n2", 1, Snapshot(5, 1, 5, CONFIGURATION), 0, 100))
    assert node.run()[0].data is None


@pytest.mark.contract("D1")
def test_what_rots_is_named_or_costs_nothing():
    seen = Counter()
    for number in range(60):
        node = grown(number % 4)
        node.restart()
        node.disk.crash()
        held = (node.disk.term, node.disk.vote, node.disk.entries[-1])
        node.disk.rot(number / 60)
        seen[node.disk.is_damaged] += 1
        if node.disk.is_damaged:
            with pytest.raises(DamagedStorage):
                node.disk.load()
        else:
            restored = node.disk.load()
            seen[restored.snapshot.index] += 1
            assert (restored.term, restored.vote, restored.entries[-1]) == held
    assert seen[True] > 10 < seen[False]
    assert seen[10] > 0 < seen[20], "an older snapshot has taken the place of the newest, with more of the log"


def test_an_older_snapshot_that_has_rotted_breaks_the_disk_when_it_is_read():
    node = grown()
    older = node.disk.snapshots[0][0]
    name = min(name for name in node.disk.files.names() if name.endswith(".snap"))
    node.disk.files.flip(name, node.disk.files.size(name) - 20, 1)
    node.disk.read_chunk(ChunkRequest("n2", 1, older, 0, 100))
    (told,) = node.run()
    assert isinstance(told, StorageBroke)
    assert name in told.reason
    assert node.disk.has_failed


def test_a_new_disk_is_another():
    node = grown()
    incarnation = node.disk.incarnation
    node.disk.crash()
    node.disk.format()
    restored = node.disk.load()
    assert (restored.term, restored.entries, restored.snapshot) == (0, (), None)
    assert restored.incarnation == node.disk.incarnation != incarnation


# The check can fail


def without_sync(flush):
    return lambda log, sync: [operation for operation in flush(log, sync) if operation[0] != SYNC]


def test_a_batch_that_is_reported_and_not_synced_is_missed(monkeypatch):
    monkeypatch.setattr(StoredDisk, "_suppose_crash", lambda disk: None)
    monkeypatch.setattr(Log, "flush", without_sync(Log.flush))
    broken = 0
    for seed in range(8):
        node = Node(seed)
        node.write(1, entry(1), term=1)
        node.run(100_000)
        try:
            node.disk.crash()
        except InvariantError as error:
            assert error.invariant == "D5"
            assert "with 0 writes under way, with another end of the log: 0, not 1" in str(error)
            broken += 1
    assert broken > 2


def test_crashes_are_supposed_where_none_happens(monkeypatch):
    monkeypatch.setattr(Log, "flush", without_sync(Log.flush))
    with pytest.raises(InvariantError, match=r"D[15]: n1 "):
        for seed in range(8):
            node = Node(seed)
            for number in range(1, 10):
                node.write(number, entry(number), term=number)
                node.run(20_000)


def test_an_operation_on_a_file_that_is_not_there_is_no_failure_of_the_disk(monkeypatch):
    node = Node()
    monkeypatch.setattr(Log, "flush", lambda log, sync: [(SYNC, "nothing")])
    node.write(1, entry(1), term=1)
    with pytest.raises(FileNotFoundError):
        node.run()


# Whole clusters


@pytest.fixture
def found(monkeypatch):
    """Counts what the storage had to deal with whenever it recovered."""
    counts = Counter()
    recover = recovery.recover

    def watched(disk):
        recovered = recover(disk)
        newest = recovered.segments[-1].number
        counts["recoveries"] += 1
        counts["torn tail"] += recovered.torn_tail is not None
        counts["torn ballot"] += any(operation[1:2] == ("ballot",) for operation in recovered.repairs)
        counts["cut short"] += recovered.is_cut_short
        counts["several segments"] += len(recovered.segments) > 1
        counts["purged"] += recovered.segments[0].number > 1
        counts["begun segment"] += any((number_of(name) or 0) > newest for name in disk.names())
        counts["unfinished snapshot"] += any(name.endswith(snapshots.PART) for name in disk.names())
        return recovered

    monkeypatch.setattr(stored_disk, "recover", watched)
    monkeypatch.setattr(store, "recover", watched)
    return counts


@pytest.mark.contract("D1", "D3", "D5")
def test_clusters_on_the_real_storage_keep_every_promise(found):
    faults = Counter()
    for seed in range(30):
        result = Simulation(seed, nodes=3, seconds=6, storage="real").run()
        assert result.violation is None, result.replay
        assert result.replay.endswith(" --storage real")
        faults += result.faults
    assert {"crash", "torn-write", "disk-error", "disk-full", "lost-write"} <= set(faults)
    never = [what for what, count in found.items() if count == 0]
    assert never == []
    assert found["recoveries"] > 1_000


def test_the_storage_of_a_quarter_of_all_runs_is_real_and_of_the_others_as_it_was():
    drawn = {seed: Simulation(seed, nodes=3, seconds=1).cluster.setting.storage for seed in range(200)}
    assert 30 < sum(storage == "real" for storage in drawn.values()) < 70
    for seed in range(5):
        given = Simulation(seed, nodes=3, seconds=1, storage=drawn[seed]).run()
        assert given == Simulation(seed, nodes=3, seconds=1).run()
        other = Simulation(seed, nodes=3, seconds=1, storage="model" if drawn[seed] == "real" else "real").run()
        assert other.digest != given.digest


@pytest.mark.contract("D5")
def test_a_cluster_whose_power_fails_everywhere_goes_on_where_it_was():
    with Scenario(3, storage="real", snapshot_entries=10, snapshot_tail_entries=0) as cluster:
        cluster.elect()
        for _ in range(3):
            for _ in range(15):
                cluster.expect_success(cluster.propose(size=200))
            cluster.run(200)
            cluster.restart("n1", "n2", "n3")
            cluster.elect()
        assert all(cluster.host(id).disk.snapshots for id in ("n1", "n2", "n3"))


@pytest.mark.contract("D2", "N2")
@pytest.mark.parametrize("seed", range(5))
def test_a_member_without_space_for_a_snapshot_votes_and_receives_it_when_there_is_space(seed, monkeypatch):
    monkeypatch.setattr("storage.store._LEAST_BALLAST_BYTES", 0)
    with Scenario(3, storage="real", seed=seed, snapshot_entries=10, snapshot_tail_entries=0) as cluster:
        leader = cluster.elect("n1")
        cluster.isolate("n3")
        for _ in range(25):
            cluster.expect_success(cluster.propose(size=200))
        cluster.fill_disk("n3")
        cluster.heal()
        refused = []
        watch = cluster.node("n3").watch
        refuse = watch.download_refused
        watch.download_refused = lambda snapshot: (refused.append(snapshot), refuse(snapshot))
        cluster.run(20 * cluster.election_timeout_ms)
        assert 2 < len(refused) <= 20, "again and again, and not all the time"
        cluster.crash(leader)
        cluster.run_until(lambda: cluster.leader() == "n2", what="n3 has voted for n2")

        cluster.make_space("n3")
        assert cluster.elect(without=["n1"]) == "n2"
        cluster.expect_success(cluster.propose(at="n2", size=200))


@pytest.mark.contract("M6")
def test_machines_whose_disks_rot_on_the_real_storage_are_replaced():
    replaced = rotten = 0
    for seed in range(60):
        result = Simulation(seed, 3, ("crash", "bit-rot"), 15, climate="hostile", storage="real").run()
        assert result.violation is None
        rotten += result.faults["bit-rot"]
        replaced += result.faults["lost-disk"]
        if rotten > 5 and replaced > 1:
            return
    raise AssertionError(f"{replaced} of {rotten} replaced")
