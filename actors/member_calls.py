"""The calls of a cluster that change who takes part and who leads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial

import gevent

from raft.actor import ChangeMembership, TransferLeadership
from raft.changes import LEARNER, REMOVED, VOTER, Change
from raft.errors import (
    InvalidChange,
    InvalidConfig,
    NotCaughtUp,
    ProposalRefused,
    TransferRefused,
)
from raft.membership import MAX_ID_LENGTH

from .client import SOON_S, Client, Deadline, Pause
from .errors import UnknownNode
from .handing_over import hand_over, leads_alone
from .local_nodes import LocalNodes
from .loop import run


class MemberCalls(ABC):
    """Changes of membership and transfers of leadership; a base of `LocalCluster`.

    Every call finds the leader by itself. A change says what shall be in the end, so it is asked for again while it is
    in doubt; one that is in effect already changes nothing. Changes of membership wait for each other.
    """

    _nodes: LocalNodes
    _client: Client

    # Who takes part

    def add(
        self,
        node: str | None = None,
        *,
        learner: bool = False,
        witness: bool = False,
        priority: int = 0,
        timeout: float = 5.0,
    ) -> str:
        """Start a new node, have it added, and return its id. It catches up first, then it counts.

        Args:
            node: its id, a string of 1 to 64 characters; the next free one of n1, n2, … when None.
            learner: whether it shall only receive the log, and not count; see `promote`.
            witness: whether it shall vote and have no state machine (contract M8); it stays one.
            priority: 0 to 1000; members of higher priority lead rather.
            timeout: seconds, 0 or more.

        Raises:
            InvalidChange: when there is such a node, or an argument is out of its bounds.
            WitnessMajority: when the witnesses would form a majority.
            NoMoreNodes: when there are 9 nodes.
            NotCaughtUp: it stays a learner, and may be promoted later.
            InvalidConfig: when the timeout is no number of seconds.
            Unavailable: nobody took the change in time; it had no effect, and the node is gone again.
            OutcomeUnknown: the time is up after a leader took it; it may yet be added, and the node runs.
            ClusterClosed: after `close`.
        """
        self._check_open()
        id = self._nodes.new_id() if node is None else node
        if id in self._nodes:
            raise InvalidChange(id, "there is such a node; leave the id out, or remove that node first")
        part = LEARNER if learner else VOTER
        self.change(Change(id, part, witness=witness, priority=priority), timeout=timeout)
        return id

    def remove(self, node: str | int, timeout: float = 5.0) -> None:
        """Have a node removed, then take it down and forget it; it may be down, and it may lead.

        Raises:
            UnknownNode: when there is no such node.
            LastVoter: when no voter with a state machine would be left.
            WitnessMajority, InvalidConfig, Unavailable, OutcomeUnknown, ClusterClosed: as for `add`; the node stays.
        """
        self._check_open()
        self.change(Change(self._nodes.named(node), REMOVED), timeout=timeout)

    def promote(self, node: str | int, timeout: float = 5.0) -> None:
        """Make a voter of a learner, once it has caught up.

        Raises:
            UnknownNode: when there is no such node.
            NotCaughtUp: it stays a learner.
            WitnessMajority, InvalidConfig, Unavailable, OutcomeUnknown, ClusterClosed: as for `add`.
        """
        self._check_open()
        self.change(Change(self._nodes.named(node), VOTER), timeout=timeout)

    def demote(self, node: str | int, timeout: float = 5.0) -> None:
        """Make a learner of a voter: it receives the log, and does not count any more.

        Raises:
            UnknownNode: when there is no such node.
            LastVoter, WitnessMajority, InvalidConfig, Unavailable, OutcomeUnknown, ClusterClosed: as for `remove`.
        """
        self._check_open()
        self.change(Change(self._nodes.named(node), LEARNER), timeout=timeout)

    def change(self, *changes: Change, timeout: float = 5.0) -> None:
        """Change several members at once: all of it takes effect, or none (joint consensus).

        Args:
            changes: one for each member, as in `change(Change("n4", VOTER), Change("n1", REMOVED))`. Members that there
                are not yet are started, and those that are removed are taken down and forgotten.
            timeout: seconds, 0 or more.

        Raises:
            InvalidChange: when the changes contradict each other or the members, or say what is out of its bounds.
            UnknownNode: when a node that is to be removed does not exist.
            LastVoter, WitnessMajority, NoMoreNodes, NotCaughtUp, InvalidConfig, Unavailable, OutcomeUnknown,
            ClusterClosed: as for `add` and `remove`.
        """
        self._check_open()
        deadline = Deadline(timeout)
        for change in changes:
            self._check(change)
        new: list[str] = []
        entered = False  # whether the new nodes are members, or may yet be
        try:
            asked = [self._prepared(change, new) for change in changes]
            entered = True
            run(self._client.ask(partial(ChangeMembership, asked), deadline, once=True))
        except ProposalRefused as refusal:
            entered = isinstance(refusal, NotCaughtUp)
            raise
        finally:
            if not entered:
                for id in new:
                    self._nodes.drop(id)
        for change in changes:
            if change.part == REMOVED:
                self._nodes.drop(change.member)

    def _check(self, change: object) -> None:
        if not isinstance(change, Change):
            raise InvalidConfig("changes", change, "a Change for each member")
        id: object = change.member
        if not isinstance(id, str) or not 1 <= len(id) <= MAX_ID_LENGTH:
            raise InvalidConfig("node", id, f"a string of 1 to {MAX_ID_LENGTH} characters")
        if change.part == REMOVED and id not in self._nodes:
            raise UnknownNode(id, self._nodes.ids)
        if id in self._nodes and change.witness not in (None, self._nodes[id].witness):
            raise InvalidChange(id, "a witness never becomes a full member, nor the other way round; remove it first")

    def _prepared(self, change: Change, new: list[str]) -> Change:
        """Start the node of a change if there is none yet, and note it as new; say of it what only the node knows."""
        id = change.member
        if change.part == REMOVED:
            return change
        if id not in self._nodes:
            self._nodes.create(id, witness=bool(change.witness), configuration=None)
            new.append(id)
            self._nodes.start(id)
            gevent.sleep(0)  # it opens its mailbox, so that the first thing that it is sent arrives
        node = self._nodes[id]
        return Change(id, change.part, change.address, node.storage.incarnation, node.witness, change.priority)

    # Who leads

    def transfer(self, target: str | int | None = None, timeout: float = 5.0) -> str:
        """Hand leadership over to a voter, and return who leads then. Takes about an election timeout at most.

        Writes are not refused meanwhile, as far as callers see: they wait.

        Args:
            target: who shall lead; the one that is furthest when None.
            timeout: seconds, 0 or more.

        Raises:
            UnknownNode: when there is no such node.
            TransferRefused: when the target leads already, or never can; or, without a target, when nobody can.
            TransferFailed: when it did not take over.
            InvalidConfig: when the timeout is no number of seconds.
            Unavailable: no leader was found in time; nothing has changed.
            OutcomeUnknown: the time is up, or the leader went down, while it handed over.
            ClusterClosed: after `close`.
        """
        self._check_open()
        id = None if target is None else self._nodes.named(target)
        deadline = Deadline(timeout)
        moment = Pause(deadline, SOON_S)
        while True:
            try:
                leader: str = run(self._client.ask(partial(TransferLeadership, id), deadline))
                return leader
            except TransferRefused:
                # A new leader may choose only from whom it has heard since its election.
                if id is not None or not deadline.left_s or self._leads_alone(self._nodes.leadership.leader()):
                    raise
            gevent.sleep(moment.take_s())

    def stop(self, node: str | int, timeout: float = 5.0) -> None:
        """Take a node down in good order: one that leads hands over first, so that nobody has to miss a leader.

        It is stopped in any case: at once when nobody can follow it, and when the time is up. Its storage stays.

        Args:
            node: the node.
            timeout: seconds for handing over, 0 or more.

        Raises:
            UnknownNode: when there is no such node.
            NotRunning: when it is down.
            InvalidConfig: when the timeout is no number of seconds.
            ClusterClosed: after `close`.
        """
        self._check_open()
        id = self._nodes.named(node)
        supervisor = self._nodes[id].supervisor
        hand_over(supervisor, Deadline(timeout))
        supervisor.stop()

    def _leads_alone(self, id: str | None) -> bool:
        node = None if id is None else self._nodes[id].supervisor.status().raft
        return node is not None and leads_alone(node)

    @abstractmethod
    def _check_open(self) -> None: ...
