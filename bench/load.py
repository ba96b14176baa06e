"""Load for a local cluster: so many commands, a fixed number of them waiting for their answers at any time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import gevent

from actors import LocalCluster, OutcomeUnknown, RaftError

PATIENCE_S = 60.0  # how long a command may take; only a broken cluster takes as long


def feed(cluster: LocalCluster, commands: Iterator[bytes], in_flight: int, answered: Callable[[], None]) -> int:
    """Propose commands until there are no more and each has its answer.

    Each of `in_flight` greenlets proposes one, waits, and takes the next. So the cluster has always that many to work
    on, and never more: what it holds of them is bounded by this number, and not by how fast it is.

    Args:
        cluster: an open one, used from its own thread.
        commands: what to propose, in this order.
        in_flight: how many commands wait for their answers at a time, 1 or more.
        answered: called after each answer, in between turns of the nodes.

    Returns:
        How many of the answers were "outcome unknown", which a change of leadership brings.

    Raises:
        RaftError: the cluster has refused a command for good; the rest was not proposed.
    """
    unknown = 0
    refusals: list[RaftError] = []

    def propose() -> None:
        nonlocal unknown
        for command in commands:
            try:
                cluster.propose(command, PATIENCE_S, session=False)
            except OutcomeUnknown:
                unknown += 1
            except RaftError as error:
                refusals.append(error)
            if refusals:
                return
            answered()

    proposers = [gevent.spawn(propose) for _ in range(in_flight)]
    try:
        gevent.joinall(proposers, raise_error=True)
    finally:
        gevent.killall(proposers)
    if refusals:
        raise refusals[0]
    return unknown
