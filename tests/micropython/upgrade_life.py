"""A rolling upgrade on whichever interpreter this is: prints what is sent, the levels in force, and what is refused.

python -m tests.micropython.upgrade_life
"""

from raft.config import Config
from raft.errors import ProgramTooOld
from raft.membership import Configuration
from raft.node import Node
from raft.ready import Restored

IDS = ("a", "b", "c")
STEP_MS = 50
STEPS_BETWEEN = 60


class ProgramToCome(Config):
    """Of a program that supports levels which no program supports yet."""

    program_level = 9


class Member:
    """A node, and what is on its disk."""

    def __init__(self, id):
        self.id = id
        self.starts = 0
        self.disk = [0, None, []]

    def start(self, level, now):
        self.starts += 1
        term, vote, entries = self.disk
        restored = Restored(term, vote, tuple(entries))
        seed = 10 * ord(self.id) + self.starts
        self.node = Node(self.id, Configuration(IDS), ProgramToCome(feature_level=level), restored, seed, now)

    def effects(self, now):
        sent = []
        ready = self.node.ready()
        while ready is not None:
            sent += ready.messages
            if ready.write is not None:
                write = ready.write
                if write.term is not None:
                    self.disk[:2] = [write.term, write.vote]
                if write.entries:
                    self.disk[2] = self.disk[2][: write.entries[0].index - 1] + list(write.entries)
                self.node.persisted(write.number, now)
            if ready.committed:
                self.node.applied(ready.committed[-1].index)
            ready = self.node.ready()
        return sent


def run(members, now):
    """Let time pass; every message arrives a step later, in order."""
    under_way = []
    for _ in range(STEPS_BETWEEN):
        now += STEP_MS
        arriving, under_way = under_way, []
        for receiver, message in arriving:
            members[receiver].node.step(message, now)
        for id in IDS:
            members[id].node.tick(now)
            for receiver, message in members[id].effects(now):
                print(now, receiver, message)
                under_way.append((receiver, message))
    print("in force:", [members[id].node.features.level for id in IDS])
    return now


def main():
    members = {}
    for id in IDS:
        members[id] = Member(id)
        members[id].start(1, 0)
    now = run(members, 0)
    for id in IDS:
        members[id].start(3, now)
        now = run(members, now)
    print(members["a"].disk[2][-1])
    try:
        members["b"].start(2, now)
    except ProgramTooOld as error:
        print(error)


main()
