"""One simulated run: a cluster of real nodes under virtual time, faults drawn from a seed, everything checked.

A run has two parts. First the faults rage while clients propose commands. Then everything is mended, and the cluster
must show that it is alive: elect a leader, commit a fresh command, bring all logs to the same end, and find every
command that was ever acknowledged. A run is a pure function of its settings.
"""

from __future__ import annotations

import hashlib
import re
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from raft.config import Config
from raft.leader import Leader
from raft.membership import Configuration
from raft.messages import Message
from raft.quorum import majority

from .chance import Chance
from .faults import KINDS, Injector, draw_busy, draw_disk_speed, draw_weather
from .host import Host, Machine, World
from .invariants import Checker
from .network import Network, Weather
from .past import give_past
from .scheduler import Scheduler
from .shadow import InvariantError
from .workload import Client

_PROMISE = re.compile("[A-Z][0-9]+")

HEALING_TIMEOUTS = 20
"""Within how many election timeouts of healing a cluster must have a leader (contract E4)."""

LONGEST_RECOVERY_S = 600
"""How much virtual time a healed cluster may take, however slowly it gets further."""


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
        faults: how often each kind of fault struck.
        digest: of everything that happened, 32 hexadecimal digits.
        violation: the broken promise that ended the run, or None.
    """

    seed: int
    events: int = 0
    elections: int = 0
    commits: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    digest: str = ""
    violation: Violation | None = None


class Simulation:
    """A cluster in a box.

    Args:
        seed: decides everything that is left to chance.
        nodes: how many members, 1 to 9.
        faults: the kinds of faults that may happen, see `faults.KINDS`.
        seconds: how long the faults last, in virtual time.
    """

    def __init__(self, seed: int, nodes: int = 5, faults: Sequence[str] = KINDS, seconds: float = 20) -> None:
        self.seed = seed
        self.scheduler = Scheduler()
        self.chance = chance = Chance(seed)
        self.faults: Counter[str] = Counter()
        self._kinds = tuple(faults)
        self._seconds = seconds
        election_timeout_ms = chance.pick((150, 300, 1000))
        self.config = Config(
            election_timeout_ms=election_timeout_ms,
            heartbeat_interval_ms=election_timeout_ms // chance.pick((3, 5, 10)),
            max_append_entries=chance.pick((1, 4, 1024)),
            max_append_bytes=chance.pick((64, 512, 262_144)),
            window_messages=chance.pick((1, 3, 64)),
            window_bytes=chance.pick((200, 1 << 22)),
            max_entry_bytes=chance.pick((300, 1 << 23)),
            max_uncommitted_bytes=chance.pick((2_000, 1 << 26)),
            max_apply_entries=chance.pick((2, 4096)),
            snapshot_entries=chance.pick((10, 100, 10_000)),
            snapshot_tail_entries=chance.pick((0, 10, 1000)),
            snapshot_chunk_bytes=chance.pick((50, 1000, 262_144)),
        )
        configuration = Configuration(tuple(f"n{number}" for number in range(1, nodes + 1)))
        self.checker = Checker(configuration, election_timeout_ms)
        weather = draw_weather(chance, faults)
        self.network = Network(self.scheduler, chance, weather, self._deliver, self.faults)
        self._digest = hashlib.blake2b(digest_size=16)
        world = World(
            scheduler=self.scheduler,
            chance=chance,
            network=self.network,
            checker=self.checker,
            configuration=configuration,
            config=self.config,
            disk_speed=draw_disk_speed(chance, faults),
            busy=draw_busy(chance, faults),
            faults=self.faults,
            make_machine=Machine,
            turn_ended=self._turn_ended,
            record=self._record,
            role_changed=self._role_changed,
            broke=self._broke,
        )
        self._world = world
        self.hosts = [Host(id, number, world) for number, id in enumerate(configuration.members)]
        self._host = {host.id: host for host in self.hosts}
        if "crash" in self._kinds and chance.happens(0.3):
            give_past(chance, {host.id: host.disk for host in self.hosts})
        self.clients = [self._client(f"c{number}", chance.pick((50_000, 200_000, 1_000_000))) for number in range(1, 4)]
        self._injector = Injector(self.scheduler, chance, self.network, self.hosts, faults, self.leader, self.faults)

    def leader(self) -> Host | None:
        """Return the running host that leads the highest term, or None."""
        leaders = [host for host in self.hosts if host.actor is not None and isinstance(host.node.role, Leader)]
        return max(leaders, key=lambda host: host.node.term, default=None)

    def start(self) -> None:
        """Start every node. `run` does it by itself."""
        for host in self.hosts:
            host.start()

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
        self._heal()
        self._check_acknowledged()

    def close(self) -> None:
        """Stop every node."""
        for host in self.hosts:
            if host.actor is not None:
                host.actor.kill()

    def run(self) -> Result:
        """Run to the end, or to the first broken promise."""
        violation = None
        try:
            self.start()
            self.advance(self._seconds)
            self.recover()
        except InvariantError as broken:
            violation = self._violation(broken.invariant, broken.message)
        except AssertionError as broken:
            # The assertions of the core begin with the promise that they guard.
            promise, _, message = str(broken).partition(": ")
            known = _PROMISE.fullmatch(promise) is not None
            violation = self._violation(promise if known else "failure", message if known else str(broken))
        except Exception as error:
            violation = self._violation("failure", f"a node failed with {_describe(error)}")
        finally:
            self.close()
        return Result(
            seed=self.seed,
            events=self.scheduler.events,
            elections=self.checker.elections,
            commits=len(self.checker.committed) - 1,
            faults=self.faults,
            digest=self._final_digest(),
            violation=violation,
        )

    def _final_digest(self) -> str:
        """Return the digest, with what became of every log: their contents, entry by entry."""
        for host in self.hosts:
            for entry in host.disk.entries:
                self._record(host.id, entry)
            self._record(host.id, host.machine.commands)
        self._record(sorted(self.faults.items()), self.scheduler.events)
        return self._digest.hexdigest()

    def _violation(self, invariant: str, message: str) -> Violation:
        return Violation(self.seed, invariant, f"{message} (at {self.scheduler.now_us / 1e6:.6f} s)")

    def _client(self, name: str, mean_pause_us: int) -> Client:
        return Client(name, self.scheduler, self.chance, self.hosts, mean_pause_us, self._record)

    # What the hosts and the clients report

    def _record(self, *what: object) -> None:
        """Take something that happened into the digest."""
        self._digest.update(repr((self.scheduler.now_us, what)).encode())

    def _deliver(self, receiver: str, message: Message) -> None:
        self._host[receiver].receive(message)

    def _turn_ended(self, host: Host) -> None:
        """Check the host, and take its state and the time into the digest."""
        self.checker.turn_ended(host)
        node = host.node
        log = node.log
        line = (
            f"{self.scheduler.now_us} {host.id} {node.term} {node.vote} {node.role.name} {node.role.leader} "
            f"{log.last_index} {log.commit_index} {log.applied_index} {log.durable_index}\n"
        )
        self._digest.update(line.encode())

    def _role_changed(self, host: Host, role: str) -> None:
        self._injector.role_changed(host, role)

    def _broke(self, id: str, error: Exception) -> None:
        """A node stopped with an error; nothing that the simulator does to it allows that."""
        if isinstance(error, (InvariantError, AssertionError)):
            raise error
        raise InvariantError("failure", f"{id} stopped with {_describe(error)}")

    # The end of a run

    def _heal(self) -> None:
        """Mend everything; the cluster must come back to life.

        At first perhaps only a majority: members that are ahead in log but behind in term must find together. At the
        end messages are lost again, but nothing is proposed: what was lost must be sent again all the same.
        """
        for client in self.clients:
            client.stop()
        self.network.weather = Weather()
        self._world.disk_speed.stall = 0.0
        self._world.busy = 0.0
        self._injector.stop()
        timeout_us = self.config.election_timeout_ms * 1000
        deadline = self.scheduler.now_us + HEALING_TIMEOUTS * timeout_us
        if not self.scheduler.run_until(deadline, self._majority_has_leader):
            raise InvariantError("E4", f"no leader within {HEALING_TIMEOUTS} election timeouts of healing")
        fresh = self._client("fresh", timeout_us // 10)
        self._run_while_alive(lambda: bool(fresh.acknowledged), "a fresh command is not committed")
        fresh.stop()
        self.network.weather = Weather(drop=0.1 if "drop" in self._kinds else 0.0)
        self._injector.start_all()
        self._run_while_alive(self._converged, "the logs differ")

    def _run_while_alive(self, done: Callable[[], bool], complaint: str) -> None:
        """Run until something is done. With a long backlog it may take its time, but not stand still."""
        patience_us = 10 * self.config.election_timeout_ms * 1000
        latest_us = self.scheduler.now_us + LONGEST_RECOVERY_S * 1_000_000
        reached = -1
        while not self.scheduler.run_until(self.scheduler.now_us + patience_us, done):
            before, reached = reached, sum(self._reached(host) for host in self.hosts)
            if reached == before:
                raise InvariantError("R5", f"{complaint}, and nobody got further within 10 election timeouts")
            if self.scheduler.now_us > latest_us:
                raise InvariantError("R5", f"{complaint} within {LONGEST_RECOVERY_S} s")

    def _majority_has_leader(self) -> bool:
        """Whether a majority follows one leader in its term: a leader of before the healing may be nobody's."""
        leader = self.leader()
        if leader is None:
            return False
        followers = [
            host
            for host in self.hosts
            if host.actor is not None and host.node.term == leader.node.term and host.node.role.leader == leader.id
        ]
        return len(followers) >= majority(len(self.hosts))

    def _reached(self, host: Host) -> int:
        """Return a number that rises whenever a node gets further in any way."""
        node = host.node
        download = node.snapshots.download
        downloaded = download.size_bytes if download is not None else 0
        return node.log.durable_index + node.log.applied_index + downloaded

    def _converged(self) -> bool:
        first = self.hosts[0]
        last_index = first.node.log.last_index
        chain = self.checker.chain_of(first)
        return all(
            host.node.log.applied_index == last_index and self.checker.chain_of(host) == chain for host in self.hosts
        )

    def _check_acknowledged(self) -> None:
        for host in self.hosts:
            times = Counter(host.machine.commands)
            for client in self.clients:
                for command, position in client.acknowledged:
                    if times[command] != 1:
                        raise InvariantError("S5", f"acknowledged {command!r} is {times[command]} times on {host.id}")
                    if not isinstance(position, int) or host.machine.commands[position - 1] != command:
                        raise InvariantError("S5", f"{command!r} was answered {position!r}, another command's result")
                for command in client.refused:
                    if times[command]:
                        raise InvariantError("C2", f"refused {command!r} was applied on {host.id}")


def _describe(error: Exception) -> str:
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})"
