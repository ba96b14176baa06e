"""How a node hands leadership over before it goes down, so that nobody has to miss a leader."""

from __future__ import annotations

from functools import partial

import gevent
from pykka import Timeout

from raft.actor import TransferLeadership
from raft.errors import NotLeader, OutcomeUnknown, TransferFailed, TransferRefused
from raft.status import Status

from .client import SOON_S, Deadline, Pause
from .errors import NodeStopped
from .supervisor import Supervisor


def hand_over(supervisor: Supervisor, deadline: Deadline) -> None:
    """Let a node transfer leadership if it has it, as often as it takes.

    Returns as soon as it does not lead: at once when it never did, or nobody can follow it, or the time is up.

    Args:
        supervisor: of the node.
        deadline: when to give up.
    """
    pause = Pause(deadline, SOON_S)
    while True:
        node = supervisor.status().raft
        if node is None or node.role != "leader" or not deadline.left_s or leads_alone(node):
            return
        try:
            supervisor.ask(partial(TransferLeadership, None)).get(timeout=deadline.left_s)
        except (TransferRefused, TransferFailed):
            gevent.sleep(pause.take_s())  # the others may just be starting; or nobody is heard, and it steps down
        except (NotLeader, NodeStopped, OutcomeUnknown, Timeout):
            return


def leads_alone(node: Status) -> bool:
    """Whether no other member could lead."""
    configuration = node.configuration
    return not [voter for voter in configuration.voters if voter != node.id and configuration.may_lead(voter)]
