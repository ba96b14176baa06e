"""One member of a cluster as a gevent actor: `raft.actor.RaftActor`, given its ports and a mailbox.

Whatever ends the actor, its node goes down in the same way: no alarm, no message and no write comes from it any more,
and everybody who waits for a proposal learns that the outcome is unknown, or, where the proposal was still in the
mailbox, that it was refused.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

from raft.actor import Backup, ChangeMembership, Propose, RaftActor, Read, TransferLeadership
from raft.config import Config
from raft.membership import Configuration
from raft.node import Node
from raft.status import Status
from raft.waiting import StopWaiting, WaitFor
from raft.witness import WitnessMachine

from .errors import NodeStopped
from .machine import for_core
from .ports import Clock, Observer, StateMachine, Storage, Transport
from .runtime import GeventActor, describe
from .session_table import SessionLimits
from .timers import GeventTimer


class NodeActor(GeventActor):
    """Runs one node.

    Args:
        id: this member's id; must be in `configuration`, if there is one.
        configuration: who takes part when the cluster begins; None for a member that joins later. What the storage
            holds overrules it.
        config: timeouts and limits.
        seed: of the node's election timeouts; give each member, and each start, another one.
        clock: the time.
        storage: this member's storage; what it holds is loaded before the actor starts.
        transport: the way to the other members.
        machine: a fresh state machine; it is brought to the stored snapshot, if any, and the log behind that applied.
            None for a witness, which has none.
        limits: how much is remembered of clients; the same on every member.
        observer: is told the node's events.
        on_down: called when the node has gone down by itself, with the exception that took it down, or with None when
            it was asked to stop; not called after `crash`.

    Raises:
        InvalidConfig: when the id is not a member.
        InvalidRestore: when what storage holds contradicts itself.

    Attributes:
        on_turn: called after each turn, in which alone the status changes; None for nobody. It may be set, and must
            neither wait nor raise.
    """

    on_turn: Callable[[], object] | None = None

    def __init__(
        self,
        id: str,
        configuration: Configuration | None,
        config: Config,
        seed: int,
        *,
        clock: Clock,
        storage: Storage,
        transport: Transport,
        machine: StateMachine | None,
        limits: SessionLimits,
        observer: Observer,
        on_down: Callable[[BaseException | None], None],
    ) -> None:
        super().__init__()
        self.id = id
        self._storage = storage
        self._transport = transport
        self._clock = clock
        self._timer = GeventTimer(self.actor_ref, clock)
        self._on_down = on_down
        self._failure: str | None = None
        self._node = Node(id, configuration, config, storage.load(), seed, clock.now_ms())
        applies = WitnessMachine() if machine is None else for_core(machine, limits)
        self._raft = RaftActor(self._node, clock, self._timer, transport, storage, applies, observer)

    def status(self) -> Status:
        """Return a picture of the node. It is whole at any time, since a turn does not let others run."""
        return self._node.status()

    def staleness_ms(self) -> int | None:
        """Return how long ago its state machine was last known to have all that was committed; None for never."""
        return self._node.staleness_ms(self._clock.now_ms())

    @property
    def leader(self) -> str | None:
        """Who leads in this node's term, as far as it knows."""
        return self._node.role.leader

    @property
    def cluster(self) -> int:
        """The id of the cluster once it is known to be committed, else 0 (contract M9)."""
        return self._node.identity.cluster

    @property
    def incarnation(self) -> int:
        """The incarnation of this member's storage, 0 for none (contract M6)."""
        return self._node.identity.incarnation

    @property
    def feature_level(self) -> int:
        """The feature level in force, as far as it is known (contract M10)."""
        return self._node.features.level

    def on_start(self) -> None:
        """Open the ports on this mailbox and set the first alarm."""
        self._storage.open(self.actor_ref)
        self._transport.open(self.actor_ref)
        self._raft.on_start()

    def on_receive(self, message: Any) -> None:
        """Take a message into account; effects wait for the end of the turn."""
        self._raft.on_receive(message)

    def on_drained(self) -> None:
        """Carry out what the messages of this turn ask for."""
        self._raft.on_drained()
        if self.on_turn is not None:
            self.on_turn()

    def on_undelivered(self, message: Any) -> None:
        """Refuse what this node is asked and will never see."""
        if isinstance(message, (Propose, Read, Backup, WaitFor, StopWaiting, TransferLeadership, ChangeMembership)):
            message.reply(NodeStopped(self.id, self._failure), None)

    def on_stop(self) -> None:
        """Go down because somebody asked for it."""
        self._take_down(f"node {self.id} was stopped")
        self._on_down(None)

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Go down because the node's state can no longer be trusted, and report why."""
        assert exception_value is not None
        self._failure = describe(exception_value)
        self._take_down(f"node {self.id} has failed: {self._failure}")
        self._on_down(exception_value)

    def crash(self) -> None:
        """Go down at once, as by a power cut: writes under way are lost, and the mailbox with them."""
        self._take_down(f"node {self.id} was killed")
        super().crash()

    def _take_down(self, reason: str) -> None:
        self._timer.cancel()
        self._transport.close()
        self._storage.close()
        self._raft.abandon(reason)
