"""One simulated run: a cluster of real nodes under virtual time, faults drawn from a seed, everything checked.

A run has two parts. First the faults rage while clients propose commands. Then everything is mended, and the cluster
must show that it is alive: elect a leader, commit a fresh command, bring all logs to the same end, and find every
command that was ever acknowledged. A run is a pure function of its settings.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from raft.reads import PATIENCE_TIMEOUTS

from .chance import Chance
from .climate import draw_climate, draw_mix
from .cluster import Cluster, described
from .cost import Meter
from .faults import KINDS
from .host import Host
from .injector import Injector
from .ledger import Ledger
from .lull import Lull
from .network import Weather
from .operator import Operator
from .past import give_past
from .reader import Reader
from .recovery import LONGEST_RECOVERY_S, Recovery
from .replacement import Replacement
from .session_workload import SessionClient
from .setting import draw_setting
from .shadow import InvariantError
from .traces.recording import TRACE_VERSION, Line, Recorder
from .usurper import Usurper
from .workload import Client

_PROMISE = re.compile("[A-Z][0-9]+")

USURPER_PAUSE_US = 20_000

COUNTED = (
    "events",
    "elections",
    "commits",
    "session_retries",
    "snapshots_installed",
    "membership_changes",
    "transfers",
    "reads",
    "lease_reads",
    "witness_degraded",
)
"""What a run counts, by the names of `Result`."""


@dataclass(frozen=True)
class Violation:
    """A broken promise.

    Attributes:
        seed: the seed of the run.
        invariant: the number of the promise in the contract.
        message: what was seen, and when.
    """

    seed: int
    invariant: str
    message: str


@dataclass
class Result:
    """What a run came to.

    Attributes:
        seed: its seed.
        events: how many events the scheduler executed.
        elections: how many leaders were elected.
        commits: the highest index committed.
        session_retries: how many commands were sent again, in their session, after an attempt that was in doubt.
        snapshots_installed: how many snapshots of a leader were installed.
        membership_changes: how many changes of membership were carried through.
        transfers: how many transfers of leadership succeeded.
        reads: how many reads were answered with a result.
        lease_reads: how many of them by a lease.
        witness_degraded: how often a leader began to send a witness its whole log.
        faults: how often each kind of fault struck.
        situations: how often it came to each rare situation, see `situations.py`.
        cost: seconds that each check took, if that was measured, see `cost.Meter`; differs from run to run.
        digest: of everything that happened, 32 hexadecimal digits.
        violation: the broken promise that ended the run, or None.
    """

    seed: int
    events: int = 0
    elections: int = 0
    commits: int = 0
    session_retries: int = 0
    snapshots_installed: int = 0
    membership_changes: int = 0
    transfers: int = 0
    reads: int = 0
    lease_reads: int = 0
    witness_degraded: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    situations: Counter[str] = field(default_factory=Counter)
    cost: dict[str, float] = field(default_factory=dict, compare=False)
    digest: str = ""
    violation: Violation | None = None


class Simulation:
    """A cluster under random faults, with clients, readers and an operator.

    Args:
        seed: decides everything that is left to chance.
        nodes: how many members, 1 to 9.
        faults: the kinds of faults that may happen, see `faults.KINDS`.
        seconds: how long the faults last, in virtual time.
        only: the keys of the only decisions that may be carried out before everything is mended, see `Ledger`; None
            for all.
        trace: called with every line of the trace, see docs/trace.md; None for no trace.
        climate: one of `climate.CLIMATES`; None to let the seed choose.
        meter: measures what the checks cost; None for not at all.
    """

    def __init__(
        self,
        seed: int,
        nodes: int = 5,
        faults: Sequence[str] = KINDS,
        seconds: float = 20,
        only: Collection[str] | None = None,
        trace: Callable[[Line], None] | None = None,
        climate: str | None = None,
        meter: Meter | None = None,
    ) -> None:
        self.seed = seed
        self._kinds = tuple(faults)
        self._seconds = seconds
        root = Chance(seed, Ledger(only))
        chance = root.fork("run")
        drawn = draw_climate(root.fork("climate"))
        self._mix = mix = draw_mix(root.fork("mix"), drawn if climate is None else climate, self._kinds)
        self.cluster = cluster = Cluster(root, draw_setting(root.fork("setting"), nodes, self._kinds, mix))
        self._meter = meter
        if meter is not None:
            meter.install(cluster)
        self.scheduler = cluster.scheduler
        self.network = cluster.network
        self.checker = cluster.checker
        self.faults = cluster.faults
        self.hosts = hosts = cluster.hosts
        self.leader = cluster.leader
        self.config = cluster.setting.config
        configuration = cluster.setting.configuration
        members = [host for host in hosts if host.id in configuration.members]
        if mix.past and not configuration.witnesses:
            give_past(root.fork("past"), {host.id: host.disk for host in members})
        pauses_us = (50_000, 200_000, 1_000_000)
        scheduler = self.scheduler
        record = cluster.record
        self.clients = [
            Client(name, scheduler, root.fork(name), hosts, chance.pick(pauses_us), record) for name in ("c1", "c2")
        ]
        self.session_clients = [
            SessionClient(name, scheduler, root.fork(name), hosts, chance.pick(pauses_us), record)
            for name in ("s1", "s2")
        ]
        pause_us = chance.pick(pauses_us)
        self.reader = Reader(scheduler, root.fork("reader"), hosts, pause_us, self._acknowledged_commands, record)
        self.operator = Operator(scheduler, root.fork("operator"), hosts, faults, self.leader, record)
        self._usurper: Usurper | None = None
        if mix.usurper and len(members) > 2:
            self._usurper = Usurper(cluster, self.reader.read_by_lease, self._propose_to, self._pause, self._hold)
        timeout_us = self.config.election_timeout_ms * 1000
        self._lull = Lull(scheduler, root.fork("lull"), timeout_us, self._fall_silent)
        if self.config.quiescent_timeouts and self._usurper is None:
            self._lull.begin()
        self._replacement = Replacement(scheduler, hosts, self.checker, self.operator, self.leader, timeout_us)
        self._injector = Injector(
            scheduler, root.fork("injector"), self.network, hosts, mix, timeout_us, self.leader, self._replacement
        )
        cluster.role_changed = self._role_changed
        cluster.storage_failed = self._injector.storage_failed
        if trace is not None:
            trace(self._header(only))
            recorder = Recorder(cluster, trace)
            if meter is not None:
                meter.install_recorder(recorder)

    def _header(self, only: Collection[str] | None) -> Line:
        """Return the line that a trace begins with: all that decides the run."""
        setting = self.cluster.setting
        parts = dict.fromkeys(setting.configuration.voters, "voter") | dict.fromkeys(setting.witnesses, "witness")
        return {
            "trace": "quorate",
            "version": TRACE_VERSION,
            "kind": "run",
            "seed": self.seed,
            "nodes": len(setting.configuration.voters),
            "faults": list(self._kinds),
            "seconds": self._seconds,
            "climate": self._mix.climate,
            "only": None if only is None else sorted(only),
            "members": [{"id": id, "part": parts.get(id, "spare")} for id in setting.ids],
            "election_timeout_ms": self.config.election_timeout_ms,
        }

    def _acknowledged_commands(self) -> int:
        clients: list[Client | SessionClient] = [*self.clients, *self.session_clients]
        return max(client.acknowledged_position for client in clients)

    def start(self) -> None:
        """Start every node. `run` does it by itself."""
        self.cluster.start()

    def advance(self, seconds: float) -> None:
        """Let virtual time pass.

        Raises:
            InvariantError: a promise was broken.
        """
        self.scheduler.run_until(self.scheduler.now_us + int(seconds * 1_000_000))

    def recover(self) -> None:
        """Mend everything, and hold the cluster to it: it must come back to life and have kept its word.

        Raises:
            InvariantError: it did not.
        """
        recovery = Recovery(self.cluster)
        self._heal(recovery)
        at_most_once = [command for client in self.session_clients for command in client.proposed]
        recovery.check_told([*self.clients, *self.session_clients], at_most_once)

    def close(self) -> None:
        """Stop every node."""
        self.cluster.close()

    def run(self) -> Result:
        """Run to the end, or to the first broken promise."""
        violation = None
        try:
            if self._meter is None:
                self._play()
            else:
                self._meter.run(self._play)
        except InvariantError as broken:
            violation = self._violation(broken.invariant, broken.message)
        except AssertionError as broken:
            # The assertions of the core begin with the promise that they guard.
            promise, _, message = str(broken).partition(": ")
            known = _PROMISE.fullmatch(promise) is not None
            violation = self._violation(promise if known else "failure", message if known else str(broken))
        except Exception as error:
            violation = self._violation("failure", f"a node failed with {described(error)}")
        finally:
            self.close()
        digest = self.cluster.final_digest()
        if self.cluster.trace is not None:
            if violation is not None:
                self.cluster.trace.record("violation", promise=violation.invariant, message=violation.message)
            self.cluster.trace.record("end", events=self.scheduler.events, digest=digest)
        return Result(
            seed=self.seed,
            events=self.scheduler.events,
            elections=self.checker.elections,
            commits=len(self.checker.committed) - 1,
            session_retries=sum(client.retries for client in self.session_clients),
            snapshots_installed=self.checker.installs,
            membership_changes=self.operator.changes,
            transfers=self.operator.transfers,
            reads=self.reader.readings.answered,
            lease_reads=sum(host.lease_reads for host in self.hosts),
            witness_degraded=self.cluster.witness_degraded,
            faults=self.faults,
            situations=self.cluster.situations.reached,
            cost={} if self._meter is None else dict(self._meter.seconds),
            digest=digest,
            violation=violation,
        )

    def _play(self) -> None:
        self.start()
        self.advance(self._seconds)
        self.recover()

    def _violation(self, invariant: str, message: str) -> Violation:
        return Violation(self.seed, invariant, f"{message} (at {self.scheduler.now_us / 1e6:.6f} s)")

    def _role_changed(self, host: Host, role: str) -> None:
        self._injector.role_changed(host, role)
        self.operator.role_changed(host, role)

    def _pause(self, paused: bool) -> None:
        """Let nobody propose anything or change members for a while, or go on."""
        for client in self.clients:
            client.paused = paused
        for asker in self.session_clients:
            asker.paused = paused
        self.operator.paused = paused

    def _fall_silent(self, silent: bool) -> None:
        """Let nobody ask for anything new for a while, or go on."""
        self._pause(silent)
        self.reader.paused = silent

    def _hold(self, held: bool) -> None:
        """Let no other faults happen for a while, or go on."""
        self._injector.held = held

    def _propose_to(self, host: Host) -> Callable[[], None]:
        """Begin to propose commands to a host; return what ends it."""
        cluster = self.cluster
        name = f"u{len(self.clients)}"
        client = Client(name, self.scheduler, cluster.chance.fork(name), self.hosts, USURPER_PAUSE_US, cluster.record)
        client.aim_at(host)
        self.clients.append(client)
        return client.stop

    # The end of a run

    def _heal(self, recovery: Recovery) -> None:
        """Mend everything; the cluster must come back to life.

        At first perhaps only a majority: members that are ahead in log but behind in term must find together. At the
        end messages are lost again, but nothing is proposed: what was lost must be sent again all the same.
        """
        self.cluster.chance.ledger.allow_all()
        if self.cluster.trace is not None:
            self.cluster.trace.record("heal")
        for client in self.clients:
            client.stop()
        for asker in self.session_clients:
            asker.stop()
        self.reader.stop()
        self.operator.stop()
        self._lull.stop()
        if self._usurper is not None:
            self._usurper.stop()
        self._fall_silent(False)
        self.network.weather = Weather()
        self.cluster.world.disk_speed.stall = 0.0
        self.cluster.world.busy = 0.0
        self._injector.stop(self.checker.configurations())
        recovery.elect()
        recovery.commit()
        answered_us = self.scheduler.now_us + LONGEST_RECOVERY_S * 1_000_000
        if not self.scheduler.run_until(answered_us, lambda: not any(client.waits for client in self.session_clients)):
            raise InvariantError(
                "C1", f"a command that is sent again and again has no answer in {LONGEST_RECOVERY_S} s"
            )
        self.network.weather = Weather(drop=0.1 if "drop" in self._kinds else 0.0)
        self._injector.start_all()
        replaced_us = self.scheduler.now_us + LONGEST_RECOVERY_S * 1_000_000
        if not self.scheduler.run_until(replaced_us, lambda: self._replacement.waiting is None):
            raise InvariantError("M6", f"a machine is not replaced by a new one in {LONGEST_RECOVERY_S} s")
        given_up_us = self.scheduler.now_us + 2 * PATIENCE_TIMEOUTS * self.config.election_timeout_ms * 1000
        if not self.scheduler.run_until(given_up_us, lambda: not self.reader.readings.unanswered):
            raise InvariantError("L1", f"a read at {self.reader.readings.unanswered} is never answered")
        # Last, since members that are still catching up may yet become some of those that must have everything.
        recovery.converge()
