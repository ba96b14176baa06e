"""A cluster of daemons, each on a host of its own, and processes of clients on others."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import gevent
from gevent.lock import BoundedSemaphore

from raft.errors import RaftError
from tests.faults.lan import Lan, run
from tests.faults.store import DigestStore
from tests.transport_zmq.daemon.daemons import CALM, CHECKOUT, Daemon, until
from transport_zmq import Client

FOUNDERS = ("n1", "n2", "n3")
LATER = "n4"  # joins while all runs
IDS = (*FOUNDERS, LATER)
CLIENT_HOSTS = ("c1", "c2")
PORTS = (7101, 7201, 7301)
ELECTION_TIMEOUT_S = 1.0  # the default
DISK = "400M"
OPTIONS = (
    *("--insecure-bind", "--log-format", "json", "--machine", "tests.faults.store:DigestStore"),
    # So that leases are held, and snapshots are made and sent, within a minute or two.
    *("--lease-promise-ms", "500", "--snapshot-entries", "2000", "--snapshot-tail-entries", "200"),
)


class Member(Daemon):
    """A daemon on a host of its own.

    Attributes:
        shall_run: whether somebody who finds it down has found a bug.
        busy: held by whoever stops and starts it.
        ends: what its processes ended with that should have ended otherwise.
    """

    def __init__(self, id, folder, lan):
        peers = ",".join(f"{founder}={lan.addresses[founder]}:{PORTS[0]}" for founder in FOUNDERS)
        place = {"host": lan.addresses[id], "within": lan.within(id)}
        super().__init__(id, folder, PORTS, peers if id in FOUNDERS else "", OPTIONS, **place)
        if id not in FOUNDERS:
            self.arguments.append("--join")
        self.shall_run = False
        self.busy = BoundedSemaphore(1)
        self.ends = []
        self._said_before = 0  # bytes of the log that earlier processes have written

    def start(self, **settings):
        self.shall_run = True
        self._said_before = self.log.stat().st_size if self.log.exists() else 0
        return super().start(**settings)

    def kill(self):
        self.shall_run = False
        self.signal(signal.SIGKILL)
        self.signal(signal.SIGCONT)
        self._ended(-signal.SIGKILL)

    def stop(self):
        self.shall_run = False
        self.signal(signal.SIGTERM)
        # Who has just been started and does not listen to signals yet ends like any process.
        was_young = self.wait() == -signal.SIGTERM and "ready: " not in self.told[self._said_before :]
        self._ended(-signal.SIGTERM if was_young else 0)

    def wipe(self):
        """Lose all that it has stored, and wait to be added when it starts."""
        for each in self.data.iterdir():
            shutil.rmtree(each) if each.is_dir() else each.unlink()
        if "--peers" in self.arguments:
            at = self.arguments.index("--peers")
            self.arguments[at : at + 2] = ["--join"]

    def _ended(self, expected):
        code = self.wait()
        if code != expected:
            self.ends.append(code)


class Cluster:
    """All of it.

    Args:
        folder: for data directories, logs and records.
        small: the id of the member whose directory is a small file system.
    """

    def __init__(self, folder, small):
        hosts = (*IDS, *CLIENT_HOSTS)
        numbers = [*range(1, len(IDS) + 1), *range(101, 101 + len(CLIENT_HOSTS))]
        self.lan = Lan({host: f"10.77.0.{number}" for host, number in zip(hosts, numbers, strict=True)})
        self.folder = folder
        self.members = {id: Member(id, folder, self.lan) for id in IDS}
        self.small = self.members[small]
        self.small.data.mkdir()
        run("mount", "-t", "tmpfs", "-o", f"size={DISK}", "small", self.small.data)
        self.endpoints = ",".join(member.client_address for member in self.members.values())
        self.client = Client(self.endpoints, machine=DigestStore)
        self.counted = set(FOUNDERS)  # who is a voter, as far as was acknowledged
        self.workloads = []

    def start(self):
        for member in self.members.values():
            member.start()
        until(lambda: sum(status["ready"] for status in self.statuses().values()) >= len(FOUNDERS), "are they ready")

    def load(self, seed):
        """Start the processes of clients."""
        environment = {**CALM, "PYTHONPATH": str(CHECKOUT)}
        for number, host in enumerate(CLIENT_HOSTS):
            arguments = [self.endpoints, 100 * (number + 1), seed, self.folder]
            command = [*self.lan.within(host), sys.executable, "-m", "tests.faults.workload", *map(str, arguments)]
            with open(self.folder / f"{host}.log", "w", encoding="utf-8") as log:
                self.workloads.append(subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=log, stderr=log))

    def unload(self):
        """Let the clients come to an end, and return their exit codes."""
        for process in self.workloads:
            process.terminate()
        until(lambda: all(process.poll() is not None for process in self.workloads), "have the clients ended")
        return [process.returncode for process in self.workloads]

    def statuses(self, timeout_s=1.0):
        """What the members that answer say of themselves, by id."""
        return {told.node["id"]: told.node for told in self.client.status(timeout_s) if told.node is not None}

    def leader(self):
        """Who leads, as far as those who answer say; None if nobody does."""
        leading = [status for status in self.statuses().values() if status["role"] == "leader"]
        return self.members[max(leading, key=lambda status: status["term"])["id"]] if leading else None

    def missing(self):
        """Who is no voter: who was never added, or was removed by what was asked again and came late."""
        leader = until(self.leader, "does anybody lead")
        voters = self.statuses()[leader.id]["configuration"]["voters"]
        return [member for id, member in self.members.items() if id not in voters]

    def level(self):
        """Whether all who count have applied the same entries, and no member lags."""
        statuses = self.statuses()
        if not self.counted <= statuses.keys():
            return False
        indexes = {
            (status["applied_index"], status["last_index"]) for id, status in statuses.items() if id in self.counted
        }
        return len(indexes) == 1 and all(statuses[id]["ready"] for id in self.counted)

    @contextmanager
    def held(self, member, timeout_s=0.0):
        """Nobody else stops or starts the member meanwhile; the block gets False if somebody else does now."""
        got = member.busy.acquire(blocking=timeout_s > 0, timeout=timeout_s or None)
        try:
            yield got
        finally:
            if got:
                member.busy.release()

    def add(self, member, deadline_s, learner_first=False):
        """Have a member added that waits for it; ask again until it counts."""
        self._repeat(deadline_s, lambda: self._add(member, learner_first))
        self.counted.add(member.id)

    def remove(self, member, deadline_s):
        self._repeat(deadline_s, lambda: self.client.remove(member.id, 5))
        self.counted.discard(member.id)

    def _add(self, member, learner_first):
        status = self.statuses().get(member.id)
        if status is None or status["incarnation"] is None:
            raise RaftError(f"{member.id} does not answer")
        self.client.add(member.id, member.address, int(status["incarnation"], 16), learner=learner_first, timeout=5)
        if learner_first:
            self.client.promote(member.id, 5)

    def _repeat(self, deadline_s, change):
        """A change that is repeated changes nothing."""
        while True:
            try:
                return change()
            except RaftError:
                if time.monotonic() > deadline_s:
                    raise
                gevent.sleep(0.2)

    def resize(self, disk):
        run("mount", "-o", f"remount,size={disk}", self.small.data)

    def used_bytes(self):
        disk = os.statvfs(self.small.data)
        return (disk.f_blocks - disk.f_bfree) * disk.f_frsize

    def close(self):
        for process in (*self.workloads, *(member.process for member in self.members.values())):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        self.client.close()

    def clear_disks(self):
        """What is stored need not be kept when nothing was found."""
        run("umount", self.small.data)
        for member in self.members.values():
            shutil.rmtree(member.data)


def read_log(path):
    """The records of a member's log, and the lines that are none: what nobody meant to say."""
    records, strange = [], []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            records.append(json.loads(line))
        except ValueError:
            strange.append(line)
    return records, strange
