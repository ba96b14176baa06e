"""Four actors: elections, commands, reads, a new member, another leader, and a broken disk; a digest of what ports see:

    python3 -m tests.micropython.scenarios.actor

What it prints must be the same on every interpreter.
"""

from raft.actor import (
    LEASE,
    LINEARIZABLE,
    STALE,
    ChangeMembership,
    Persisted,
    Propose,
    RaftActor,
    Read,
    StorageBroke,
    Tick,
    TransferLeadership,
)
from raft.changes import REMOVED, VOTER, Change
from raft.config import Config
from raft.errors import RaftError, StorageFailed
from raft.membership import Configuration
from raft.node import Node
from raft.observer import DEBUG
from raft.ready import Restored
from tests.micropython.replay import Digest

FOUNDERS = ("a", "b", "c")
MEMBERS = ("a", "b", "c", "d")  # the last one joins
CONFIG = Config(lease_promise_ms=900, quiescent_timeouts=2)
TURN_MS = 5
FIRST_INCARNATION = 1 << 63


class Cluster:
    """The members, their mailboxes, and one clock.

    Attributes:
        outcomes: what became of all that was asked, and of every actor that stopped.
    """

    def __init__(self):
        self.now = 0
        self.digest = Digest()
        self.effects = 0
        self.outcomes = []
        self.members = [Member(self, MEMBERS[i], seed=i) for i in range(len(MEMBERS))]

    def effect(self, member, port, value):
        """Takes note of one call of a port."""
        self.effects += 1
        for part in (member.id, port, value):
            self.digest.take(part)

    def run(self, duration_ms):
        """Gives every actor a turn, again and again."""
        end = self.now + duration_ms
        while self.now < end:
            self.now += TURN_MS
            for member in self.members:
                member.turn()

    def propose(self, command):
        """Proposes a command to every member that is up."""
        for member in self.members:
            member.mailbox.append(Propose(command, member.reply))

    def read(self, consistency):
        """Reads at every member that is up."""
        for member in self.members:
            member.mailbox.append(Read(b"how many", consistency, member.reply))

    def transfer(self, target):
        """Asks every member that is up to hand over."""
        for member in self.members:
            member.mailbox.append(TransferLeadership(target, member.reply))

    def change(self, change):
        """Asks every member that is up to change who takes part."""
        for member in self.members:
            member.mailbox.append(ChangeMembership([change], member.reply))

    def leader(self):
        """Returns the member that leads, of those that are up."""
        return [member for member in self.members if member.actor and member.actor.node.role.name == "leader"][0]


class Member:
    """One actor with its mailbox; it is all of its ports itself."""

    level = DEBUG

    def __init__(self, cluster, id, seed):
        self.cluster = cluster
        self.id = id
        self.mailbox = []
        self.alarm = None
        self.applied = 0
        founding = Configuration(FOUNDERS) if id in FOUNDERS else None
        node = Node(id, founding, CONFIG, Restored(incarnation=FIRST_INCARNATION + seed), seed)
        self.actor = RaftActor(node, self, self, self, self, self, self)
        self.actor.on_start()

    def turn(self):
        """Drains the mailbox. An actor that raises has stopped."""
        arrived = self.mailbox
        self.mailbox = []
        if self.actor is None:
            return
        if self.alarm is not None and self.alarm <= self.cluster.now:
            self.alarm = None
            arrived.append(Tick())
        try:
            for message in arrived:
                self.actor.on_receive(message)
            self.actor.on_drained()
        except StorageFailed as error:
            self.reply(error, None)
            self.actor.abandon("the node stopped")
            self.actor = None

    def reply(self, error, result):
        """Takes an answer to something asked."""
        self.cluster.effect(self, "error", error)
        self.cluster.effect(self, "result", result)
        self.cluster.outcomes.append(type(error).__name__ if isinstance(error, RaftError) else f"{self.id}: {result}")

    # The ports

    def now_ms(self):
        return self.cluster.now

    def set(self, deadline_ms):
        self.cluster.effect(self, "alarm", deadline_ms)
        self.alarm = deadline_ms

    def send(self, messages):
        for receiver, message in messages:
            self.cluster.effect(self, "send to " + receiver, message)
            self.cluster.members[MEMBERS.index(receiver)].mailbox.append(message)

    def write(self, write):
        self.cluster.effect(self, "write", write)
        self.mailbox.append(Persisted(write.number))

    def apply(self, entry):
        self.cluster.effect(self, "apply", entry)
        self.applied += 1
        return "did " + entry.data.decode()

    def read(self, query):
        self.cluster.effect(self, "query", query)
        return self.applied

    def observe(self, event):
        self.cluster.effect(self, "event", event)


def main():
    """Prints the digest, the number of effects, and the outcomes."""
    cluster = Cluster()
    cluster.propose(b"too early")
    cluster.run(3000)
    cluster.propose(b"one")
    cluster.run(100)
    for consistency in (LINEARIZABLE, LEASE, STALE):
        cluster.read(consistency)
    cluster.run(100)
    cluster.change(Change("d", VOTER, "host-d", FIRST_INCARNATION + 3))
    cluster.run(1000)
    cluster.transfer("d")
    cluster.run(1000)
    cluster.transfer("a")
    cluster.run(1000)
    cluster.change(Change("d", REMOVED))
    cluster.read(LEASE)
    cluster.run(5000)  # long enough to become quiescent
    leader = cluster.leader()
    leader.mailbox.append(Propose(b"lost", leader.reply))
    leader.mailbox.append(StorageBroke("no space left"))
    cluster.run(9000)
    cluster.propose(b"two")
    cluster.read(LINEARIZABLE)
    cluster.run(5000)
    print(cluster.digest, cluster.effects, ", ".join(cluster.outcomes))


if __name__ == "__main__":
    main()
