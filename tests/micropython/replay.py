"""Replays a recorded scenario and prints a digest of every effect, the same on CPython and on MicroPython:

    python3 -m tests.micropython.replay tests/micropython/scenarios/three.txt

The scenario decides all that chance decides elsewhere, so two interpreters that run the core alike print the same. It
is a text, one input a line. Messages stand in it by reference, as the nth that one node has sent to another: what is
delivered is what *this* interpreter has made, and a difference, once there, grows.

    voters NODE...              who takes part; likewise `outgoing`, `learners` and `witnesses`
    priorities NODE=NUMBER...   who of them shall lead rather
    config NAME=VALUE...        the settings of every node that starts after this line
    disk NODE INCARNATION       it gets a new disk; 0, as without this line, for one without an incarnation
    damage NODE PART            the disk of a stopped node forgets its `term`, or holds a `configuration` of nobody
    start NODE NOW SEED         a new node, or one that comes back with what its disk holds
    join NODE NOW SEED          the same, but nobody tells it who takes part
    crash NODE NUMBER           it stops; of the writes still under way the disk keeps those up to NUMBER
    tick NODE NOW
    propose NODE NOW HEX        `-` is an empty command, `"text` one that is not of bytes
    read NODE NOW HOW           `lease` or `quorum`; what comes of the ticket is an effect of some `ready`
    stale NODE NOW              how old is what can be read without asking anybody?
    status NODE
    transfer NODE NOW TARGET    `None` lets the leader choose
    change NODE NOW CHANGE...   the arguments of each `Change`, with colons in between; see `literal`
    room NODE BYTES FULL        so many more bytes of entries fit on the disk, and it is full, or not: 1 or 0
    saved NODE                  the snapshot that it began to save is durable
    persisted NODE NOW NUMBER   the write is durable, and so is every earlier one, even if its report is late
    applied NODE INDEX
    piece NODE                  the oldest piece of a snapshot that was asked for is read
    gone NODE                   it is not there any more
    deliver NODE NOW FROM N     the Nth message that FROM has sent to NODE arrives
    duplicate NODE NOW FROM N   the same, and it stays on its way
    lose NODE FROM N            it never arrives (any more)
    forge NODE NOW INCARNATION CLUSTER KIND VALUE...
                                a message that no node has sent: its signature, its fields; see `literal`
    ready NODE                  the node hands out its effects
"""

import sys

from raft import messages
from raft.changes import Change
from raft.config import Config
from raft.entries import CONFIGURATION, Entry
from raft.errors import RaftError
from raft.membership import Configuration
from raft.node import Node
from raft.observer import DEBUG
from raft.ready import Restored
from raft.snapshot import Download

MASK = (1 << 30) - 1  # larger integers take memory of their own on 32-bit boards
LIMB = 29  # bits of an integer that are taken at a time; the 30th says that more follow


class Outdated(Exception):
    """The scenario asks for what the core no longer does."""

    def __init__(self, problem):
        super().__init__(
            f"{problem}: the core does not act as it did when this was recorded; "
            "record it anew with `python3 -m tests.micropython.record`"
        )


class Digest:
    """A running checksum of values, and nothing that differs between interpreters: no hash, no repr, no dict's order.

    Two xorshift generators of full period, with shifts of their own, take every number in: together a checksum of 60
    bits that no change of one number escapes. Every value begins with its kind and length, so that no two sequences
    of values look alike.
    """

    def __init__(self):
        self._left = 1
        self._right = 1

    def __str__(self):
        return f"{self._left:08x}{self._right:08x}"

    def take(self, value):
        """Takes in a number, a text, bytes, None, a sequence or dict of values, or an object with all its fields.

        Of an error also what it says: every interpreter must tell people the same.
        """
        kind = type(value)
        if value is None or kind is bool:
            self._mix(0 if value is None else 1 + value)
        elif kind is int:
            self._mix(3 if value < 0 else 4)
            value = abs(value)
            while value >> LIMB:
                self._mix(value & (MASK >> 1) | 1 << LIMB)
                value >>= LIMB
            self._mix(value)
        elif kind is str or kind is bytes:
            content = value.encode() if kind is str else value
            self._mix(5 if kind is str else 6)
            self._mix(len(content))
            for byte in content:
                self._mix(byte)
        elif kind is tuple or kind is list:
            self._mix(7)
            self._mix(len(value))
            for element in value:
                self.take(element)
        elif kind is dict:
            self._mix(8)
            self._mix(len(value))
            for key in sorted(value):
                self.take(key)
                self.take(value[key])
        else:
            self.take(kind.__name__)
            for field in sorted(value.__dict__) if isinstance(value, Exception) else kind.__slots__:
                self.take(getattr(value, field))
            if isinstance(value, Exception):
                self.take(str(value))
            elif isinstance(value, messages.Message):
                self.take(value.incarnation)
                self.take(value.cluster)

    def _mix(self, number):
        state = self._left ^ number
        state ^= (state & (MASK >> 9)) << 9
        state ^= state >> 11
        self._left = state ^ (state & (MASK >> 12)) << 12
        state = self._right ^ number
        state ^= (state & (MASK >> 7)) << 7
        state ^= state >> 13
        self._right = state ^ (state & (MASK >> 15)) << 15


class Disk:
    """What the storage of one node holds, and what is still under way. Writes take effect in order."""

    def __init__(self, incarnation):
        self.incarnation = incarnation
        self.term = 0
        self.vote = None
        self.cluster = 0
        self.base = (0, 0)
        self.entries = []
        self.snapshot = None
        self.saving = None  # a snapshot on its way to the disk
        self.download = None  # what was received of a snapshot
        self.pending = []
        self.reading = []  # the pieces of snapshots that were asked for and are not read yet

    def stop(self, number):
        """The node stops: of the writes under way only those up to this number take effect."""
        self.complete(number)
        self.pending = []
        self.saving = None
        self.reading = []

    def complete(self, number):
        """Every write up to this number takes effect."""
        while self.pending and self.pending[0].number <= number:
            write = self.pending.pop(0)
            if write.term is not None:
                self.term = write.term
                self.vote = write.vote
            if write.cluster:
                self.cluster = write.cluster
            if write.install is not None:
                self.snapshot = write.install
                self.download = None
                self.base = (write.install.index, write.install.term)
                self.entries = []
                continue
            if write.base[0] > self.base[0]:
                self.cut(write.base)
            if write.entries:
                del self.entries[write.entries[0].index - 1 - self.base[0] :]
                self.entries.extend(write.entries)

    def cut(self, base):
        """Drops the beginning of the log; all of it when it does not hold the entry where it is cut."""
        position = base[0] - self.base[0]
        holds = position <= len(self.entries) and self.entries[position - 1].term == base[1]
        self.entries = self.entries[position:] if holds else []
        self.base = base


class Replay:
    """Feeds the lines of one scenario to the nodes of one cluster.

    Attributes:
        digest: of all effects so far.
        effects: how many there were.
        nodes: a dict from id to `Node`, without those that are down.
        disks: a dict from id to `Disk`.
        flying: a dict of the messages under way, by (sender, receiver, number).
    """

    def __init__(self):
        self.digest = Digest()
        self.effects = 0
        self.nodes = {}
        self.disks = {}
        self.flying = {}
        self._sent = {}
        self._members = {"voters": (), "outgoing": (), "learners": (), "witnesses": ()}
        self._priorities = {}
        self._config = None

    def feed(self, line):
        """Carries out one line. A refusal is an effect too.

        Raises:
            Outdated: when the line does not fit what has happened.
        """
        words = line.split()
        if words and words[0] in self._members:
            self._members[words[0]] = tuple(words[1:])
        elif words:
            try:
                getattr(self, "on_" + words[0])(*words[1:])
            except RaftError as error:
                self.effect("error", words[1], error)

    def effect(self, kind, node, value):
        """Takes note of one effect."""
        self.effects += 1
        self.digest.take(kind)
        self.digest.take(node)
        self.digest.take(value)

    def finish(self):
        """Looks once more at every node that is up."""
        for node in sorted(self.nodes):
            self.on_status(node)

    # The inputs, as above

    def on_priorities(self, *wanted):
        self._priorities = settings(wanted)

    def on_config(self, *wanted):
        self._config = Config(**settings(wanted))

    def on_disk(self, node, incarnation):
        self.disks[node] = Disk(int(incarnation))

    def on_damage(self, node, part):
        disk = self.disks[node]
        if part == "term":
            disk.term = 0
        else:
            nobody = b"1:0"
            disk.entries.append(Entry(disk.base[0] + len(disk.entries) + 1, disk.term, CONFIGURATION, nobody))

    def on_start(self, node, now, seed):
        members = self._members
        configuration = Configuration(
            members["voters"],
            members["outgoing"],
            members["learners"],
            members["witnesses"],
            priorities=self._priorities,
        )
        self._begin(node, configuration, now, seed)

    def on_join(self, node, now, seed):
        self._begin(node, None, now, seed)

    def _begin(self, node, configuration, now, seed):
        disk = self.disks.setdefault(node, Disk(0))
        restored = Restored(
            disk.term,
            disk.vote,
            disk.entries,
            disk.base,
            disk.snapshot,
            disk.incarnation,
            cluster=disk.cluster,
            download=disk.download,
        )
        core = self.nodes[node] = Node(node, configuration, self._config, restored, int(seed), int(now))
        core.watch.listen(DEBUG)

    def on_crash(self, node, number):
        self._up(node)
        del self.nodes[node]
        self.disks[node].stop(int(number))

    def on_tick(self, node, now):
        self._up(node).tick(int(now))

    def on_propose(self, node, now, command):
        data = command if command[0] == '"' else hex_bytes(command)
        self.effect("index", node, self._up(node).propose(data, int(now)))

    def on_read(self, node, now, how):
        self.effect("read", node, self._up(node).read(int(now), how == "lease"))

    def on_stale(self, node, now):
        self.effect("stale", node, self._up(node).staleness_ms(int(now)))

    def on_status(self, node):
        self.effect("status", node, self._up(node).status())

    def on_transfer(self, node, now, target):
        self.effect("transfer", node, self._up(node).transfer_leadership(literal(target), int(now)))

    def on_change(self, node, now, *changes):
        wanted = [Change(*[literal(part) for part in change.split(":")]) for change in changes]
        self.effect("change", node, self._up(node).change_membership(wanted, int(now)))

    def on_room(self, node, size, full):
        core = self._up(node)
        core.room.note(core.log.taken_bytes + int(size), full == "1")

    def on_persisted(self, node, now, number):
        self.disks[node].complete(int(number))
        self._up(node).persisted(int(number), int(now))

    def on_applied(self, node, index):
        self._up(node).applied(int(index))

    def on_saved(self, node):
        disk = self.disks[node]
        if disk.saving is None:
            raise Outdated(f"{node} is saving no snapshot")
        if disk.snapshot is None or disk.saving.index > disk.snapshot.index:
            disk.snapshot = disk.saving
        self._up(node).snapshots.saved(disk.saving)
        disk.saving = None

    def on_piece(self, node):
        request = self._asked_for(node)
        # What is in a snapshot is nothing to the core, so any bytes do.
        content = b"snapshot of entry %d" % request.snapshot.index
        end = request.offset + request.limit_bytes
        self._up(node).snapshots.chunk_read(request, 5, content[request.offset : end], end >= len(content))

    def on_gone(self, node):
        self._up(node).snapshots.chunk_read(self._asked_for(node), 0, None, False)

    def _asked_for(self, node):
        if not self.disks[node].reading:
            raise Outdated(f"{node} reads no snapshot")
        return self.disks[node].reading.pop(0)

    def on_deliver(self, node, now, sender, number):
        self._up(node).step(self._land(sender, node, number), int(now))

    def on_duplicate(self, node, now, sender, number):
        message = self._land(sender, node, number)
        self.flying[sender, node, int(number)] = message
        self._up(node).step(message, int(now))

    def on_lose(self, node, sender, number):
        self._land(sender, node, number)

    def on_forge(self, node, now, incarnation, cluster, kind, *fields):
        message = None
        if kind != "None":
            message = getattr(messages, kind)(*[literal(field) for field in fields])
            message.incarnation = int(incarnation)
            message.cluster = int(cluster)
        self._up(node).step(message, int(now))

    def on_ready(self, node):
        core = self._up(node)
        ready = core.ready()
        core.check()
        if ready is not None:
            if ready.write is not None:
                self.effect("write", node, ready.write)
                self.disks[node].pending.append(ready.write)
            for receiver, message in ready.messages:
                self.effect("send to " + receiver, node, message)
                self.send(node, receiver, message)
            for entry in ready.committed:
                self.effect("apply", node, entry)
            for chunk in ready.chunks:
                self.effect("store", node, chunk)
                size_bytes = chunk.offset + len(chunk.data)
                self.disks[node].download = Download(chunk.snapshot, chunk.fingerprint, size_bytes)
                if chunk.last:
                    core.snapshots.checked(chunk.snapshot, True)
            for request in ready.chunk_requests:
                self.effect("read for " + request.receiver, node, request)
                self.disks[node].reading.append(request)
            for answer in ready.answers:
                self.effect("answer", node, answer)
            if ready.restore is not None:
                self.effect("restore", node, ready.restore)
                core.snapshots.restored(ready.restore)
            for event in ready.events:
                self.effect("event", node, event)
        if core.snapshots.is_due and self.disks[node].saving is None:
            self.disks[node].saving = core.snapshots.describe()
            self.effect("save", node, self.disks[node].saving)
        self.effect("deadline", node, core.deadline)
        self.effect("work", node, core.has_work)

    def send(self, sender, receiver, message):
        """Puts a message on its way and returns its number."""
        number = self._sent.get((sender, receiver), 0) + 1
        self._sent[sender, receiver] = number
        self.flying[sender, receiver, number] = message
        return number

    def _land(self, sender, receiver, number):
        message = self.flying.pop((sender, receiver, int(number)), None)
        if message is None:
            raise Outdated(f"no message {number} is on its way from {sender} to {receiver}")
        return message

    def _up(self, node):
        if node not in self.nodes:
            raise Outdated(f"{node} is down")
        return self.nodes[node]


def hex_bytes(text):
    """The bytes of `0aff`, and of `-`, which are none."""
    return b"" if text == "-" else bytes.fromhex(text)


def settings(texts):
    """The dict of some `NAME=NUMBER`."""
    pairs = [text.split("=") for text in texts]
    return {name: int(value) for name, value in pairs}


def literal(text):
    """The value of one field of a forged message, or of a change.

    `None`, `True`, `False`, an integer, `()` for no entries, entries as `INDEX:TERM:KIND:HEX,...`, else a text.
    """
    if text in ("None", "True", "False"):
        return {"None": None, "True": True, "False": False}[text]
    if text == "()":
        return ()
    if ":" in text:
        return tuple([entry(item) for item in text.split(",")])
    return int(text) if text.lstrip("-").isdigit() else text


def entry(text):
    """The entry of `INDEX:TERM:KIND:HEX`."""
    index, term, kind, data = text.split(":")
    return Entry(int(index), int(term), int(kind), hex_bytes(data))


def main(path):
    """Replays the scenario in a file."""
    replay = Replay()
    number = 0
    with open(path) as lines:
        for line in lines:
            number += 1
            try:
                replay.feed(line)
            except Outdated as problem:
                print(f"{path}, line {number}: {problem}", file=sys.stderr)
                sys.exit(1)
    replay.finish()
    print(replay.digest, replay.effects)


if __name__ == "__main__":
    main(sys.argv[1])
