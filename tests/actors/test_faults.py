"""Writers and a saboteur in one cluster. What must hold then holds at every moment, not only at the end."""

import random
import time

import gevent
import pytest

from actors import Config, KeyValue, LocalCluster, Unavailable
from actors.leadership import Leadership
from raft.errors import OutcomeUnknown
from raft.observer import RoleChanged
from tests.actors.clusters import T, level, wait_until

SABOTAGE_S = 3.0

# Few entries stay, and a download takes many chunks, so that it meets whatever happens meanwhile.
OFTEN = Config(
    election_timeout_ms=300,
    heartbeat_interval_ms=50,
    snapshot_entries=100,
    snapshot_tail_entries=5,
    snapshot_chunk_bytes=4096,
)


class Recording(KeyValue):
    """Remembers all that was ever applied, through snapshots too."""

    def __init__(self):
        super().__init__()
        self.applied = []

    def apply(self, command):
        self.applied.append(command)
        return super().apply(command)

    def snapshot(self):
        return [command.hex().encode() + b"\n" for command in self.applied]

    def restore(self, chunks):
        self.__init__()
        for line in b"".join(chunks).decode().splitlines():
            self.apply(bytes.fromhex(line))


class Sabotage:
    """Does one random thing after another to a cluster; at least a majority stays up."""

    def __init__(self, cluster, seed):
        self.cluster = cluster
        self.chance = random.Random(seed)

    def run(self):
        end = time.monotonic() + SABOTAGE_S
        while time.monotonic() < end:
            self.chance.choice([self.kill_one, self.restart_all, self.split, self.cut, self.cluster.heal])()
            gevent.sleep(self.chance.uniform(0, 0.4))
        self.cluster.heal()
        self.restart_all()

    def running(self):
        return [member.id for member in self.cluster.status() if member.running]

    def kill_one(self):
        running = self.running()
        if len(running) > len(self.cluster.members) // 2 + 1:
            self.cluster.kill(self.chance.choice(running))

    def restart_all(self):
        for member in self.cluster.status():
            if not member.running:
                self.cluster.restart(member.id)

    def split(self):
        members = list(self.cluster.members)
        self.chance.shuffle(members)
        self.cluster.partition(members[: self.chance.randrange(1, len(members))])

    def cut(self):
        self.cluster.cut(*self.chance.sample(self.cluster.members, 2))


class Writer:
    """Counts a key of its own upwards by compare-and-set, so that a lost, repeated or reordered write shows."""

    def __init__(self, cluster, key):
        self.cluster = cluster
        self.key = key
        self.certain = 0  # the newest value that was acknowledged or read
        self.acknowledged = []

    def run(self, stopped):
        while not stopped():
            try:
                self.step()
            except (OutcomeUnknown, Unavailable):
                gevent.sleep(0.01)

    def step(self):
        found = int(self.cluster.get(self.key, 1.0) or 0)
        assert found >= self.certain, "an acknowledged write was lost"
        self.certain = found
        expected = str(found) if found else None
        if self.cluster.cas(self.key, expected, str(found + 1), 1.0):
            self.certain = found + 1
            self.acknowledged.append(found + 1)


@pytest.mark.contract("S1", "S4", "S5")
@pytest.mark.parametrize("config", [None, OFTEN], ids=["usual snapshots", "many snapshots"])
@pytest.mark.parametrize("nodes", [3, 5])
def test_nothing_acknowledged_is_lost_whatever_fails(nodes, config, monkeypatch):
    leaders = {}  # by term
    observe = Leadership.observe

    def watch(self, event):
        if isinstance(event, RoleChanged) and event.role == "leader":
            assert leaders.setdefault(event.term, event.node) == event.node, f"two leaders in term {event.term}"
        observe(self, event)

    monkeypatch.setattr(Leadership, "observe", watch)
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    with LocalCluster(nodes, machine=Recording, config=config, seed=seed) as cluster:
        sabotage = gevent.spawn(Sabotage(cluster, seed).run)
        writers = [Writer(cluster, f"key {number}") for number in range(4)]
        writing = [gevent.spawn(writer.run, sabotage.ready) for writer in writers]
        gevent.joinall([sabotage, *writing], timeout=T, raise_error=True)
        assert all(greenlet.successful() for greenlet in [sabotage, *writing])

        for writer in writers:
            assert int(cluster.get(writer.key, T) or 0) >= writer.certain
        wait_until(lambda: level(cluster))
        assert [member.failure for member in cluster.status()] == [None] * nodes
        logs = [cluster.machine(node).applied for node in range(nodes)]
        assert all(log == logs[0] for log in logs)
        assert leaders
        assert sum(len(writer.acknowledged) for writer in writers) > 0
