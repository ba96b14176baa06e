"""Scripted runs: a real cluster under virtual time and all checks, to which exactly what the script says happens.

    with Scenario(nodes=3, seed=7, lease_promise_ms=1000) as cluster:
        cluster.elect("n1")
        cluster.isolate("n1")
        cluster.run_until(lambda: cluster.leader() != "n1")
        cluster.expect_success(cluster.propose())

At the end of the block everything is mended: the cluster must come back to life and have kept its word. A run is a pure
function of its script. When something is not as expected, the error tells the story so far.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any

from actors.session_commands import plain
from actors.session_table import APPLIED, Reply
from raft.actor import LINEARIZABLE, STALE
from raft.changes import LEARNER, REMOVED, VOTER, Change
from raft.errors import ProposalRefused

from .host import Host
from .recovery import Recovery
from .shadow import InvariantError
from .stage import Stage
from .workloads.reader import Readings


class Outcome:
    """What becomes of something that was asked for.

    Attributes:
        what: what it is.
        settled: whether there is an answer.
        error: the one that it was answered with, or None.
        result: what it was answered with.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self.settled = False
        self.error: Exception | None = None
        self.result: object = None

    @property
    def succeeded(self) -> bool:
        """Whether it was answered, and with no error."""
        return self.settled and self.error is None

    def settle(self, error: Exception | None, result: object) -> None:
        """Note the answer."""
        self.settled = True
        self.error = error
        self.result = result

    def __repr__(self) -> str:
        return f"{self.what}: {self.error or self.result!r}" if self.settled else f"{self.what}: no answer yet"


class Scenario(Stage):
    """A cluster that does nothing but what it is told to.

    Args:
        nodes: how many first members: n1, n2, …
        spares: how many machines stand by, with the next numbers.
        setup: see `Stage`.

    Attributes:
        acknowledged: the commands that were answered with a result, and the results.
        refused: those that certainly did not take effect.
    """

    def __init__(self, nodes: int = 3, spares: int = 0, **setup: Any) -> None:
        super().__init__(nodes, spares, **setup)
        self.acknowledged: list[tuple[bytes, object]] = []
        self.refused: list[bytes] = []
        self._readings = Readings(lambda: self._acknowledged_position, self._cluster.record)
        self._acknowledged_position = 0
        self._proposed = 0
        self._recovered = False

    def __enter__(self) -> Scenario:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is None and not self._recovered:
                self.recover()
        except InvariantError as broken:
            self._annotate(broken)
            raise
        finally:
            self._cluster.close()
        if isinstance(error, InvariantError):
            self._annotate(error)

    # Electing

    def elect(self, id: str | None = None, without: Sequence[str] = ()) -> str:
        """Run until somebody leads whom everybody follows, or else this one; return who it is.

        Args:
            id: who shall lead; by a transfer, if it is not elected by itself.
            without: members that run, and need not follow.
        """
        self.run_until(lambda: self._leads_all(without), what="a leader whom everybody follows")
        elected = self._leading().id
        if id is None or elected == id:
            return elected
        self.expect_success(self.transfer(id))
        self.run_until(lambda: self.leader() == id and self._leads_all(without), what=f"the reign of {id}")
        return id

    def _leads_all(self, without: Sequence[str] = ()) -> bool:
        leader = self._cluster.leader()
        if leader is None:
            return False
        node = leader.node
        last_index = node.log.last_index
        return all(
            host.node.term == node.term and host.node.log.applied_index == last_index
            for host in (self.host(id) for id in node.configuration.members if id not in without)
            if host.actor is not None
        )

    # Asking

    def propose(self, at: str | None = None, size: int = 0) -> Outcome:
        """Propose a command, no two of which are equal, to the leader or another member."""
        host = self._at(at)
        self._proposed += 1
        command = b"command %d" % self._proposed + b"." * size
        outcome = Outcome(f"command {self._proposed} at {host.id}")

        def reply(error: Exception | None, result: object) -> None:
            self._cluster.record(command, error, result)
            if isinstance(error, ProposalRefused):
                self.refused.append(command)
            elif error is None:
                if not isinstance(result, Reply) or result.outcome != APPLIED or not isinstance(result.value, int):
                    raise InvariantError("S5", f"{command!r} is answered {result!r}, another entry's result")
                self.acknowledged.append((command, result.value))
                self._acknowledged_position = max(self._acknowledged_position, result.value)
            outcome.settle(error, result)

        return self._asked(outcome, host.propose(plain(command), reply))

    def read(self, at: str | None = None, consistency: str = LINEARIZABLE) -> Outcome:
        """Read how many commands the state machine was given; that no read is stale is checked."""
        host = self._at(at)
        outcome = Outcome(f"a {consistency} read at {host.id}")
        if consistency == STALE:
            return self._asked(outcome, host.read(STALE, outcome.settle))
        return self._asked(outcome, self._readings.read(host, consistency, outcome.settle))

    def transfer(self, to: str | None = None, at: str | None = None) -> Outcome:
        """Ask the leader to hand over."""
        host = self._at(at)
        outcome = Outcome(f"the transfer from {host.id} to {to or 'anybody'}")
        self._tell(f"{host.id} is asked to hand over to {to or 'anybody'}")
        return self._asked(outcome, host.transfer(to, outcome.settle))

    def change(self, *changes: Change, at: str | None = None) -> Outcome:
        """Ask the leader to change the members; machines that are to join are started."""
        host = self._at(at)
        for change in changes:
            if change.part != REMOVED and not self.runs(change.member):
                self.restart(change.member)
        outcome = Outcome(f"the change {list(changes)!r}")
        self._tell(f"{host.id} is asked for {list(changes)!r}")
        return self._asked(outcome, host.change(list(changes), outcome.settle))

    def joining(self, id: str, part: str = VOTER) -> Change:
        """Return the change by which a machine takes part, as the incarnation that its disk holds."""
        host = self.host(id)
        return Change(id, part, f"{id}:7000", host.disk.incarnation, host.is_witness)

    def add(self, *ids: str) -> Outcome:
        """Ask for new voters."""
        return self.change(*[self.joining(id) for id in ids])

    def add_learner(self, id: str) -> Outcome:
        """Ask for a new learner."""
        return self.change(self.joining(id, LEARNER))

    def promote(self, *ids: str) -> Outcome:
        """Ask for learners to become voters."""
        return self.change(*[Change(id, VOTER) for id in ids])

    def demote(self, *ids: str) -> Outcome:
        """Ask for voters to become learners."""
        return self.change(*[Change(id, LEARNER) for id in ids])

    def remove(self, *ids: str) -> Outcome:
        """Ask for members to be removed."""
        return self.change(*[Change(id, REMOVED) for id in ids])

    def replace(self, old: Sequence[str], new: Sequence[str]) -> Outcome:
        """Ask for some voters instead of others, all at once."""
        return self.change(*[self.joining(id) for id in new], *[Change(id, REMOVED) for id in old])

    def _at(self, at: str | None) -> Host:
        return self._leading() if at is None else self.host(at)

    def _asked(self, outcome: Outcome, runs: bool) -> Outcome:
        if not runs:
            raise self._failure(f"{outcome.what}: no node runs there")
        return outcome

    # Expecting

    def expect_settled(self, *outcomes: Outcome) -> None:
        """Run until all of these are answered."""
        self.run_until(lambda: all(outcome.settled for outcome in outcomes), what=f"an answer to each of {outcomes!r}")

    def expect_success(self, *outcomes: Outcome) -> None:
        """Run until all of these are answered, none of them with an error."""
        self.expect_settled(*outcomes)
        for outcome in outcomes:
            if outcome.error is not None:
                raise self._failure(f"{outcome!r}")

    def expect_error(self, outcome: Outcome, kind: type[Exception]) -> Exception:
        """Run until this is answered with an error of some kind, and return it."""
        self.expect_settled(outcome)
        if not isinstance(outcome.error, kind):
            raise self._failure(f"{outcome!r}, and not {kind.__name__}")
        return outcome.error

    def expect_leader(self, *ids: str) -> str:
        """Run until one of these leads whom all members that run follow."""
        self.run_until(lambda: self.leader() in ids and self._leads_all(), what=f"the reign of {' or '.join(ids)}")
        return self._leading().id

    # The end

    def recover(self, without: Sequence[str] = ()) -> None:
        """Mend everything but what is lost for good, and hold the cluster to all its promises.

        Args:
            without: members of whom nothing is expected, and that need not run.

        Raises:
            InvariantError: it has not come back to life, or not kept its word.
        """
        self._recovered = True
        self.heal()
        self.traffic.end_all()
        gone = self._gone.union(without)
        for host in self._cluster.hosts:
            host.disk.make_space()
            if host.id not in gone and host.starts and host.actor is None:
                self.restart(host.id)
        recovery = Recovery(self._cluster, gone)
        recovery.elect()
        recovery.commit()
        recovery.raise_level()
        recovery.converge()
        recovery.check_told([self])
        if not self.runs_into(lambda: not self._readings.unanswered):
            raise InvariantError("L1", f"a read at {self._readings.unanswered} is never answered")
