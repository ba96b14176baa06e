"""A whole cluster under the hand of a test: explicit messages, explicit disks, explicit time. Deterministic.

Nothing moves by itself. `deliver` moves one message, `settle` all of them, `run` lets time pass and messages travel.
After everything that happens, the invariants S1 to S8 are checked (`invariants.py`).
"""

from raft.entries import COMMAND
from raft.errors import ProgramTooOld
from raft.features import BASE_LEVEL
from raft.membership import Configuration
from raft.node import Node
from raft.ready import Restored
from tests.raft.invariants import Invariants
from tests.raft.member import ELECTION_TIMEOUT_MS, config_of, entries, terms

HOP_MS = 10  # how long a message travels while time runs


class Disk:
    """What one member has on stable storage, and the writes on their way there.

    Writes take effect in the order of their numbers. An instant disk completes each at once; else `Cluster.complete`
    reports them, in any order.
    """

    def __init__(self, term=0, vote=None, log=(), incarnation=0):
        self.term = term
        self.vote = vote
        self.entries = list(entries(*log))
        self.incarnation = incarnation
        self.cluster = 0
        self.instant = True
        self.writes = []  # begun and not yet in effect, oldest first
        self.completed = set()  # numbers of those that are reported as complete out of order

    def land(self):
        """The oldest write takes effect."""
        write = self.writes.pop(0)
        self.completed.discard(write.number)
        if write.term is not None:
            self.term, self.vote = write.term, write.vote
        if write.cluster:
            self.cluster = write.cluster
        if write.entries:
            assert write.entries[0].index <= len(self.entries) + 1, "the write would leave a gap"
            self.entries[write.entries[0].index - 1 :] = write.entries

    def complete(self, number):
        self.completed.add(number)
        while self.writes and self.writes[0].number in self.completed:
            self.land()

    def crash(self, survivors):
        """Lose what is on its way, save for the oldest few writes, which had reached the platter unreported."""
        for _ in range(min(survivors, len(self.writes))):
            self.land()
        self.writes = []
        self.completed = set()


class Cluster:
    """Nodes, the links between them and their disks.

    Args:
        voters, learners: ids, one letter each.
        parts: what else the first configuration says.
        bound: whether each disk has an incarnation (contract M6).
        seed: of everything that is drawn.
        disks: what a member has on its disk before it first starts, by id.
        checked: whether the invariants are checked after each event.
        programs: the highest feature level that each member's program supports, by id; the base level if it is not in.
        settings: of every node's `Config`.
    """

    def __init__(
        self, voters="abc", learners="", seed=1, disks=(), checked=True, parts=(), bound=False, programs=(), **settings
    ):
        self.now = 0
        self.seed = seed
        self.configuration = Configuration(tuple(voters), learners=tuple(learners), **dict(parts))
        self.settings = settings
        self.programs = dict(programs)
        self.stopped = {}  # what has stopped a node whose program is too old, by id
        self.ids = self.configuration.members  # of all that ever took part
        self.witnesses = list(self.configuration.witnesses)  # of all that ever took part
        self.bound = bound
        self.incarnations = 0  # drawn so far
        self.disks = {id: self.new_disk() for id in self.ids} | dict(disks)
        self.nodes = {}  # those that run
        self.applied = {id: [] for id in self.ids}  # entries applied in this run of the node
        self.answers = {id: [] for id in self.ids}  # what this run of the node has answered
        self.links = {}  # (sender, receiver) -> messages under way, oldest first
        self.cut = set()  # links that lose everything
        self.sent = []  # (sender, receiver, message), all that was ever sent
        self.starts = 0
        self.invariants = Invariants(self) if checked else None
        for id in self.ids:
            self.start(id)

    # Members

    def new_disk(self):
        self.incarnations += 1
        return Disk(incarnation=1000 + self.incarnations if self.bound else 0)

    def join(self, *ids, witnesses=""):
        """Start members that nobody has heard of yet, and that have heard of nobody."""
        self.witnesses += witnesses
        for id in ids:
            self.ids = tuple(sorted({*self.ids, id}))
            self.disks[id] = self.new_disk()
            self.start(id)

    def start(self, id):
        disk = self.disks[id]
        self.starts += 1
        self.applied[id] = []
        self.answers[id] = []
        self.nodes[id] = Node(
            id,
            self.configuration if id in self.configuration.members else None,
            config_of(self.programs.get(id, BASE_LEVEL), **self.settings),
            Restored(disk.term, disk.vote, tuple(disk.entries), incarnation=disk.incarnation, cluster=disk.cluster),
            seed=self.seed * 1000 + self.starts,
            now=self.now,
        )
        self.collect(id)
        return self.nodes[id]

    def deliver_all(self, sender, receiver, but=()):
        """Deliver what is on its way from one to another; lose messages of some kinds."""
        while self.links.get((sender, receiver)):
            if isinstance(self.links[(sender, receiver)][0], but):
                self.lose(sender, receiver)
            else:
                self.deliver(sender, receiver)

    def crash(self, id, survivors=0):
        """Stop a member as a power cut would; `survivors` of its unreported writes are on the platter all the same."""
        del self.nodes[id]
        self.disks[id].crash(survivors)
        self._check()

    def restart(self, id, survivors=0):
        if id in self.nodes:
            self.crash(id, survivors)
        return self.start(id)

    def upgrade(self, id, level):
        """A member is started again with another program."""
        self.programs[id] = level
        self.stopped.pop(id, None)
        return self.restart(id)

    def wipe(self, id):
        """A member comes back with an empty disk."""
        if id in self.nodes:
            self.crash(id)
        self.disks[id] = self.new_disk()
        if self.invariants is not None:
            self.invariants.disks.pop(id, None)
        return self.start(id)

    def role(self, id):
        return self.nodes[id].role.name

    @property
    def leader(self):
        """The id of the leader of the highest term, or None."""
        leaders = [(node.term, id) for id, node in self.nodes.items() if node.role.name == "leader"]
        return max(leaders)[1] if leaders else None

    @property
    def term(self):
        """The highest term that any running member is in."""
        return max(node.term for node in self.nodes.values())

    def log(self, id):
        return terms(self.nodes[id].log)

    def commands(self, id):
        """The commands that the member's state machine has applied since it started."""
        return [entry.data for entry in self.applied[id] if entry.kind == COMMAND]

    # Input

    def tell(self, id, message):
        """Have a member receive a message, however it came about."""
        try:
            self.nodes[id].step(message, self.now)
        except ProgramTooOld as error:
            self.stopped[id] = error
            self.crash(id)
            return
        self.collect(id)

    def propose(self, id, *commands):
        for command in commands:
            self.nodes[id].propose(command, self.now)
        self.collect(id)

    def read(self, id, by_lease=False):
        """Read at a member; return the ticket."""
        ticket = self.nodes[id].read(self.now, by_lease)
        if self.invariants is not None:
            self.invariants.read_asked(self.nodes[id], ticket)
        self.collect(id)
        return ticket

    def transfer(self, id, target=None):
        """Ask a leader to hand over; return the ticket."""
        ticket = self.nodes[id].transfer_leadership(target, self.now)
        self.collect(id)
        return ticket

    def change(self, id, *changes):
        """Ask a leader to change the membership; return the ticket."""
        ticket = self.nodes[id].change_membership(list(changes), self.now)
        self.collect(id)
        return ticket

    def answered(self, id, ticket):
        """What a ticket was answered with, each time: the kind of the error, or the value."""
        answers = [answer for answer in self.answers[id] if answer.ticket == ticket]
        return [answer.value if answer.error is None else type(answer.error) for answer in answers]

    def tick(self, id):
        self.nodes[id].tick(self.now)
        self.collect(id)

    def complete(self, id, number=None):
        """A disk reports a write as complete: this one, or all, oldest first."""
        disk = self.disks[id]
        for write in list(disk.writes):
            if number in (None, write.number):
                disk.complete(write.number)
                self.nodes[id].persisted(write.number, self.now)
        self.collect(id)

    def collect(self, id):
        """Carry out what a member asks for."""
        node = self.nodes[id]
        ready = self._ready(node)
        while ready is not None:
            self.answers[id] += ready.answers
            if self.invariants is not None:
                self.invariants.answered(node, ready.answers)
            if ready.write is not None:
                disk = self.disks[id]
                disk.writes.append(ready.write)
                if disk.instant:
                    for write in list(disk.writes):
                        disk.complete(write.number)
                        node.persisted(write.number, self.now)
            for receiver, message in ready.messages:
                self.sent.append((id, receiver, message))
                if (id, receiver) not in self.cut:
                    self.links.setdefault((id, receiver), []).append(message)
            if ready.committed:
                self.applied[id] += ready.committed
                node.applied(ready.committed[-1].index)
            ready = self._ready(node)
        self._check()

    def _ready(self, node):
        if self.invariants is not None:
            self.invariants.note_commit(node)  # before the node goes on to another configuration
        return node.ready()

    def _check(self):
        if self.invariants is not None:
            self.invariants.check()

    # Network

    def under_way(self):
        """The links that carry messages, in order."""
        return sorted(link for link, messages in self.links.items() if messages)

    def deliver(self, sender, receiver, position=0, keep=False):
        """Deliver one message of a link: the oldest, or another; `keep` leaves a copy under way."""
        messages = self.links[(sender, receiver)]
        message = messages[position] if keep else messages.pop(position)
        if receiver in self.nodes and (sender, receiver) not in self.cut:
            self.tell(receiver, message)
        return message

    def lose(self, sender, receiver, position=0):
        return self.links[(sender, receiver)].pop(position)

    def settle(self):
        """Deliver everything, and what comes of it, at this very moment."""
        for _ in range(10_000):
            links = self.under_way()
            if not links:
                return
            for sender, receiver in links:
                self.deliver(sender, receiver)
        raise AssertionError("the messages never end")

    def cut_link(self, sender, receiver):
        """Lose everything from now on, in this direction."""
        self.cut.add((sender, receiver))
        self.links.pop((sender, receiver), None)

    def partition(self, *groups):
        """Cut all links between the groups, and heal all others; who is in no group is alone."""
        self.cut = set()
        together = {(one, other) for group in groups for one in group for other in group}
        for one in self.ids:
            for other in self.ids:
                if one != other and (one, other) not in together:
                    self.cut_link(one, other)

    def link_only(self, *pairs):
        """Cut every link but those between these pairs."""
        self.partition()
        self.cut -= {(pair[i], pair[1 - i]) for pair in pairs for i in (0, 1)}

    def heal(self):
        self.cut = set()

    # Time

    def run(self, ms, until=None):
        """Let time pass, until `until()` holds; return how long it took. Each message travels for one hop."""
        started = self.now
        while self.now < started + ms:
            if until is not None and until():
                break
            arriving = [(link, len(self.links[link])) for link in self.under_way()]
            due = [node.deadline for node in self.nodes.values() if node.deadline is not None]
            if not arriving and due:
                self.now = max(self.now + HOP_MS, min(min(due), started + ms))
            else:
                self.now += HOP_MS
            for id in self.ids:
                if id in self.nodes and self.nodes[id].deadline is not None and self.nodes[id].deadline <= self.now:
                    self.tick(id)
            for (sender, receiver), count in arriving:
                for _ in range(count):
                    self.deliver(sender, receiver)
        return self.now - started

    def run_until_leader(self, timeouts=20):
        """Let time pass until a leader is known to all that run and can reach it; return how long it took."""
        took = self.run(timeouts * ELECTION_TIMEOUT_MS, until=lambda: self.leader is not None)
        assert self.leader is not None, f"no leader within {timeouts} election timeouts"
        return took

    def elect(self, id):
        """Make this member the leader: nobody else's time runs out. All that it can reach take part."""
        self.now += 2 * ELECTION_TIMEOUT_MS
        self.tick(id)
        self.settle()
        assert self.role(id) == "leader", f"{id} was not elected"
        return self.nodes[id]

    def commit(self, id, *commands):
        """Propose and have it committed by all that can be reached."""
        self.propose(id, *commands)
        self.settle()
        assert self.nodes[id].status().commit_index == self.nodes[id].log.last_index


def with_logs(logs, term, **settings):
    """A cluster whose members begin with these logs, by id, all in one term."""
    disks = {id: Disk(term, None, log) for id, log in logs.items()}
    return Cluster("".join(sorted(logs)), disks=disks, **settings)
