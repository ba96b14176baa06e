"""What surrounds a cluster while a scenario is recorded: time, a network, disks, and weather.

A seeded generator decides what goes wrong: the network loses, repeats and reorders, and falls apart; disks are slow,
stand still or are lost; nodes crash. People (see `people.py`) ask for what they want. What it all comes to is fed to a
`Replay` line by line, so that recording and replaying are one thing.
"""

import heapq
import random

from raft.messages import MESSAGES
from tests.micropython.scenarios.reached import Watched

INPUTS = 4000


class Surroundings(Watched):
    """Plays the surroundings.

    Args:
        seed: decides everything.
        founders: the lines that name the members that the cluster begins with.
        people: the classes of those that act on it.
        settings: further settings of every node.
        now: when the clocks begin, in milliseconds.
        incarnated: whether disks have incarnations.
        joiners: those that may join later.
        loses_disks: whether a member may come back with a new disk.
        always_lost: a class of messages that never arrive.
        calm_ms: how long little goes wrong when the weather is calm.

    Attributes:
        chance: the generator.
        ids: whoever may ever take part.
        calm: whether little goes wrong at the moment.
        idle: whether nobody asks for anything at the moment.
        lines: what it has done.
        now: the time.
    """

    CONFIG = (
        "config election_timeout_ms=100 heartbeat_interval_ms=30 max_append_entries=4 max_append_bytes=200"
        " window_messages=3 window_bytes=400 max_entry_bytes=40 max_uncommitted_bytes=500 max_apply_entries=5"
        " snapshot_entries=20 snapshot_tail_entries=3 snapshot_chunk_bytes=8 max_pending_reads=6"
    )

    def __init__(
        self,
        seed,
        founders,
        people,
        settings="",
        now=0,
        incarnated=False,
        joiners=(),
        loses_disks=False,
        always_lost=None,
        calm_ms=700,
    ):
        super().__init__()
        self.chance = random.Random(seed)
        self.now = now
        self.lines = []
        self.idle = False
        self._agenda = []  # a heap of (when, tie-breaker, what, arguments)
        self._handed = {}  # the last index handed out for application, by node
        self._people = [person(self) for person in people]
        self._loses_disks = loses_disks
        self._always_lost = always_lost
        self._calm_ms = calm_ms
        self._rests = "quiescent" in settings
        for line in (*founders, f"{self.CONFIG} {settings}".rstrip()):
            self.do(line)
        self._founders = sorted({member for members in self._members.values() for member in members})
        self._newcomers = set(joiners)  # nobody tells them who takes part
        self.ids = sorted({*self._founders, *joiners})
        if incarnated:
            for node in self.ids:
                self._insert_disk(node)

    def run(self):
        """Plays until there are enough inputs; then two disks turn out to be damaged."""
        self._weather()
        for node in self._founders:
            self.start(node)
        for person in self._people:
            self._at(0, self._meet, person)
        while len(self.lines) < INPUTS:
            self._turn()
        self.do("config heartbeat_interval_ms=0")
        for node, part in zip(self.chance.sample(self._founders, 2), ("term", "configuration"), strict=True):
            self.crash(node)
            self.do(f"damage {node} {part}")
            self.do(f"start {node} {self.now} 1")
        self.finish()

    def do(self, line):
        """Carries out a line and notes it."""
        self.lines.append(line)
        self.feed(line)

    # Time

    def _at(self, delay, what, *arguments):
        heapq.heappush(self._agenda, (self.now + delay, self.chance.random(), what, arguments))

    def _turn(self):
        """Lets happen what is due next, then asks every node that had an input for its effects."""
        self.now = self._agenda[0][0] + self.chance.randrange(5)
        self._awake = set()
        while self._agenda[0][0] <= self.now:
            _, _, what, arguments = heapq.heappop(self._agenda)
            what(*arguments)
        for node in sorted(self._awake & set(self.nodes)):
            self.do(f"ready {node}")
            core = self.nodes[node]
            if core.has_work:
                self._at(1, self._wake, core)
            if core.deadline is not None:
                self._at(max(0, core.deadline - self.now), self._tick, core)

    def input(self, verb, node, *arguments):
        """Feeds an input that carries the time; now and then the clock jumps back. A node that gives up stops."""
        now = max(0, self.now - (self.chance.randrange(30) if self.chance.random() < 0.01 else 0))
        errors = self.reached["error: CommittedEntryConflict"]
        self.do(" ".join([verb, node, str(now), *map(str, arguments)]))
        self._awake.add(node)
        if self.reached["error: CommittedEntryConflict"] > errors:
            self.crash(node)

    def _is_up(self, core):
        return self.nodes.get(core.id) is core

    def _wake(self, core):
        if self._is_up(core):
            self._awake.add(core.id)

    def _tick(self, core):
        # Most deadlines have moved away since; ticking for some of those too shows that it does nothing.
        due = core.deadline is not None and core.deadline <= self.now
        if self._is_up(core) and (due or self.chance.random() < 0.02):
            self.input("tick", core.id)

    def _meet(self, person):
        if not self.idle:
            person.act()
        self._at(self.chance.randint(*person.PAUSE_MS), self._meet, person)

    # The network

    def send(self, sender, receiver, message):
        number = super().send(sender, receiver, message)
        self._at(self.chance.randint(1, self.delay_ms), self._arrive, sender, receiver, number)
        return number

    def _arrive(self, sender, receiver, number):
        if self._is_lost(sender, receiver, number):
            self.do(f"lose {receiver} {sender} {number}")
        elif self.chance.random() < self.repeats:
            self.input("duplicate", receiver, sender, number)
            self._at(self.chance.randint(1, 300), self._arrive, sender, receiver, number)
        else:
            self.input("deliver", receiver, sender, number)

    def _is_lost(self, sender, receiver, number):
        if receiver not in self.nodes or (sender, receiver) in self.cut:
            return True
        kind = type(self.flying[sender, receiver, number])
        return kind in (self.unlucky, self._always_lost) or self.chance.random() < self.loss

    # Disks and state machines

    def effect(self, kind, node, value):
        super().effect(kind, node, value)
        core = self.nodes.get(node)
        if kind == "write":
            self._at(self.chance.randint(1, self.disk_ms), self._persisted, core, value.number)
        elif kind == "apply":
            self._handed[core] = value.index
            self._at(self.chance.randint(0, 3), self._applied, core)
        elif kind == "save":
            self._at(self.chance.randint(1, 3 * self.disk_ms), self._saved, core)
        elif kind.startswith("read for "):
            self._at(self.chance.randint(0, self.chance.choice((self.disk_ms, 200))), self._piece_read, core)

    def _persisted(self, core, number):
        if core.id == self.stalled:
            self._at(20, self._persisted, core, number)
        elif self._is_up(core):
            self.input("persisted", core.id, number)

    def _saved(self, core):
        if self._is_up(core):
            self.do(f"saved {core.id}")

    def _piece_read(self, core):
        if self._is_up(core):
            is_gone = self.chance.random() < 0.1
            self.do(f"gone {core.id}" if is_gone else f"piece {core.id}")
            self._awake.add(core.id)

    def _applied(self, core):
        if self._is_up(core) and self._handed[core] > core.log.applied_index:
            self.do(f"applied {core.id} {self._handed[core]}")

    def _insert_disk(self, node):
        self.do(f"disk {node} {self.chance.getrandbits(64)}")

    # Nodes

    def start(self, node):
        """Starts a node that is down."""
        if node not in self.nodes:
            verb = "join" if node in self._newcomers else "start"
            self.do(f"{verb} {node} {self.now} {self.chance.randrange(1000)}")
            self._at(0, self._wake, self.nodes[node])

    def crash(self, node):
        """Stops a node, and starts it again later."""
        if node in self.nodes:
            pending = [write.number for write in self.disks[node].pending]
            self.do(f"crash {node} {self.chance.choice([0, *pending])}")
            self._at(self.chance.randint(20, 400), self.start, node)

    def replace_disk(self, node):
        """Stops a node and gives it a new disk, with which it is a newcomer."""
        self.crash(node)
        self._newcomers.add(node)
        self._insert_disk(node)

    def leader(self):
        """One of those that lead; if there are none, anybody."""
        return self.chance.choice(self.leading() or self.ids)

    def leading(self):
        """Those that lead."""
        return [node for node in sorted(self.nodes) if self.nodes[node].role.name == "leader"]

    # Faults

    def _weather(self):
        """Now and then everything changes: what is lost, repeated and late, who hears whom, who is down."""
        chance = self.chance
        self.loss = chance.choice((0, 0, 0, 0.2, 0.4))
        self.repeats = chance.choice((0.01, 0.05, 0.2))
        self.delay_ms = chance.choice((3, 6, 6, 60))
        self.disk_ms = chance.choice((3, 6, 250))
        self.cut = chance.choice((self._nothing, self._nothing, self._island, self._island, self._deafness))()
        self.stalled = self.leader() if chance.random() < 0.2 else None
        self.idle = False
        if chance.random() < 0.3:
            for node in (self.leader(), *chance.sample(self.ids, chance.randrange(len(self.ids)))):
                self._at(chance.randrange(100), self.crash, node)
        if chance.random() < 0.1:
            self._fill_disk(chance.choice((self.leader(), *self.ids)))
        if self._loses_disks and chance.random() < 0.2:
            self._lose_disk()
        self.unlucky = chance.choice((None, None, None, chance.choice(MESSAGES)))
        self.calm = chance.random() < 0.2
        if self.calm:
            self._calm_down()
        else:
            self._at(chance.randint(150, 450) if self.cut else chance.randint(50, 200), self._weather)

    def _calm_down(self):
        """Little goes wrong for a while, so that leaders can finish what takes long.

        They may rest too, when nobody wants anything. But one member may hear and say nothing all the time, so that it
        falls behind.
        """
        self.loss = 0
        self.delay_ms = self.disk_ms = 3
        lonely = self.chance.choice((None, *(node for node in self.ids if node not in self.leading())))
        self.cut = {pair for node in self.ids for pair in ((node, lonely), (lonely, node))}
        self.stalled = self.unlucky = None
        self.idle = self._rests and self.chance.random() < 0.5
        self._at(self._calm_ms, self._weather)

    def _nothing(self):
        return set()

    def _island(self):
        """Cuts off a minority around the leader, which goes on collecting what it cannot commit."""
        island = {self.leader(), *self.chance.sample(self.ids, len(self.ids) // 2 - 1)}
        return {(a, b) for a in self.ids for b in self.ids if (a in island) != (b in island)}

    def _deafness(self):
        """Lets the leader speak, and hear nobody."""
        leader = self.leader()
        return {(other, leader) for other in self.ids}

    def _fill_disk(self, node):
        """Leaves little room on a disk, for a while."""
        if node in self.nodes:
            self.do(f"room {node} {self.chance.choice((0, 50, 300))} 1")
            self._at(self.chance.randint(100, 600), self._make_space, node)

    def _make_space(self, node):
        if node in self.nodes:
            self.do(f"room {node} 1000000 0")

    def _lose_disk(self):
        """Replaces a disk, if the cluster knows whose disk it was and can do without it."""
        core = self.nodes.get(self.leader())
        if core is None or core.role.name != "leader":
            return
        configuration = core.log.configurations.at(core.log.commit_index)
        bound = configuration.incarnations
        sound = [node for node in configuration.members if bound.get(node) == self.disks[node].incarnation]
        full = [node for node in sound if configuration.may_lead(node)]
        if len(full) > 2 and sound == list(configuration.members):
            self.replace_disk(self.chance.choice(sound))
