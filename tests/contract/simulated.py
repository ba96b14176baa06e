"""The cluster under test as the simulator has it: virtual time, machines that lose power, every promise checked.

A test calls, and blocks; while it does, events happen. Of functions that run together each is a greenlet, which goes on
when what it waits for has come. Nothing else decides who goes on, so a run is the same each time.
"""

from __future__ import annotations

import os
from functools import partial

from greenlet import getcurrent, greenlet

from actors import results
from actors.errors import Unavailable
from actors.kv_calls import KeyValueCalls
from actors.session_commands import in_session, register
from actors.session_table import SessionLimits
from actors.stale_read import StaleRead
from raft.actor import LINEARIZABLE, STALE
from raft.changes import LEARNER, VOTER, Change
from raft.config import Config
from raft.errors import (
    ChangeInProgress,
    NotLeader,
    OutcomeUnknown,
    Overloaded,
    ReadFailed,
    TermNotCommitted,
    TransferInProgress,
)
from raft.membership import Configuration
from tests.contract.port import SNAPSHOT_ENTRIES, TAIL_ENTRIES, Capability, Cluster, Seen, T, told
from tests.transport_zmq.machines import CountingStore
from transport_sim import cluster as simulated
from transport_sim.application import Application
from transport_sim.caller import Caller
from transport_sim.chance import Chance
from transport_sim.disk import DiskSpeed
from transport_sim.machine import Query, addressed
from transport_sim.network import Weather
from transport_sim.recovery import Recovery
from transport_sim.requests import Call
from transport_sim.requests import Query as ReadRequest
from transport_zmq.report import report

SPARES = 4
PATIENCE_S = 5.0  # what waits in the mailbox of a member that is killed is never answered
PAUSE_S = 0.05
BUSY = (NotLeader, ChangeInProgress, Overloaded, TermNotCommitted, TransferInProgress, OutcomeUnknown)
MACHINE = CountingStore()  # for its encoding of results


class SimulatedCluster(Cluster):
    """A cluster under virtual time.

    Args:
        seed: decides timeouts, latencies and what is left of writes under way when a machine loses power; that of
            `QUORATE_CONTRACT_SEED` when None, else 1.
        session_timeout_ms: how long a session lasts.
    """

    capabilities = frozenset(Capability)

    def __init__(self, seed=None, session_timeout_ms=3_600_000):
        super().__init__()
        ids = [f"n{number}" for number in range(1, 4 + SPARES)]
        self._limits = SessionLimits(timeout_ms=session_timeout_ms)
        self._config = Config(
            election_timeout_ms=300,
            heartbeat_interval_ms=50,
            snapshot_entries=SNAPSHOT_ENTRIES,
            snapshot_tail_entries=TAIL_ENTRIES,
        )
        self.election_timeout_s = self._config.election_timeout_ms / 1000
        setting = simulated.Setting(
            ids=ids,
            configuration=Configuration(tuple(ids[:3])),
            witnesses=(),
            config=self._config,
            limits=self._limits,
            weather=Weather(),
            disk_speed=DiskSpeed(),
            application=Application(CountingStore),
        )
        self._chance = Chance(int(os.environ.get("QUORATE_CONTRACT_SEED", "1")) if seed is None else seed)
        self._cluster = simulated.Cluster(self._chance, setting)
        self._scheduler = self._cluster.scheduler
        self._callers = []
        self._test = getcurrent()
        self._waiting = {}  # greenlet: what it waits for, a list that is filled then
        self._cluster.start()

    def close(self):
        """Lets the cluster come to rest, holds it to all its promises, and ends it."""
        try:
            self.heal()
            configuration = self._cluster.host(self.wait_for_leader()).node.configuration
            self.restart(*[id for id in configuration.members if not self.runs(id)])
            recovery = Recovery(self._cluster)
            recovery.elect()
            recovery.commit()
            recovery.converge()
            recovery.check_told(self._callers, [command for caller in self._callers for command in caller.proposed])
            self._cluster.setting.application.ended(recovery.settled)
        finally:
            self.discard()

    def discard(self):
        """Ends it without a look."""
        self._cluster.close()

    # Time

    def now_s(self):
        return self._scheduler.now_us / 1_000_000

    def sleep(self, seconds):
        self._await(lambda done: self._scheduler.after(int(seconds * 1_000_000), done, None, None), seconds + 1)

    def together(self, *functions):
        greenlets = [greenlet(function) for function in functions]
        for each in greenlets:
            each.switch()
        while self._waiting:
            self._run(lambda: any(self._waiting.values()))
            for each in [each for each in greenlets if self._waiting.get(each)]:
                each.switch()

    def _await(self, start, patience_s=PATIENCE_S):
        """Starts something, waits until it is done or time is up, and returns the error and the result it came to."""
        outcome = []

        def done(error, result):
            if not outcome:
                outcome.append((error, result))

        start(done)
        self._scheduler.after(int(patience_s * 1_000_000), done, OutcomeUnknown("no answer"), None)
        current = getcurrent()
        if current is self._test:
            self._run(lambda: bool(outcome))
        else:
            self._waiting[current] = outcome
            self._test.switch()
            del self._waiting[current]
        return outcome[0]

    def _run(self, condition):
        assert self._scheduler.run_until(self._scheduler.now_us + 1_000_000_000, condition), "nothing ever happens"

    # Clients

    def client(self):
        name = f"client{len(self._callers) + 1}"
        caller = Caller(
            name,
            self._scheduler,
            self._chance.fork(name),
            self._cluster.hosts,
            self._limits,
            MACHINE.decode_result,
            self._cluster.record,
        )
        self._callers.append(caller)
        return SimulatedClient(caller, self._await, self._read_at)

    def open_session(self):
        return self._by_the_leader(lambda host, done: host.propose(register(), done)).value

    def apply_in_session(self, session, sequence, command):
        marked = addressed(f"session-{session}-{sequence}", command)  # the same whenever it is sent
        data = in_session(session, sequence, sequence, marked)
        reply = self._by_the_leader(lambda host, done: host.propose(data, done))
        return told(reply, session, lambda value: MACHINE.decode_result(results.decode(value)[1]))

    def _read_at(self, node, query, consistency, timeout_s):
        deadline_s = self.now_s() + timeout_s
        host = self._cluster.host(node)
        while True:
            patience_s = max(0.0, deadline_s - self.now_s())
            runs = host.actor is not None
            if runs:
                error, result = self._await(lambda done: host.read(consistency, done, Query(query)), patience_s)
                if error is None:
                    return result
                if not isinstance(error, (ReadFailed, OutcomeUnknown)):
                    raise error
            if self.now_s() >= deadline_s:
                raise Unavailable("nobody served the read", timeout_s, {node: str(error) if runs else "down"})
            self.sleep(PAUSE_S)

    # Members

    @property
    def members(self):
        return tuple(host.id for host in self._cluster.hosts if host.starts)

    def runs(self, id):
        return self._cluster.host(id).actor is not None

    def look_at(self, id):
        return Seen.of(report(self._cluster.host(id).node.status())) if self.runs(id) else None

    def kill(self, *ids):
        for id in ids:
            self._cluster.host(id).crash()

    def restart(self, *ids):
        for id in ids:
            self._cluster.host(id).start()

    def stop(self, id):
        if self.leader() == id:
            self._by_the_leader(lambda host, done: host.transfer(None, done))
        self._cluster.host(id).stop()

    def silence(self, *ids):
        everybody = [host.id for host in self._cluster.hosts]
        for id in ids:
            for other in everybody:
                if other != id:
                    self.cut(id, other)
                    self.cut(other, id)

    def cut(self, sender, receiver):
        self._cluster.network.cut = self._cluster.network.cut.union([(sender, receiver)])

    def heal(self):
        self._cluster.network.heal()

    def transfer(self, to):
        return self._by_the_leader(lambda host, done: host.transfer(to, done))

    def add(self, *, learner=False):
        host = next(host for host in self._cluster.hosts if not host.starts or self._is_new(host))
        if host.actor is None:
            host.start()
        part = LEARNER if learner else VOTER
        self.change(Change(host.id, part, f"{host.id}:7000", host.disk.incarnation))
        return host.id

    def _is_new(self, host):
        return host.joins and host.disk.is_new

    def change(self, *changes):
        self._by_the_leader(lambda host, done: host.change(list(changes), done))

    def lose_disk(self, id):
        self._cluster.host(id).lose_disk(joins=False)
        self._terms.pop(id, None)

    def _by_the_leader(self, ask):
        """Asks whoever leads, again and again, until it is done."""
        deadline_s = self.now_s() + T
        while True:
            host = self._cluster.leader()
            if host is None:
                error, result = NotLeader(None), None
            else:
                error, result = self._await(partial(ask, host))
            if error is None:
                return result
            if not isinstance(error, BUSY) or self.now_s() > deadline_s:
                raise error
            self.sleep(PAUSE_S)


class SimulatedClient(KeyValueCalls):
    """A client in virtual time, which does one thing at a time."""

    def __init__(self, caller, wait, read_at):
        self._caller = caller
        self._wait = wait
        self._read_at = read_at

    def propose(self, command, timeout=T, *, session=True):
        return self._asked(partial(self._caller.call, Call(command, timeout, session)), timeout)

    def read(self, query, timeout=T, *, consistency=LINEARIZABLE, node=None):
        if node is not None:
            return self._read_at(node, query, consistency, timeout)
        return self._asked(partial(self._caller.read, ReadRequest(query, consistency, timeout)), timeout)

    def read_stale(self, query, timeout=T, *, node=None):
        if node is None:
            return self.read(query, timeout, consistency=STALE)
        value, staleness_ms = self._read_at(node, query, STALE, timeout)
        return StaleRead(value, None if staleness_ms is None else staleness_ms / 1000)

    def _asked(self, start, timeout):
        error, result = self._wait(start, timeout + 1)
        if error is not None:
            raise error
        return result

    def waiter(self, timeout=5.0):
        raise AssertionError("simulated clients ask and do not wait for changes; no test here may")

    def _check_key_value(self):
        pass
