"""One simulated run: a cluster of real nodes under virtual time, faults drawn from a seed, everything checked.

A run has two parts. First the faults rage while clients propose commands. Then everything is mended, and the cluster
must show that it is alive: elect a leader, commit a fresh command, bring all logs to the same end, and find every
command that was ever acknowledged. A run is a pure function of its settings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

from raft.reads import PATIENCE_TIMEOUTS

from .application import Application
from .caller import Caller
from .chance import Chance
from .climate import draw_climate, draw_mix
from .cluster import Cluster, described, place_of
from .cost import Meter
from .faults import KINDS
from .host import Host
from .injector import Injector
from .ledger import Ledger
from .lull import Lull
from .network import Weather
from .operator import Operator
from .past import give_past
from .processes import ClientProcess, Process, start_processes
from .programs import LATEST
from .recovery import LONGEST_RECOVERY_S, Recovery
from .replacement import Replacement
from .result import COUNTED, Result, SimulationFailed, Violation
from .rolling import RollingRestart
from .setting import draw_setting, set_power_loss
from .shadow import CommittedLost, InvariantError
from .traces.recording import TRACE_VERSION, Line, Recorder
from .trial import Trial, checked_kinds, checked_run
from .usurper import Usurper
from .workloads.proposer import Client
from .workloads.reader import Reader
from .workloads.session_client import SessionClient
from .workloads.store import Store
from .workloads.verdict import allowance_s
from .workloads.workload import Workload

__all__ = ["COUNTED", "Result", "Simulation", "SimulationFailed", "Violation"]

_PROMISE = re.compile("[A-Z][0-9]+")

USURPER_PAUSE_US = 20_000


class Simulation:
    """A cluster under random faults, with clients, readers and an operator.

    Users put a state machine of their own into it, and client processes that use it, see docs/simulate.md:

        Simulation(seed=7, machine=Account, clients=[spend, spend]).run().check()

    Args:
        seed: decides everything that is left to chance.
        nodes: how many members, 1 to 9.
        faults: the kinds of faults that may happen, see `faults.KINDS`; or "all", "none", or some of them with commas
            between.
        seconds: how long the faults last, in virtual time.
        only: the keys of the only decisions that may be carried out before everything is mended, see `Ledger`; None
            for all.
        trace: called with every line of the trace, see docs/trace.md; None for no trace.
        climate: one of `climate.CLIMATES`; None to let the seed choose.
        meter: measures what the checks cost; None for not at all.
        storage: what works on the disks, "model" or "real"; None to let the seed choose.
        machine: makes a state machine to be put to the test, usually a class (see `actors.ports.StateMachine`); called
            for each start of a node. The key-value store when there are clients and this is None.
        clients: processes that use it, generator functions of one argument, a `requests.SimClient`.
        invariant: called with a node's machine after each turn in which that has changed; raises or returns False when
            something is wrong.
        at_end: the same, called for every member at the end, when all is mended and all have the same log.
        sync: when the disks sync entries, see `actors.storage.policy.SyncPolicy`; None to let the seed choose, or for
            `always` with a machine or clients of users. Where committed entries are lost as the policy allows, the run
            ends, see `Result.lost`.

    Raises:
        InvalidConfig: when an argument is out of its bounds.
    """

    def __init__(
        self,
        seed: int,
        nodes: int = 5,
        faults: Sequence[str] | str = KINDS,
        seconds: float = 20,
        only: Collection[str] | None = None,
        trace: Callable[[Line], None] | None = None,
        climate: str | None = None,
        meter: Meter | None = None,
        storage: str | None = None,
        *,
        machine: Callable[[], Any] | None = None,
        clients: Sequence[ClientProcess] = (),
        invariant: Callable[[Any], object] | None = None,
        at_end: Callable[[Any], object] | None = None,
        sync: str | None = None,
    ) -> None:
        self.seed = seed
        checked_run(seed, nodes, seconds, climate, storage)
        self._kinds = checked_kinds(faults)
        self._seconds = seconds
        self._trial = trial = Trial(machine, tuple(clients), invariant, at_end)
        root = Chance(seed, Ledger(only))
        chance = root.fork("run")
        drawn = draw_climate(root.fork("climate"))
        self._mix = mix = draw_mix(root.fork("mix"), drawn if climate is None else climate, self._kinds)
        application = trial.application() if trial else Application(Store)
        setting = draw_setting(root.fork("setting"), nodes, self._kinds, mix, application, bool(trial), sync, storage)
        self.cluster = cluster = Cluster(root, setting)
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
        self._sync = sync
        set_power_loss(root.fork("power"), hosts)
        scheduler = self.scheduler
        record = cluster.record
        plain, in_session = ((), ()) if trial else (("c1", "c2"), ("s1", "s2"))
        self.clients = [
            Client(name, scheduler, root.fork(name), hosts, chance.pick(pauses_us), record) for name in plain
        ]
        self.session_clients = [
            SessionClient(name, scheduler, root.fork(name), hosts, chance.pick(pauses_us), record)
            for name in in_session
        ]
        self.workload: Workload | None = None
        if not trial:
            self.workload = Workload(
                root.fork("workload"),
                lambda: self.scheduler.now_us / 1_000_000,
                allowance_s(self.config),
                cluster.setting.drift_ppm,
            )
        self.processes = start_processes(self.workload.clients if self.workload else trial.clients, cluster)
        pause_us = chance.pick(pauses_us)
        self.reader = Reader(scheduler, root.fork("reader"), hosts, pause_us, self._acknowledged_commands, record)
        self.operator = Operator(scheduler, root.fork("operator"), hosts, self._kinds, self.leader, record)
        self._usurper: Usurper | None = None
        if mix.usurper and len(members) > 2 and not hosts[0].disk.forgets:
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
            "seconds": float(self._seconds),
            "climate": self._mix.climate,
            "sync": setting.policy.text,
            "storage": setting.storage,
            "only": None if only is None else sorted(only),
            **({"machine": self._trial.machine_name} if self._trial else {}),
            "members": [{"id": id, "part": parts.get(id, "spare")} for id in setting.ids],
            "election_timeout_ms": self.config.election_timeout_ms,
        }

    def _acknowledged_commands(self) -> int:
        callers = [process.caller for process in self.processes]
        clients: list[Client | SessionClient | Caller] = [*self.clients, *self.session_clients, *callers]
        return max([client.acknowledged_position for client in clients], default=0)

    @property
    def _replay(self) -> str:
        """What runs the same again: a command, or with a machine of users a piece of Python."""
        nodes = len(self.cluster.setting.configuration.voters)
        kinds = ",".join(self._kinds) or "none"
        if not self._trial and self._sync is None:
            command = f"quorate sim run --seed {self.seed} --nodes {nodes} --faults {kinds} --seconds {self._seconds!r}"
            return f"{command} --climate {self._mix.climate} --storage {self.cluster.setting.storage}"
        run = f"{self.seed}, {nodes}, {('all' if self._kinds == KINDS else kinds)!r}, {self._seconds!r}"
        given = f", climate={self._mix.climate!r}, sync={self._sync!r}" if self._sync is not None else ""
        return f"Simulation({run}{self._trial.shown() if self._trial else ''}{given}).run()"

    @property
    def decisions(self) -> list[str]:
        """The keys of the decisions that were carried out before everything was mended, see `Ledger`."""
        return self.cluster.chance.ledger.keys

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
        callers = [process.caller for process in self.processes]
        retrying: list[SessionClient | Caller] = [*self.session_clients, *callers]
        at_most_once = [command for client in retrying for command in client.proposed]
        recovery.check_told([*self.clients, *retrying], at_most_once)
        self.cluster.setting.application.ended(recovery.settled)
        if self.workload is not None:
            self.workload.ended(next(host.machine.inner for host in recovery.settled if not host.is_witness))

    def close(self) -> None:
        """Stop every node."""
        self.cluster.close()

    def run(self) -> Result:
        """Run to the end, or to the first broken promise."""
        violation = lost = None
        try:
            if self._meter is None:
                self._play()
            else:
                self._meter.run(self._play)
        except CommittedLost as loss:
            self.faults["lost-commit"] += 1
            lost = f"{loss.message} (at {self.scheduler.now_us / 1e6:.6f} s)"
        except InvariantError as broken:
            violation = self._violation(broken.invariant, broken.message, broken.node, broken.place, broken.__cause__)
        except Exception as error:
            # The assertions of the core begin with the promise that they guard.
            promise, _, message = str(error).partition(": ")
            if isinstance(error, AssertionError) and _PROMISE.fullmatch(promise):
                violation = self._violation(promise, message)
            else:
                violation = self._violation("failure", f"failed with {described(error)}", place=place_of(error))
        finally:
            self.close()
        digest = self.cluster.final_digest()
        if self.cluster.trace is not None:
            if violation is not None:
                seen = {"promise": violation.invariant, "message": violation.message, "node": violation.node}
                self.cluster.trace.record("violation", **seen)
            self.cluster.trace.record("end", events=self.scheduler.events, digest=digest)
        return Result(
            seed=self.seed,
            events=self.scheduler.events,
            elections=self.checker.elections,
            commits=len(self.checker.committed) - 1,
            session_retries=sum(client.retries for client in self.session_clients)
            + sum(process.caller.retries for process in self.processes),
            snapshots_installed=self.checker.installs,
            membership_changes=self.operator.changes,
            transfers=self.operator.transfers,
            reads=self.reader.readings.answered,
            lease_reads=sum(host.lease_reads for host in self.hosts),
            witness_degraded=self.cluster.witness_degraded,
            operations=0 if self.workload is None else len(self.workload.history.operations),
            undecided_keys=0 if self.workload is None else self.workload.undecided,
            model="" if self.workload is None else self.workload.model,
            faults=self.faults,
            situations=self.cluster.situations.reached,
            cost={} if self._meter is None else dict(self._meter.seconds),
            digest=digest,
            violation=violation,
            lost=lost,
            replay=self._replay,
        )

    def _play(self) -> None:
        self.start()
        self.advance(self._seconds)
        self.recover()

    def _violation(
        self,
        invariant: str,
        message: str,
        node: str | None = None,
        place: str | None = None,
        cause: BaseException | None = None,
    ) -> Violation:
        moment = f"{message} (at {self.scheduler.now_us / 1e6:.6f} s)"
        return Violation(self.seed, invariant, moment, node, place, cause)

    def _role_changed(self, host: Host, role: str) -> None:
        self._injector.role_changed(host, role)
        self.operator.role_changed(host, role)

    def _pause(self, paused: bool) -> None:
        """Let nobody propose anything or change members for a while, or go on."""
        for client in self.clients:
            client.paused = paused
        for asker in self.session_clients:
            asker.paused = paused
        for process in self.processes:
            process.paused = paused
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

    def _upgrade_all(self) -> None:
        """Put the latest program on every machine, in half of the runs in which programs differ."""
        cluster = self.cluster
        chance = cluster.chance.fork("upgrade")
        if not cluster.programs.differ or chance.happens(0.5):
            return
        for host in self.hosts:
            cluster.programs.upgrade(host.id, LATEST)
        timeout_us = self.config.election_timeout_ms * 1000
        rolling = RollingRestart(self.scheduler, self.hosts, timeout_us)
        rolling.begin(chance.shuffle(self.hosts), chance.happens(0.7), timeout_us // 10, timeout_us)
        longest_us = self.scheduler.now_us + LONGEST_RECOVERY_S * 1_000_000
        self.scheduler.run_until(longest_us, lambda: not rolling.is_under_way)

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
        for process in self.processes:
            process.stop()
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
        askers: list[SessionClient | Process] = [*self.session_clients, *self.processes]
        answered_us = self.scheduler.now_us + LONGEST_RECOVERY_S * 1_000_000
        if not self.scheduler.run_until(answered_us, lambda: not any(asker.waits for asker in askers)):
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
        self._upgrade_all()
        recovery.raise_level()
        # Last, since members that are still catching up may yet become some of those that must have everything.
        recovery.converge()
