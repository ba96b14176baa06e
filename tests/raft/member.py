"""One node under the hand of a test. The other members exist only as the messages that the test sends in their name."""

from raft.config import Config
from raft.entries import COMMAND, Entry
from raft.features import BASE_LEVEL
from raft.membership import Configuration
from raft.messages import AppendAccepted, HeartbeatEcho, PreVoteReply, VoteReply
from raft.node import Node
from raft.observer import DEBUG
from raft.ready import Restored

ELECTION_TIMEOUT_MS = 1000  # the default


class ProgramToCome(Config):
    """Of a program that supports levels which no program supports yet."""

    program_level = 9


def config_of(level, **settings):
    """The config of a program that supports feature levels up to this one; news of commits is sent at once."""
    return ProgramToCome(feature_level=level, **{"commit_delay_ms": 0, **settings})


def entries(*terms, first=1):
    """Consecutive commands with the given terms; two with the same index and term are equal."""
    return tuple(Entry(index, term, COMMAND, b"%d.%d" % (index, term)) for index, term in enumerate(terms, start=first))


def signed(message, **fields):
    """A message with other fields than it was made with: those of the speaker's identity, or any."""
    for field in fields:
        setattr(message, field, fields[field])
    return message


def terms(log):
    """The terms of the entries that a log still has, in order."""
    return [log.term_at(index) for index in range(log.base_index + 1, log.last_index + 1)]


class Member:
    """A node, its disk and its applied commands.

    `hear`, `wait` and the like return what the node sends: a list of (receiver, message). `read`, `transfer` and
    `change` return a ticket instead, and `answered` what became of it; `sent` keeps all that was ever sent. The disk
    completes each write at once, until a test sets `stalled`; then writes wait in `writes` for `complete`.

    Args:
        voters, learners, parts: of the configuration.
        configuration: in place of these; None for a member that joins.
        term, vote, log, incarnation, restored: what is on its disk.
        program: the highest feature level that its program supports.
        settings: of its `Config`.
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
        configuration=0,
        incarnation=0,
        parts=(),
        now=0,
        program=BASE_LEVEL,
        **settings,
    ):
        self.id = id
        self.now = now
        self.stalled = stalled
        self.writes = []
        self.applied = []
        self.events = []
        self.answers = []
        self.sent = []
        if configuration == 0:
            configuration = Configuration(tuple(voters), learners=tuple(learners), **dict(parts))
        if restored is None:
            restored = Restored(term, vote, entries(*log), incarnation=incarnation)
        self.node = Node(id, configuration, config_of(program, **settings), restored, seed, self.now)
        self.node.watch.listen(DEBUG)

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

    def read(self, by_lease=False):
        """Ask from when on the state machine may be read; return the ticket."""
        ticket = self.node.read(self.now, by_lease)
        self.effects()
        return ticket

    def transfer(self, target=None):
        """Ask the leader to hand over; return the ticket."""
        ticket = self.node.transfer_leadership(target, self.now)
        self.effects()
        return ticket

    def change(self, *changes):
        """Ask the leader to change the membership; return the ticket."""
        ticket = self.node.change_membership(list(changes), self.now)
        self.effects()
        return ticket

    def acknowledge(self, followers):
        """These followers of a leader say that they hold its whole log."""
        last_index = self.node.log.last_index
        return self.hear(*[AppendAccepted(follower, self.node.term, last_index) for follower in followers])

    def echo(self, followers, promise_ms=0, round=None, level=BASE_LEVEL):
        """These followers of a leader echo its newest round of heartbeats, or another."""
        node = self.node
        number = node.role.round if round is None else round
        commit = node.log.commit_index
        echoes = [HeartbeatEcho(follower, node.term, number, commit, promise_ms, level) for follower in followers]
        return self.hear(*echoes)

    def answered(self, ticket):
        """What a ticket was answered with, each time: the kind of the error, or the value."""
        answers = [answer for answer in self.answers if answer.ticket == ticket]
        return [answer.value if answer.error is None else type(answer.error) for answer in answers]

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
            self.answers += ready.answers
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
        self.sent += sent
        return sent

    def campaign(self):
        """Time out and win the pre-votes; return what is sent then."""
        asked = self.time_out()
        while self.role == "follower" and self.node.role.deadline is not None and self.now < self.node.role.deadline:
            asked = self.time_out()  # it was something else that was due
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


def leading(voters="abc", **arguments):
    """A member that leads term 2, and whose no-op, entry 2, everybody has."""
    member = Member("a", voters, term=1, log=(1,), **arguments)
    member.lead()
    member.acknowledge([other for other in member.node.configuration.members if other != "a"])
    assert member.node.log.commit_index == 2
    return member


def shown(node):
    """The configuration in force at a node, as text: voters / outgoing / learners."""
    configuration = node.configuration
    return "/".join("".join(ids) for ids in (configuration.voters, configuration.outgoing, configuration.learners))


def only(kind, sent):
    """The messages of one class, without their receivers."""
    return [message for _, message in sent if isinstance(message, kind)]


# References to the node and to the leader's role, held by their parts: followed, they would lead round in circles.
BACK_REFERENCES = ("_leader", "_node", "leading")


def picture(thing, without=("dropped", "events", "now", "node")):
    """All of an object's state as plain, comparable values; `without` names what may differ."""
    if isinstance(thing, (list, tuple)):
        return [picture(item, without) for item in thing]
    if isinstance(thing, dict):
        return {key: picture(value, without) for key, value in thing.items()}
    attributes = {*getattr(thing, "__dict__", ()), *getattr(type(thing), "__slots__", ())}
    names = sorted(attributes - {*BACK_REFERENCES, *without})
    if not names or isinstance(thing, type):
        return thing
    return [type(thing).__name__, {name: picture(getattr(thing, name), without) for name in names}]
