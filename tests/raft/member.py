"""One node under the hand of a test. The other members exist only as the messages that the test sends in their name."""

from raft.config import Config
from raft.entries import COMMAND, Entry
from raft.membership import Configuration
from raft.messages import PreVoteReply, VoteReply
from raft.node import Node
from raft.ready import Restored

ELECTION_TIMEOUT_MS = 1000  # the default


def entries(*terms, first=1):
    """Consecutive commands with the given terms; two with the same index and term are equal."""
    return tuple(Entry(index, term, COMMAND, b"%d.%d" % (index, term)) for index, term in enumerate(terms, start=first))


def terms(log):
    """The terms of the entries that a log still has, in order."""
    return [log.term_at(index) for index in range(log.base_index + 1, log.last_index + 1)]


class Member:
    """A node, its disk and its applied commands.

    `hear`, `tick` and the like return what the node sends: a list of (receiver, message). The disk completes each
    write at once, until a test sets `stalled`; then writes wait in `writes` for `complete`.
    """

    def __init__(
        self,
        id="a",
        voters="abc",
        learners="",
        term=0,
        vote=None,
        log=(),
        seed=1,
        stalled=False,
        restored=None,
        **settings,
    ):
        self.id = id
        self.now = 0
        self.stalled = stalled
        self.writes = []
        self.applied = []
        self.events = []
        configuration = Configuration(tuple(voters), learners=tuple(learners))
        if restored is None:
            restored = Restored(term, vote, entries(*log))
        self.node = Node(id, configuration, Config(**settings), restored, seed, self.now)

    @property
    def role(self):
        return self.node.role.name

    def hear(self, *messages):
        """Receive messages, one turn for all of them."""
        for message in messages:
            self.node.step(message, self.now)
        return self.effects()

    def propose(self, *commands):
        for command in commands:
            self.node.propose(command, self.now)
        return self.effects()

    def wait(self, ms):
        """Let time pass, then tick."""
        self.now += ms
        self.node.tick(self.now)
        return self.effects()

    def time_out(self):
        """Wait until the node's own deadline."""
        return self.wait(self.node.deadline - self.now)

    def complete(self, number=None):
        """The disk reports a write as durable: this one, or all."""
        numbers = [write.number for write in self.writes] if number is None else [number]
        self.writes = [write for write in self.writes if write.number not in numbers]
        for each in numbers:
            self.node.persisted(each, self.now)
        return self.effects()

    def effects(self):
        """Carry out what the node asks for; return what it sends."""
        sent = []
        ready = self.node.ready()
        while ready is not None:
            sent += ready.messages
            self.events += ready.events
            self.applied += ready.committed
            if ready.committed:
                self.node.applied(ready.committed[-1].index)
            if ready.write is not None:
                self.writes.append(ready.write)
                if not self.stalled:
                    for write in self.writes:
                        self.node.persisted(write.number, self.now)
                    self.writes = []
            self.node.check()
            ready = self.node.ready()
        return sent

    def campaign(self):
        """Time out and win the pre-votes; return what is sent then."""
        asked = self.time_out()
        assert self.role in ("pre-candidate", "leader"), "only a voter campaigns"
        sent = asked
        for voter in self.node.other_voters:
            if self.role == "pre-candidate":
                sent = self.hear(PreVoteReply(voter, self.node.term, asked[0][1].campaign, True))
        return sent

    def lead(self):
        """Become leader by the votes of the others; return what is sent then."""
        sent = self.campaign()
        for voter in self.node.other_voters:
            if self.role == "candidate":
                sent = self.hear(VoteReply(voter, self.node.term, True))
        assert self.role == "leader"
        return sent


def only(kind, sent):
    """The messages of one class, without their receivers."""
    return [message for _, message in sent if isinstance(message, kind)]


def picture(thing, without=("dropped", "events", "now", "node")):
    """All of an object's state as plain, comparable values; `without` names what may differ."""
    if isinstance(thing, (list, tuple)):
        return [picture(item, without) for item in thing]
    if isinstance(thing, dict):
        return {key: picture(value, without) for key, value in thing.items()}
    names = sorted({*getattr(thing, "__dict__", ()), *getattr(type(thing), "__slots__", ())} - {"_node", *without})
    if not names or isinstance(thing, type):
        return thing
    return [type(thing).__name__, {name: picture(getattr(thing, name), without) for name in names}]
