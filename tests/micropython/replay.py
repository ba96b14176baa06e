"""Replays a recorded scenario and prints a digest of every effect, the same on CPython and on MicroPython:

    python3 -m tests.micropython.replay tests/micropython/scenarios/three.txt

The scenario decides all that chance decides elsewhere, so two interpreters that run the core alike print the same. It
is a text, one input a line. Messages stand in it by reference, as the nth that one node has sent to another: what is
delivered is what *this* interpreter has made, and a difference, once there, grows.

    voters NODE...              who takes part; likewise `outgoing NODE...` and `learners NODE...`
    config NAME=VALUE...        the settings of every node that starts after this line
    start NODE NOW SEED         a new node, or one that comes back with what its disk holds
    crash NODE NUMBER           it stops; of the writes still under way the disk keeps those up to NUMBER
    damage NODE                 the disk of a stopped node forgets its term
    tick NODE NOW
    propose NODE NOW HEX        `-` is an empty command, `"text` one that is not of bytes
    saved NODE                  the snapshot that it began to save is durable
    persisted NODE NOW NUMBER   the write is durable, and so is every earlier one, even if its report is late
    applied NODE INDEX
    deliver NODE NOW FROM N     the Nth message that FROM has sent to NODE arrives
    duplicate NODE NOW FROM N   the same, and it stays on its way
    lose NODE FROM N            it never arrives (any more)
    forge NODE NOW KIND VALUE...  a message that no node has sent, with the values of its fields; see `literal`
    ready NODE                  the node hands out its effects
"""

import sys

from raft import messages
from raft.config import Config
from raft.entries import Entry
from raft.errors import RaftError
from raft.membership import Configuration
from raft.node import Node
from raft.ready import Restored

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
        """Takes in a number, a text, bytes, None, a sequence of values, or an object with all its fields."""
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
        else:
            self.take(kind.__name__)
            for field in sorted(value.__dict__) if isinstance(value, Exception) else kind.__slots__:
                self.take(getattr(value, field))

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
    """What the storage of one node holds, and the writes still under way. They take effect in order."""

    def __init__(self):
        self.term = 0
        self.vote = None
        self.base = (0, 0)
        self.entries = []
        self.snapshot = None
        self.saving = None  # a snapshot on its way to the disk
        self.pending = []

    def complete(self, number):
        """Every write up to this number takes effect."""
        while self.pending and self.pending[0].number <= number:
            write = self.pending.pop(0)
            if write.term is not None:
                self.term = write.term
                self.vote = write.vote
            if write.entries:
                del self.entries[write.entries[0].index - 1 - self.base[0] :]
                self.entries.extend(write.entries)
            if write.install is not None:
                self.snapshot = write.install
                self.base = (write.install.index, write.install.term)
                self.entries = []
            elif write.base[0] > self.base[0]:
                self.cut(write.base)

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
        self._members = {"voters": (), "outgoing": (), "learners": ()}
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
            self.effect("status", node, self.nodes[node].status())

    # The inputs, as above

    def on_config(self, *settings):
        pairs = [setting.split("=") for setting in settings]
        self._config = Config(**{name: int(value) for name, value in pairs})

    def on_start(self, node, now, seed):
        members = self._members
        configuration = Configuration(members["voters"], members["outgoing"], members["learners"])
        disk = self.disks.setdefault(node, Disk())
        restored = Restored(disk.term, disk.vote, disk.entries, disk.base, disk.snapshot)
        self.nodes[node] = Node(node, configuration, self._config, restored, int(seed), int(now))

    def on_crash(self, node, number):
        self._up(node)
        del self.nodes[node]
        self.disks[node].complete(int(number))
        self.disks[node].pending = []
        self.disks[node].saving = None

    def on_damage(self, node):
        self.disks[node].term = 0

    def on_tick(self, node, now):
        self._up(node).tick(int(now))

    def on_propose(self, node, now, command):
        data = command if command[0] == '"' else hex_bytes(command)
        self.effect("index", node, self._up(node).propose(data, int(now)))

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

    def on_deliver(self, node, now, sender, number):
        self._up(node).step(self._land(sender, node, number), int(now))

    def on_duplicate(self, node, now, sender, number):
        message = self._land(sender, node, number)
        self.flying[sender, node, int(number)] = message
        self._up(node).step(message, int(now))

    def on_lose(self, node, sender, number):
        self._land(sender, node, number)

    def on_forge(self, node, now, kind, *fields):
        message = None if kind == "None" else getattr(messages, kind)(*[literal(field) for field in fields])
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
            for request in ready.chunk_requests:
                self.effect("read for " + request.receiver, node, request)
                self.send(node, request.receiver, self._chunk(node, request))
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

    def _chunk(self, node, request):
        """The piece asked for. What is in a snapshot is nothing to the core, so any bytes do."""
        content = b"snapshot of entry %d" % request.snapshot.index
        end = request.offset + request.limit_bytes
        data = content[request.offset : end]
        return messages.SnapshotChunk(node, request.term, request.snapshot, request.offset, data, end >= len(content))

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


def literal(text):
    """The value of one field of a forged message.

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
