"""What the tests of local clusters share: looking at them, and waiting for them as long as only a broken one takes."""

import time

import gevent

from raft.errors import OutcomeUnknown

# The default of 5 seconds suits people; a test on a busy machine waits longer before it calls anything lost.
T = 30.0


def wait_until(condition, timeout=T):
    """Lets the cluster run until the condition holds; fails the test if it never does."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout} s: {condition}"
        gevent.sleep(0.01)


def level(cluster):
    """Whether all nodes run and have applied everything that any of them holds."""
    nodes = [member.raft for member in cluster.status()]
    return None not in nodes and len({index for node in nodes for index in (node.applied_index, node.last_index)}) == 1


def others(cluster, node):
    return [member for member in cluster.members if member != node]


def raft_status(cluster, node):
    return cluster.status()[cluster.members.index(node)].raft


def leader_status(cluster):
    return raft_status(cluster, cluster.wait_for_leader(T))


def voters(cluster):
    """The voters of the configuration in force at the leader; none while there is no leader, or while it is joint."""
    leader = cluster.leader()
    configuration = raft_status(cluster, leader).configuration if leader else None
    return configuration.voters if configuration and not configuration.joint else ()


def contents(cluster):
    return [cluster.machine(member).items() for member in cluster.members]


def outcome(cluster, key, value):
    try:
        cluster.put(key, value, T)
    except OutcomeUnknown as error:
        return str(error)
    return "acknowledged"


def outcome_without_session(cluster, command):
    try:
        cluster.propose(command, T, session=False)
    except OutcomeUnknown as error:
        return str(error)
    return "acknowledged"


class Counter:
    def __init__(self):
        self.total = 0

    def apply(self, command):
        self.total += int(command)
        return self.total


class ReadableCounter(Counter):
    def read(self, query):
        if query != "total":
            raise ValueError(f"no such query: {query}")
        return self.total
